/* SPDX-License-Identifier: MIT */
/*
 * Buffers for the fault path. The busy flags live in pages that a fork child finds zeroed, so a
 * buffer that another thread held at the time of fork() is free again there.
 */
#include "base/assert.h"
#include "base/syscall.h"
#include "kernel/process.h"
#include "kernel/scratch.h"

#define BUSY_NAPS_MAX 40000
#define BUSY_NAP 20000 /* nanoseconds */

/* The exchange pairs with the store of 0 by which the taker gives it back. */
int busy_take(_Atomic uint32_t *busy, unsigned count)
{
	for (int naps = 0; naps < BUSY_NAPS_MAX; naps++) {
		for (unsigned i = 0; i < count; i++) {
			uint32_t is_free = 0;

			if (atomic_compare_exchange_strong(&busy[i], &is_free, 1))
				return (int)i;
		}
		sys_nap(BUSY_NAP);
	}
	return -1;
}

LARGE static struct scratch slots[SCRATCH_SLOTS];

/*
 * Without a buffer no rule about a path matches and no report is made: a thread that faults
 * together with many others waits. Whoever has a buffer has its signals blocked and waits for
 * nobody.
 */
struct scratch *scratch_get(void)
{
	int slot = process_state ? busy_take(process_state->scratch_busy, SCRATCH_SLOTS) : -1;

	return slot < 0 ? NULL : &slots[slot];
}

void scratch_put(struct scratch *scratch)
{
	invariant(scratch >= slots && scratch < slots + SCRATCH_SLOTS);
	invariant(atomic_load(&process_state->scratch_busy[scratch - slots]) == 1);
	atomic_store(&process_state->scratch_busy[scratch - slots], 0);
}
