/* SPDX-License-Identifier: MIT */
/* What the unit tests of the range table share: their memory, their waits, and how they complain.
 */
#ifndef SIGBUS_TESTS_RANGE_ENV_H
#define SIGBUS_TESTS_RANGE_ENV_H

#include "table/table.h"
#include "owner/owner.h"
#include "../harness/tap.h"

#include <stdlib.h>
#include "lock-alone.h"

#define GIB ((uintptr_t)1 << 30)
#define BLOCK ((uintptr_t)2 << 20)

static unsigned complaints;

static inline void result(bool good, const char *name)
{
	ok(good, "%s", name);
	complaints = 0;
}

static inline bool expect(bool good, const char *what, uintptr_t value)
{
	if (!good && complaints++ < 5)
		printf("# expected: %s (%#lx)\n", what, (unsigned long)value);
	return good;
}

static inline unsigned long random_below(unsigned long limit)
{
	static uint64_t seed = 88172645463325252u;

	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 11) % limit;
}

static unsigned fail_percent; /* of allocate() */
static unsigned waits;
static uint64_t waited_locks; /* bit for each */
static uintptr_t watched;     /* must not be found while a cut waits */
static bool watched_was_found;

static inline void *allocate(size_t size)
{
	if (random_below(100) < fail_percent)
		return NULL;
	return calloc(1, size);
}

static inline void wait_for(unsigned lock)
{
	waits++;
	waited_locks |= (uint64_t)1 << lock;
	watched_was_found |= watched && range_lookup(watched).range;
}

static bool is_borrowed;  /* hold() is refused */
static unsigned holds_now, lost_count;

static inline bool hold(unsigned lock, uint64_t *mask)
{
	if (is_borrowed)
		return false;
	holds_now++;
	waits++; /* who has the word waits for nobody any more */
	waited_locks |= (uint64_t)1 << lock;
	return hold_alone(lock, mask);
}

static inline void let_go(unsigned lock, uint64_t mask)
{
	let_go_alone(lock, mask);
	watched_was_found |= watched && range_lookup(watched).range;
	holds_now--;
}

static inline void count_lost(void)
{
	lost_count++;
}

static inline int insert(
	uintptr_t start, size_t size, unsigned owner, unsigned flags, uint32_t caller)
{
	struct range_attributes attributes = {
		.owner = owner, .flags = flags, .lock = -1, .caller = caller};

	return range_insert(start, size, &attributes);
}

static inline void drop(uintptr_t start, size_t size)
{
	range_cut_free(range_cut(start, size));
}

static inline void start(void)
{
	range_init(&(struct range_env){.allocate = allocate,
		.wait = wait_for,
		.release = range_cut_free,
		.hold = hold,
		.let_go = let_go,
		.lost = count_lost,
		.share = share_alone});
}

#endif
