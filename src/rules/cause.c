/* SPDX-License-Identifier: MIT */
/*
 * Why a page is lost: what can be proved from inside the handler, else unknown. All [H].
 *
 * Only the size of the file proves a truncation. It can be had
 *  - by the file's name, where that still leads to the same inode. The file system is never asked
 *    to do I/O for it (RESOLVE_CACHED, AT_STATX_DONT_SYNC): a dead server would stop the handler,
 *    and what the kernel has cached is what decided the fault;
 *  - without a name by /proc/self/map_files, if we are privileged enough, or, for files in memory,
 *    by a descriptor that the program still has open;
 *  - for a memfd, or a file without a name on a tmpfs, from the first lost page: see
 *    only_the_end_explains().
 *
 * A page inside the file is lost for lack of space only if there is none, and if the access needed
 * some: any access to memory, but on a disk only a write to a page that can be read. Other
 * failures there, and all those of servers, are not told apart: unknown.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include "base/base.h"
#include "base/syscall.h"
#include "base/text.h"
#include "kernel/kernel.h"
#include "rules/fault.h"
#include "rules/rules.h"
#include "table/record.h"

#define DESCRIPTORS_MAX 1024
#define DISK_SPACE_MIN 65536 /* a disk's file system may need some blocks to add one page */
#define TAIL_PROBES 7
#define SEARCH_PROBES 16 /* and so pages: each probe halves what is left */

/* ---- the file itself ---- */

struct file {
	uint64_t inode, size;
	uint32_t dev_major, dev_minor;
	uint16_t mode;
};

static APART int file_status(int directory, const char *path, int flags, struct file *file)
{
	struct statx found;
	long error;

	flags |= AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC;
	error = SYS_5(
		SYS_statx, directory, path, flags, STATX_TYPE | STATX_INO | STATX_SIZE, &found);
	if (error == 0)
		*file = (struct file){found.stx_ino, found.stx_size, found.stx_dev_major,
			found.stx_dev_minor, found.stx_mode};
	return (int)error;
}

static bool is_mapped_file(const struct vma *vma, const struct file *file)
{
	return file->dev_major == vma->dev_major && file->dev_minor == vma->dev_minor &&
	       file->inode == vma->inode;
}

static bool status_by_name(const struct vma *vma, struct file *file)
{
	long fd = kernel_open_cached(vma->path);
	int error;

	if (fd < 0)
		return false;
	error = file_status((int)fd, "", AT_EMPTY_PATH, file);
	SYS_1(SYS_close, fd);
	return error == 0 && is_mapped_file(vma, file);
}

/* The link leads to the mapped file, whatever device number stat() has for it. */
static bool status_by_mapping(const struct vma *vma, struct file *file)
{
	char path[64];
	struct text text = {path, sizeof(path), 0, false};

	text_add(&text, "/proc/self/map_files/");
	text_hex_digits(&text, vma->start);
	text_add(&text, "-");
	text_hex_digits(&text, vma->end);
	return file_status(AT_FDCWD, path, 0, file) == 0 && file->inode == vma->inode;
}

/* Only a file in memory has seals: no other file, and so no server, is asked for its status. */
static bool status_by_descriptor(const struct vma *vma, struct file *file)
{
	for (int fd = 0; fd < DESCRIPTORS_MAX; fd++)
		if (SYS_2(SYS_fcntl, fd, F_GET_SEALS) >= 0 &&
			file_status(fd, "", AT_EMPTY_PATH, file) == 0 && is_mapped_file(vma, file))
			return true;
	return false;
}

static APART bool find_file(const struct vma *vma, struct file *file)
{
	if (vma->path[0] != '/')
		return false;
	if (!vma->deleted)
		return status_by_name(vma, file);
	return status_by_mapping(vma, file) || status_by_descriptor(vma, file);
}

bool file_size(const struct vma *vma, uint64_t *size)
{
	struct file file;

	if (!find_file(vma, &file) || (file.mode & S_IFMT) != S_IFREG)
		return false;
	*size = file.size;
	return true;
}

/* ---- the file's size, from what can be read ---- */

static bool commitments_are_strict(void)
{
	char mode = '2';
	long fd = kernel_open(AT_FDCWD, "/proc/sys/vm/overcommit_memory");

	if (fd < 0)
		return true;
	if (SYS_3(SYS_read, fd, &mode, 1) != 1)
		mode = '2';
	SYS_1(SYS_close, fd);
	return mode == '2';
}

