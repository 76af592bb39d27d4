/* SPDX-License-Identifier: MIT */
/* What the stress tests of the range table share. */
#ifndef SIGBUS_TESTS_STRESS_ENV_H
#define SIGBUS_TESTS_STRESS_ENV_H

#include "base/base.h"
#include "table/table.h"
#include "owner/owner.h"
#include "../harness/tap.h"
#include "lock-alone.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define GIB ((uintptr_t)1 << 30)
#define IS_WIDE (UINTPTR_MAX > UINT32_MAX)

static inline void *allocate(size_t size)
{
	static _Atomic size_t used;
	static _Alignas(64) char memory[64 << 20];
	size_t at = atomic_fetch_add(&used, size);

	return at + size <= sizeof(memory) ? memory + at : NULL;
}

static _Atomic uint64_t lock_word[RANGE_LOCKS];
static volatile bool holding; /* of a test with one thread */

static inline void wait_for(unsigned lock)
{
	uint64_t held = lock_word[lock];

	while (held & 1 && lock_word[lock] == held)
		sched_yield();
}

/* All signals are blocked, as in repair_hold(). */
static inline bool hold(unsigned lock, uint64_t *mask)
{
	sigset_t all, before;

	sigfillset(&all);
	sigdelset(&all, SIGTRAP); /* of single steps: it cannot wait */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	memcpy(mask, &before, sizeof(*mask));
	holding = true; /* signals are blocked from here on */
	while (atomic_fetch_or(&lock_word[lock], 1) & 1)
		wait_for(lock);
	return true;
}

static inline void let_go(unsigned lock, uint64_t mask)
{
	sigset_t before;

	lock_word[lock]++;
	holding = false;
	sigemptyset(&before);
	memcpy(&before, &mask, sizeof(mask));
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static inline void lost(void)
{
}

static inline int insert(uintptr_t start, size_t pages, unsigned owner, uint32_t caller)
{
	struct range_attributes attributes = {.owner = owner, .lock = -1, .caller = caller};

	return range_insert(start, pages * PAGE_SIZE, &attributes);
}

static inline void drop(uintptr_t start, size_t pages)
{
	range_cut_free(range_cut(start, pages * PAGE_SIZE));
}

static inline void start_table(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	range_init(&(struct range_env){.allocate = allocate,
		.wait = wait_for,
		.release = range_cut_free,
		.hold = hold,
		.let_go = let_go,
		.lost = lost,
		.share = share_alone});
}

#endif
