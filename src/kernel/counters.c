/* SPDX-License-Identifier: MIT */
/* How often what happened, in memory that a fork child finds empty. All [H]. */
#include "kernel/process.h"

struct counters *counters(void)
{
	static struct counters before_start;

	return process_state ? &process_state->counters : &before_start;
}

void counter_add(_Atomic uint64_t *counter, uint64_t count)
{
	atomic_fetch_add_explicit(counter, count, memory_order_relaxed);
}