APART bool swap_is_used(void)
{
	struct sysinfo info;

	return SYS_1(SYS_sysinfo, &info) < 0 || info.freeswap != info.totalswap;
}

/* A file without a name, as most of those that programs share are, on a tmpfs. */
static bool is_nameless_in_memory(const struct vma *vma, const struct loss *loss)
{
	return vma->deleted && strcmp(loss->fs, "tmpfs") == 0 && (vma->prot & PROT_READ);
}

/*
 * That a page of a memfd is lost proves that it is behind the file's end, because, other than on a disk
 * or a tmpfs with a limit, every other cause can be excluded:
 *  - a hole is filled on reading, and fails only if the system counts commitments strictly (mode 2);
 *  - a page that was written can be lost only by reading it from swap, so nothing may be there;
 *  - poison has its own si_code and its own answer to the probe;
 *  - huge pages come from a pool that can be empty, so there may be none.
 * The same holds for a file without a name on a tmpfs that has space. (userfaultfd in its SIGBUS mode,
 * on the process's own shared memory, could be made to look the same.)
 */
static bool only_the_end_explains(const struct vma *vma, const struct loss *loss)
{
	bool has_space = strcmp(vma_kind(vma), "memfd") == 0 ||
			 (loss->free_known && loss->free_bytes >= DISK_SPACE_MIN);

	return is_nameless_in_memory(vma, loss) && has_space && !commitments_are_strict() &&
	       !swap_is_used();
}

