/* SPDX-License-Identifier: MIT */
/*
 * interleave FIRST SECOND thread|signal STRIDE: interleavings of two operations, one switch in each.
 * A debugger of ours steps the first party through its operation, in each round up to one point more,
 * holds it there, and lets the second do all of its own: in another thread, or in a signal handler
 * on top of the first. If the second has to wait for the first, the first goes on. Both have to come
 * to an end, and to find what is theirs.
 *
 * A point is every STRIDE-th instruction; 0: each system call and each locked instruction. The first
 * is held before it. Prints at how many points the first was held, and at how many of them the
 * second was done before it went on.
 */
#include "interleave.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MARK SIGUSR2 /* what the first party stops with for its debugger */
#define ON_TOP SIGUSR1
#define LOOKS_ASLEEP 40 /* at a second party that sleeps in one of its waits: it waits for the first */
#define BUSY_NS 20000000 /* ... or that has used so much time of a processor and is not done */
#define NOT_HERE 77
#define TRAP_FLAG 0x100ull

/* Of both processes. */
static struct shared {
	_Atomic unsigned go, done; /* rounds of the second party */
	_Atomic int second_tid;
	const char *volatile complaint; /* in both at the same address */
} * shared;
static const struct operation *first, *second;
static bool on_top;

/* ---- the two parties ---- */

static void second_does(void)
{
	unsigned round = atomic_load(&shared->go);

	operation_do(second, SECOND);
	atomic_store(&shared->done, round);
}

static void *second_main(void *unused)
{
	atomic_store(&shared->second_tid, (int)syscall(SYS_gettid));
	for (unsigned round = 1;; round++) {
		while (atomic_load(&shared->go) != round)
			syscall(SYS_futex, &shared->go, FUTEX_WAIT, round - 1, NULL, NULL, 0);
		second_does();
	}
	return unused;
}

static void on_signal(int signo)
{
	int saved_errno = errno;

	(void)signo;
	second_does();
	errno = saved_errno;
}

/* Past our own hooks: nothing of the library is between a mark and the operation. */
static void mark(void)
{
	syscall(SYS_tgkill, getpid(), (int)syscall(SYS_gettid), MARK);
}

static _Noreturn void parties(void)
{
	pthread_t thread;

	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		_exit(NOT_HERE);
	raise(SIGSTOP);
	signal(ON_TOP, on_signal);
	if (!on_top && pthread_create(&thread, NULL, second_main, NULL) != 0)
		_exit(99);
	region_make(first, second); /* what is done once only is done */
	operation_do(first, FIRST);
	operation_do(second, SECOND);
	region_check(first, second);
	for (unsigned round = 1; !complaint; round++) {
		region_make(first, second);
		mark();
		operation_do(first, FIRST);
		mark();
		while (atomic_load(&shared->done) != round)
			sched_yield();
		region_check(first, second);
	}
	shared->complaint = complaint;
	_exit(1);
}

/* ---- the debugger ---- */

static pid_t child;
static int status;
static unsigned long point; /* at which the first party is held in this round */

static _Noreturn void finish(const char *what)
{
	kill(child, SIGKILL);
	printf("%s at point %lu\n", what, point);
	exit(1);
}

/* What the library does to its flags makes the kernel take our stepping for the program's own. */
static void end_stepping(void)
{
	struct user_regs_struct regs;

	ptrace(PTRACE_GETREGS, child, NULL, &regs);
	regs.eflags &= ~TRAP_FLAG;
	ptrace(PTRACE_SETREGS, child, NULL, &regs);
}

/* Goes on, by one instruction or up to a signal. False: at a mark. */
static bool advance(int request)
{
	static int deliver; /* what it was stopped by and is still to get */

	if (request == PTRACE_CONT && WSTOPSIG(status) == SIGTRAP)
		end_stepping();
	ptrace(request, child, NULL, (void *)(long)deliver);
	if (waitpid(child, &status, __WALL) != child)
		finish("lost");
	if (WIFEXITED(status))
		finish(shared->complaint ? shared->complaint : "exit");
	if (WIFSIGNALED(status))
		finish(strsignal(WTERMSIG(status)));
	deliver = WSTOPSIG(status);
	if (deliver != MARK && deliver != SIGTRAP)
		return true;
	deliver = 0;
	return WSTOPSIG(status) != MARK;
}

static bool is_done(void)
{
	return atomic_load(&shared->done) == atomic_load(&shared->go);
}

