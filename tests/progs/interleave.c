/* SPDX-License-Identifier: MIT */
/*
 * interleave FIRST SECOND thread|signal STRIDE [SECONDS]: interleavings of two deeds with one
 * switch in each. A debugger of ours steps the first party through its deed, in each round up to
 * another instruction, holds it there, and lets the second do all of its own: in another thread, or
 * in a signal handler on top of the first. If the second has to wait for the first, the first goes
 * on. Both have to come to an end, and to find what is theirs.
 *
 * STRIDE: every so many instructions; 0: before each system call and each locked instruction.
 * Prints how many points were tried, at how many of them the first was held, how often the second
 * was done before it went on, and "whole" if that were all points.
 */
#include "interleave.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
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
#define LOOKS_BUSY 2000 /* at a second party that is running but not done */
#define LOOKS_IDLE 40	/* ... or that sleeps, which is how it waits */
#define DEADLOCK_SECONDS 20
#define POINTS_MAX 16384
#define TRAP_FLAG 0x100ull

/* Of both processes. */
static struct shared {
	_Atomic unsigned go, done; /* rounds of the second party */
	_Atomic int second_tid;
	const char *volatile complaint; /* in both at the same address */
} * shared;
static const struct deed *first, *second;
static bool on_top;

/* ---- the two parties ---- */

static void second_does(void)
{
	unsigned round = atomic_load(&shared->go);

	deed_do(second, SECOND);
	atomic_store(&shared->done, round);
}

