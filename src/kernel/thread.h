/* SPDX-License-Identifier: MIT */
/*
 * Memory of a thread that is too much for thread-local storage: a library that is loaded late has
 * only some hundred bytes of that, and each thread pays for it with its stack.
 */
#ifndef SIGBUS_THREAD_H
#define SIGBUS_THREAD_H

#define THREAD_MEMORY 3584

/*
 * Zero at first; of a thread that ended, another one has it next. Never NULL: where there is no
 * memory, threads share one, and then see records that are not theirs, which fit no stack of theirs. [H]
 */
void *thread_memory(void);

#endif
