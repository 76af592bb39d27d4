/* SPDX-License-Identifier: MIT */
/*
 * The file system that a mapping's file is on: its type, and what space is left. All [H].
 *
 * The file is never opened and no server is asked: mountinfo tells the type by the device, and only
 * file systems whose answer is in the kernel's memory are asked for their space, at a mount point
 * that can be reached without any I/O and is still the listed mount.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include "base/base.h"
#include "base/syscall.h"
#include "base/text.h"
#include "kernel/kernel.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8
#endif
#ifndef MFD_HUGE_SHIFT
#define MFD_HUGE_SHIFT 26
#endif

/* ---- mountinfo: ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAG...] - TYPE ... ---- */

/* Ends the field at *at and goes on to the next one; NULL: there is none. */
static char *take_field(char **at)
{
	char *field = *at, *end = field;

	while (*end && *end != ' ')
		end++;
	*at = *end ? end + 1 : end;
	*end = '\0';
	return *field ? field : NULL;
}

/* Blanks, "\" and "#" come as "\" and three octal digits. */
static void unescape(char *field)
{
	char *to = field;

	for (const char *at = field; *at; to++)
		if (at[0] == '\\' && at[1] && at[2] && at[3]) {
			*to = (char)((at[1] & 7) << 6 | (at[2] & 7) << 3 | (at[3] & 7));
			at += 4;
		} else {
			*to = *at++;
		}
	*to = '\0';
}

bool mount_line(char *line, uint32_t dev_major, uint32_t dev_minor, struct mount *mount)
{
	uint64_t parent, major, minor;
	const char *numbers = line;
	char *at, *field;

	if (!line_number(&numbers, 10, ' ', &mount->id) || !line_number(&numbers, 10, ' ', &parent) ||
		!line_number(&numbers, 10, ':', &major) || !line_number(&numbers, 10, ' ', &minor) ||
		major != dev_major || minor != dev_minor)
		return false;
	at = line + (numbers - line);
	take_field(&at);
	mount->point = take_field(&at);
	take_field(&at);
	do
		field = take_field(&at);
	while (field && strcmp(field, "-") != 0);
	mount->type = take_field(&at);
	if (!field || !mount->point || !mount->type)
		return false;
	unescape(mount->point);
	unescape(mount->type);
	return true;
}

/* The mounts of a device, until a visit says true. */
typedef bool (*mount_visit)(const struct mount *mount, void *data);

static bool visit_mounts(
	const struct vma *vma, struct line_room *room, mount_visit visit, void *data)
{
	struct line_reader reader;
	bool found = false;
	struct mount mount;
	char *line;

	if (!vma->inode || !lines_open(&reader, KERNEL_OWN "mountinfo", room->bytes, sizeof(room->bytes)))
		return false;
	while (!found && (line = lines_next(&reader)))
		found = mount_line(line, vma->dev_major, vma->dev_minor, &mount) && visit(&mount, data);
	lines_close(&reader);
	return found;
}

/* ---- type ---- */

/* Some systems want to be told that it is no program; Linux before 6.3 does not understand that. */
static long create_file(unsigned flags)
{
	long fd = SYS_2(SYS_memfd_create, "", flags | MFD_CLOEXEC | MFD_NOEXEC_SEAL);

	return fd == -EINVAL ? SYS_2(SYS_memfd_create, "", flags | MFD_CLOEXEC) : fd;
}

#define NO_DEVICE UINT64_MAX

/*
 * The device of one of the kernel's own file systems, which are mounted nowhere: that of each memfd
 * made with the flags. It is the same in all processes until the system is shut down, so *known, 0 at
 * first, remembers it, whoever stores it; NO_DEVICE: this kernel has no such file system.
 */
static uint64_t device_of_memfds(_Atomic uint64_t *known, unsigned flags)
{
	uint64_t device = atomic_load(known);
	struct statx status;
	long fd, error;

	if (device)
		return device;
	fd = create_file(flags);
	if (fd < 0) {
		if (fd == -EINVAL || fd == -ENODEV)
			atomic_store(known, NO_DEVICE);
		return NO_DEVICE;
	}
	error = SYS_5(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_INO, &status);
	SYS_1(SYS_close, fd);
	if (error != 0)
		return NO_DEVICE;
	device = (uint64_t)status.stx_dev_major << 32 | status.stx_dev_minor;
	atomic_store(known, device);
	return device;
}

