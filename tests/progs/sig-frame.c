/* SPDX-License-Identifier: MIT */
/*
 * sig-frame: what the kernel's signal frame is to a handler: where it lies, what editing it does,
 * which registers and flags it keeps. Each case runs in a child and prints.
 */
#include <execinfo.h>
#include <ucontext.h>
#include "sig-cases.h"

#define AUTODISARM (1u << 31) /* SS_AUTODISARM, which old headers lack */

static volatile int calls;
extern const char skip_from[], skip_to[];

/* ---- editing ---- */

static void skip_instruction(int signo, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)signo, (void)info;
	calls++;
	uc->uc_mcontext.gregs[REG_RIP] += skip_to - skip_from;
	uc->uc_mcontext.gregs[REG_RBX] = 0x1234;
	uc->uc_mcontext.gregs[REG_EFL] |= 1;
	uc->uc_mcontext.fpregs->_xmm[7].element[1] = 0x5678;
	sigaddset(&uc->uc_sigmask, SIGUSR1);
}

static void edit(int flags)
{
	uint64_t rax = 1, rbx = 2, r12 = 3, carry = 0, xmm[2] = {4, 5};

	use_alternate(sizeof(alternate), 0);
	install(skip_instruction, flags);
	__asm__ volatile(
		"movups %4, %%xmm7; movq $7, %%rax; movq $8, %%rbx; movq $9, %%r12; clc;"
		".globl skip_from, skip_to;"
		"skip_from: movq (%5), %%rax; skip_to:"
		"sbbq %3, %3; movups %%xmm7, %4; movq %%rax, %0; movq %%rbx, %1; movq %%r12, %2"
		: "+m"(rax), "+m"(rbx), "+m"(r12), "+r"(carry), "+m"(xmm)
		: "r"(LOST + PAGE + 8)
		: "rax", "rbx", "r12", "xmm7", "cc", "memory");
	printf("edited: calls %d rax %lx rbx %lx r12 %lx carry %lx xmm7 %lx %lx mask %lx\n", calls,
		rax, rbx, r12, carry, xmm[0], xmm[1], mask_now());
	set_mask(0);
}

static void edit_case(void)
{
	edit(0);
	edit(SA_ONSTACK);
	edit(SA_NODEFER);
}

static void replace_mask(int signo, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)signo, (void)info;
	sigemptyset(&uc->uc_sigmask);
	sigaddset(&uc->uc_sigmask, SIGBUS);
	sigaddset(&uc->uc_sigmask, SIGUSR2);
}

static void count(int signo, siginfo_t *info, void *uc)
{
	(void)signo, (void)info, (void)uc;
	calls++;
}

static void edited_mask_case(void)
{
	struct sigaction action = {.sa_flags = SA_SIGINFO};
	sigset_t pending;

	action.sa_sigaction = replace_mask;
	sigaction(SIGUSR1, &action, NULL);
	install(count, 0);
	set_mask(BUS_BIT);
	raise(SIGBUS);
	raise(SIGUSR1);
	sigpending(&pending);
	printf("calls %d pending %lx mask %lx\n", calls, *(uint64_t *)&pending, mask_now());
	raise(SIGBUS);
	set_mask(0);
	printf("calls %d mask %lx\n", calls, mask_now());
}

/* ---- stacks ---- */

static void tell_stack(int signo, siginfo_t *info, void *context)
{
	stack_t now;

	(void)signo;
	sigaltstack(NULL, &now);
	printf("handler on %s, frame on %s, siginfo on %s, state %x size %zx, sp mod 16 = %d\n",
		stack_of(&now), stack_of(context), stack_of(info), (unsigned)now.ss_flags,
		now.ss_size, (int)((uintptr_t)__builtin_frame_address(0) % 16));
	if (info->si_code > 0)
		repair(info);
}

static void stacks_case(void)
{
	static const int flags[] = {0, (int)AUTODISARM};

	for (int i = 0; i < 4; i++) {
		stack_t now;

		use_alternate(sizeof(alternate), flags[i / 2]);
		install(tell_stack, i % 2 ? SA_ONSTACK : 0);
		touch(i);
		raise(SIGBUS);
		sigaltstack(NULL, &now);
		printf("after: %x %zx\n", (unsigned)now.ss_flags, now.ss_size);
	}
}

static void only_repair(int signo, siginfo_t *info, void *uc)
{
	(void)signo, (void)uc;
	calls++;
	if (info->si_code > 0)
		repair(info);
}

