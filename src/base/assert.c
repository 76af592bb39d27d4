/* SPDX-License-Identifier: MIT */
/* The end of a process in which an invariant of ours does not hold. */
#include "base/assert.h"

#ifdef SIGBUS_ASSERT
#include <signal.h>
#include <string.h>
#include "base/syscall.h"

void invariant_failed(const char *line)
{
	struct {
		void *handler;
		unsigned long flags, restorer;
		uint64_t mask;
	} fatal = {0}; /* the kernel's struct sigaction, SIG_DFL */
	uint64_t blocked = 0;

	SYS_3(SYS_write, 2, line, strlen(line));
	SYS_4(SYS_rt_sigaction, SIGABRT, &fatal, 0, sizeof(uint64_t));
	SYS_4(SYS_rt_sigprocmask, SIG_SETMASK, &blocked, 0, sizeof(blocked));
	SYS_2(SYS_kill, SYS_0(SYS_getpid), SIGABRT);
	for (;;)
		SYS_1(SYS_exit_group, 134);
}
#else
typedef int no_invariants; /* a file must have a declaration */
#endif
