/* SPDX-License-Identifier: MIT */
/*
 * Which other processes have the files: that is how the client is found that truncated its buffer.
 *
 * The files are known by device and inode. Some file systems (btrfs) number a device in another way
 * for stat() than for maps: then the same inode under the same name is the same file.
 */

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "table/record.h"
#include "tools/stat/stat.h"

/* The ranges that are looked for, sorted by file, one of each. */
struct files {
	const struct range_view *const range;
	size_t *index;
	size_t count;
};

static const struct range_view *sorting; /* qsort() has no context */

static int by_file(const void *a, const void *b)
{
	const struct map *first = sorting[*(const size_t *)a].map;
	const struct map *second = sorting[*(const size_t *)b].map;

	if (first->inode != second->inode)
		return first->inode < second->inode ? -1 : 1;
	if (first->major != second->major)
		return first->major < second->major ? -1 : 1;
	return (first->minor > second->minor) - (first->minor < second->minor);
}

static void files_init(struct files *files, const struct view *view)
{
	size_t kept = 0;

	for (size_t i = 0; i < view->range_count; i++) {
		if (!view->range[i].map)
			continue;
		files->index = grow(files->index, files->count, sizeof(*files->index));
		files->index[files->count++] = i;
	}
	sorting = view->range;
	if (files->count)
		qsort(files->index, files->count, sizeof(*files->index), by_file);
	for (size_t i = 0; i < files->count; i++)
		if (!kept || by_file(&files->index[kept - 1], &files->index[i]) != 0)
			files->index[kept++] = files->index[i];
	files->count = kept;
}

/* A file as another process shows it. */
struct key {
	uint64_t inode;
	unsigned major, minor;
	const char *path;
};

static bool is_file(const struct map *map, const struct key *key)
{
	return map->inode == key->inode &&
	       ((map->major == key->major && map->minor == key->minor) ||
		       (*key->path && !strcmp(map->path, key->path)));
}

/* The index of a range with this file, or -1. */
static ssize_t files_find(const struct files *files, const struct key *key)
{
	size_t low = 0, high = files->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (files->range[files->index[middle]].map->inode < key->inode)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < files->count; low++) {
		const struct map *map = files->range[files->index[low]].map;

		if (map->inode != key->inode)
			break;
		if (is_file(map, key))
			return (ssize_t)files->index[low];
	}
	return -1;
}

/* ---- one other process ---- */

struct other {
	struct view *view;
	const struct files *files;
	pid_t pid;
	size_t first; /* its first entry in the view */
};

static struct file_user *user_of(struct other *other, size_t file)
{
	struct view *view = other->view;

	for (size_t i = other->first; i < view->user_count; i++)
		if (view->user[i].file == file)
			return &view->user[i];
	view->user = grow(view->user, view->user_count, sizeof(*view->user));
	view->user[view->user_count] = (struct file_user){.file = file, .pid = other->pid, .fd = -1};
	return &view->user[view->user_count++];
}

/* Of several mappings the one is told that can do most. */
static void note_map(struct file_user *user, const struct map *map)
{
	bool writes = map->prot[1] == 'w' && map->prot[3] == 's';

	if (!user->prot[0] || writes)
		memcpy(user->prot, map->prot, sizeof(user->prot));
}

static bool look_at_maps(struct other *other)
{
	struct maps maps;

	if (maps_read(other->pid, &maps) != 0)
		return false;
	for (size_t i = 0; i < maps.count; i++) {
		const struct map *map = &maps.item[i];
		struct key key = {map->inode, map->major, map->minor, map->path};
		ssize_t file = map->inode ? files_find(other->files, &key) : -1;

		if (file >= 0)
			note_map(user_of(other, (size_t)file), map);
		free(map->path);
	}
	free(maps.item);
	return true;
}

/* The link's own mode says how the file was opened. */
static void note_fd(struct file_user *user, int directory, const char *name)
{
	bool writes = user->access[0] && strchr(user->access, 'w');
	struct stat link;

	if (writes || fstatat(directory, name, &link, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	user->fd = atoi(name);
	snprintf(user->access, sizeof(user->access), "%s%s", link.st_mode & S_IRUSR ? "r" : "",
		link.st_mode & S_IWUSR ? "w" : "");
}

static void look_at_fd(struct other *other, int directory, const char *name)
{
	static const char deleted[] = " (deleted)";
	const size_t cut = sizeof(deleted) - 1;
	char path[PATH_MAX + sizeof(deleted)];
	ssize_t length = readlinkat(directory, name, path, sizeof(path) - 1), file;
	struct statx status;

	/* Never asks a server: one that hangs would keep us too. */
	if (length < 0 || statx(directory, name, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_INO,
				  &status) != 0)
		return;
	path[length] = '\0';
	if ((size_t)length > cut && !strcmp(path + (size_t)length - cut, deleted))
		path[(size_t)length - cut] = '\0';
	file = files_find(other->files,
		&(struct key){status.stx_ino, status.stx_dev_major, status.stx_dev_minor, path});
	if (file >= 0)
		note_fd(user_of(other, (size_t)file), directory, name);
}

static bool look_at_fds(struct other *other)
{
	char path[64];
	struct dirent *entry;
	DIR *directory;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)other->pid);
	directory = opendir(path);
	if (!directory)
		return false;
	while ((entry = readdir(directory)))
		if (entry->d_name[0] != '.')
			look_at_fd(other, dirfd(directory), entry->d_name);
	closedir(directory);
	return true;
}

static void look_at_other(struct other *other)
{
	struct view *view = other->view;

	other->first = view->user_count;
	if ((!look_at_maps(other) || !look_at_fds(other)) && process_born(other->pid) &&
		!process_is_kernel(other->pid))
		view->unreadable++;
	for (size_t i = other->first; i < view->user_count; i++)
		view->user[i].name = process_name(other->pid);
}

/* ---- all of them ---- */

static int by_file_and_pid(const void *a, const void *b)
{
	const struct file_user *first = a, *second = b;

	if (first->file != second->file)
		return first->file < second->file ? -1 : 1;
	return (first->pid > second->pid) - (first->pid < second->pid);
}

void look_at_users(struct view *view, const struct process *process)
{
	struct files files = {.range = view->range};
	struct other other = {.view = view, .files = &files};
	struct dirent *entry;
	DIR *proc;

	files_init(&files, view);
	proc = files.count ? opendir("/proc") : NULL;
	while (proc && (entry = readdir(proc))) {
		other.pid = atoi(entry->d_name);
		if (other.pid > 0 && other.pid != process->pid && other.pid != getppid() &&
			other.pid != getpid())
			look_at_other(&other);
	}
	if (proc)
		closedir(proc);
	if (view->user_count)
		qsort(view->user, view->user_count, sizeof(*view->user), by_file_and_pid);
}