/* The library's own part of the handler needs some of the stack too. */
static void small_stack_case(void)
{
	size_t size = (size_t)sysconf(_SC_MINSIGSTKSZ) + 2048;
	char *guarded = mmap(NULL, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	stack_t stack = {.ss_sp = guarded + 65536 - size, .ss_size = size};
	char *first = (char *)((uintptr_t)stack.ss_sp & ~(uintptr_t)(PAGE - 1));

	/* Not a page more: what comes behind may be the code of a library. */
	mprotect(first, (size_t)(guarded + 65536 - first), PROT_READ | PROT_WRITE);
	sigaltstack(&stack, NULL);
	install(only_repair, SA_ONSTACK);
	touch(0);
	raise(SIGBUS);
	install(only_repair, 0);
	touch(1);
	raise(SIGBUS);
	printf("calls %d\n", calls);
}

/* ---- who is below the handler ---- */

static void *trace[64];
static int trace_length;

static void take_trace(int signo, siginfo_t *info, void *uc)
{
	trace_length = backtrace(trace, 64);
	only_repair(signo, info, uc);
}

/* Frames from the handler to the access: as many as without the library. */
__attribute__((noinline)) static void traced_access(void)
{
	*(volatile char *)LOST;
	__asm__ volatile("" ::: "memory");
}

static void backtrace_case(void)
{
	int at = -1;

	backtrace(trace, 64); /* loads what it needs */
	install(take_trace, 0);
	traced_access();
	for (int i = 0; i < trace_length; i++)
		if ((char *)trace[i] >= (char *)traced_access &&
			(char *)trace[i] < (char *)traced_access + 64 && at < 0)
			at = i;
	printf("the access is frame %d of %d\n", at, trace_length);
}

/* ---- alignment checks ---- */

#define EFLAGS_AC 0x40000

static char misaligned[32] __attribute__((aligned(16)));
static volatile uint64_t flags_inside[4];

static inline uint64_t flags_now(void)
{
	uint64_t flags;

	__asm__ volatile("pushfq; popq %0" : "=r"(flags)::"memory");
	return flags & EFLAGS_AC;
}

static inline void set_flags(uint64_t set)
{
	__asm__ volatile("pushfq; andq $~0x40000, (%%rsp); orq %0, (%%rsp); popfq" ::"r"(set)
			 : "memory", "cc");
}

/* In assembly: the C library's own accesses would be checked too. */
static void check_alignment(const char *address)
{
	__asm__ volatile("pushfq; orq $0x40000, (%%rsp); popfq; movl 1(%0), %%eax;"
			 "pushfq; andq $~0x40000, (%%rsp); popfq" ::"r"(address)
			 : "rax", "memory", "cc");
}

/* Entered with AC as the kernel leaves it: the interrupted one's. */
static void on_misaligned(int signo, siginfo_t *info, void *context)
{
	uint64_t flags = flags_now();
	ucontext_t *uc = context;

	(void)signo;
	set_flags(0);
	if (calls < 4)
		flags_inside[calls] = flags;
	calls++;
	printf("code %d address %ld flags %lx, interrupted %llx\n", info->si_code,
		info->si_code > 0 ? (long)((char *)info->si_addr - LOST) : 0, (unsigned long)flags,
		uc->uc_mcontext.gregs[REG_EFL] & EFLAGS_AC);
	if (info->si_code == BUS_ADRALN)
		uc->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)EFLAGS_AC;
	else if (info->si_code > 0)
		repair(info);
}

static void alignment(int flags)
{
	use_alternate(sizeof(alternate), 0);
	install(on_misaligned, flags);
	calls = 0;
	check_alignment(misaligned);
	printf("calls %d, flags %lx\n", calls, (unsigned long)flags_now());
}

static void alignment_case(void)
{
	alignment(0);
	alignment(SA_ONSTACK);
	alignment(SA_NODEFER);
}

/* A lost page while checks are on: the handler gets the flag, and it is on again afterwards. */
static void checked_fault_case(void)
{
	uint64_t after;

	install(on_misaligned, 0);
	__asm__ volatile("pushfq; orq $0x40000, (%%rsp); popfq; movl (%1), %%eax;"
			 "pushfq; popq %0; pushfq; andq $~0x40000, (%%rsp); popfq"
			 : "=&r"(after)
			 : "r"(LOST + 3 * PAGE)
			 : "rax", "memory", "cc");
	printf("flags %lx\n", (unsigned long)(after & EFLAGS_AC));
}

static void checked_signal_case(void)
{
	long pid = getpid(), result;
	uint64_t after;

	install(on_misaligned, 0);
	__asm__ volatile("pushfq; orq $0x40000, (%%rsp); popfq; syscall;"
			 "pushfq; popq %1; pushfq; andq $~0x40000, (%%rsp); popfq"
			 : "=a"(result), "=&r"(after)
			 : "0"((long)SYS_kill), "D"(pid), "S"((long)SIGBUS)
			 : "rcx", "r11", "memory", "cc");
	printf("kill %ld flags %lx\n", result, (unsigned long)(after & EFLAGS_AC));
}

static void alignment_default_case(void)
{
	check_alignment(misaligned);
}

static void alignment_ignored_case(void)
{
	signal(SIGBUS, SIG_IGN);
	check_alignment(misaligned);
}

static void alignment_blocked_case(void)
{
	install(on_misaligned, 0);
	set_mask(BUS_BIT);
	check_alignment(misaligned);
}

/* ---- all ---- */

static const struct a_case cases[] = {
	{"edited", edit_case},
	{"edited mask", edited_mask_case},
	{"stacks", stacks_case},
	{"small stack", small_stack_case},
	{"backtrace", backtrace_case},
	{"alignment", alignment_case},
	{"alignment, default", alignment_default_case},
	{"alignment, ignored", alignment_ignored_case},
	{"alignment, blocked", alignment_blocked_case},
	{"fault with checks on", checked_fault_case},
	{"signal with checks on", checked_signal_case},
};

int main(void)
{
	run_cases(cases, sizeof(cases) / sizeof(*cases));
	return 0;
}
