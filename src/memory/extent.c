/* SPDX-License-Identifier: MIT */
/*
 * How far the lost pages around a fault reach, at most 2 MiB: first upwards. All [H].
 *
 * Each neighbour is probed: on a full disk, holes that are lost and pages that are not have no
 * order. For a file in memory (memfd) that can be shortened, for such a page needs either storage
 * of its own or space to get it. If a page without storage is lost, it lies behind the end of the
 * file, or there is no space; in both cases every page behind it that has no storage is lost too.
 * What has storage is in memory, which mincore() tells of many pages at once, or in swap: so swap
 * must be unused. Why at all: 512 probes that fail take 9 ms in the handler, asking
 * mincore() once takes some microseconds.
 */
#include <errno.h>
#include <sys/mman.h>
#include "base/base.h"
#include "base/syscall.h"
#include "kernel/kernel.h"
#include "kernel/scratch.h"
#include "memory/repair.h"
#include "rules/fault.h"
#include "rules/rules.h"
#include "table/record.h"
#include "table/table.h"

#define SCRATCH_MAX ((size_t)16 * PAGE_SIZE)
#define PROBES_MIN 4 /* lost neighbours before more is asked */

static bool may_read(const struct range_hit *hit)
{
	return (state_flags(hit->state) & (RANGE_READ | RANGE_PROTECTED)) == RANGE_READ;
}

/* Most pages that cannot be written cannot be read either: then one probe tells both. */
int extent_probe(const struct fault *fault, const struct range_hit *hit,
	const struct repair_order *order, struct extent *extent)
{
	uintptr_t page = fault->address & PAGE_MASK;
	bool read_first = fault->write && may_read(hit);
	int error = probe(page, fault->write && !read_first);

	*extent = (struct extent){.start = page,
		.end = page + PAGE_SIZE,
		.prot = state_flags(hit->state) & 7,
		.write = fault->write,
		.content = order->ones ? ONES : ZEROES};
	if (read_first && error == 0) {
		error = probe(page, true);
		extent->content = COPY;
	}
	return error;
}

/* ---- page by page ---- */

bool extent_is_like(const struct extent *extent, uintptr_t page)
{
	if (extent->content == COPY)
		return says_lost(probe(page, true)) && probe(page, false) == 0;
	return says_lost(probe(page, extent->by_writing));
}

/* ---- files in memory ---- */

/*
 * Only this answer counts here: probe() also asks in ways that mappings of drivers answer, and there
 * mincore() means nothing.
 */
static bool populating_fails(uintptr_t page)
{
	return SYS_3(SYS_madvise, page, PAGE_SIZE, MADV_POPULATE_READ) == -EFAULT;
}

static bool is_file_in_memory(const struct extent *extent)
{
	return extent->is_mapped && fs_is_internal(&extent->vma) && !swap_is_used() &&
	       populating_fails(extent->start);
}

#define LOOK_PAGES (EXTENT_MAX / PAGE_SIZE) /* at once */

/* The first page from start that has storage, or end. */
static uintptr_t find_stored(unsigned char *stored, uintptr_t start, uintptr_t end)
{
	while (start < end) {
		size_t pages = (end - start) >> PAGE_SHIFT;

		pages = pages < LOOK_PAGES ? pages : LOOK_PAGES;
		if (SYS_3(SYS_mincore, start, pages << PAGE_SHIFT, stored) != 0)
			return start;
		for (size_t i = 0; i < pages; i++, start += PAGE_SIZE)
			if (stored[i] & 1)
				return start;
	}
	return end;
}

/* With all signals blocked. */
static uintptr_t first_stored(uintptr_t start, uintptr_t end)
{
	struct scratch *scratch = scratch_get();

	_Static_assert(sizeof(scratch->line) >= LOOK_PAGES, "a byte for each page");
	if (!scratch)
		return start;
	start = find_stored((unsigned char *)scratch->line, start, end);
	scratch_put(scratch);
	return start;
}

/* The first lost page of [low, page); page if there is none. Nothing that is passed has storage. */
static uintptr_t first_lost(uintptr_t low, uintptr_t page)
{
	while (low < page) {
		uintptr_t middle = low + (((page - low) >> (PAGE_SHIFT + 1)) << PAGE_SHIFT);

		if (says_lost(probe(middle, false)) && first_stored(middle, page) == page)
			page = middle;
		else
			low = middle + PAGE_SIZE;
	}
	return page;
}

/* False: it has to be done page by page. All of extent is lost. */
static bool measure_in_memory(struct extent *extent, uintptr_t low, uintptr_t high, size_t limit)
{
	uintptr_t page = extent->start, known = extent->end;

	if (!is_file_in_memory(extent))
		return false;
	if (high - extent->start > limit)
		high = extent->start + limit;
	extent->end = first_stored(extent->end, high);
	if (extent->end - low > limit)
		low = extent->end - limit;
	extent->start = first_lost(low, extent->start);
	extent->by_storage = first_stored(page, known) == known; /* of the others it is known by now */
	return true;
}

/* ---- both ---- */

/* Where extent may grow to. */
struct bounds {
	uintptr_t low, high;
	size_t limit;
};

/* Only neighbours in the page's own mapping, with its protection, go with it. */
static APART void keep_to_mapping(struct extent *extent, struct bounds *bounds)
{
	extent->is_mapped = vma_query(extent->start, &extent->vma, NULL, 0) == 0;
	if (!extent->is_mapped) {
		bounds->low = extent->start;
		bounds->high = extent->end;
		return;
	}
	extent->prot = extent->vma.prot;
	if (bounds->low < extent->vma.start)
		bounds->low = extent->vma.start;
	if (bounds->high > extent->vma.end)
		bounds->high = extent->vma.end;
}

