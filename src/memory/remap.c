/* SPDX-License-Identifier: MIT */
/*
 * mremap() of a range of which pages were replaced.
 *
 * For the kernel that are several mappings by now, and it refuses. For the program it is one: what was
 * replaced keeps its content, what was not still shows the file, and so does what is new at the end.
 */
#include <errno.h>
#include <sys/mman.h>
#include "base/base.h"
#include "base/syscall.h"
#include "kernel/kernel.h"
#include "kernel/next.h"
#include "kernel/reserved.h"
#include "memory/memory.h"
#include "memory/repair.h"

struct remap {
	uintptr_t old, new;
	size_t old_size, new_size;
	const struct range_attributes *range;
	bool keeps; /* MREMAP_DONTUNMAP */
	/* The last piece of the old place that is the file's; size 0: there is none. */
	uintptr_t file;
	size_t file_size;
	bool is_huge;
};

static uintptr_t smaller(uintptr_t a, uintptr_t b)
{
	return a < b ? a : b;
}

static long hold(uintptr_t address, size_t size, int fixed)
{
	return SYS_6(SYS_mmap, address, size, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | fixed, -1, 0);
}

/* Holds the place until all is moved there; 0: none to be had. Huge pages go to multiples of their size. */
static uintptr_t hold_place(const struct remapping *move, const struct remap *remap)
{
	bool fixed = move->flags & MREMAP_FIXED;
	size_t size = remap->new_size, spare = !fixed && remap->is_huge ? HUGE_PAGE : 0;
	long address = hold((uintptr_t)move->new, size + spare, fixed ? MAP_FIXED : 0);
	uintptr_t at = ((uintptr_t)address + spare - !!spare) & ~(spare - !!spare);

	if (is_error(address))
		return 0;
	if (!spare)
		return (uintptr_t)address;
	if (at > (uintptr_t)address)
		SYS_2(SYS_munmap, address, at - (uintptr_t)address);
	if (at < (uintptr_t)address + spare)
		SYS_2(SYS_munmap, at + size, (uintptr_t)address + spare - at);
	return at;
}

/* A replacement is private memory of no file; where that was not to be had, shared memory of no file. */
static bool is_file(const struct remap *remap, const struct vma *piece, const struct vma *anchor)
{
	if (anchor->inode)
		return piece->inode == anchor->inode && piece->dev_major == anchor->dev_major &&
		       piece->dev_minor == anchor->dev_minor;
	return piece->inode && piece->shared == !!(remap->range->flags & RANGE_SHARED);
}

/* 0, or -errno: it cannot be done, and nothing has been. */
static int survey(struct remap *remap)
{
	uintptr_t end = remap->old + smaller(remap->old_size, remap->new_size), next;
	struct vma piece, anchor = {0};

	if (remap->range->anchor && vma_query(remap->range->anchor, &anchor, NULL, 0) != 0)
		return -ENOMEM;
	for (uintptr_t at = remap->old; at < end; at = next) {
		int error = vma_query(at, &piece, NULL, 0);

		if (error)
			return error == -ENOENT ? -EFAULT : -ENOMEM;
		next = smaller(piece.end, end);
		remap->is_huge |= piece.page_size > PAGE_SIZE;
		if (is_file(remap, &piece, &anchor)) {
			remap->file = at;
			remap->file_size = next - at;
		}
	}
	/* As the kernel: huge pages do not grow. */
	return remap->is_huge && remap->new_size > remap->old_size ? -EINVAL : 0;
}

/* As the kernel does if the file's last piece is the range's, and what comes behind it is free. */
static bool grow_in_place(const struct remap *remap)
{
	uintptr_t end = remap->old + remap->old_size;

	return remap->file_size && remap->file + remap->file_size == end &&
	       SYS_4(SYS_mremap, remap->file, remap->file_size,
		       remap->new_size - (remap->file - remap->old), 0) == (long)remap->file;
}

static bool shift(const struct remap *remap, uintptr_t from, size_t from_size, size_t to_size)
{
	uintptr_t to = remap->new + (from - remap->old);
	int flags = MREMAP_MAYMOVE | MREMAP_FIXED;
	long result;

	if (remap->keeps)
		flags |= MREMAP_DONTUNMAP;
	do
		result = SYS_5(SYS_mremap, from, from_size, to_size, flags, to);
	while (result == -ENOMEM && reserved_give_up_mapping());
	return result == (long)to;
}

