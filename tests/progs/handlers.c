/* SPDX-License-Identifier: MIT */
/*
 * handlers CASE [HOW]: the ways in which a handler is left, what it does to SIGBUS meanwhile, and
 * where it runs. Each case prints what came out; what it is bare is the measure.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#define PAGE ((size_t)4096)
#define SAY(text) ((void)!write(1, text, sizeof(text) - 1))

static const char *how;
static sigjmp_buf environment;
static ucontext_t outside;
static volatile int calls;

static int is(const char *what)
{
	return strcmp(how, what) == 0;
}

/* A mapping of its own file, whose pages are lost. */
static char *lose(size_t pages)
{
	int fd = memfd_create("lost", 0);
	char *memory;

	if (ftruncate(fd, (off_t)(pages * PAGE)) != 0)
		exit(99);
	memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ftruncate(fd, 0) != 0)
		exit(99);
	close(fd);
	return memory;
}

static void touch(volatile char *at)
{
	(void)*at;
}

static void repair(const siginfo_t *info)
{
	mmap((void *)((uintptr_t)info->si_addr & ~(PAGE - 1)), PAGE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

static void install_in(void (*handler)(int, siginfo_t *, void *), int flags, const sigset_t *mask)
{
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};

	if (mask)
		action.sa_mask = *mask;
	sigaction(SIGBUS, &action, NULL);
}

static void install(void (*handler)(int, siginfo_t *, void *), int flags)
{
	install_in(handler, flags, NULL);
}

static void use_alternate(size_t size)
{
	stack_t stack = {.ss_sp = mmap(NULL, size, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		.ss_size = size};

	if (sigaltstack(&stack, NULL) != 0)
		exit(77);
}

/* ---- leaving ---- */

/* By any of the ways that there are. */
static void leave(int signo, siginfo_t *info, void *uc)
{
	static ucontext_t here;

	(void)signo, (void)info, (void)uc;
	calls++;
	if (is("siglongjmp"))
		siglongjmp(environment, 1);
	if (is("longjmp"))
		longjmp(environment, 1);
	if (is("_longjmp"))
		_longjmp(environment, 1);
	if (is("setcontext"))
		setcontext(&outside);
	if (is("swapcontext"))
		swapcontext(&here, &outside);
	_exit(98);
}

/* True: the access was left. */
static __attribute__((noinline)) int touch_or_leave(char *at)
{
	volatile int left = 0;

	if (is("setcontext") || is("swapcontext")) {
		getcontext(&outside);
		if (!left++)
			touch(at);
		return 1;
	}
	if (!sigsetjmp(environment, 1))
		touch(at);
	else
		left = 1;
	return left;
}

/* Nine files are lost, one after the other, always at the same depth of the stack. */
static void departures(void)
{
	install(leave, 0);
	for (volatile int i = 0; i < 9; i++)
		touch_or_leave(lose(1));
	printf("left %d times\n", calls);
}

static __attribute__((noinline)) void use(char *buffer)
{
	__asm__ volatile("" : : "r"(buffer) : "memory");
}

/* Below the frame that the handler had, which nobody has written over: "action" or "raise" there. */
static __attribute__((noinline)) void go_deeper(const char *what)
{
	char large[100000];

	use(large);
	if (!strcmp(what, "action"))
		signal(SIGBUS, SIG_DFL);
	raise(SIGBUS);
	use(large);
	SAY("raise() returned\n");
}

static void stale(const char *what)
{
	install(leave, SA_NODEFER);
	touch_or_leave(lose(1));
	printf("left\n");
	fflush(stdout);
	install(is("longjmp") ? leave : leave, 0);
	if (!sigsetjmp(environment, 1))
		go_deeper(what);
	printf("calls %d\n", calls);
}

static ucontext_t main_context, upper, lower;
static char *stacks, *lost;
#define STACK ((size_t)64 << 10)

static void in_upper(void)
{
	install(leave, 0);
	touch_or_leave(lost);
	SAY("the upper coroutine ends\n");
}

static void in_lower(void)
{
	struct sigaction old;

	sigaction(SIGBUS, NULL, &old);
	install(leave, 0);
	touch_or_leave(lost);
	SAY("the lower coroutine ends\n");
}

static void start_on(ucontext_t *context, char *stack, void (*function)(void))
{
	getcontext(context);
	context->uc_stack.ss_sp = stack;
	context->uc_stack.ss_size = STACK;
	context->uc_link = &main_context;
	makecontext(context, function, 0);
	swapcontext(&main_context, context);
}

/* The stack on which a handler was left is gone; another one is below it. */
static void coroutine(void)
{
	lost = lose(1);
	stacks = mmap(NULL, 2 * STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	start_on(&upper, stacks + STACK, in_upper);
	munmap(stacks + STACK, STACK);
	start_on(&lower, stacks, in_lower);
	printf("calls %d\n", calls);
}

/* ---- out of the handler's context, and back: perhaps in another thread ---- */

static ucontext_t in_handler, in_main;

static void swap_out(int signo, siginfo_t *info, void *uc)
{
	(void)uc;
	calls++;
	swapcontext(&in_handler, &in_main);
	signal(signo, SIG_DFL); /* by now outside of any handler, as far as anybody can know */
	repair(info);
}

static void touch_on_coroutine(void)
{
	touch(lost);
	SAY("the access is done\n");
}

static _Atomic bool parked;

/* What is resumed goes on on the main thread's stack, which has to stand still in a system call. */
static void wait_for_main(void)
{
	char path[64], stat[512] = "";
	const char *state;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)getpid());
	do {
		int fd = open(path, O_RDONLY);
		ssize_t length = read(fd, stat, sizeof(stat) - 1);

		close(fd);
		stat[length > 0 ? length : 0] = '\0';
		state = strrchr(stat, ')');
		sched_yield();
	} while (!parked || !state || state[2] != 'S');
}

static void *resume(void *unused)
{
	ucontext_t here;

	(void)unused;
	upper.uc_link = NULL;
	if (is("thread")) {
		wait_for_main();
		in_main = main_context; /* not used any more */
		swapcontext(&here, &in_handler);
	}
	return NULL;
}

static void swapped(void)
{
	struct sigaction old;
	pthread_t thread;

	lost = lose(1);
	install(swap_out, 0);
	stacks = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	getcontext(&upper);
	upper.uc_stack.ss_sp = stacks;
	upper.uc_stack.ss_size = STACK;
	upper.uc_link = &main_context;
	makecontext(&upper, touch_on_coroutine, 0);
	getcontext(&main_context);
	if (calls) {
		printf("calls %d\n", calls);
		return;
	}
	swapcontext(&in_main, &upper);
	sigaction(SIGBUS, NULL, &old);
	printf("swapped out, %s\n", old.sa_sigaction == swap_out ? "installed" : "?");
	fflush(stdout);
	if (is("thread")) {
		pthread_create(&thread, NULL, resume, NULL);
		parked = true;
		for (;;)
			pause();
	}
	setcontext(&in_handler);
}

/* ---- ending the thread or the process ---- */

static void end(int signo, siginfo_t *info, void *uc)
{
	static volatile int returned;

	(void)signo, (void)uc;
	if (is("later") && !returned++) {
		repair(info);
		return;
	}
	if (is("abort") || is("later"))
		abort();
	if (is("_exit"))
		_exit(3);
	if (is("exit"))
		exit(3);
	if (is("kill"))
		kill(getpid(), SIGKILL);
	if (is("exec"))
		execl("/bin/sh", "sh", "-c", "exit 3", NULL);
	if (is("pthread_exit"))
		pthread_exit(NULL);
	alarm(1);
	pause();
}

static void *touch_twice(void *at)
{
	touch(at);
	touch((char *)at + PAGE);
	return NULL;
}

static void ends(void)
{
	pthread_t thread;

	install(end, 0);
	pthread_create(&thread, NULL, touch_twice, lose(2));
	pthread_join(thread, NULL);
	if (is("pthread_exit"))
		touch_or_leave(lose(1));
}

/* The handler is left by the end of a child that shares our memory, thread-local memory too. */
static void borrowed(void)
{
	struct sigaction old;
	pid_t child;

	install(end, 0);
	how = "_exit";
	lost = lose(1);
	child = vfork();
	if (child == 0) {
		touch(lost);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	go_deeper("action");
	sigaction(SIGBUS, NULL, &old);
}

/* ---- what a handler's calls mean ---- */

static volatile int staged;
static char *many;

static void second(int signo, siginfo_t *info, void *uc)
{
	(void)signo, (void)info, (void)uc;
	SAY("second\n");
	_exit(3);
}

static void first(int signo, siginfo_t *info, void *uc)
{
	(void)info, (void)uc;
	SAY("first\n");
	if (calls++ > 2)
		_exit(9);
	if (!staged) {
		if (strstr(how, "cede"))
			signal(signo, SIG_DFL);
		else
			install(second, SA_NODEFER);
		staged = 1;
	}
	if (strstr(how, "same"))
		touch(many);
	if (strstr(how, "other"))
		touch(many + PAGE);
	if (strstr(how, "thread"))
		for (;;)
			pause();
}

static void *touch_when_staged(void *unused)
{
	while (!staged)
		sched_yield();
	touch(many + 2 * PAGE);
	return unused;
}

static void stages(void)
{
	pthread_t thread;

	many = lose(3);
	install(first, strstr(how, "deferred") ? 0 : SA_NODEFER);
	if (strstr(how, "thread"))
		pthread_create(&thread, NULL, touch_when_staged, NULL);
	touch(many);
	SAY("went on\n");
}

/* Declines as libraries do. HOW: words of alternate, onstack, nodefer, unblock, relse, plain. */
static struct sigaction saved;

static void decline(int signo, siginfo_t *info, void *uc)
{
	sigset_t set;

	(void)info, (void)uc;
	sigemptyset(&set);
	sigaddset(&set, signo);
	if (strstr(how, "unblock"))
		sigprocmask(SIG_UNBLOCK, &set, NULL);
	if (strstr(how, "pthread"))
		pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	if (!strstr(how, "plain"))
		sigaction(signo, &saved, NULL);
	raise(signo);
	if (strstr(how, "late"))
		sigprocmask(SIG_UNBLOCK, &set, NULL);
	SAY("behind raise()\n");
	if (strstr(how, "abort"))
		abort();
}

static void declines(void)
{
	struct sigaction action = {.sa_sigaction = decline, .sa_flags = SA_SIGINFO};

	if (strstr(how, "alternate"))
		use_alternate(65536);
	if (strstr(how, "onstack"))
		action.sa_flags |= SA_ONSTACK;
	if (strstr(how, "nodefer"))
		action.sa_flags |= SA_NODEFER;
	if (strstr(how, "full"))
		sigfillset(&action.sa_mask);
	sigaction(SIGBUS, &action, &saved);
	lost = lose(1);
	printf("read %d\n", *(volatile char *)lost);
	sigaction(SIGBUS, NULL, &action);
	printf("action %s\n", action.sa_sigaction == decline ? "installed" : "default");
}

/* One that was pending before the handler ran is no raise() of it. */
static void unblock_and_repair(int signo, siginfo_t *info, void *uc)
{
	sigset_t set;

	(void)uc;
	if (info->si_code <= 0) {
		SAY("sent\n");
		return;
	}
	SAY("fault\n");
	sigemptyset(&set);
	sigaddset(&set, signo);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	SAY("unblocked\n");
	repair(info);
}

static void pending_before(void)
{
	sigset_t set;

	lost = lose(1);
	install(unblock_and_repair, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGBUS);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGBUS);
	touch(lost);
	SAY("end\n");
}

/*
 * The handler raises SIGBUS, which is blocked in it, and waits by HOW. "default:HOW": with the default
 * action in force.
 */
static const char *wait_how;

static int waits(const char *name)
{
	return strcmp(wait_how, name) == 0;
}

static void wait_with_raise(int signo, siginfo_t *info, void *uc)
{
	struct timespec time = {.tv_sec = 1000};
	int result = -2, caught = 0, epoll = epoll_create1(0);
	struct epoll_event event;
	sigset_t none, bus;

	(void)signo, (void)uc;
	if (calls++) {
		SAY("called again\n");
		repair(info);
		return;
	}
	if (!strncmp(how, "default:", 8))
		signal(SIGBUS, SIG_DFL);
	sigemptyset(&none);
	sigemptyset(&bus);
	sigaddset(&bus, SIGBUS);
	raise(SIGBUS);
	if (waits("sigsuspend"))
		result = sigsuspend(&none);
	else if (waits("ppoll"))
		result = ppoll(NULL, 0, &time, &none);
	else if (waits("pselect"))
		result = pselect(0, NULL, NULL, NULL, &time, &none);
	else if (waits("epoll_pwait"))
		result = epoll_pwait(epoll, &event, 1, 1000000, &none);
	else if (waits("sigwait"))
		result = sigwait(&bus, &caught);
	else if (waits("sigwaitinfo"))
		result = sigwaitinfo(&bus, NULL);
	else if (waits("sigtimedwait"))
		result = sigtimedwait(&bus, NULL, &time);
	else if (waits("sigpending"))
		result = sigpending(&bus) + sigismember(&bus, SIGBUS);
	printf("%s: %d %d %s\n", wait_how, result, caught, result < 0 ? strerror(errno) : "");
	sigpending(&bus);
	printf("pending: %d\n", sigismember(&bus, SIGBUS));
	repair(info);
}

static void waiting_with_raise(void)
{
	wait_how = strncmp(how, "default:", 8) ? how : how + 8;
	install(wait_with_raise, 0);
	touch(lose(1));
	printf("end, %d calls\n", calls);
}

/* As many threads as HOW says block SIGBUS, get one, lose a page, and unblock it then. */
static _Atomic int delivered, protected;
static pthread_barrier_t all_sent;

static void count_delivered(int signo, siginfo_t *info, void *uc)
{
	(void)signo, (void)uc;
	delivered += info->si_code == SI_TKILL && info->si_pid == getpid();
}

static void *be_one_of_many(void *memory)
{
	sigset_t bus;

	sigemptyset(&bus);
	sigaddset(&bus, SIGBUS);
	pthread_sigmask(SIG_BLOCK, &bus, NULL);
	pthread_kill(pthread_self(), SIGBUS);
	pthread_kill(pthread_self(), SIGBUS); /* one is pending already */
	pthread_barrier_wait(&all_sent);
	touch(memory);
	protected++;
	pthread_barrier_wait(&all_sent);
	pthread_sigmask(SIG_UNBLOCK, &bus, NULL);
	return NULL;
}

static void crowd(void)
{
	int count = atoi(how);
	pthread_t thread[1000];

	install(count_delivered, 0);
	pthread_barrier_init(&all_sent, NULL, (unsigned)count);
	for (int i = 0; i < count; i++)
		if (pthread_create(&thread[i], NULL, be_one_of_many, lose(1)) != 0)
			exit(77);
	for (int i = 0; i < count; i++)
		pthread_join(thread[i], NULL);
	printf("protected %d, delivered %d\n", protected, delivered);
}

/* ---- how often, and where ---- */

static volatile int patience;
static int patient_file;

static void wait_for_it(int signo, siginfo_t *info, void *uc)
{
	(void)signo, (void)info, (void)uc;
	if (++calls == patience && ftruncate(patient_file, (off_t)PAGE) != 0)
		_exit(99);
}

static void patient(void)
{
	char *memory;

	patience = atoi(how);
	patient_file = memfd_create("patient", 0);
	memory = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, patient_file, 0);
	install(wait_for_it, 0);
	touch(memory);
	printf("tries %d\n", calls);
}

