/* SPDX-License-Identifier: MIT */
/*
 * Is "/" still the directory of the start? All [H].
 *
 * Who may write in a new root decides what a name there stands for: a program of that name would run
 * with the rights of this process, and a file would get what this process writes. So names count in
 * the root of the start only. A descriptor of that root is not kept: it would be a way out of the
 * new one. What the kernel says of this process counts in any root, if it is the kernel that says it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include "base/syscall.h"
#include "base/text.h"
#include "kernel/kernel.h"

#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x4000u /* Linux 6.8; without it the number of a mount may be reused */
#endif

/* The mount, too: each mount name space has mounts of its own, and a directory may be mounted twice. */
struct root {
	uint64_t device, inode, mount;
	bool known;
};
static struct root first;

static struct root look(void)
{
	unsigned wanted = STATX_INO | STATX_MNT_ID | STATX_MNT_ID_UNIQUE;
	struct statx status;

	if (SYS_5(SYS_statx, AT_FDCWD, "/", AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, wanted, &status) !=
		0)
		return (struct root){.known = false};
	return (struct root){
		.device = (uint64_t)status.stx_dev_major << 32 | status.stx_dev_minor,
		.inode = status.stx_ino,
		.mount = status.stx_mask & (STATX_MNT_ID | STATX_MNT_ID_UNIQUE) ? status.stx_mnt_id
										: 0,
		.known = true};
}

void root_init(void)
{
	first = look();
}

bool root_is_ours(void)
{
	struct root now = look();

	return first.known && now.known && now.device == first.device &&
	       now.inode == first.inode && now.mount == first.mount;
}

/* A filter may refuse the question; a regular file that has bytes to read has a size, but for the kernel's. */
static bool has_no_size(int fd)
{
	struct stat status;

	return SYS_2(SYS_fstat, fd, &status) == 0 && S_ISREG(status.st_mode) && !status.st_size;
}

static APART bool is_kernels_own(int fd)
{
	struct statfs status;
	long error = sys_fstatfs(fd, &status, sizeof(status));

	if (error == -EPERM || error == -ENOSYS)
		return has_no_size(fd);
	return error == 0 && (status.f_type == PROC_SUPER_MAGIC || status.f_type == SYSFS_MAGIC ||
				     status.f_type == CGROUP2_SUPER_MAGIC);
}

/* O_NONBLOCK: nobody may ever write to a FIFO of that name. */
long kernel_open(int directory, const char *path)
{
	long fd = SYS_4(SYS_openat, directory, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);

	if (fd < 0 || is_kernels_own((int)fd))
		return fd;
	SYS_1(SYS_close, fd);
	return -ENODEV;
}

/* Before Linux 3.17, or where /proc is missing. */
static APART long open_by_process(const char *name)
{
	char path[40];
	struct text text = {path, sizeof(path), 0, false};

	text_add(&text, "/proc/self/");
	text_add(&text, name);
	return kernel_open(AT_FDCWD, path);
}

/* /proc/self is no help once the main thread has ended. */
long kernel_open_own(const char *path)
{
	long fd = kernel_open(AT_FDCWD, path);

	return fd == -ENOENT ? open_by_process(path + strlen(KERNEL_OWN)) : fd;
}

#define LOOKUPS_MAX 16

/*
 * -EAGAIN is no answer yet: so says the kernel, too, when anything was mounted anywhere meanwhile, and
 * whoever has a user name space mounts as often as it likes.
 */
APART long kernel_open_cached(const char *path)
{
	struct open_how how = {.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC, .resolve = RESOLVE_CACHED};
	long fd;

	for (int i = 0; i < LOOKUPS_MAX; i++) {
		fd = SYS_4(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
		if (fd != -EAGAIN)
			break;
	}
	return fd;
}
