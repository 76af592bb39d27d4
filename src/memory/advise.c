/* SPDX-License-Identifier: MIT */
/*
 * madvise() of a range of which pages were replaced.
 *
 * A replaced page is private memory of no file. Some advice means another thing for that than for the
 * file it stands for: MADV_DONTNEED would take away what the program has written to a shared mapping,
 * and what the kernel refuses for files it would do.
 */
#include <errno.h>
#include <sys/mman.h>
#include "base/base.h"
#include "kernel/kernel.h"
#include "kernel/next.h"
#include "memory/memory.h"
#include "memory/repair.h"
#include "table/table.h"

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24 /* Linux 5.18 */
#endif

#define ADVICE_BIT(advice) ((uint64_t)1 << (advice))
#define ADVICE_OTHER                                                                               \
	(ADVICE_BIT(MADV_DONTNEED) | ADVICE_BIT(MADV_DONTNEED_LOCKED) | ADVICE_BIT(MADV_FREE) |    \
		ADVICE_BIT(MADV_REMOVE) | ADVICE_BIT(MADV_WIPEONFORK))

static void see_flags(struct range_hit hit, void *data)
{
	*(unsigned *)data |= state_flags(hit.state);
}

static bool has_replaced_pages(void *address, size_t length)
{
	unsigned flags = 0;

	range_each((uintptr_t)address, length, see_flags, &flags);
	return flags & RANGE_REPAIRED;
}

static int refuse(int error)
{
	errno = error;
	return -1;
}

/* The content goes. Of a private mapping the file's own pages are back then, lost or not. */
static int drop_private(struct file_part part, uintptr_t anchor, unsigned prot)
{
	void *address = (void *)part.start;

	if (anchor && anchor_lay(anchor, false, &part, part.start))
		return real.mprotect(address, part.size, (int)prot);
	return real.madvise(address, part.size, MADV_DONTNEED);
}

/* As the kernel would for pages of a file. */
static int advise_replaced(
	struct file_part part, int advice, const struct range_hit *hit, unsigned prot)
{
	bool shared = state_flags(hit->state) & RANGE_SHARED, writable = prot & PROT_WRITE;

	if (advice == MADV_FREE || advice == MADV_WIPEONFORK)
		return refuse(EINVAL);
	if (advice == MADV_REMOVE)
		return shared && writable
			       ? real.madvise((void *)part.start, part.size, MADV_DONTNEED)
			       : refuse(EACCES);
	return shared ? 0 : drop_private(part, range_anchor(hit->range), prot);
}

/* Sets *end to where the answer ends. */
static int advise_piece(uintptr_t start, uintptr_t *end, int advice)
{
	struct range_hit hit = range_lookup(start);
	unsigned flags = hit.range ? state_flags(hit.state) : 0;
	struct vma vma;

	if (vma_query(start, &vma, NULL, 0) == 0) {
		*end = vma.end < *end ? vma.end : *end;
		if (hit.range && geometry_end(hit.geometry) < *end)
			*end = geometry_end(hit.geometry);
		if (flags & RANGE_REPAIRED && !vma.inode)
			return advise_replaced((struct file_part){start, *end - start}, advice,
				&hit, vma.prot);
	}
	return real.madvise((void *)start, *end - start, advice);
}

/* The kernel goes on behind what is not mapped, and says so in the end. */
int track_advise(void *address, size_t length, int advice)
{
	uintptr_t start = (uintptr_t)address, all = start + whole_pages(length);
	bool has_hole = false;

	if (advice < 0 || advice > 63 || !(ADVICE_OTHER & ADVICE_BIT(advice)) ||
		start & ~PAGE_MASK || all <= start || !has_replaced_pages(address, all - start))
		return real.madvise(address, length, advice);
	for (uintptr_t end; start < all; start = end) {
		end = all;
		if (advise_piece(start, &end, advice) == 0)
			continue;
		if (errno != ENOMEM)
			return -1;
		has_hole = true;
	}
	return has_hole ? refuse(ENOMEM) : 0;
}
