/* SPDX-License-Identifier: MIT */
/*
 * The functions that make a process which shares our memory. Who it is that runs is then asked of the
 * kernel, until only one process can be meant (process_pid()).
 */
#include <sched.h>
#include <stdarg.h>
#include "base/base.h"
#include "kernel/next.h"
#include "kernel/process.h"

/* By vfork.S: what it jumps to. */
HIDDEN void *vfork_begins(void);
void *vfork_begins(void)
{
	if (active) {
		process_pid(); /* a raw fork child that has not taken the state over yet does it before its child could */
		running_watch |= WATCH_VFORK;
	}
	return (void *)next()->vfork;
}

EXPORT int clone(int (*function)(void *), void *stack, int flags, void *argument, ...)
{
	void *parent_tid, *tls, *child_tid;
	va_list more;

	va_start(more, argument);
	parent_tid = va_arg(more, void *);
	tls = va_arg(more, void *);
	child_tid = va_arg(more, void *);
	va_end(more);
	if (active && flags & CLONE_VM && !(flags & CLONE_THREAD))
		process_is_shared();
	return next()->clone(function, stack, flags, argument, parent_tid, tls, child_tid);
}

extern __typeof__(clone) __clone ALIAS(clone);
