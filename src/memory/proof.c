/* SPDX-License-Identifier: MIT */
/*
 * Is it proved that pages are lost? Only then are they replaced. All [H].
 *
 * That a page cannot be had is no proof: guard pages and pages that userfaultfd watches are refused
 * to the kernel, too, and both are healthy. What is proof:
 *
 * The page of the fault was refused with SIGBUS, so it is no guard page (that is SIGSEGV). It is lost if
 *
 *	a page of its range was replaced before, or the kernel says that it is poisoned; or
 *	it is private, of a file on a block device; or
 *	it is shared, and lost in a second view, too: mremap(page, 0) makes one, which userfaultfd does
 *		not watch and which has no guard pages; or
 *	there is no such view, as of private memory, and VmFlags do not say that it is watched; or
 *	it lies behind the end of its file, which comes last for it is dear to ask.
 *
 * Its neighbours in the same mapping were probed each, or have no storage (extent.c). Those up to the
 * next guard page are lost if
 *
 *	they lie behind the end of the file, whose size is known: who watches comes second there; or
 *	the file is on a block device, for userfaultfd knows anonymous memory and files in memory only; or
 *	a second view, or else VmFlags, say so as above; but where VmFlags say nothing, nothing is proved.
 */
#include <errno.h>
#include <sys/mman.h>
#include "base/syscall.h"
#include "kernel/kernel.h"
#include "kernel/reserved.h"
#include "kernel/scratch.h"
#include "memory/repair.h"
#include "rules/rules.h"
#include "table/table.h"

static bool may_be_watched(const struct extent *extent)
{
	return !extent->is_mapped || extent->vma.dev_major == 0;
}

static bool is_lost_in(uintptr_t view, size_t size, const struct extent *extent)
{
	for (uintptr_t at = 0; at < size; at += PAGE_SIZE)
		if (!extent_is_like(extent, view + at))
			return false;
	return true;
}

/*
 * A page without storage that is lost proves those behind it: the lowest is asked. -ENOTSUP: there is no
 * such view.
 */
static int ask_second_view(const struct extent *extent)
{
	size_t size = extent->by_storage ? PAGE_SIZE : extent->end - extent->start;
	uintptr_t view = window_take();
	int answer = -ENOTSUP;

	if (!view)
		return -ENOTSUP;
	if (SYS_5(SYS_mremap, extent->start, 0, size, MREMAP_MAYMOVE | MREMAP_FIXED, view) ==
		(long)view)
		answer = is_lost_in(view, size, extent);
	window_give(view, size, false);
	return answer;
}

/* Of all of extent; what the kernel does not say stands for yes where `else_yes` is set. */
static bool is_unwatched(const struct extent *extent, unsigned flags, bool else_yes)
{
	int watched, lost = flags & RANGE_SHARED ? ask_second_view(extent) : -ENOTSUP;

	if (lost >= 0)
		return lost;
	watched = vma_is_watched(extent->start);
	return watched < 0 ? else_yes : !watched;
}

static void shrink_to(struct extent *extent, uintptr_t page)
{
	extent->start = page;
	extent->end = page + PAGE_SIZE;
	extent->by_storage = extent->is_behind_end = false;
}

/* By the size of the file, which its name or a descriptor tells: whoever watches comes second there. */
static APART bool is_behind_end(uintptr_t page)
{
	struct scratch *scratch = scratch_get();
	struct vma vma;
	uint64_t size;
	bool is_behind;

	if (!scratch)
		return false;
	is_behind = vma_query(page, &vma, scratch->path, sizeof(scratch->path)) == 0 &&
		    file_size(&vma, &size) && vma.offset + (page - vma.start) >= size;
	scratch_put(scratch);
	return is_behind;
}

bool prove_lost(struct extent *extent, uintptr_t page, const struct range_hit *hit)
{
	unsigned flags = state_flags(hit->state);

	if (extent->end - extent->start > PAGE_SIZE) {
		pages_without_guards(page, &extent->start, &extent->end);
		if (extent->is_behind_end || !may_be_watched(extent) || is_unwatched(extent, flags, false))
			return true;
		shrink_to(extent, page);
	}
	if (flags & RANGE_REPAIRED || extent->is_poisoned)
		return true;
	if (!(flags & RANGE_SHARED) && !extent->is_mapped)
		extent->is_mapped = vma_query(page, &extent->vma, NULL, 0) == 0;
	if (!(flags & RANGE_SHARED) && extent->is_mapped && !may_be_watched(extent))
		return true;
	return is_unwatched(extent, flags, true) || is_behind_end(page);
}
