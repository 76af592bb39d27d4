/* SPDX-License-Identifier: MIT */
/*
 * mremap() of a range of which pages were replaced.
 *
 * For the kernel that are several mappings by now, and it refuses. For the program it is one: what was
 * replaced keeps its content, what was not still shows the file, and so does what is new at the end.
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/uio.h>
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
	int flags;
	/* What the old place is made of. */
	struct vma file; /* of the anchor; inode 0: there is none */
	unsigned prot;	 /* of the last piece */
	bool is_huge, is_uniform, ends_in_file;
};

/* Pages at the old place that are one mapping to the kernel. */
struct piece {
	uintptr_t start, end;
	unsigned prot;
	bool is_file;
};

static uintptr_t smaller(uintptr_t a, uintptr_t b)
{
	return a < b ? a : b;
}

static bool is_shared(const struct remap *remap)
{
	return remap->range->flags & RANGE_SHARED;
}

/* ---- what is there ---- */

/* A replacement is private memory of no file; where that was not to be had, shared memory of no file. */
static bool is_of_file(const struct remap *remap, const struct vma *vma)
{
	if (remap->file.inode)
		return vma->inode == remap->file.inode && vma->dev_major == remap->file.dev_major &&
		       vma->dev_minor == remap->file.dev_minor;
	return vma->inode && vma->shared == is_shared(remap);
}

static int find_piece(struct remap *remap, uintptr_t at, uintptr_t end, struct piece *piece)
{
	struct vma vma;
	int error = vma_query(at, &vma, NULL, 0);

	if (error)
		return error == -ENOENT ? -EFAULT : -ENOMEM;
	remap->is_huge |= vma.page_size > PAGE_SIZE;
	*piece = (struct piece){at, smaller(vma.end, end), vma.prot, is_of_file(remap, &vma)};
	return 0;
}

/* 0, or -errno: it cannot be done, and nothing has been. */
static int survey(struct remap *remap)
{
	uintptr_t end = remap->old + smaller(remap->old_size, remap->new_size);
	struct piece piece;

	if (remap->range->anchor && vma_query(remap->range->anchor, &remap->file, NULL, 0) != 0)
		return -ENOMEM;
	remap->is_huge = remap->range->flags & RANGE_HUGE;
	remap->is_uniform = true;
	for (uintptr_t at = remap->old; at < end; at = piece.end) {
		int error = find_piece(remap, at, end, &piece);

		if (error)
			return error;
		if (at > remap->old && piece.prot != remap->prot)
			remap->is_uniform = false;
		remap->prot = piece.prot;
		remap->ends_in_file = piece.is_file;
	}
	/* As the kernel: huge pages neither grow nor leave a mapping behind. */
	if (remap->is_huge && (remap->new_size > remap->old_size || remap->flags & MREMAP_DONTUNMAP))
		return -EINVAL;
	return remap->is_uniform || remap->new_size <= remap->old_size ? 0 : -EFAULT;
}

/* ---- what is new at the end ---- */

static long map_anonymous(uintptr_t address, size_t size, unsigned prot, int fixed)
{
	return SYS_6(SYS_mmap, address, size, prot,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | fixed, -1, 0);
}

/* Memory of no file, which no hook saw, grows by zeroes. False: the file cannot be had. */
static bool lay_file(const struct remap *remap, uintptr_t start, size_t size, uintptr_t to)
{
	const struct range_attributes *range = remap->range;

	if (!range->anchor)
		return !(range->flags & RANGE_MAPPED) &&
		       map_anonymous(to, size, remap->prot, MAP_FIXED) == (long)to;
	return anchor_lay(range->anchor, is_shared(remap), &(struct file_part){start, size}, to) &&
	       SYS_3(SYS_mprotect, to, size, remap->prot) == 0;
}

static bool lay_tail(const struct remap *remap, uintptr_t place)
{
	if (remap->new_size <= remap->old_size || remap->ends_in_file)
		return true;
	return lay_file(remap, remap->old + remap->old_size, remap->new_size - remap->old_size,
		place + remap->old_size);
}

/* As the kernel does if what comes behind the range is free. */
static bool grow_in_place(const struct remap *remap)
{
	uintptr_t end = remap->old + remap->old_size;
	size_t more = remap->new_size - remap->old_size;
	long address;

	if (remap->ends_in_file)
		return SYS_4(SYS_mremap, end - PAGE_SIZE, PAGE_SIZE, PAGE_SIZE + more, 0) ==
		       (long)(end - PAGE_SIZE);
	address = map_anonymous(end, more, PROT_NONE, MAP_FIXED_NOREPLACE);
	if (address == (long)end && lay_tail(remap, remap->old))
		return true;
	if (!is_error(address))
		SYS_2(SYS_munmap, address, more);
	return false;
}

/* ---- moving ---- */

