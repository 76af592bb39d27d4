/* SPDX-License-Identifier: MIT */
/*
 * Memory of a thread that is too much for thread-local storage: a library that is loaded late has
 * only some hundred bytes of that, and each thread pays for it with its stack.
 */
#ifndef SIGBUS_THREAD_H
#define SIGBUS_THREAD_H

#include "base/base.h"

#define THREAD_MEMORY 3584

extern HIDDEN __thread void *thread_own_memory __attribute__((tls_model("initial-exec")));
void *thread_find_memory(void); /* [H] */
/*
 * Zero at first; of a thread that ended, another one has it next. Never NULL: where there is no
 * memory, threads share one, and then see records that are not theirs, which fit no stack of theirs. [H]
 */
static inline void *thread_memory(void)
{
	return likely(thread_own_memory) ? thread_own_memory : thread_find_memory();
}

#endif
