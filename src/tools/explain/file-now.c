/* SPDX-License-Identifier: MIT */
/*
 * What a file is now. The question is asked by a process of its own: a server that is gone would
 * keep whoever asks, and that it does not answer is an answer.
 */
#include "tools/explain/explain.h"

#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_SECONDS 3

static bool is_below(const char *path, const char *directory)
{
	size_t length = strlen(directory);

	return !strncmp(path, directory, length) &&
	       (directory[length - 1] == '/' || path[length] == '/' || !path[length]);
}

/* The mount with the longest name that path is below; of those with one name the last is on top. */
const char *fs_of(const char *path, char *buffer, size_t size)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent *entry;
	size_t longest = 0;

	buffer[0] = '\0';
	while (mounts && (entry = getmntent(mounts))) {
		size_t length = strlen(entry->mnt_dir);

		if (!length || length < longest || !is_below(path, entry->mnt_dir))
			continue;
		longest = length;
		snprintf(buffer, size, "%s", entry->mnt_type);
	}
	if (mounts)
		endmntent(mounts);
	return buffer;
}

static void ask_space(const char *path, struct file_now *now)
{
	struct statvfs space;
	char *directory = format("%s", path), *slash;

	while (statvfs(directory, &space) != 0) {
		slash = strrchr(directory, '/');
		if (errno != ENOENT || !slash || slash == directory)
			return;
		*slash = '\0';
	}
	/* A tmpfs without a limit has no blocks at all. */
	now->space_known = space.f_blocks > 0;
	now->free_bytes = (uint64_t)space.f_bavail * space.f_frsize;
}

/* As rules/cause.c has it: was the disk under the file pulled out? */
static bool disk_is_gone(unsigned major, unsigned minor)
{
	char path[64];
	unsigned long sectors;
	bool empty;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/size", major, minor);
	file = major ? fopen(path, "re") : NULL;
	if (!file)
		return major && errno == ENOENT && access("/sys/dev/block", F_OK) == 0;
	empty = fscanf(file, "%lu", &sectors) == 1 && !sectors;
	fclose(file);
	return empty;
}

static int64_t nanoseconds(const struct statx_timestamp *time)
{
	return time->tv_sec * 1000000000 + time->tv_nsec;
}

static void ask(const char *path, struct file_now *now)
{
	struct statx status;

	if (statx(AT_FDCWD, path, AT_NO_AUTOMOUNT, STATX_BASIC_STATS | STATX_BTIME, &status) == 0) {
		now->state = FILE_IS;
		now->size = status.stx_size;
		now->allocated = status.stx_blocks * 512;
		now->inode = status.stx_ino;
		now->mode = status.stx_mode;
		now->major = status.stx_dev_major;
		now->minor = status.stx_dev_minor;
		now->changed = nanoseconds(&status.stx_ctime);
		now->born = status.stx_mask & STATX_BTIME ? nanoseconds(&status.stx_btime) : 0;
	} else if (errno == ENOENT || errno == ENOTDIR) {
		now->state = FILE_IS_GONE;
	} else {
		now->state = errno == EACCES || errno == EPERM || errno == ENAMETOOLONG ||
					     errno == ELOOP
				     ? FILE_UNKNOWN
				     : FILE_IS_UNREACHABLE;
		now->error = errno;
	}
	now->disk_gone = now->state == FILE_IS && disk_is_gone(now->major, now->minor);
	ask_space(path, now);
}

__attribute__((noreturn)) static void answer(int out, const char *path)
{
	struct file_now now = {0};

	ask(path, &now);
	_exit(write(out, &now, sizeof(now)) != sizeof(now));
}

static bool read_answer(int in, struct file_now *now)
{
	struct pollfd wait = {.fd = in, .events = POLLIN};

	return poll(&wait, 1, ANSWER_SECONDS * 1000) == 1 &&
	       read(in, now, sizeof(*now)) == sizeof(*now);
}

struct file_now file_now(const char *path)
{
	struct file_now now = {0};
	int pipe[2];
	pid_t child;

	if (pipe2(pipe, O_CLOEXEC) != 0)
		return now;
	child = fork();
	if (child == 0)
		answer(pipe[1], path);
	close(pipe[1]);
	if (child > 0 && !read_answer(pipe[0], &now))
		now = (struct file_now){
			.state = FILE_IS_UNREACHABLE, .error = ETIMEDOUT};
	close(pipe[0]);
	if (child > 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, WNOHANG); /* one that hangs in the kernel ends when it can */
	}
	fs_of(path, now.fs, sizeof(now.fs));
	return now;
}
