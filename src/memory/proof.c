/* SPDX-License-Identifier: MIT */
/*
 * Is it proved that pages are lost? Only then are they replaced. All [H].
 *
 * That a page cannot be had is no proof: guard pages and pages that userfaultfd watches are refused
 * to the kernel, too, and both are healthy. What is proof:
 *
 * The page of the fault was refused with SIGBUS, so it is no guard page (that is SIGSEGV). It is lost if
 *
 *	a page of its range was replaced before, and userfaultfd did not watch it then; or
 *	the kernel says that it is poisoned; or
 *	it is of a file on a block device, for userfaultfd knows anonymous memory and files in memory only; or
 *	userfaultfd, which raises SIGBUS if it is asked to (UFFD_FEATURE_SIGBUS), does not watch it, or
 *		the kernel does not say; or
 *	it lies behind the end of its file, which comes last for it is dear to ask.
 *
 * Its neighbours in the same mapping were probed each, or have no storage (extent.c). Those up to the
 * next guard page are lost if
 *
 *	they lie behind the end of the file, whose size is known: who watches comes second there; or
 *	the file is on a block device; or
 *	the kernel says that userfaultfd does not watch them.
 */
#include "kernel/kernel.h"
#include "kernel/scratch.h"
#include "memory/repair.h"
#include "rules/rules.h"
#include "table/table.h"

static bool may_be_watched(const struct extent *extent)
{
	return !extent->is_mapped || extent->vma.dev_major == 0;
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
		if (extent->is_behind_end || !may_be_watched(extent) || vma_is_watched(page) == 0)
			return true;
		shrink_to(extent, page);
	}
	if ((flags & RANGE_REPAIRED && !(flags & RANGE_WATCHED)) || extent->is_poisoned)
		return true;
	if (!extent->is_mapped)
		extent->is_mapped = vma_query(page, &extent->vma, NULL, 0) == 0;
	if (extent->is_mapped && !may_be_watched(extent))
		return true;
	/* What the kernel does not say stands for no. */
	extent->is_watched = vma_is_watched(page) > 0;
	return !extent->is_watched || is_behind_end(page);
}