/* Else nobody has to be asked. */
static bool has_lost_neighbour(const struct extent *extent, const struct bounds *bounds)
{
	return bounds->limit > PAGE_SIZE &&
	       ((extent->end < bounds->high &&
			extent_is_like(extent, extent->end)) ||
		       (extent->start > bounds->low &&
			       extent_is_like(extent, extent->start - PAGE_SIZE)));
}

static bool has_room(const struct extent *extent, const struct bounds *bounds)
{
	return extent->end - extent->start < bounds->limit;
}

static bool may_ask(const struct extent *extent, const struct bounds *bounds)
{
	return bounds->limit == EXTENT_MAX && extent->content == ZEROES &&
	       extent->prot & PROT_READ && !extent->by_writing;
}

/* Once, when it has just grown to that size. */
static bool is_worth_asking(const struct extent *extent, const struct bounds *bounds)
{
	return extent->end - extent->start == (1 + PROBES_MIN) * PAGE_SIZE &&
	       may_ask(extent, bounds);
}

static void grow(struct extent *extent, const struct bounds *bounds)
{
	while (extent->end < bounds->high && has_room(extent, bounds) &&
		extent_is_like(extent, extent->end)) {
		extent->end += PAGE_SIZE;
		if (is_worth_asking(extent, bounds) &&
			measure_in_memory(extent, bounds->low, bounds->high, bounds->limit))
			return;
	}
	while (extent->start > bounds->low && has_room(extent, bounds) &&
		extent_is_like(extent, extent->start - PAGE_SIZE)) {
		extent->start -= PAGE_SIZE;
		if (is_worth_asking(extent, bounds) &&
			measure_in_memory(extent, bounds->low, bounds->high, bounds->limit))
			return;
	}
}

static bool is_all(const struct extent *extent, const struct bounds *bounds)
{
	return (extent->end >= bounds->high ||
		       !extent_is_like(extent, extent->end)) &&
	       (extent->start <= bounds->low ||
		       !extent_is_like(extent, extent->start - PAGE_SIZE));
}

/*
 * Of more than one fault can replace, the part in the block of a huge page: so the next faults
 * replace whole blocks, which are cheap to be made present.
 */
static APART void keep_to_block(struct extent *extent, struct bounds *bounds, uintptr_t page)
{
	uintptr_t block = page & ~(HUGE_PAGE - 1);

	if (is_all(extent, bounds))
		return;
	if (bounds->low < block)
		bounds->low = block;
	if (bounds->high > block + HUGE_PAGE)
		bounds->high = block + HUGE_PAGE;
	if (extent->start < bounds->low)
		extent->start = bounds->low;
	if (extent->end > bounds->high)
		extent->end = bounds->high;
	if (extent->start == bounds->low && extent->end == bounds->high)
		return;
	if (!may_ask(extent, bounds) ||
		!measure_in_memory(extent, bounds->low, bounds->high, bounds->limit))
		grow(extent, bounds);
}

/* Behind the file's end everything is lost, however much it is; with the path of the vma. */
static APART void measure_behind_end(struct extent *extent, const struct bounds *bounds)
{
	struct scratch *scratch = scratch_get();
	uintptr_t end = extent->by_storage ? extent->start : UINTPTR_MAX;
	struct vma vma;
	uint64_t size;

	if (!scratch)
		return;
	if (vma_query(extent->start, &vma, scratch->path, sizeof(scratch->path)) == 0 &&
		vma.start <= bounds->low && bounds->high <= vma.end) {
		if (file_size(&vma, &size)) {
			size = size > vma.offset ? (size - vma.offset + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1) : 0;
			end = size < vma.end - vma.start ? vma.start + (uintptr_t)size : UINTPTR_MAX;
		} else if (!file_end_only_explains(&vma)) {
			end = UINTPTR_MAX;
		}
		if (end <= extent->start) {
			extent->start = end > bounds->low ? end : bounds->low;
			extent->end = bounds->high;
			extent->is_behind_end = true;
		}
	}
	scratch_put(scratch);
}

void extent_measure(
	struct extent *extent, const struct range_hit *hit, const struct repair_order *order)
{
	unsigned flags = state_flags(hit->state);
	uintptr_t page = extent->start;
	struct bounds bounds = {.low = geometry_start(hit->geometry),
		.high = geometry_end(hit->geometry),
		.limit = order->limit};

	extent->by_writing = extent->write && !(flags & RANGE_READ);
	if (flags & RANGE_PROTECTED) {
		keep_to_mapping(extent, &bounds);
		if (!extent->is_mapped)
			extent->prot = probe_protection(extent->start, extent->prot);
	}
	if (flags & RANGE_PROTECTED && extent->write && extent->prot & PROT_READ &&
		probe(extent->start, false) == 0)
		extent->content = COPY;
	if (extent->content != ZEROES && bounds.limit > SCRATCH_MAX &&
		!(order->whole && extent->content == ONES))
		bounds.limit = SCRATCH_MAX;
	if (!extent->is_mapped && has_lost_neighbour(extent, &bounds))
		keep_to_mapping(extent, &bounds);
	if (!extent->is_mapped)
		return;
	grow(extent, &bounds);
	if (order->whole && extent->content == ZEROES)
		measure_behind_end(extent, &(struct bounds){
			extent->vma.start > geometry_start(hit->geometry) ? extent->vma.start
									  : geometry_start(hit->geometry),
			extent->vma.end < geometry_end(hit->geometry) ? extent->vma.end
								      : geometry_end(hit->geometry),
			0});
	if (extent->end - extent->start == EXTENT_MAX && !extent->is_behind_end)
		keep_to_block(extent, &bounds, page);
}
