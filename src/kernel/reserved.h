/* SPDX-License-Identifier: MIT */
/* Address space that is ours from the start, and what is done in it. */
#ifndef SIGBUS_RESERVED_H
#define SIGBUS_RESERVED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* False: there is none, and nothing below can be had. Before any thread is started. */
bool reserved_init(void);

/* Pages that are zero, never given back; NULL: no more of them. [H] */
void *reserved_memory(size_t size);

#define WINDOW_SIZE ((size_t)4 << 20)

/*
 * A window of WINDOW_SIZE bytes for this thread, or 0; all signals have to be blocked until it is
 * given back. What is mapped there with MAP_FIXED, in the first `used` bytes, goes then. [H]
 */
uintptr_t window_take(void);
void window_give(uintptr_t window, size_t used); /* [H] */

/* The process has one mapping less, or two, which it may use otherwise. False: none is left. [H] */
bool reserved_give_up_mapping(void);

#endif
