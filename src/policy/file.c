/* SPDX-License-Identifier: MIT */
/*
 * The files and presets behind "@NAME". The preload's constructor comes here before malloc and the
 * next functions can be used: raw system calls, and memory from a callback only.
 *
 * The presets that come with the library are compiled into it, so that their names mean the same
 * wherever it was built or moved to; preset_dir is asked for all other names.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include "base/syscall.h"
#include "policy/policy.h"


#define PRESETS_MAX 64

static const char *preset_dir;
static void *(*allocate)(size_t size);

void policy_file_init(const char *dir, void *(*allocator)(size_t size))
{
	preset_dir = dir;
	allocate = allocator;
}

static int open_file(const char *path, int flags)
{
	return (int)SYS_4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | flags, 0);
}

static bool is_roots(const struct stat *status)
{
	return status->st_uid == 0 && !(status->st_mode & (S_IWGRP | S_IWOTH));
}

/* The size of a regular file of bearable size, or -errno. */
static long file_size(int fd, bool trusted)
{
	struct stat status;
	long result = SYS_2(SYS_fstat, fd, &status);

	if (result)
		return result;
	if (S_ISDIR(status.st_mode))
		return -EISDIR;
	if (!S_ISREG(status.st_mode))
		return -EOPNOTSUPP;
	if (trusted && !is_roots(&status))
		return -EKEYREJECTED;
	return status.st_size > POLICY_TEXT_MAX ? -EFBIG : (long)status.st_size;
}

/* How many bytes there are, at most size; or -errno. */
static long read_all(int fd, char *buffer, size_t size)
{
	size_t done = 0;

	while (done < size) {
		long result = SYS_3(SYS_read, fd, buffer + done, size - done);

		if (result == -EINTR)
			continue;
		if (result < 0)
			return result;
		if (result == 0)
			break;
		done += (size_t)result;
	}
	return (long)done;
}

static int read_text(int fd, bool trusted, const char **text, size_t *length)
{
	long size = file_size(fd, trusted);
	char *buffer;

	if (size < 0)
		return (int)size;
	buffer = allocate((size_t)size + 1);
	if (!buffer)
		return -ENOMEM;
	size = read_all(fd, buffer, (size_t)size);
	if (size < 0)
		return (int)size;
	*text = buffer;
	*length = (size_t)size;
	return 0;
}

/* ---- secure mode: nobody but root may have a say in which file it is ---- */

static int check_directory(int fd)
{
	struct stat status;
	long result = SYS_2(SYS_fstat, fd, &status);

	if (result)
		return (int)result;
	if (S_ISLNK(status.st_mode))
		return -EMLINK;
	if (!S_ISDIR(status.st_mode))
		return -ENOTDIR;
	return is_roots(&status) ? 0 : -EKEYREJECTED;
}

/* The next name of a path, and what is behind it; NULL: the name is too long. */
static const char *take_name(const char *path, char name[NAME_MAX + 1])
{
	size_t length = 0;

	while (*path == '/')
		path++;
	while (path[length] && path[length] != '/')
		length++;
	if (length > NAME_MAX)
		return NULL;
	memcpy(name, path, length);
	name[length] = '\0';
	path += length;
	while (*path == '/')
		path++;
	return path;
}

static int open_in(int directory, const char *name, int flags)
{
	int fd = (int)SYS_4(SYS_openat, directory, name, O_CLOEXEC | O_NOFOLLOW | flags, 0);

	return fd == -ELOOP ? -EMLINK : fd;
}

/*
 * Name by name from the root on: who may write to a directory on the way, or leads through a link,
 * could choose the file. Each is looked at after it was opened.
 */
