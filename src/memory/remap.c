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
#include "memory/memory.h"

struct remap {
	uintptr_t old, new;
	size_t old_size, new_size;
	uintptr_t anchor;
	unsigned prot;
};

static uintptr_t smaller(uintptr_t a, uintptr_t b)
{
	return a < b ? a : b;
}

/* Holds the place until all is moved there; 0: none to be had. */
static uintptr_t hold_place(const struct remapping *move)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	long address;

	if (move->flags & MREMAP_FIXED)
		flags |= MAP_FIXED;
	address = SYS_6(SYS_mmap, move->flags & MREMAP_FIXED ? move->new : NULL, move->new_size,
		PROT_NONE, flags, -1, 0);
	return is_error(address) ? 0 : (uintptr_t)address;
}

static bool shift(uintptr_t from, size_t from_size, size_t to_size, uintptr_t to)
{
	return SYS_5(SYS_mremap, from, from_size, to_size, MREMAP_MAYMOVE | MREMAP_FIXED, to) ==
	       (long)to;
}

static void zero_tail(const struct remap *remap)
{
	if (remap->new_size > remap->old_size)
		SYS_6(SYS_mmap, remap->new + remap->old_size, remap->new_size - remap->old_size,
			remap->prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

/* Without an anchor the pieces themselves move; the last one brings its file along if it has one. */
static void shift_piece(const struct remap *remap, uintptr_t start, uintptr_t end, bool has_file)
{
	size_t size = end - start, offset = start - remap->old, grown = size;

	if (!remap->anchor && has_file && end == remap->old + remap->old_size &&
		remap->new_size > remap->old_size)
		grown = remap->new_size - offset;
	if (!shift(start, size, grown, remap->new + offset))
		SYS_2(SYS_munmap, start, size);
}

/*
 * Each piece goes by itself, moved or unmapped: what was moved leaves a hole where another thread may
 * map at once.
 */
static bool shift_pieces(const struct remap *remap)
{
	uintptr_t end = remap->old + smaller(remap->old_size, remap->new_size);
	struct vma file = {0}, piece;

	if (remap->anchor && vma_query(remap->anchor, &file, NULL, 0) != 0)
		return false;
	for (uintptr_t at = remap->old; at < end; at = smaller(piece.end, end)) {
		bool is_file;

		if (vma_query(at, &piece, NULL, 0) != 0)
			return false;
		is_file = remap->anchor ? piece.inode == file.inode &&
						  piece.dev_major == file.dev_major &&
						  piece.dev_minor == file.dev_minor
					: piece.inode != 0;
		if (!remap->anchor || !is_file)
			shift_piece(remap, at, smaller(piece.end, end), is_file);
		else
			SYS_2(SYS_munmap, at, smaller(piece.end, end) - at);
	}
	if (remap->old_size > remap->new_size)
		SYS_2(SYS_munmap, end, remap->old_size - remap->new_size);
	return true;
}

static bool shift_all(const struct remap *remap)
{
	if (remap->anchor) {
		if (!shift(remap->anchor, 0, remap->new_size, remap->new))
			return false;
	} else {
		zero_tail(remap);
	}
	return shift_pieces(remap);
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

	if (move->flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED))
		return false;
	if (!(move->flags & MREMAP_FIXED))
		return true;
	return move->flags & MREMAP_MAYMOVE && !(new & ~PAGE_MASK) &&
	       new + remap->new_size > new &&
	       (new >= remap->old + remap->old_size || remap->old >= new + remap->new_size);
}

void *remap_repaired(const struct remapping *move, uintptr_t anchor, unsigned prot)
{
	struct remap remap = {.old = (uintptr_t)move->old,
		.old_size = (move->old_size + PAGE_SIZE - 1) & PAGE_MASK,
		.new_size = (move->new_size + PAGE_SIZE - 1) & PAGE_MASK,
		.anchor = anchor,
		.prot = prot};

	if (remap.new_size <= remap.old_size && !(move->flags & MREMAP_FIXED))
		return real.mremap(move->old, move->old_size, move->new_size, move->flags);
	if (!is_valid(&remap, move))
		return fail(EINVAL);
	if (!(move->flags & MREMAP_MAYMOVE))
		return fail(ENOMEM);
	remap.new = hold_place(move);
	if (!remap.new)
		return fail(ENOMEM);
	if (!shift_all(&remap)) {
		SYS_2(SYS_munmap, remap.new, remap.new_size);
		return fail(ENOMEM);
	}
	return (void *)remap.new;
}
