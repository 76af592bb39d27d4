/* SPDX-License-Identifier: MIT */
/*
 * The action "reserve": the blocks of a shared file mapping exist before it is used, or mmap()
 * fails; so do anonymous huge pages and those of a System V segment.
 *
 * A sparse file on a full file system is mapped without complaint and kills at the first write. Huge
 * pages are promised when they are mapped, but the limit of a control group counts when one is first
 * touched, and with MAP_NORESERVE nothing is promised. What is asked for is compared with the free
 * space first: a request that cannot be met must not fill the file system for others while it fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include "base/base.h"
#include "base/syscall.h"
#include "kernel/kernel.h"
#include "kernel/mask.h"
#include "kernel/scratch.h"
#include "memory/memory.h"
#include "policy/policy.h"
#include "rules/rules.h"
#include "signal/disposition.h"
#include "table/table.h"

#define SECTOR 512

static bool is_writable(int fd)
{
	long flags = SYS_2(SYS_fcntl, fd, F_GETFL);

	return flags >= 0 && (flags & O_ACCMODE) == O_RDWR;
}

/*
 * No free space is known of a file system without a limit (the kernel's own tmpfs of memfds), but huge
 * pages come from a pool.
 */
static bool has_room(int fd, const struct stat *file, uint64_t length, struct refusal *refusal)
{
	uint64_t allocated = (uint64_t)file->st_blocks * SECTOR, free_blocks, pool;
	uint64_t missing = length > allocated ? length - allocated : 0;
	struct statfs space;

	if (sys_fstatfs(fd, &space, sizeof(space)) < 0)
		return true;
	free_blocks = space.f_blocks ? (uint64_t)space.f_bavail : UINT64_MAX;
	if ((unsigned)space.f_type == HUGETLBFS_MAGIC) {
		missing = (missing + (uint64_t)space.f_bsize - 1) & ~((uint64_t)space.f_bsize - 1);
		if (huge_pages_left((uint32_t)space.f_bsize, &pool) && pool < free_blocks)
			free_blocks = pool;
	}
	if (free_blocks == UINT64_MAX)
		return true;
	refusal->free_known = true;
	refusal->free_bytes = free_blocks * (uint64_t)space.f_bsize;
	return missing / (uint64_t)space.f_bsize <= free_blocks;
}

/* The file keeps its size. A file system that cannot do this at all: as without us. */
static bool allocate(int fd, off_t offset, size_t length)
{
	long error = sys_fallocate(fd, FALLOC_FL_KEEP_SIZE, offset, length);

	return error != -ENOSPC && error != -EDQUOT;
}

/* The rule that asks for it, or NULL. */
static const struct rule *reserving_rule(const struct mapping *mapping, unsigned owner)
{
	struct facts facts;
	const struct rule *rule;

	facts_begin(&facts, owner, NULL, mapping);
	rule = facts_match(&facts);
	facts_end(&facts);
	return policy_rule_has(rule, ACTION_RESERVE) ? rule : NULL;
}

static bool can_be_reserved(const struct mapping *mapping, struct stat *file)
{
	if (mapping->flags & MAP_ANONYMOUS) /* and segments */
		return mapping->flags & MAP_HUGETLB;
	return (mapping->flags & MAP_TYPE) != MAP_PRIVATE && is_writable(mapping->fd) &&
	       SYS_2(SYS_fstat, mapping->fd, file) == 0 && S_ISREG(file->st_mode);
}

int reserve(const struct mapping *mapping, struct refusal *refusal)
{
	uint64_t length = mapping->length;
	struct stat file;

	if (!can_be_reserved(mapping, &file))
		return 0;
	refusal->rule = reserving_rule(mapping, refusal->owner);
	if (!refusal->rule)
		return 0;
	if (mapping->flags & MAP_ANONYMOUS)
		return RANGE_RESERVED;
	/* What is mapped behind the end of the file is lost in any case; the file may never grow there. */
	if (mapping->offset >= file.st_size)
		return RANGE_RESERVED;
	if (length > (uint64_t)(file.st_size - mapping->offset))
		length = (uint64_t)(file.st_size - mapping->offset);
	if (has_room(mapping->fd, &file, length, refusal) && allocate(mapping->fd, mapping->offset, (size_t)length))
		return RANGE_RESERVED;
	refusal->wanted = length;
	return -ENOMEM;
}

/* False: the pages cannot be had. */
static bool take_pages(uintptr_t start, size_t size)
{
	if (probe_may_populate())
		return !says_lost((int)SYS_3(SYS_madvise, start, size, MADV_POPULATE_WRITE));
	for (uintptr_t page = start; page < start + size; page += PAGE_SIZE)
		if (probe(page, true) == -EFAULT)
			return false;
	return true;
}

bool reserve_pages(uintptr_t start, const struct mapping *mapping, struct refusal *refusal)
{
	if (!(mapping->flags & MAP_ANONYMOUS))
		return true;
	if (!(mapping->prot & PROT_WRITE)) {
		refusal->is_unpopulated = true;
		return true;
	}
	if (take_pages(start, mapping->length))
		return true;
	refusal->wanted = mapping->length;
	return false;
}

bool reserve_segment(uintptr_t start, struct mapping *mapping, struct refusal *refusal)
{
	struct vma vma;

	if (vma_query(start, &vma, NULL, 0) != 0 || vma.page_size <= PAGE_SIZE)
		return true;
	mapping->flags = MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB;
	mapping->is_segment = true;
	return reserve(mapping, refusal) != RANGE_RESERVED || reserve_pages(start, mapping, refusal);
}

/*
 * mremap() has made a range longer. There is no file descriptor: its new pages are populated, which
 * fails where there is no space. Where the file itself is still shorter nothing can be reserved.
 */
static bool populate(
	uintptr_t start, size_t size, const struct vma *vma, struct line_room *reader)
{
	siginfo_t lost = {.si_code = BUS_ADRERR, .si_addr = (void *)start};
	uint64_t bytes, inodes;

	if (fs_space(vma, reader, &bytes, &inodes) && bytes < size)
		return false;
	if (take_pages(start, size))
		return true;
	return cause_find(&lost, vma, true, reader).cause != CAUSE_NOSPACE;
}

bool reserve_tail(uintptr_t start, size_t size)
{
	uint64_t mask = mask_swap(SIG_BLOCK, ~SYNCHRONOUS);
	struct scratch *scratch = scratch_get();
	struct vma vma;
	bool done = true;

	if (scratch && vma_query(start, &vma, scratch->path, sizeof(scratch->path)) == 0)
		done = populate(start, size, &vma, &scratch->mounts);
	if (scratch)
		scratch_put(scratch);
	mask_swap(SIG_SETMASK, mask);
	return done;
}