/*
 * What is new at the end is had from the last piece of the file, which grows over all that comes behind
 * it, or from the anchor. It is laid first: the pieces that were replaced then come on top. False: there
 * is neither, as after the head of a range was unmapped, or the anchor's page is behind what is moved.
 */
static bool lay_file(const struct remap *remap)
{
	const struct range_attributes *range = remap->range;
	size_t offset = remap->file - remap->old;

	if (remap->new_size <= remap->old_size)
		return true;
	if (remap->file_size)
		return shift(remap, remap->file, remap->file_size, remap->new_size - offset);
	if (range->anchor && anchor_offset(range->anchor) <= remap->old_size) {
		offset = anchor_offset(range->anchor);
		return anchor_lay(range->anchor, range->flags & RANGE_SHARED,
			remap->new_size - offset, remap->new + offset);
	}
	/* Memory of no file, which no hook saw: its new pages are zeroes. */
	return !(range->flags & RANGE_MAPPED) &&
	       SYS_6(SYS_mmap, remap->new + remap->old_size, remap->new_size - remap->old_size,
		       range->flags & 7, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
		       0) > 0;
}

/*
 * Each piece goes by itself, moved or unmapped: what was moved leaves a hole where another thread may
 * map at once.
 */
static void shift_pieces(const struct remap *remap)
{
	uintptr_t end = remap->old + smaller(remap->old_size, remap->new_size), next;
	bool file_is_laid = remap->new_size > remap->old_size && remap->file_size;
	struct vma piece;

	for (uintptr_t at = remap->old; at < end; at = next) {
		if (file_is_laid && at == remap->file) {
			next = at + remap->file_size;
			continue;
		}
		next = vma_query(at, &piece, NULL, 0) == 0 ? smaller(piece.end, end) : end;
		if (!shift(remap, at, next - at, next - at) && !remap->keeps)
			SYS_2(SYS_munmap, at, next - at);
	}
	if (remap->old_size > remap->new_size)
		SYS_2(SYS_munmap, end, remap->old_size - remap->new_size);
}

static void *fail(int error)
{
	errno = error;
	return MAP_FAILED;
}

/* What the kernel refuses: we must not have begun then. */
static bool is_valid(const struct remap *remap, const struct remapping *move)
{
	uintptr_t new = (uintptr_t)move->new;

	if (move->flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP))
		return false;
	if (remap->keeps && (remap->new_size != remap->old_size || !(move->flags & MREMAP_MAYMOVE)))
		return false;
	if (!(move->flags & MREMAP_FIXED))
		return true;
	return move->flags & MREMAP_MAYMOVE && !(new & ~PAGE_MASK) &&
	       new + remap->new_size > new &&
	       (new >= remap->old + remap->old_size || remap->old >= new + remap->new_size);
}

void *remap_repaired(const struct remapping *move, const struct range_attributes *range,
	struct refusal *refusal)
{
	struct remap remap = {.old = (uintptr_t)move->old,
		.old_size = (move->old_size + PAGE_SIZE - 1) & PAGE_MASK,
		.new_size = (move->new_size + PAGE_SIZE - 1) & PAGE_MASK,
		.keeps = move->flags & MREMAP_DONTUNMAP,
		.range = range};
	int error;

	if (remap.new_size <= remap.old_size && !(move->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)))
		return real.mremap(move->old, move->old_size, move->new_size, move->flags);
	if (!is_valid(&remap, move))
		return fail(EINVAL);
	error = survey(&remap);
	if (error)
		return fail(-error);
	if (!(move->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && grow_in_place(&remap))
		return move->old;
	if (!(move->flags & MREMAP_MAYMOVE))
		return fail(ENOMEM);
	remap.new = hold_place(move, &remap);
	if (!remap.new)
		return fail(ENOMEM);
	if (!lay_file(&remap)) {
		SYS_2(SYS_munmap, remap.new, remap.new_size);
		refusal->why = "pages were replaced there, and no more of the file can be mapped";
		return fail(ENOMEM);
	}
	shift_pieces(&remap);
	return (void *)remap.new;
}
