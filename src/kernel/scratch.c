/* SPDX-License-Identifier: MIT */
/*
 * Buffers for the fault path. The busy flags live in pages that a fork child finds zeroed, so a
 * buffer that another thread held at the time of fork() is free again there.
 */
#include "base/assert.h"
#include "base/syscall.h"
#include "kernel/process.h"
#include "kernel/scratch.h"

#define NAPS_MAX 40000
#define NAP_NANOSECONDS 20000

LARGE static struct scratch slots[SCRATCH_SLOTS];

static bool try_take(_Atomic uint32_t *busy)
{
	uint32_t is_free = 0;

	return atomic_compare_exchange_strong(busy, &is_free, 1);
}

static struct scratch *take_any(void)
{
	for (size_t i = 0; i < SCRATCH_SLOTS; i++)
		if (try_take(&process_state->scratch_busy[i]))
			return &slots[i];
	return NULL;
}

/*
 * Without a buffer no rule about a path matches and no report is made: a thread that faults
 * together with many others waits. Whoever has a buffer has its signals blocked and waits for
 * nobody.
 */
struct scratch *scratch_get(void)
{
	struct scratch *scratch = NULL;

	for (int naps = 0; process_state && naps < NAPS_MAX; naps++) {
		scratch = take_any();
		if (scratch)
			break;
		sys_nap(NAP_NANOSECONDS);
	}
	return scratch;
}

void scratch_put(struct scratch *scratch)
{
	invariant(scratch >= slots && scratch < slots + SCRATCH_SLOTS);
	invariant(atomic_load(&process_state->scratch_busy[scratch - slots]) == 1);
	atomic_store(&process_state->scratch_busy[scratch - slots], 0);
}
