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
#include <linux/openat2.h>
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

/* ---- one line of mountinfo: ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAG...] - TYPE ... ---- */

enum {
	FIELD_ID,
	FIELD_PARENT,
	FIELD_DEVICE,
	FIELD_ROOT,
	FIELD_POINT,
	FIELD_OPTIONS,
	FIELD_TAGS,
	FIELD_TYPE,
	FIELD_REST
};

static void put_byte(char *buffer, size_t size, size_t *length, char byte)
{
	if (*length + 1 < size)
		buffer[*length] = byte;
	++*length;
}

static void put_name(struct mount_scan *scan, char byte)
{
	if (scan->field == FIELD_POINT)
		put_byte(scan->point, sizeof(scan->point), &scan->point_length, byte);
	else
		put_byte(scan->type, sizeof(scan->type), &scan->type_length, byte);
}

/* Blanks, "\" and "#" come as "\" and three octal digits. */
static void put_escaped(struct mount_scan *scan, char byte)
{
	if (scan->octal > 0) {
		scan->byte = (unsigned char)(scan->byte << 3 | (byte & 7));
		if (--scan->octal == 0)
			put_name(scan, (char)scan->byte);
	} else if (byte == '\\') {
		scan->octal = 3;
		scan->byte = 0;
	} else {
		put_name(scan, byte);
	}
}

static void put_number(uint64_t *number, char byte)
{
	*number = *number * 10 + (unsigned)(byte - '0');
}

static void put_device(struct mount_scan *scan, char byte)
{
	if (byte == ':') {
		scan->major = scan->minor;
		scan->minor = 0;
	} else {
		put_number(&scan->minor, byte);
	}
}

static void put(struct mount_scan *scan, char byte)
{
	scan->dash = scan->column++ == 0 && byte == '-';
	if (scan->field == FIELD_ID)
		put_number(&scan->id, byte);
	else if (scan->field == FIELD_DEVICE)
		put_device(scan, byte);
	else if (scan->field == FIELD_POINT || scan->field == FIELD_TYPE)
		put_escaped(scan, byte);
}

static void end_field(struct mount_scan *scan)
{
	if (scan->field == FIELD_DEVICE &&
		(scan->major != scan->dev_major || scan->minor != scan->dev_minor))
		scan->field = FIELD_REST; /* some other device's: no field matters */
	else if (scan->field < FIELD_TAGS || scan->field == FIELD_TYPE || scan->dash)
		scan->field++;
	scan->column = 0;
	scan->octal = 0;
}

static void next_line(struct mount_scan *scan)
{
	uint32_t dev_major = scan->dev_major, dev_minor = scan->dev_minor;

	memset(scan, 0, sizeof(*scan));
	scan->dev_major = dev_major;
	scan->dev_minor = dev_minor;
}

bool mount_scan(struct mount_scan *scan, const char *bytes, size_t *length)
{
	for (size_t i = 0; i < *length; i++) {
		if (scan->ended)
			next_line(scan);
		scan->ended = bytes[i] == '\n';
		if (scan->ended && scan->type_length > 0) {
			*length = i + 1;
			return true;
		}
		if (scan->ended || scan->field == FIELD_REST)
			continue;
		if (bytes[i] == ' ')
			end_field(scan);
		else
			put(scan, bytes[i]);
	}
	return false;
}

/* ---- the mounts of a device ---- */

typedef bool (*mount_visit)(const struct mount_scan *mount, void *data);

/* Until a visit says true. */
static bool visit_text(
	struct mount_scan *scan, const char *bytes, size_t length, mount_visit visit, void *data)
{
	size_t done;

	for (; length > 0; bytes += done, length -= done) {
		done = length;
		if (mount_scan(scan, bytes, &done) && visit(scan, data))
			return true;
	}
	return false;
}

static bool visit_mounts(
	const struct vma *vma, struct mount_reader *reader, mount_visit visit, void *data)
{
	struct mount_scan *scan = &reader->scan;
	bool found = false;
	long length, fd;

	if (!vma->inode || (fd = kernel_open_own(KERNEL_OWN "mountinfo")) < 0)
		return false;
	memset(scan, 0, sizeof(*scan));
	scan->dev_major = vma->dev_major;
	scan->dev_minor = vma->dev_minor;
	do {
		length = SYS_3(SYS_read, fd, reader->chunk, sizeof(reader->chunk));
		if (length > 0)
			found = visit_text(scan, reader->chunk, (size_t)length, visit, data);
	} while (!found && length > 0);
	SYS_1(SYS_close, fd);
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
 * first, remembers it; NO_DEVICE: this kernel has no such file system.
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

	if (sys_fstatfs(fd, &status, sizeof(status)) < 0 || status.f_type != HUGETLBFS_MAGIC)
		return PAGE_SIZE;
	return (uint32_t)status.f_bsize;
}

static bool take_type(const struct mount_scan *mount, void *data)
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

const char *fs_type(const struct vma *vma, struct mount_reader *reader, char *buffer, size_t size)
{
	struct text text = {.buffer = buffer, .size = size};
	const char *unlisted;

	if (!fs_is_internal(vma) && visit_mounts(vma, reader, take_type, &text))
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

bool fs_is_served(const char *type)
{
	static const char types[][12] = {
		"nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "afs", "virtiofs", "lustre", "coda"};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(type, types[i]) == 0)
			return true;
	return text_starts(type, "fuse");
}

/* ---- space ---- */

/* Their statfs() adds up what is in memory: no I/O that could hang, no lock held over I/O. */
static bool has_local_answer(const char *type)
{
	static const char types[][12] = {
		"tmpfs", "ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "bcachefs"};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(type, types[i]) == 0)
			return true;
	return false;
}

/* The mount point is what is listed, not something that was mounted over it or over its parents. */
static bool is_mount(int fd, uint64_t id)
{
	struct statx status;
	long error =
		SYS_5(SYS_statx, fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &status);

	return error == 0 && (status.stx_mask & STATX_MNT_ID) && status.stx_mnt_id == id;
}

static bool ask_space(const struct mount_scan *mount, void *data)
{
	struct open_how how = {.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC, .resolve = RESOLVE_CACHED};
	bool answered;
	long fd;

	if (mount->point_length >= sizeof(mount->point) || !has_local_answer(mount->type))
		return false;
	fd = SYS_4(SYS_openat2, AT_FDCWD, mount->point, &how, sizeof(how));
	if (fd < 0)
		return false;
	answered = is_mount((int)fd, mount->id) && sys_fstatfs((int)fd, data, sizeof(struct statfs)) == 0;
	SYS_1(SYS_close, fd);
	return answered;
}

bool fs_space(const struct vma *vma, struct mount_reader *reader, uint64_t *free_bytes,
	uint64_t *free_inodes)
{
	struct statfs status;

	/* A tmpfs without a limit says that it has no blocks at all. */
	if (fs_is_internal(vma) || !visit_mounts(vma, reader, ask_space, &status) || !status.f_blocks)
		return false;
	*free_bytes = (uint64_t)status.f_bavail * (uint64_t)status.f_bsize;
	*free_inodes = status.f_ffree;
	return true;
}
