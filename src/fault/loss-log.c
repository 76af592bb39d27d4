/* SPDX-License-Identifier: MIT */
/*
 * What was lost, and when: the log by which sigbus_access_end() knows.
 *
 * A bracket is two numbers in its caller's memory: how many losses there were when it was opened,
 * and its pages. Nothing is registered, so nothing sticks when it is left by siglongjmp(). The log
 * says of each of the last losses which page it was. It is ordinary memory, for a bracket may be
 * open when the process forks.
 */
#include <errno.h>
#include "api/api.h"
#include "base/base.h"
#include "fault/fault.h"
#include "kernel/process.h"
#include "owner/owner.h"
#include "table/table.h"

#define LOG_BITS 10
#define LOG_SIZE ((uint64_t)1 << LOG_BITS)
#define TAG_BITS 19 /* the page of a 57-bit address has 45 */
#define OPEN 0x6f70656e2e736967u

static _Atomic uint64_t losses;
static _Atomic uint64_t last_losses[LOG_SIZE]; /* page << TAG_BITS | tag */

static uint64_t tag(uint64_t number)
{
	return (number >> LOG_BITS) & (((uint64_t)1 << TAG_BITS) - 1);
}

/* Before the fault is answered: whoever waits for the access to be done finds it here. */
void loss_note(uintptr_t address, const struct range_hit *hit)
{
	uint64_t number = atomic_fetch_add(&losses, 1) + 1;
	uint64_t entry = (uint64_t)(address >> PAGE_SHIFT) << TAG_BITS | tag(number);

	atomic_store_explicit(&last_losses[number % LOG_SIZE], entry, memory_order_release);
	if (!hit->range)
		return;
	if (unlikely(atomic_load(&owner_by_id(state_owner(hit->state))->event)))
		event_signal(owner_by_id(state_owner(hit->state)));
}

/* ---- brackets ---- */

struct bracket {
	struct pages pages;
	uint64_t before; /* losses when it was opened */
};

/* An entry with another tag is of a thread that has not gone on yet, or was overwritten. */
static bool is_logged(const struct bracket *bracket, uint64_t now)
{
	for (uint64_t number = bracket->before + 1; number <= now; number++) {
		uint64_t entry = atomic_load(&last_losses[number % LOG_SIZE]);
		uintptr_t page = (uintptr_t)(entry >> TAG_BITS) << PAGE_SHIFT;

		if ((entry & tag(UINT64_MAX)) == tag(number) &&
			page - bracket->pages.start < bracket->pages.size)
			return true;
	}
	return false;
}

static void find_lost(struct range_hit hit, void *found)
{
	if (atomic_load(&hit.range->faults) || state_flags(hit.state) & RANGE_LOST)
		*(bool *)found = true;
}

/* More than the log holds: then a loss in the same mappings, of whatever time, counts. */
static bool was_lost(const struct bracket *bracket)
{
	uint64_t now = atomic_load(&losses);
	bool found = false;

	if (now - bracket->before <= LOG_SIZE) {
		if (is_logged(bracket, now))
			return true;
		now = atomic_load(&losses);
	}
	if (now - bracket->before > LOG_SIZE)
		range_each(bracket->pages.start, bracket->pages.size, find_lost, &found);
	return found;
}

EXPORT int sigbus_access_begin(struct sigbus_access *access, const void *address, size_t length)
{
	struct pages pages;
	int error = api_pages(address, length, &pages);

	if (error)
		return error;
	if (!access)
		return -EINVAL;
	access->address = address;
	access->length = length;
	access->reserved[0] = OPEN;
	access->reserved[1] = atomic_load(&losses);
	return 0;
}

EXPORT int sigbus_access_end(struct sigbus_access *access)
{
	struct bracket bracket;
	long replaced;

	if (!active)
		return -ENOSYS;
	if (!access || access->reserved[0] != OPEN ||
		api_pages(access->address, access->length, &bracket.pages) != 0)
		return -EINVAL;
	access->reserved[0] = 0;
	bracket.before = access->reserved[1];
	if (likely(!atomic_load(&losses)))
		return 0;
	if (was_lost(&bracket))
		return -EFAULT;
	replaced = sigbus_range_lost(access->address, access->length);
	return replaced > 0 ? -EFAULT : (int)replaced;
}
