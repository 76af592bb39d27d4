/* SPDX-License-Identifier: MIT */
/* What this room remembers of a thread. */
#ifndef SIGBUS_PER_THREAD_H
#define SIGBUS_PER_THREAD_H

#include "fault/progress.h"
#include "fault/running.h"
#include "kernel/thread.h"

#define RUNNING_DEPTH 4

struct per_thread {
	struct running records[RUNNING_DEPTH];
	struct progress progress;
};

static inline struct per_thread *per_thread(void)
{
	return thread_memory();
}

#endif
