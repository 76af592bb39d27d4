/* SPDX-License-Identifier: MIT */
/* The lock words of a range table that one thread has to itself. */
#ifndef SIGBUS_TESTS_LOCK_ALONE_H
#define SIGBUS_TESTS_LOCK_ALONE_H

#include <stdbool.h>
#include <stdint.h>

static inline bool hold_alone(unsigned lock, uint64_t *mask)
{
	(void)lock;
	*mask = 0;
	return true;
}

static inline void let_go_alone(unsigned lock, uint64_t mask)
{
	(void)lock;
	(void)mask;
}

static inline void lost_alone(void)
{
}

static inline void share_alone(uintptr_t anchor)
{
	(void)anchor;
}

#define LOCK_ALONE                                                                                 \
	.hold = hold_alone, .let_go = let_go_alone, .lost = lost_alone, .share = share_alone

#endif
