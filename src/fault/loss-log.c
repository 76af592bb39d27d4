/* SPDX-License-Identifier: MIT */
/*
 * What was lost, and when: the log by which sigbus_access_end() knows. It says of each of the last
 * losses which page it was. It is ordinary memory, for a bracket may be open when the process forks.
 */
#include "base/base.h"
#include "fault/fault.h"
#include "kernel/process.h"
#include "owner/owner.h"
#include "table/table.h"

#define TAG_BITS 19 /* the page of a 57-bit address has 45 */

_Atomic uint64_t losses;
LARGE static _Atomic uint64_t last_losses[LOSS_LOG_SIZE]; /* page << TAG_BITS | tag */

static uint64_t tag(uint64_t number)
{
	return (number >> LOSS_LOG_BITS) & (((uint64_t)1 << TAG_BITS) - 1);
}

/*
 * The number first, then the entry: loss_is_logged() reads entries of numbers that it has seen, and an
 * entry that is not there yet has another tag. Before the fault is answered: whoever waits for the access
 * to be done finds it here. An entry is one word, so nothing is read by way of it; release keeps the store
 * behind the number's addition, as loss_is_logged() expects.
 */
void loss_note(uintptr_t address, const struct range_hit *hit)
{
	uint64_t number = atomic_fetch_add(&losses, 1) + 1;
	uint64_t entry = (uint64_t)(address >> PAGE_SHIFT) << TAG_BITS | tag(number);

	atomic_store_explicit(&last_losses[number % LOSS_LOG_SIZE], entry, memory_order_release);
	if (!hit->range)
		return;
	if (unlikely(atomic_load(&owner_by_id(state_owner(hit->state))->event)))
		event_signal(owner_by_id(state_owner(hit->state)));
}

/* An entry with another tag is of a thread that has not gone on yet, or was overwritten. */
bool loss_is_logged(uintptr_t start, size_t size, uint64_t before, uint64_t now)
{
	for (uint64_t number = before + 1; number <= now; number++) {
		uint64_t entry = atomic_load(&last_losses[number % LOSS_LOG_SIZE]);
		uintptr_t page = (uintptr_t)(entry >> TAG_BITS) << PAGE_SHIFT;

		if ((entry & tag(UINT64_MAX)) == tag(number) && page - start < size)
			return true;
	}
	return false;
}
