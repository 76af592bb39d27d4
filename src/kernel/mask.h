/* SPDX-License-Identifier: MIT */
/* The virtual blocked bit: SIGBUS is never blocked, the shadow signal is in its place. */
#ifndef SIGBUS_MASK_H
#define SIGBUS_MASK_H

#include <signal.h>
#include <string.h>
#include "base/base.h"

#define SYNCHRONOUS                                                                                \
	(SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(SIGILL) | SIGNAL_BIT(SIGTRAP) |     \
		SIGNAL_BIT(SIGFPE) | SIGNAL_BIT(SIGSYS))

extern HIDDEN int shadow_signal; /* its blocked bit is "SIGBUS is virtually blocked" */

/*
 * Three signals that a program which blocks "all" blocks, and one that blocks a few does not: the two
 * real-time signals in front of the shadow, and 40, from the middle. A mask with all of them and the shadow
 * is taken for a full one, and reads back with the shadow.
 */
extern HIDDEN uint64_t mask_neighbours;

/* SIGBUS -> shadow [H] */
static inline uint64_t mask_to_kernel(uint64_t mask)
{
	uint64_t shadow = SIGNAL_BIT(shadow_signal);
	uint64_t blocked = mask & SIGNAL_BIT(SIGBUS);

	mask &= ~(SIGNAL_BIT(SIGBUS) | shadow);
	return blocked ? mask | shadow : mask;
}

/* shadow -> SIGBUS. The program's own bit of it is not kept: a full mask reads back as full. */
static inline uint64_t mask_from_kernel(uint64_t mask)
{
	uint64_t shadow = SIGNAL_BIT(shadow_signal);

	if (mask & shadow)
		mask |= SIGNAL_BIT(SIGBUS);
	mask &= ~shadow;
	return (mask & mask_neighbours) == mask_neighbours ? mask | shadow : mask;
}

uint64_t mask_swap(int how, uint64_t mask); /* [H] raw rt_sigprocmask; returns the old mask */
void mask_init(void);

/* The kernel's part of the C library's sigset_t. [H] */
static inline uint64_t mask_word(const sigset_t *set)
{
	uint64_t word;

	memcpy(&word, set, sizeof(word));
	return word;
}
/* [H] */
static inline void mask_set_word(sigset_t *set, uint64_t word)
{
	memcpy(set, &word, sizeof(word));
}

#endif
