/* SPDX-License-Identifier: MIT */
/*
 * Is "/" still the directory of the start? All [H].
 *
 * Who may write in a new root decides what a name there stands for: a program of that name would run
 * with the rights of this process, and a file would get what this process writes. So names count in
 * the root of the start only. A descriptor of that root is not kept: it would be a way out of the
 * new one.
 */
#include <fcntl.h>
#include <linux/magic.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include "base/syscall.h"
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

bool is_on_procfs(int fd)
{
	struct statfs status;

	return sys_fstatfs(fd, &status, sizeof(status)) == 0 && status.f_type == PROC_SUPER_MAGIC;
}
