/* SPDX-License-Identifier: MIT */
/*
 * The C API: brackets around accesses, whose end says whether a page was found lost meanwhile.
 *
 * A bracket is two numbers in its caller's memory: how many losses there were when it was opened,
 * and its pages. Nothing is registered, so nothing sticks when it is left by siglongjmp().
 */
#include <errno.h>
#include "api/api.h"
#include "base/base.h"
#include "fault/fault.h"
#include "kernel/process.h"
#include "table/table.h"

#define OPEN 0x6f70656e2e736967u

struct bracket {
	struct pages pages;
	uint64_t before; /* losses when it was opened */
};

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

	if (now - bracket->before <= LOSS_LOG_SIZE) {
		if (loss_is_logged(bracket->pages.start, bracket->pages.size, bracket->before, now))
			return true;
		now = atomic_load(&losses);
	}
	if (now - bracket->before > LOSS_LOG_SIZE)
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
