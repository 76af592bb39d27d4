/* SPDX-License-Identifier: MIT */
/* What makes the kernel set AT_SECURE: bits and capabilities of a file, and who starts it. */
#include "tools/run/run.h"

#include <endian.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tools/run/elf-image.h"

/*
 * Does the program get any of these 32 capabilities? The file's inheritable ones count where who starts
 * it has them inheritable, too; under no_new_privs nothing comes to what is permitted already.
 */
static bool gets_any(unsigned word, uint32_t permitted, uint32_t inheritable)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct own[_LINUX_CAPABILITY_U32S_3] = {0};
	uint32_t result;

	for (unsigned bit = 0; bit < 32; bit++)
		if (prctl(PR_CAPBSET_READ, 32 * word + bit, 0, 0, 0) != 1)
			permitted &= ~((uint32_t)1 << bit);
	if (syscall(SYS_capget, &header, own) != 0)
		return permitted != 0;
	result = permitted | (inheritable & own[word].inheritable);
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		result &= own[word].permitted;
	return result != 0;
}

/* The flag alone makes the mode secure, whatever is added. */
static bool has_capabilities(const char *path, bool *grow_here)
{
	struct vfs_ns_cap_data data = {0};
	ssize_t size = getxattr(path, "security.capability", &data, sizeof(data));

	if (size < (ssize_t)sizeof(data.magic_etc))
		return false;
	*grow_here = le32toh(data.magic_etc) & VFS_CAP_FLAGS_EFFECTIVE;
	for (unsigned i = 0; i < VFS_CAP_U32; i++)
		*grow_here |= gets_any(i, le32toh(data.data[i].permitted),
			le32toh(data.data[i].inheritable));
	*grow_here &= getuid() != 0;
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
