/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into an unmodified program: as soon as it has mapped the file TRUNCATE_PATH, that file
 * is truncated to TRUNCATE_SIZE bytes, as if somebody else had done it at this moment.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

static void truncate_if_mapped(int fd)
{
	const char *path = getenv("TRUNCATE_PATH"), *size = getenv("TRUNCATE_SIZE");
	struct stat mapped, file;

	if (path && size && fstat(fd, &mapped) == 0 && stat(path, &file) == 0 &&
		mapped.st_dev == file.st_dev && mapped.st_ino == file.st_ino &&
		truncate(path, strtol(size, NULL, 10)) < 0)
		_exit(98);
}

EXPORT void *mmap(void *address, size_t length, int prot, int flags, int fd, off_t offset)
{
	long result = syscall(SYS_mmap, address, length, prot, flags, fd, offset);

	if (result != -1 && fd >= 0)
		truncate_if_mapped(fd);
	return (void *)result;
}

EXPORT void *mmap64(void *address, size_t length, int prot, int flags, int fd, off_t offset)
{
	return mmap(address, length, prot, flags, fd, offset);
}
