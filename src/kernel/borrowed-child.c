/* SPDX-License-Identifier: MIT */
/*
 * What needs a descriptor where the program may have no free one: done by a child that shares the
 * memory and the table of descriptors, but whose limit of them is its own. All [H].
 *
 * Nothing is copied, so no file of the program is held open or, at the child's end, flushed. It is
 * no child to a plain wait() and ends without a signal; all signals are blocked in it, for it would
 * run the program's handlers. It runs on the stack of the thread, which stands still meanwhile as
 * vfork() makes it: below its live frames.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include "base/base.h"
#include "base/syscall.h"
#include "kernel/kernel.h"

struct limit { /* struct rlimit64 */
	uint64_t now, most;
};

static struct limit limit_of_descriptors(void)
{
	struct limit limit = {0, 0};

	SYS_4(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit);
	return limit;
}

static void raise_limit(void)
{
	struct limit limit = limit_of_descriptors();

	limit.now = limit.most;
	SYS_4(SYS_prlimit64, 0, RLIMIT_NOFILE, &limit, NULL);
}

static __attribute__((noinline, noreturn)) void child(void (*work)(void *), void *data)
{
	SYS_5(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	raise_limit();
	work(data);
	for (;;)
		SYS_1(SYS_exit, 0);
}

static __attribute__((noinline)) long start_child(void (*work)(void *), void *data)
{
	long pid = SYS_5(SYS_clone, CLONE_VM | CLONE_VFORK | CLONE_FILES, 0, 0, 0, 0);

	if (pid == 0)
		child(work, data);
	return pid;
}

long aside(void (*work)(void *), void *data)
{
	uint64_t all = ~SIGNAL_BIT(SIGBUS), mask;
	long pid;

	SYS_4(SYS_rt_sigprocmask, SIG_SETMASK, &all, &mask, sizeof(mask));
	pid = start_child(work, data);
	while (pid > 0 && SYS_4(SYS_wait4, pid, NULL, __WCLONE, NULL) == -EINTR)
		;
	SYS_4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof(mask));
	return pid < 0 ? pid : 0;
}

/* A filter may answer a system call that the program never makes with its death. */
static bool is_harmless(void)
{
	return SYS_5(SYS_prctl, PR_GET_SECCOMP, 0, 0, 0, 0) == 0;
}

bool aside_finds_descriptors(void)
{
	struct limit limit = limit_of_descriptors();

	return limit.now < limit.most && is_harmless();
}

static bool has_free_descriptor(void)
{
	long fd = SYS_4(SYS_openat, AT_FDCWD, "/", O_PATH | O_CLOEXEC, 0);

	if (fd >= 0)
		SYS_1(SYS_close, fd);
	return fd != -EMFILE;
}

void with_descriptors(void (*work)(void *), void *data)
{
	if (has_free_descriptor() || !aside_finds_descriptors() || aside(work, data) != 0)
		work(data);
}
