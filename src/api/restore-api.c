/* SPDX-License-Identifier: MIT */
/*
 * Putting the file back in place of pages that were replaced: it has grown again, the device is
 * back. The anchor (memory/file-handle.c) still knows the file; one mremap() over the whole range does it.
 */
#include <errno.h>
#include <sys/mman.h>
#include "api/api.h"
#include "base/base.h"
#include "base/syscall.h"
#include "kernel/kernel.h"
#include "kernel/mask.h"
#include "kernel/next.h"
#include "kernel/process.h"
#include "memory/repair.h"
#include "table/table.h"

#define RUNS_MAX 32 /* on the stack; runs of pages whose protection differs, of one range: rarely two */

/* Pages in a row with the same protection, which mprotect() may have given them. */
struct run {
	uintptr_t start, end;
	unsigned prot;
};

/* Where pages of the same protection as this one surely end. */
static uintptr_t look(uintptr_t page, uintptr_t end, unsigned *prot)
{
	struct vma vma;

	if (vma_query(page, &vma, NULL, 0) != 0) {
		*prot = probe_protection(page, *prot);
		return page + PAGE_SIZE;
	}
	*prot = vma.prot;
	return vma.end < end ? vma.end : end;
}

static int find_runs(const struct range_hit *hit, struct run *runs)
{
	unsigned known = state_flags(hit->state) & 7;
	bool uniform = !(state_flags(hit->state) & RANGE_PROTECTED);
	uintptr_t end = geometry_end(hit->geometry), next;
	int count = 0;

	for (uintptr_t page = geometry_start(hit->geometry); page < end; page = next) {
		unsigned prot = known;

		next = uniform ? end : look(page, end, &prot);
		if (count && runs[count - 1].prot == prot) {
			runs[count - 1].end = next;
			continue;
		}
		if (count == RUNS_MAX)
			return -E2BIG;
		runs[count++] = (struct run){page, next, prot};
	}
	return count;
}

/* With the range's lock word held: no repair and no unmapping comes in between. */
static int put_back_held(const struct range_hit *hit)
{
	uintptr_t start = geometry_start(hit->geometry), anchor = range_anchor(hit->range);
	size_t size = geometry_size(hit->geometry);
	struct run runs[RUNS_MAX];
	int count;

	if (!range_still(hit, start, size))
		return -EAGAIN;
	if (!anchor || !(state_flags(hit->state) & RANGE_SHARED))
		return -ENOTSUP;
	count = find_runs(hit, runs);
	if (count < 0)
		return count;
	if (!anchor_lay(anchor, true, &(struct file_part){start, size}, start))
		return -ENOMEM;
	for (int i = 0; i < count; i++)
		SYS_3(SYS_mprotect, runs[i].start, runs[i].end - runs[i].start, runs[i].prot);
	range_set_flags(*hit, 0, RANGE_REPAIRED);
	return 0;
}

static int put_back(const struct range_hit *hit)
{
	_Atomic uint64_t *word = &process_state->lock[state_lock(hit->state)].word;
	uint64_t mask = mask_swap(SIG_SETMASK, ~SIGNAL_BIT(SIGBUS));
	uint64_t version = atomic_load(word);
	int error = -EAGAIN;

	if (!(version & 1) && atomic_compare_exchange_strong(word, &version, version + 1)) {
		error = put_back_held(hit);
		atomic_store(word, version + 2);
	}
	mask_swap(SIG_SETMASK, mask);
	return error;
}

struct result {
	int ranges, error;
};

static void visit(struct range_hit hit, void *data)
{
	struct result *result = data;
	int error;

	if (!(state_flags(hit.state) & RANGE_REPAIRED))
		return;
	error = put_back(&hit);
	if (error)
		result->error = error;
	else
		result->ranges++;
}

EXPORT int sigbus_range_restore(void *address, size_t length)
{
	struct result result = {0};
	struct pages pages;
	int error = api_pages(address, length, &pages);

	if (error)
		return error;
	if (process_is_borrowed())
		return -EPERM;
	range_each(pages.start, pages.size, visit, &result);
	if (result.error)
		return result.error;
	return result.ranges ? result.ranges : -ENOENT;
}

/* ---- how much is replaced ---- */

struct count {
	uintptr_t start, end;
	long pages;
	int error;
};

/* A replacement is no mapping of the range's file; where that is not kept, it is one of no file. */
static bool is_replacement(const struct vma *vma, const struct vma *file)
{
	if (!file->inode)
		return !vma->inode;
	return vma->inode != file->inode || vma->dev_major != file->dev_major ||
	       vma->dev_minor != file->dev_minor;
}

static uintptr_t clamp(uintptr_t value, uintptr_t low, uintptr_t high)
{
	return value < low ? low : value > high ? high : value;
}

static void count_replaced(struct range_hit hit, void *data)
{
	struct count *count = data;
	uintptr_t end = clamp(geometry_end(hit.geometry), count->start, count->end);
	uintptr_t anchor = range_anchor(hit.range), next;
	struct vma file = {0}, vma;

	if (!(state_flags(hit.state) & RANGE_REPAIRED))
		return;
	if (anchor && vma_query(anchor, &file, NULL, 0) != 0)
		count->error = -ENODATA;
	for (uintptr_t at = clamp(geometry_start(hit.geometry), count->start, count->end);
		at < end && !count->error; at = next) {
		if (vma_query(at, &vma, NULL, 0) != 0) {
			count->error = -ENODATA;
			return;
		}
		next = clamp(vma.end, at, end);
		if (is_replacement(&vma, &file))
			count->pages += (long)((next - at) / PAGE_SIZE);
	}
}

EXPORT long sigbus_range_lost(const void *address, size_t length)
{
	struct count count = {0};
	struct pages pages;
	int error = api_pages(address, length, &pages);

	if (error)
		return error;
	count.start = pages.start;
	count.end = pages.start + pages.size;
	range_each(pages.start, pages.size, count_replaced, &count);
	return count.error ? count.error : count.pages;
}