static void answer(int signo, siginfo_t *info, void *uc)
{
	(void)signo, (void)uc;
	repair(info);
}

/* HOW a fault is answered on an alternate stack of that size, and how much is written below. */
static int small_stack(size_t size, int flags)
{
	char *memory = mmap(NULL, 6 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	stack_t stack = {.ss_sp = memory + 3 * PAGE, .ss_size = size};
	int written = 0;

	memset(memory, 0x5a, 3 * PAGE);
	if (sigaltstack(&stack, NULL) != 0)
		_exit(77);
	if (!is("unhandled"))
		install(is("siglongjmp") ? leave : answer, flags);
	for (volatile int i = 0; i < 3; i++)
		touch_or_leave(lose(1));
	sigaltstack(NULL, &stack);
	if (stack.ss_sp != memory + 3 * PAGE || stack.ss_flags)
		_exit(98);
	for (size_t i = 0; i < 3 * PAGE; i++)
		written += memory[i] != 0x5a;
	return written;
}

/* Each size that the kernel takes; on the smallest ones a process dies, for its frame does not fit. */
static void small_stacks(const char *which)
{
	int sizes = 0, smallest = 0, written = 0, status;

	for (int size = 2048; size <= 3 * (int)PAGE; size += size < 4096 ? 16 : 256) {
		pid_t child = fork();

		if (!child)
			_exit(small_stack((size_t)size, strcmp(which, "onstack") == 0 ? SA_ONSTACK : 0) != 0);
		waitpid(child, &status, 0);
		if (WIFEXITED(status)) {
			smallest = smallest ? smallest : size;
			sizes++;
			written += WEXITSTATUS(status) != 0;
		} else if (smallest || WTERMSIG(status) != SIGSEGV) {
			printf("%d bytes: signal %d\n", size, WTERMSIG(status));
		}
	}
	printf("from %d bytes on, %d sizes: ", smallest, sizes);
	printf(strcmp(which, "onstack") == 0 ? "taken\n" : "%d times something was written below\n", written);
}

static void need_much(int signo, siginfo_t *info, void *uc)
{
	volatile char much[3 * PAGE];

	(void)signo, (void)uc;
	calls++;
	much[0] = 1;
	calls += much[0];
	repair(info);
}

/* The handler needs more than the alternate stack has, and a page below is lost. */
static void overflow(void)
{
	char *memory = mmap(NULL, 8 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	stack_t stack = {.ss_sp = memory + 5 * PAGE, .ss_size = 3 * PAGE};
	char *lost = lose(5);

	mremap(lost, 5 * PAGE, 5 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, memory);
	mprotect(stack.ss_sp, stack.ss_size, PROT_READ | PROT_WRITE);
	if (sigaltstack(&stack, NULL) != 0)
		exit(77);
	install(need_much, SA_ONSTACK);
	touch(lose(1));
	printf("called %d times\n", calls);
}

/* ---- what debuggers and unwinders see ---- */

static void show_restorer(void)
{
	struct sigaction action;
	long kernel[4]; /* handler, flags, restorer, mask */

	install(leave, SA_ONSTACK);
	sigaction(SIGBUS, NULL, &action);
	syscall(SYS_rt_sigaction, SIGUSR1, NULL, kernel, 8);
	signal(SIGUSR1, SIG_IGN);
	syscall(SYS_rt_sigaction, SIGUSR1, NULL, kernel, 8);
	printf("flags %x, restorer %s\n", (unsigned)action.sa_flags,
		(long)action.sa_restorer == kernel[2] ? "the C library's" : "another one");
}

__attribute__((noinline)) void stop_here(void)
{
	__asm__ volatile("" : : : "memory");
}

static volatile int found_main;
static void *behind_main; /* where main() returns to */

static _Unwind_Reason_Code look(struct _Unwind_Context *context, void *data)
{
	(void)data;
	found_main |= (void *)_Unwind_GetIP(context) == behind_main;
	return _URC_NO_REASON;
}

static void unwind(int signo, siginfo_t *info, void *uc)
{
	void *frame[64];
	int count;

	(void)signo, (void)uc;
	stop_here();
	if (is("backtrace")) {
		count = backtrace(frame, 64);
		for (int i = 0; i < count; i++)
			found_main |= frame[i] == behind_main;
	} else {
		_Unwind_Backtrace(look, NULL);
	}
	repair(info);
}

static void unwinding(void)
{
	void *frame[4];

	backtrace(frame, 4); /* loads the unwinder */
	install(unwind, 0);
	lost = lose(1);
	touch(lost);
	printf("%s\n", found_main ? "through the handler to main" : "lost its way");
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	behind_main = __builtin_return_address(0);
	how = argc > 2 ? argv[2] : "";
	setvbuf(stdout, NULL, _IONBF, 0);
	if (!strcmp(name, "departures"))
		departures();
	else if (!strcmp(name, "stale"))
		stale(argc > 3 ? argv[3] : "action");
	else if (!strcmp(name, "coroutine"))
		coroutine();
	else if (!strcmp(name, "swapped"))
		swapped();
	else if (!strcmp(name, "ends"))
		ends();
	else if (!strcmp(name, "borrowed"))
		borrowed();
	else if (!strcmp(name, "stages"))
		stages();
	else if (!strcmp(name, "declines"))
		declines();
	else if (!strcmp(name, "pending"))
		pending_before();
	else if (!strcmp(name, "waits"))
		waiting_with_raise();
	else if (!strcmp(name, "crowd"))
		crowd();
	else if (!strcmp(name, "patient"))
		patient();
	else if (!strcmp(name, "small"))
		small_stacks(argc > 3 ? argv[3] : "");
	else if (!strcmp(name, "overflow"))
		overflow();
	else if (!strcmp(name, "restorer"))
		show_restorer();
	else if (!strcmp(name, "backtrace") || !strcmp(name, "unwind")) {
		how = name;
		unwinding();
	} else
		return 2;
	return 0;
}