/* The time of a processor that both parties have used: the first is held, the second goes. */
static long long used_ns(void)
{
	struct timespec used = {0};
	clockid_t clock;

	if (clock_getcpuclockid(child, &clock) == 0)
		clock_gettime(clock, &used);
	return used.tv_sec * 1000000000ll + used.tv_nsec;
}

/* In a system call that is a wait for another thread; one for a child of its own is none. */
static bool second_is_asleep(void)
{
	char path[64], text[16] = "";
	int fd, call, tid = atomic_load(&shared->second_tid);

	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", child, tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	call = atoi(text); /* of "running": 0, which is none of these */
	return call == SYS_nanosleep || call == SYS_clock_nanosleep || call == SYS_futex;
}

/* Lets the second party go until it is done, or waits for the first: a sleep, or spinning. Neither
 * is told by the clock: on a busy machine it may not have been its turn. */
static bool second_is_done(void)
{
	const struct timespec pause = {.tv_nsec = 20000};
	long long start = used_ns();

	atomic_fetch_add(&shared->go, 1);
	syscall(SYS_futex, &shared->go, FUTEX_WAKE, 1, NULL, NULL, 0);
	for (unsigned asleep = 0; !is_done() && asleep < LOOKS_ASLEEP;) {
		if (used_ns() - start > BUSY_NS)
			break;
		nanosleep(&pause, NULL);
		asleep += second_is_asleep();
	}
	return is_done();
}

/* Was it done before the first went on? */
static bool let_second(void)
{
	if (!on_top)
		return second_is_done();
	atomic_fetch_add(&shared->go, 1);
	syscall(SYS_tgkill, child, child, ON_TOP);
	return false;
}

/* Whoever limits how long we may take: somebody waits for ever. */
static void on_limit(int signo)
{
	static const char text[] = "deadlock\n";

	(void)signo;
	kill(child, SIGKILL);
	_exit(write(STDOUT_FILENO, text, sizeof(text) - 1) > 0 ? 1 : 2);
}

/* ---- where to switch ---- */

/* Before a system call, or something with a lock? */
static bool is_edge(void)
{
	struct user_regs_struct regs;
	unsigned long code;

	ptrace(PTRACE_GETREGS, child, NULL, &regs);
	code = (unsigned long)ptrace(PTRACE_PEEKTEXT, child, (void *)regs.rip, NULL);
	return (code & 0xffff) == 0x050f || (code & 0xff) == 0xf0 || (code & 0xfe) == 0x86 ||
	       (code & 0xfef0) == 0x8640;
}

/* From the mark before the operation to a point, counted from 1. False: it has not so many. */
static bool step_to_point(unsigned long stride)
{
	unsigned long seen = 0;

	for (unsigned long at = 0; advance(PTRACE_SINGLESTEP); at++) {
		seen += stride ? at % stride == 0 : is_edge();
		if (seen == point)
			return true;
	}
	return false;
}

/* One round. False: the first party was at the end of its operation before the point. */
static bool try_point(unsigned long stride, unsigned long *early)
{
	bool held;

	while (advance(PTRACE_CONT)) /* to the mark before the operation */
		;
	held = step_to_point(stride);
	*early += let_second() && held;
	while (held && advance(PTRACE_CONT))
		;
	return held;
}

static void explore(unsigned long stride)
{
	unsigned long early = 0;

	waitpid(child, &status, __WALL); /* it has just stopped itself */
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_HERE) {
		puts("ptrace() is not permitted here");
		exit(NOT_HERE);
	}
	ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_EXITKILL);
	for (point = 1; try_point(stride, &early); point++)
		;
	kill(child, SIGKILL);
	printf("points=%lu early=%lu\n", point - 1, early);
}

/* All on one processor: only one of us ever has something to do, and a step is two switches. */
static void share_processor(void)
{
	cpu_set_t here;

	CPU_ZERO(&here);
	CPU_SET(sched_getcpu(), &here);
	sched_setaffinity(0, sizeof(here), &here);
}

int main(int argc, char **argv)
{
	if (argc != 5 || !(first = operation_named(argv[1])) || !(second = operation_named(argv[2])))
		return 2;
	on_top = strcmp(argv[3], "signal") == 0;
	shared = mmap(
		NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	signal(SIGTERM, on_limit);
	share_processor();
	child = fork();
	if (child == 0)
		parties();
	explore(strtoul(argv[4], NULL, 10));
	return 0;
}
