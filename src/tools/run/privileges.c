/* SPDX-License-Identifier: MIT */
/* What makes the kernel set AT_SECURE: bits and capabilities of a file, and who starts it. */
#include "tools/run/run.h"

#include <endian.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tools/run/elf-image.h"

/* Capabilities that the file adds, or takes from those who pass it some on (inheritable). */
static bool has_capabilities(const char *path, bool *grow_here)
{
	struct vfs_ns_cap_data data = {0};
	ssize_t size = getxattr(path, "security.capability", &data, sizeof(data));
	bool permitted = false;

	if (size < (ssize_t)sizeof(data.magic_etc))
		return false;
	for (size_t i = 0; i < sizeof(data.data) / sizeof(data.data[0]); i++)
		permitted |= data.data[i].permitted != 0;
	/* With no_new_privs none is added, but the flag alone makes the mode secure. */
	*grow_here = getuid() != 0 &&
		     ((le32toh(data.magic_etc) & VFS_CAP_FLAGS_EFFECTIVE) ||
			     (permitted && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1));
	return true;
}

struct privileges privileges_of(const char *path)
{
	const mode_t set_gid = S_ISGID | S_IXGRP;
	struct privileges result = {0};
	struct statvfs fs;
	struct stat file;
	bool grow_here;

	if (getuid() != geteuid() || getgid() != getegid())
		return (struct privileges){"started with two user or group ids", true, true};
	if (stat(path, &file) != 0 || statvfs(path, &fs) != 0 || (fs.f_flag & ST_NOSUID))
		return result;
	if (has_capabilities(path, &grow_here)) {
		result.what = "file capabilities (setcap -r removes them)";
		result.here = grow_here;
	}
	if (result.here || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		return result;
	if ((file.st_mode & set_gid) == set_gid) {
		result = (struct privileges){"setgid", file.st_gid != getgid(), true};
		if (result.here)
			return result;
	}
	if (file.st_mode & S_ISUID)
		result = (struct privileges){"setuid", file.st_uid != getuid(), true};
	return result;
}
