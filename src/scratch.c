/* SPDX-License-Identifier: MIT */
/*
 * Buffers for the fault path. The busy flags live in pages that a fork child finds zeroed, so a
 * buffer that another thread held at the time of fork() is free again there.
 */
#include "internal.h"

static struct scratch slots[SCRATCH_SLOTS];

static bool try_take(_Atomic uint32_t *busy)
{
	uint32_t is_free = 0;

	return atomic_compare_exchange_strong(busy, &is_free, 1);
}

struct scratch *scratch_get(void)
{
	for (size_t i = 0; process_state && i < SCRATCH_SLOTS; i++)
		if (try_take(&process_state->scratch_busy[i]))
			return &slots[i];
	return NULL;
}

void scratch_put(struct scratch *scratch)
{
	atomic_store(&process_state->scratch_busy[scratch - slots], 0);
}