/* Holds the place until all is there; 0: none to be had. Huge pages go to multiples of their size. */
static uintptr_t hold_place(const struct remap *remap)
{
	bool fixed = remap->flags & MREMAP_FIXED;
	size_t size = remap->new_size, spare = !fixed && remap->is_huge ? HUGE_PAGE : 0;
	long address = map_anonymous(
		remap->new, size + spare, PROT_NONE, fixed ? MAP_FIXED : 0);
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

/* What two places shall show stays at the old one, and what it says now comes to the new one. */
static bool copy_piece(const struct piece *piece, uintptr_t to)
{
	size_t size = piece->end - piece->start;
	struct iovec old = {(void *)piece->start, size}, new = {(void *)to, size};

	if (map_anonymous(to, size, PROT_READ | PROT_WRITE, MAP_FIXED) != (long)to)
		return false;
	if (piece->prot & PROT_READ)
		SYS_6(SYS_process_vm_readv, SYS_0(SYS_getpid), &new, 1, &old, 1, 0);
	return SYS_3(SYS_mprotect, to, size, piece->prot) == 0;
}

static bool shift(const struct remap *remap, const struct piece *piece)
{
	uintptr_t to = remap->new + (piece->start - remap->old);
	size_t size = piece->end - piece->start, new_size = size;
	int keeps = remap->flags & MREMAP_DONTUNMAP;
	long result;

	if (keeps && is_shared(remap) && !piece->is_file)
		return copy_piece(piece, to);
	if (piece->is_file && piece->end == remap->old + remap->old_size)
		new_size = remap->new + remap->new_size - to;
	do
		result = SYS_5(SYS_mremap, piece->start, size, new_size > size ? new_size : size,
			MREMAP_MAYMOVE | MREMAP_FIXED | keeps, to);
	while (result == -ENOMEM && reserved_give_up_mapping());
	/* Private memory of a file that moves away leaves the file's own pages behind. */
	if (result == (long)to && keeps && !piece->is_file && remap->range->anchor)
		lay_file(remap, piece->start, size, piece->start);
	return result == (long)to;
}

/*
 * Each piece goes by itself, from the first one on. A piece that was moved leaves a hole in which another
 * thread may map at once, so there is no way back: False is only for the first piece, when nothing was
 * moved yet. A later piece that cannot be moved is lost; the old place is unmapped all the same, as the
 * program expects of a mremap() that succeeded.
 */
static bool shift_pieces(struct remap *remap)
{
	uintptr_t end = remap->old + smaller(remap->old_size, remap->new_size);
	struct piece piece;

	for (uintptr_t at = remap->old; at < end; at = piece.end) {
		if (find_piece(remap, at, end, &piece) != 0)
			piece = (struct piece){.start = at, .end = end};
		if (shift(remap, &piece))
			continue;
		if (at == remap->old)
			return false;
		if (!(remap->flags & MREMAP_DONTUNMAP))
			SYS_2(SYS_munmap, at, piece.end - at);
	}
	if (remap->old_size > remap->new_size)
		SYS_2(SYS_munmap, end, remap->old_size - remap->new_size);
	return true;
}

static void *fail(int error)
{
	errno = error;
	return MAP_FAILED;
}

static void *move_all(struct remap *remap, struct refusal *refusal)
{
	bool has_file;

	remap->new = hold_place(remap);
	if (!remap->new)
		return fail(ENOMEM);
	has_file = lay_tail(remap, remap->new);
	if (has_file && shift_pieces(remap))
		return (void *)remap->new;
	SYS_2(SYS_munmap, remap->new, remap->new_size);
	if (!has_file)
		refusal->why = "pages were replaced there, and no more of the file can be mapped";
	return fail(ENOMEM);
}

/* What the kernel refuses: we must not have begun then. */
static bool is_valid(const struct remap *remap)
{
	uintptr_t new = remap->new;

	if (remap->flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP) ||
		(remap->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP) &&
			!(remap->flags & MREMAP_MAYMOVE)) ||
		(remap->flags & MREMAP_DONTUNMAP && remap->new_size != remap->old_size))
		return false;
	return !(remap->flags & MREMAP_FIXED) ||
	       (!(new & ~PAGE_MASK) && new + remap->new_size > new &&
		       (new >= remap->old + remap->old_size || remap->old >= new + remap->new_size));
}

static struct remap remap_of(
	const struct remapping *move, const struct range_attributes *range)
{
	return (struct remap){.old = (uintptr_t)move->old,
		.new = (uintptr_t)move->new,
		.old_size = whole_pages(move->old_size),
		.new_size = whole_pages(move->new_size),
		.flags = move->flags,
		.range = range};
}

void *remap_repaired(const struct remapping *move, const struct range_attributes *range,
	struct refusal *refusal)
{
	struct remap remap = remap_of(move, range);
	int error;

	if (remap.new_size <= remap.old_size && !(move->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)))
		return real.mremap(move->old, move->old_size, move->new_size, move->flags);
	if (!is_valid(&remap))
		return fail(EINVAL);
	error = survey(&remap);
	if (error == -ENOMEM)
		refusal->why = "pages were replaced there, and the kernel does not say which: is there no /proc?";
	if (error)
		return fail(-error);
	if (!(move->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && grow_in_place(&remap))
		return move->old;
	if (!(move->flags & MREMAP_MAYMOVE))
		return fail(ENOMEM);
	return move_all(&remap, refusal);
}

/* ---- mremap(old, 0, ...) ---- */

void *remap_copy_repaired(
	const struct remapping *move, const struct range_attributes *range, uintptr_t end)
{
	struct remap remap = remap_of(move, range);
	struct piece piece;
	int error;

	end = smaller(end, remap.old + remap.new_size);
	if (!is_valid(&remap))
		return fail(EINVAL);
	if (!(move->flags & MREMAP_MAYMOVE))
		return fail(ENOMEM);
	if (vma_query(range->anchor, &remap.file, NULL, 0) != 0)
		return fail(ENOMEM);
	error = find_piece(&remap, remap.old, end, &piece);
	if (error)
		return fail(-error);
	remap.prot = piece.prot;
	remap.new = hold_place(&remap);
	if (!remap.new)
		return fail(ENOMEM);
	if (!lay_file(&remap, remap.old, remap.new_size, remap.new)) {
		SYS_2(SYS_munmap, remap.new, remap.new_size);
		return fail(ENOMEM);
	}
	for (uintptr_t at = remap.old; at < end; at = piece.end)
		if (find_piece(&remap, at, end, &piece) != 0)
			break;
		else if (!piece.is_file)
			copy_piece(&piece, remap.new + (at - remap.old));
	return (void *)remap.new;
}
