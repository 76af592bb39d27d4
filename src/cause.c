/* SPDX-License-Identifier: MIT */
/*
 * Why a page is lost: what can be proved from inside the handler, else unknown. All [H].
 *
 * Only the size of the file proves a truncation. It can be had
 *  - by the file's name, where that still leads to the same inode. The file system is never asked
 * to do I/O for it (RESOLVE_CACHED, AT_STATX_DONT_SYNC): a dead server would stop the handler, and
 *    what the kernel has cached is what decided the fault;
 *  - by /proc/self/map_files for a file without a name, if we are privileged enough;
 *  - for a memfd from the first lost page, because there, other than on a disk or a tmpfs with a
 *    limit, every other cause can be excluded. A hole is filled on reading, and fails only if
 *    the system counts commitments strictly (mode 2); a page that was written can be lost only by
 *    reading it from swap; poison has its own si_code and its own answer to the probe; huge pages
 *    come from a pool that can be empty. So: no huge pages, not mode 2, nothing in swap, and a
 * mapping that is readable up to a page and lost behind it. (userfaultfd in its SIGBUS mode, on the
 *    process's own shared memory, could be made to look the same.)
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include "internal.h"
#include "syscall.h"

#define TAIL_PROBES 7
#define SEARCH_PROBES 16 /* and so pages: each probe halves what is left */

/* ---- the file's size, known ---- */

static int status(int directory, const char *path, int flags, struct statx *file)
{
	flags |= AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC;
	return (int)SYS_5(SYS_statx, directory, path, flags, STATX_INO | STATX_SIZE, file);
}

static int status_by_name(const struct vma *vma, struct statx *file)
{
	struct open_how how = {.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC, .resolve = RESOLVE_CACHED};
	long fd = SYS_4(SYS_openat2, AT_FDCWD, vma->path, &how, sizeof(how));
	int error;

	if (fd < 0)
		return (int)fd;
	error = status((int)fd, "", AT_EMPTY_PATH, file);
	SYS_1(SYS_close, fd);
	if (error == 0 &&
		(file->stx_dev_major != vma->dev_major || file->stx_dev_minor != vma->dev_minor))
		return -ESTALE;
	return error;
}

static int status_by_mapping(const struct vma *vma, struct statx *file)
{
	char path[64];
	struct text text = {path, sizeof(path), 0, false};

	text_add(&text, "/proc/self/map_files/");
	text_hex_digits(&text, vma->start);
	text_add(&text, "-");
	text_hex_digits(&text, vma->end);
	return status(AT_FDCWD, path, 0, file);
}

static bool file_size(const struct vma *vma, uint64_t *size)
{
	struct statx file;
	int error;

	if (vma->path[0] != '/')
		return false;
	error = vma->deleted ? status_by_mapping(vma, &file) : status_by_name(vma, &file);
	if (error < 0 || file.stx_ino != vma->inode)
		return false;
	*size = file.stx_size;
	return true;
}

/* ---- the file's size, from what can be read ---- */

static bool commitments_are_strict(void)
{
	char mode = '2';
	long fd = SYS_4(
		SYS_openat, AT_FDCWD, "/proc/sys/vm/overcommit_memory", O_RDONLY | O_CLOEXEC, 0);

	if (fd < 0)
		return true;
	if (SYS_3(SYS_read, fd, &mode, 1) != 1)
		mode = '2';
	SYS_1(SYS_close, fd);
	return mode == '2';
}

static bool swap_is_used(void)
{
	struct sysinfo info;

	return SYS_1(SYS_sysinfo, &info) < 0 || info.freeswap != info.totalswap;
}

static bool only_the_end_explains(const struct vma *vma)
{
	const char *kind = vma_kind(vma);

	return kind[0] == 'm' && vma->deleted && vma->dev_major == 0 &&
	       vma->page_size == PAGE_SIZE && (vma->prot & PROT_READ) &&
	       !commitments_are_strict() && !swap_is_used();
}

/* Some pages from the lost one up to the last: one that can be read, and it was not the end. */
static bool tail_is_lost(uintptr_t page, uintptr_t end)
{
	uintptr_t pages = (end - page) >> PAGE_SHIFT;
	unsigned count = pages < TAIL_PROBES ? (unsigned)pages : TAIL_PROBES;

	for (unsigned i = 1; i <= count; i++)
		if (probe(page + ((pages * i / count - 1) << PAGE_SHIFT), false) != -EFAULT)
			return false;
	return true;
}

/* The first lost page, 0: it can't be told. lost is one. */
static uintptr_t first_lost(uintptr_t start, uintptr_t lost)
{
	while (start < lost) {
		uintptr_t middle = start + (((lost - start) >> (PAGE_SHIFT + 1)) << PAGE_SHIFT);
		int error = probe(middle, false);

		if (error == -EFAULT)
			lost = middle;
		else if (error == 0)
			start = middle + PAGE_SIZE;
		else
			return 0;
	}
	return lost;
}

static bool find_end(const struct vma *vma, uintptr_t page, uint64_t *size)
{
	uintptr_t first;

	if ((vma->end - vma->start) >> PAGE_SHIFT >= 1u << SEARCH_PROBES ||
		!only_the_end_explains(vma) || probe(page, false) != -EFAULT)
		return false;
	first = first_lost(vma->start, page);
	if (!first || !tail_is_lost(first, vma->end))
		return false;
	*size = vma->offset + (first - vma->start);
	return true;
}

/* ---- */

struct loss cause_find(const siginfo_t *info, const struct vma *vma)
{
	struct loss loss = {CAUSE_UNKNOWN, 0, false};
	uintptr_t page = (uintptr_t)info->si_addr & PAGE_MASK;

	if (info->si_code == BUS_MCEERR_AR)
		loss.cause = CAUSE_HWPOISON;
	if (info->si_code != BUS_ADRERR || page < vma->start || page >= vma->end)
		return loss;
	if (file_size(vma, &loss.file_size)) {
		if (loss.file_size <= vma->offset + (page - vma->start))
			loss.cause = CAUSE_TRUNCATED;
	} else if (find_end(vma, page, &loss.file_size)) {
		loss.cause = CAUSE_TRUNCATED;
		loss.size_is_bound = true;
	}
	return loss;
}

const char *cause_name(enum cause cause)
{
	static const char *const names[CAUSE_COUNT] = {
		[CAUSE_UNKNOWN] = "unknown",
		[CAUSE_TRUNCATED] = "truncated",
		[CAUSE_HWPOISON] = "hwpoison",
	};

	return names[cause];
}
