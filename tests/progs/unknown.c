/* SPDX-License-Identifier: MIT */
/*
 * unknown CASE [FLAGS]: a SIGBUS that is nobody's but the program's. Everything printed is the same
 * in each run, wherever the program is loaded: the lost page is at a fixed address, registers are
 * set before the access, code is told from a label, stacks from each other.
 *
 *   default  ignored  blocked  masked     a fault with that action or mask (masked: inside the
 *                                         handler of another signal whose sa_mask holds SIGBUS)
 *   kill  raise  queue                    sent, with the default action
 *   handler FLAGS                         a fault, with a handler that prints all it was given;
 * FLAGS: words of info onstack nodefer resethand usr1 (in sa_mask) handler-kill FLAGS the same for
 * kill()
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <ucontext.h>
#include <unistd.h>

#define LOST ((char *)0x200000000)
#define LOST_SIZE 8192
#define ALTERNATE_SIZE 65536

static char alternate[ALTERNATE_SIZE];
static uintptr_t fault_stack; /* the stack pointer at the access */
extern const char fault_label[];

static void make_lost(void)
{
	int fd = memfd_create("unknown", MFD_CLOEXEC);

	if (ftruncate(fd, LOST_SIZE) < 0 ||
		mmap(LOST, LOST_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE, fd,
			0) != LOST ||
		ftruncate(fd, 0) < 0)
		_exit(99);
}

__attribute__((noinline)) static void fault(void)
{
	__asm__ volatile("movq $0x1111, %%rbx; movq $0x1212, %%r12; movq $0x1313, %%r13;"
			 "movq $0x1414, %%r14; movq $0x1515, %%r15; movq $0x0808, %%r8;"
			 "movq $0x0909, %%r9; movq $0x1010, %%r10; movq $0x1011, %%r11;"
			 "movq $0xd1d1, %%rdi; movq $0x5151, %%rsi; movq $0xcccc, %%rcx;"
			 "movq $0xdddd, %%rdx; movq %%rsp, %0;"
			 ".globl fault_label; fault_label: movb 0x1123(%1), %%al"
			 : "=m"(fault_stack)
			 : "a"(LOST)
			 : "rbx", "r12", "r13", "r14", "r15", "r8", "r9", "r10", "r11", "rdi",
			 "rsi", "rcx", "rdx", "memory", "cc");
}

static void print_set(const char *name, const sigset_t *set)
{
	printf("%s:", name);
	for (int signo = 1; signo < 32; signo++)
		if (sigismember(set, signo))
			printf(" %d", signo);
	printf("\n");
}

static int on_alternate(uintptr_t address)
{
	return address - (uintptr_t)alternate < ALTERNATE_SIZE;
}

static void print_action(void)
{
	struct sigaction action;

	sigaction(SIGBUS, NULL, &action);
	printf("action now: %s flags %x\n", action.sa_handler == SIG_DFL ? "default" : "handler",
		(unsigned)action.sa_flags);
}

static void print_inside(uintptr_t frame)
{
	sigset_t set;

	sigprocmask(SIG_BLOCK, NULL, &set);
	print_set("mask inside", &set);
	printf("stack %s, entered at %u mod 16\n", on_alternate(frame) ? "alternate" : "own",
		(unsigned)(frame % 16));
	print_action();
}

static void print_info(const siginfo_t *info, const ucontext_t *uc)
{
	const greg_t *r = uc->uc_mcontext.gregs;
	static const int fixed[] = {REG_RAX, REG_RBX, REG_RCX, REG_RDX, REG_RSI, REG_RDI, REG_R8,
		REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_EFL, REG_ERR,
		REG_TRAPNO, REG_CR2};

	printf("signo %d errno %d code %d\n", info->si_signo, info->si_errno, info->si_code);
	print_set("mask saved", &uc->uc_sigmask);
	if (info->si_code <= 0) {
		printf("sender is self: %d\n",
			info->si_pid == getpid() && info->si_uid == getuid());
		return;
	}
	printf("address %p lsb %d\n", info->si_addr, info->si_addr_lsb);
	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++)
		printf("r%d=%llx ", fixed[i], r[fixed[i]]);
	printf("rip=label%+lld rsp=%+lld\n", r[REG_RIP] - (greg_t)(uintptr_t)fault_label,
		r[REG_RSP] - (greg_t)fault_stack);
	printf("frame %s\n", on_alternate((uintptr_t)uc) ? "alternate" : "own");
}

static void on_info(int signo, siginfo_t *info, void *context)
{
	print_info(info, context);
	print_inside((uintptr_t)__builtin_frame_address(0));
	if (signo == SIGBUS && info->si_code > 0)
		_exit(50);
}

static void on_plain(int signo)
{
	printf("signo %d\n", signo);
	print_inside((uintptr_t)__builtin_frame_address(0));
	_exit(51);
}

static void install(const char *flags)
{
	struct sigaction action = {0};
	stack_t stack = {.ss_sp = alternate, .ss_size = sizeof(alternate)};

	sigemptyset(&action.sa_mask);
	if (strstr(flags, "info")) {
		action.sa_sigaction = on_info;
		action.sa_flags |= SA_SIGINFO;
	} else {
		action.sa_handler = on_plain;
	}
	if (strstr(flags, "usr1"))
		sigaddset(&action.sa_mask, SIGUSR1);
	action.sa_flags |= strstr(flags, "nodefer") ? SA_NODEFER : 0;
	action.sa_flags |= strstr(flags, "resethand") ? (int)SA_RESETHAND : 0;
	action.sa_flags |= strstr(flags, "onstack") ? SA_ONSTACK : 0;
	sigaltstack(&stack, NULL);
	if (sigaction(SIGBUS, &action, NULL) < 0)
		_exit(98);
}

static void on_other_signal(int signo)
{
	(void)signo;
	fault();
}

static void masked(void)
{
	struct sigaction action = {.sa_handler = on_other_signal};

	sigfillset(&action.sa_mask);
	sigaction(SIGUSR2, &action, NULL);
	raise(SIGUSR2);
}

static void block(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGBUS);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static void prepare(const char *what, const char *flags)
{
	if (strcmp(what, "ignored") == 0)
		signal(SIGBUS, SIG_IGN);
	else if (strcmp(what, "blocked") == 0)
		block();
	else if (strncmp(what, "handler", 7) == 0)
		install(flags);
}

static void cause(const char *what)
{
	if (strcmp(what, "kill") == 0 || strcmp(what, "handler-kill") == 0)
		kill(getpid(), SIGBUS);
	else if (strcmp(what, "raise") == 0)
		raise(SIGBUS);
	else if (strcmp(what, "queue") == 0)
		sigqueue(getpid(), SIGBUS, (union sigval){.sival_int = 5});
	else if (strcmp(what, "masked") == 0)
		masked();
	else
		fault();
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "", *flags = argc > 2 ? argv[2] : "";

	setvbuf(stdout, NULL, _IONBF, 0);
	make_lost();
	prepare(what, flags);
	cause(what);
	print_action();
	return 0;
}
