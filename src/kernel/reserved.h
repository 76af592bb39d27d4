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

uintptr_t reserved_closed_page(void); /* [H] one that nobody can read; 0: there is no area */

#define WINDOW_SIZE ((size_t)2 << 20)

/*
 * A window of WINDOW_SIZE bytes for this thread, or 0; all signals have to be blocked until it is
 * given back. What is mapped there with MAP_FIXED, in the first `used` bytes, goes then. is_hole: they were
 * moved away, and what is there now may be another thread's: then it stays, and the window is gone. [H]
 */
uintptr_t window_take(void);
void window_give(uintptr_t window, size_t used, bool is_hole); /* [H] */

/*
 * Around mlockall(MCL_CURRENT), for which the kernel counts all addresses of the process: what is
 * reserved and not used is given back meanwhile. Nobody gets a window or memory between the two calls.
 * What cannot be had again afterwards, because the addresses are somebody else's by then, is gone:
 * pages are replaced without windows, and what needs memory is passed on as it is. From one thread at
 * a time; all signals but SIGBUS have to be blocked.
 */
void reserved_lend(void);
void reserved_take_back(void);
void reserved_forked(void); /* in a child of fork(), for the call that another thread was in */

/* To be called before there is anything to replace. [H] */
void reserved_make_spares(void);
/* The process has one mapping less, or two, which it may use otherwise. False: none is left. [H] */
bool reserved_give_up_mapping(void);

#endif