static int open_trusted(const char *path, int flags)
{
	char name[NAME_MAX + 1];
	int directory, next;

	if (*path != '/')
		return -EINVAL;
	for (directory = open_in(AT_FDCWD, "/", O_PATH); directory >= 0; directory = next) {
		int error = check_directory(directory);

		path = take_name(path, name);
		if (!error && !path)
			error = -ENAMETOOLONG;
		next = error ? error : open_in(directory, name, *path ? O_PATH : O_RDONLY | flags);
		SYS_1(SYS_close, directory);
		if (error || !*path)
			return next;
	}
	return directory;
}

static int load_path(const char *path, bool trusted, const char **text, size_t *length)
{
	/* O_NONBLOCK: nobody may ever write to a FIFO of that name. */
	int flags = O_NONBLOCK | O_NOCTTY, result;
	int fd = trusted ? open_trusted(path, flags) : open_file(path, flags);

	if (fd < 0)
		return fd == -ENXIO || fd == -ENODEV ? -EOPNOTSUPP : fd;
	result = read_text(fd, trusted, text, length);
	SYS_1(SYS_close, fd);
	return result;
}

const struct preset *policy_compiled(const char *name)
{
	for (const struct preset *preset = compiled_presets; preset->name; preset++)
		if (strcmp(preset->name, name) == 0)
			return preset;
	return NULL;
}

static int load_file(const char *name, bool trusted, const char **text, size_t *length)
{
	char path[4096];
	size_t dir_size = strlen(preset_dir), name_size = strlen(name);
	const struct preset *compiled = policy_compiled(name);

	if (compiled) {
		*text = compiled->text;
		*length = compiled->text_length;
		return 0;
	}
	if (strchr(name, '/'))
		return load_path(name, trusted, text, length);
	if (dir_size + name_size + 2 > sizeof(path))
		return -ENAMETOOLONG;
	memcpy(path, preset_dir, dir_size);
	path[dir_size] = '/';
	memcpy(path + dir_size + 1, name, name_size + 1);
	return load_path(path, trusted, text, length);
}

int policy_load(const char *name, const char **text, size_t *length)
{
	return load_file(name, false, text, length);
}

int policy_load_trusted(const char *name, const char **text, size_t *length)
{
	return load_file(name, true, text, length);
}

/* What getdents64() fills in. */
struct entry {
	uint64_t inode;
	int64_t offset;
	uint16_t size;
	uint8_t type;
	char name[];
};

/* Not hidden, and no editor's back-up. */
static bool is_preset(const char *name)
{
	return name[0] != '.' && name[strlen(name) - 1] != '~';
}

static size_t insert_sorted(const char **names, size_t count, const char *name)
{
	size_t i = count;

	for (; i > 0 && strcmp(names[i - 1], name) > 0; i--)
		names[i] = names[i - 1];
	names[i] = name;
	return count + 1;
}

static size_t add_compiled(const char **names)
{
	size_t count = 0;

	for (const struct preset *preset = compiled_presets; preset->name; preset++)
		count = insert_sorted(names, count, preset->name);
	return count;
}

static void add_entries(const char **names, size_t count, const char *buffer, size_t size)
{
	for (size_t at = 0; at < size && count < PRESETS_MAX;) {
		const struct entry *entry = (const void *)(buffer + at);

		if (is_preset(entry->name) && !policy_compiled(entry->name))
			count = insert_sorted(names, count, entry->name);
		at += entry->size;
	}
}

struct policy_words policy_presets(void)
{
	enum { SIZE = 8192 };
	const char **names = allocate((PRESETS_MAX + 1) * sizeof(*names));
	char *buffer = allocate(SIZE);
	size_t count;
	long size = 0;
	int fd;

	if (!names || !buffer)
		return (struct policy_words){0};
	count = add_compiled(names);
	fd = open_file(preset_dir, O_DIRECTORY);
	if (fd >= 0) {
		size = SYS_3(SYS_getdents64, fd, buffer, SIZE);
		SYS_1(SYS_close, fd);
	}
	if (size > 0)
		add_entries(names, count, buffer, (size_t)size);
	return (struct policy_words){names, sizeof(*names), false};
}
