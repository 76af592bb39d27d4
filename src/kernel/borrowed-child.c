/* SPDX-License-Identifier: MIT */
/*
 * Work that needs a process of its own: a child that shares the memory and the table of descriptors.
 * All [H].
 *
 * Nothing is copied, so no file of the program is held open or, at the child's end, flushed. It is
 * no child to a plain wait() and ends without a signal; all signals are blocked in it, for it would
 * run the program's handlers. It runs on the stack of the thread, which stands still meanwhile as
 * vfork() makes it: below its live frames.
 */
#include <errno.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "base/base.h"
#include "base/syscall.h"
#include "kernel/kernel.h"

static __attribute__((noinline, noreturn)) void child(void (*work)(void *), void *data)
{
	SYS_5(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
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