static uint64_t device_of(const struct vma *vma)
{
	return (uint64_t)vma->dev_major << 32 | vma->dev_minor;
}

bool fs_is_internal(const struct vma *vma)
{
	static _Atomic uint64_t device;

	return vma->inode && device_of(vma) == device_of_memfds(&device, 0);
}

uint32_t fs_huge_page_size(const struct vma *vma)
{
	static _Atomic uint64_t devices[2];
	static const unsigned shifts[] = {21, 30};

	/* File systems on disks, and those that are mounted, have other numbers. */
	if (!vma->inode || vma->dev_major || fs_is_internal(vma))
		return 0;
	for (int i = 0; i < 2; i++)
		if (device_of(vma) ==
			device_of_memfds(&devices[i], MFD_HUGETLB | shifts[i] << MFD_HUGE_SHIFT))
			return (uint32_t)1 << shifts[i];
	return 0;
}

uint32_t fs_page_size(int fd)
{
	struct statfs status;

	if (sys_fstatfs(fd, &status, sizeof(status)) < 0 ||
		(uint32_t)status.f_type != HUGETLBFS_MAGIC)
		return PAGE_SIZE;
	return (uint32_t)status.f_bsize;
}

static bool take_type(const struct mount *mount, void *data)
{
	text_add(data, mount->type);
	return true;
}

/* A file that has no name and is on no mount: it is in memory, in pages of either size. */
static const char *unlisted_type(const struct vma *vma)
{
	if (!vma->deleted ||
		!(text_starts(vma->path, "/memfd:") || text_starts(vma->path, "/SYSV")))
		return NULL;
	if (fs_is_internal(vma))
		return "tmpfs";
	return vma->page_size > PAGE_SIZE ? "hugetlbfs" : NULL;
}

const char *fs_type(const struct vma *vma, struct line_room *room, char *buffer, size_t size)
{
	struct text text = {.buffer = buffer, .size = size};
	const char *unlisted;

	if (!fs_is_internal(vma) && visit_mounts(vma, room, take_type, &text))
		return buffer;
	unlisted = unlisted_type(vma);
	if (!unlisted)
		return NULL;
	text_add(&text, unlisted);
	return buffer;
}

const char *fs_alias(const char *type, unsigned i)
{
	if (i == 0)
		return type[0] ? type : NULL;
	if (text_starts(type, "fuse") && type[4])
		return "fuse";
	return strcmp(type, "nfs4") == 0 ? "nfs" : NULL;
}

static bool is_among(const char *type, const char (*types)[12], size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(type, types[i]) == 0)
			return true;
	return false;
}

bool fs_is_served(const char *type)
{
	static const char types[][12] = {
		"nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "afs", "virtiofs", "lustre", "coda"};

	return is_among(type, types, sizeof(types) / sizeof(*types)) || text_starts(type, "fuse");
}

/* ---- space ---- */

/* Their statfs() adds up what is in memory: no I/O that could hang, no lock held over I/O. */
static bool has_local_answer(const char *type)
{
	static const char types[][12] = {
		"tmpfs", "ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "bcachefs"};

	return is_among(type, types, sizeof(types) / sizeof(*types));
}

/* The mount point is what is listed, not something that was mounted over it or over its parents. */
static bool is_mount(int fd, uint64_t id)
{
	struct statx status;
	long error =
		SYS_5(SYS_statx, fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &status);

	return error == 0 && (status.stx_mask & STATX_MNT_ID) && status.stx_mnt_id == id;
}

static bool ask_space(const struct mount *mount, void *data)
{
	bool answered;
	long fd;

	if (!has_local_answer(mount->type))
		return false;
	fd = kernel_open_cached(mount->point);
	if (fd < 0)
		return false;
	answered = is_mount((int)fd, mount->id) && sys_fstatfs((int)fd, data, sizeof(struct statfs)) == 0;
	SYS_1(SYS_close, fd);
	return answered;
}

bool fs_space(const struct vma *vma, struct line_room *room, uint64_t *free_bytes,
	uint64_t *free_inodes)
{
	struct statfs status;

	/* A tmpfs without a limit says that it has no blocks at all. */
	if (fs_is_internal(vma) || !visit_mounts(vma, room, ask_space, &status) || !status.f_blocks)
		return false;
	*free_bytes = (uint64_t)status.f_bavail * (uint64_t)status.f_bsize;
	*free_inodes = status.f_ffree;
	return true;
}