bool file_end_only_explains(const struct vma *vma)
{
	static const struct loss in_memory = {.fs = "tmpfs"};

	return fs_is_internal(vma) && only_the_end_explains(vma, &in_memory);
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

/* Where a tmpfs has no space: a page behind the lost one that can be read proves that one inside. */
static bool is_inside(const struct vma *vma, uintptr_t page, const struct loss *loss)
{
	uintptr_t pages = (vma->end - page) >> PAGE_SHIFT;
	unsigned count = pages < TAIL_PROBES ? (unsigned)pages : TAIL_PROBES;

	if (!is_nameless_in_memory(vma, loss))
		return false;
	for (unsigned i = 1; i <= count; i++)
		if (probe(page + ((pages * i / count - 1) << PAGE_SHIFT), false) == 0)
			return true;
	return false;
}

static APART bool find_end(const struct vma *vma, uintptr_t page, struct loss *loss)
{
	uintptr_t first;

	if ((vma->end - vma->start) >> PAGE_SHIFT >= 1u << SEARCH_PROBES ||
		!only_the_end_explains(vma, loss) || probe(page, false) != -EFAULT)
		return false;
	first = first_lost(vma->start, page);
	if (!first || !tail_is_lost(first, vma->end))
		return false;
	loss->file_size = vma->offset + (first - vma->start);
	return true;
}

/* ---- devices ---- */

/* file: NULL: not found. */
static bool is_device(const struct vma *vma, const struct file *file, const struct loss *loss)
{
	if (file)
		return S_ISCHR(file->mode) || S_ISBLK(file->mode);
	if (text_starts(vma->path, "/dmabuf:") ||
		text_starts(vma->path, "anon_inode:[vfio-device]"))
		return true;
	return strcmp(vma_kind(vma), "device") == 0 && strcmp(loss->fs, "devtmpfs") == 0;
}

static bool is_there(const char *path)
{
	long fd = kernel_open(AT_FDCWD, path);

	if (fd >= 0)
		SYS_1(SYS_close, fd);
	return fd >= 0;
}

/* Was the disk under the file system pulled out, or the file taken away from a loop device? */
static APART bool disk_is_gone(const struct vma *vma)
{
	char path[64];
	struct text text = {path, sizeof(path), 0, false};
	uint64_t sectors;
	int error;

	if (!vma->dev_major)
		return false;
	text_add(&text, "/sys/dev/block/");
	text_decimal(&text, vma->dev_major);
	text_add(&text, ":");
	text_decimal(&text, vma->dev_minor);
	text_add(&text, "/size");
	error = number_in_file(AT_FDCWD, path, &sectors);
	return error == -ENOENT ? is_there("/sys/dev/block") : error == 0 && sectors == 0;
}

/* ---- space ---- */

struct access {
	const struct vma *vma;
	uintptr_t page;
	bool write;
	struct line_room *reader;
};

/* The page is inside the file. */
static bool lacks_space(const struct access *access, bool readable, struct loss *loss)
{
	const struct vma *vma = access->vma;

	if (strcmp(vma_kind(vma), "hugetlb") == 0) {
		loss->huge = huge_page_lack(vma, access->reader);
		return loss->huge != HUGE_LACK_NONE;
	}
	if (!loss->free_known)
		return false;
	if (strcmp(loss->fs, "tmpfs") == 0)
		return loss->free_bytes < PAGE_SIZE;
	return access->write && readable && vma->shared && loss->free_bytes < DISK_SPACE_MIN;
}

/*
 * Nobody has a descriptor with which anonymous huge pages could be truncated. They are on a mount of
 * the kernel's own; a file of that name is not.
 */
static bool is_untruncatable(const struct vma *vma, const struct loss *loss)
{
	return vma->deleted && strcmp(vma->path, "/anon_hugepage") == 0 && !loss->fs[0] &&
	       vma->page_size != PAGE_SIZE;
}

/* Inside the file, as far as is known. inside: it surely is. */
static enum cause cause_inside(const struct access *access, bool inside, struct loss *loss)
{
	const struct vma *vma = access->vma;
	bool readable = access->write && probe(access->page, false) == 0;

	if (!loss->free_known)
		loss->free_known =
			fs_space(vma, access->reader, &loss->free_bytes, &loss->free_inodes);
	if (!inside && !readable && !is_untruncatable(vma, loss))
		return CAUSE_UNKNOWN;
	if (disk_is_gone(vma))
		return CAUSE_DEVICE;
	return lacks_space(access, readable, loss) ? CAUSE_NOSPACE : CAUSE_UNKNOWN;
}

static void find_cause(const struct access *access, struct loss *loss)
{
	const struct vma *vma = access->vma;
	uintptr_t page = access->page;
	struct file file;
	bool found = find_file(vma, &file), sized = found && S_ISREG(file.mode);

	if (!found && is_nameless_in_memory(vma, loss))
		loss->free_known =
			fs_space(vma, access->reader, &loss->free_bytes, &loss->free_inodes);
	if (sized)
		loss->file_size = file.size;
	else if (!found && find_end(vma, page, loss))
		sized = loss->size_is_bound = true;
	if (is_device(vma, found ? &file : NULL, loss))
		loss->cause = CAUSE_DEVICE;
	else if (sized && loss->file_size <= vma->offset + (page - vma->start))
		loss->cause = CAUSE_TRUNCATED;
	else
		loss->cause = cause_inside(access, sized || is_inside(vma, page, loss), loss);
}

/*
 * A kernel that was built without the handling of bad memory has userfaultfd's poison all the same,
 * and says BUS_ADRERR then. Only memory can have it: no server is asked by looking there.
 */
static bool is_poisoned(const struct vma *vma, uintptr_t page, const struct loss *loss)
{
	bool memory = vma->path[0] != '/' || strcmp(loss->fs, "tmpfs") == 0 ||
		      strcmp(loss->fs, "hugetlbfs") == 0;

	return memory && probe_poison(page);
}

struct loss cause_find(
	const siginfo_t *info, const struct vma *vma, bool write, struct line_room *reader)
{
	uintptr_t page = (uintptr_t)info->si_addr & PAGE_MASK;
	struct access access = {vma, page, write, reader};
	struct loss loss = {.cause = CAUSE_UNKNOWN};

	if (info->si_code == BUS_MCEERR_AR)
		loss.cause = CAUSE_HWPOISON;
	if (!vma)
		return loss;
	fs_type(vma, reader, loss.fs, sizeof(loss.fs));
	if (info->si_code != BUS_ADRERR || page < vma->start || page >= vma->end)
		return loss;
	if (is_poisoned(vma, page, &loss))
		loss.cause = CAUSE_HWPOISON;
	else
		find_cause(&access, &loss);
	return loss;
}

const char cause_names[CAUSE_COUNT][12] = {
	[CAUSE_UNKNOWN] = "unknown",
	[CAUSE_TRUNCATED] = "truncated",
	[CAUSE_NOSPACE] = "nospace",
	[CAUSE_DEVICE] = "device",
	[CAUSE_HWPOISON] = "hwpoison",
};

const char outcome_names[OUTCOME_COUNT][12] = {
	[OUTCOME_OWNER] = "owner",
	[OUTCOME_ZERO] = "zero",
	[OUTCOME_ONES] = "ones",
	[OUTCOME_WAIT] = "wait",
	[OUTCOME_CHAIN] = "chain",
	[OUTCOME_ABORT] = "abort",
	[OUTCOME_DEFAULT] = "default",
	[OUTCOME_RESERVE] = "reserve",
};