static void *second_main(void *unused)
{
	atomic_store(&shared->second_tid, (int)syscall(SYS_gettid));
	for (unsigned round = 1;; round++) {
		while (atomic_load(&shared->go) != round)
			sched_yield();
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

/* Past our own hooks: nothing of the library is between a mark and the deed. */
static void mark(void)
{
	syscall(SYS_tgkill, getpid(), (int)syscall(SYS_gettid), MARK);
}

static _Noreturn void parties(void)
{
	pthread_t thread;

	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	signal(ON_TOP, on_signal);
	if (!on_top && pthread_create(&thread, NULL, second_main, NULL) != 0)
		_exit(99);
	region_make(first, second); /* what is done once only is done */
	deed_do(first, FIRST);
	deed_do(second, SECOND);
	region_check(first, second);
	for (unsigned round = 1; !complaint; round++) {
		region_make(first, second);
		mark();
		deed_do(first, FIRST);
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
/* Rounds in which the first was held, and in which the second was done before it went on. */
static unsigned long held, early;

static _Noreturn void finish(const char *what, unsigned long pc)
{
	kill(child, SIGKILL);
	printf("%s at %#lx\n", what, pc);
	exit(1);
}

/* Goes on, by one instruction or up to a signal. False: at a mark. */
static bool advance(int request, unsigned long pc)
{
	static int deliver; /* what it was stopped by and is still to get */

	ptrace(request, child, NULL, (void *)(long)deliver);
	if (waitpid(child, &status, __WALL) != child)
		finish("lost", pc);
	if (WIFEXITED(status))
		finish(shared->complaint ? shared->complaint : "exit", pc);
	if (WIFSIGNALED(status))
		finish(strsignal(WTERMSIG(status)), pc);
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

/* Not asleep: on a busy machine it may not have been its turn. */
static bool second_is_running(void)
{
	char path[64], text[16] = "";
	int fd, tid = atomic_load(&shared->second_tid);

	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", child, tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	return text[0] == 'r';
}

static bool second_is_done(void)
{
	const struct timespec pause = {.tv_nsec = 20000};
	unsigned busy = 0, idle = 0;

	atomic_fetch_add(&shared->go, 1);
	while (!is_done() && busy < LOOKS_BUSY && idle < LOOKS_IDLE) {
		nanosleep(&pause, NULL);
		if (second_is_running())
			busy++;
		else
			idle++;
	}
	return is_done();
}

static void let_second(void)
{
	if (!on_top) {
		early += second_is_done();
		return;
	}
	atomic_fetch_add(&shared->go, 1);
	syscall(SYS_tgkill, child, child, ON_TOP);
}

static void on_alarm(int signo)
{
	static const char text[] = "deadlock\n";

	(void)signo;
	kill(child, SIGKILL);
	_exit(write(STDOUT_FILENO, text, sizeof(text) - 1) > 0 ? 1 : 2);
}

/* ---- where to switch: before an instruction, when it is come to for the n-th time ---- */

static struct point {
	unsigned long pc;
	unsigned visit;
} points[POINTS_MAX];
static unsigned long point_count;

static unsigned long program_counter(void)
{
	struct user_regs_struct regs;

	ptrace(PTRACE_GETREGS, child, NULL, &regs);
	return regs.rip;
}

/* Is it a system call, or something with a lock? */
static bool is_edge(unsigned long pc)
{
	unsigned long code = (unsigned long)ptrace(PTRACE_PEEKTEXT, child, (void *)pc, NULL);

	return (code & 0xffff) == 0x050f || (code & 0xff) == 0xf0 || (code & 0xfe) == 0x86 ||
	       (code & 0xfef0) == 0x8640;
}

static unsigned visits(const unsigned long *pc, unsigned long at)
{
	unsigned count = 1;

	for (unsigned long i = 0; i < at; i++)
		count += pc[i] == pc[at];
	return count;
}

/* What the library does to its flags makes the kernel take our stepping for the program's own. */
static void end_stepping(void)
{
	struct user_regs_struct regs;

	ptrace(PTRACE_GETREGS, child, NULL, &regs);
	regs.eflags &= ~TRAP_FLAG;
	ptrace(PTRACE_SETREGS, child, NULL, &regs);
}

static void find_points(unsigned long stride)
{
	static unsigned long pc[POINTS_MAX];
	bool inside = true;

	waitpid(child, &status, __WALL); /* it has just stopped itself */
	ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_EXITKILL);
	while (advance(PTRACE_CONT, 0))
		;
	for (unsigned long at = 0; inside && at < POINTS_MAX; at++) {
		pc[at] = program_counter();
		if (stride ? at % stride == 0 : is_edge(pc[at]))
			points[point_count++] = (struct point){pc[at], visits(pc, at)};
		inside = advance(PTRACE_SINGLESTEP, at);
	}
	end_stepping();
	let_second();
	while (inside)
		inside = advance(PTRACE_CONT, POINTS_MAX);
}

/* 0: nowhere. */
static void stop_at(unsigned long pc)
{
	if (ptrace(PTRACE_POKEUSER, child, offsetof(struct user, u_debugreg[0]), pc) < 0 ||
		ptrace(PTRACE_POKEUSER, child, offsetof(struct user, u_debugreg[7]), pc ? 1L : 0L) <
			0)
		finish("no breakpoint can be set", pc);
}

/* One round, held at that instruction. */
static void try_point(const struct point *point)
{
	bool inside = true;

	alarm(DEADLOCK_SECONDS);
	while (advance(PTRACE_CONT, point->pc)) /* to the mark before the deed */
		;
	stop_at(point->pc);
	for (unsigned visit = 0; inside && visit < point->visit;) {
		inside = advance(PTRACE_CONT, point->pc);
		visit += WSTOPSIG(status) == SIGTRAP && program_counter() == point->pc;
	}
	held += inside;
	stop_at(0);
	let_second();
	while (inside && advance(PTRACE_CONT, point->pc))
		;
}

static void explore(time_t seconds)
{
	unsigned long tried = 0;
	time_t end = time(NULL) + seconds;

	early = 0;
	while (tried < point_count && time(NULL) < end)
		try_point(&points[tried++]);
	kill(child, SIGKILL);
	printf("points=%lu held=%lu early=%lu %s\n", tried, held, early,
		tried < point_count ? "cut" : "whole");
}

int main(int argc, char **argv)
{
	if (argc < 5 || !(first = deed_named(argv[1])) || !(second = deed_named(argv[2])))
		return 2;
	on_top = strcmp(argv[3], "signal") == 0;
	shared = mmap(
		NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	signal(SIGALRM, on_alarm);
	child = fork();
	if (child == 0)
		parties();
	find_points(strtoul(argv[4], NULL, 10));
	explore(argc > 5 ? atol(argv[5]) : 600);
	return 0;
}
