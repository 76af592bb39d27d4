/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include "base/base.h"
#include "tools/stat/stat.h"

/* ---- /proc/PID/NAME ---- */

static FILE *open_file(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return fopen(path, "re");
}

char *process_file(pid_t pid, const char *name, size_t *length)
{
	FILE *file = open_file(pid, name);
	char *text = NULL;
	int byte;

	*length = 0;
	if (!file)
		return NULL;
	do {
		byte = getc_unlocked(file);
		text = grow(text, *length, 1);
		text[(*length)++] = (char)(byte == EOF ? '\0' : byte);
	} while (byte != EOF);
	fclose(file);
	--*length;
	return text;
}

char *process_name(pid_t pid)
{
	size_t length;
	char *name = process_file(pid, "comm", &length);

	if (!name)
		return format("?");
	if (length && name[length - 1] == '\n')
		name[length - 1] = '\0';
	return name;
}

struct stat_line {
	char state;
	unsigned flags;
	uint64_t born;
};

static struct stat_line read_stat(pid_t pid)
{
	struct stat_line line = {.state = 'X'};
	size_t length;
	char *text = process_file(pid, "stat", &length);
	char *end = text ? strrchr(text, ')') : NULL; /* the name may hold anything */

	if (end)
		sscanf(end + 1,
			" %c %*s %*s %*s %*s %*s %u %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
			"%*s %" SCNu64,
			&line.state, &line.flags, &line.born);
	free(text);
	return line;
}

uint64_t process_born(pid_t pid)
{
	struct stat_line line = read_stat(pid);

	return line.state == 'Z' || line.state == 'X' ? 0 : line.born;
}

bool process_is_kernel(pid_t pid)
{
	const unsigned kernel_thread = 0x00200000; /* PF_KTHREAD */

	return read_stat(pid).flags & kernel_thread;
}

/* ---- maps ---- */

const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The kernel writes a line feed in a name as \012, and nothing else in another way. */
static char *copy_path(const char *text)
{
	char *path = format("%s", text), *to = path;

	for (const char *from = path; *from; to++) {
		bool escaped = !strncmp(from, "\\012", 4);

		*to = escaped ? '\n' : *from;
		from += escaped ? 4 : 1;
	}
	*to = '\0';
	return path;
}

static bool cut_end(char *text, const char *end)
{
	size_t length = strlen(text), cut = strlen(end);

	if (length < cut || strcmp(text + length - cut, end) != 0)
		return false;
	text[length - cut] = '\0';
	return true;
}

static bool parse_map(char *line, struct map *map)
{
	int name = 0;

	line[strcspn(line, "\n")] = '\0';
	if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %" SCNx64 " %x:%x %" SCNu64 " %n",
		    &map->start, &map->end, map->prot, &map->offset, &map->major, &map->minor,
		    &map->inode, &name) < 7)
		return false;
	map->path = copy_path(line + name);
	map->deleted = map->inode && cut_end(map->path, " (deleted)");
	return map->start < map->end;
}

int maps_read(pid_t pid, struct maps *maps)
{
	FILE *file = open_file(pid, "maps");
	char *line = NULL;
	size_t size = 0;

	*maps = (struct maps){0};
	if (!file)
		return -errno;
	errno = 0;
	while (getline(&line, &size, file) > 0) {
		maps->item = grow(maps->item, maps->count, sizeof(*maps->item));
		maps->count += parse_map(line, &maps->item[maps->count]);
	}
	free(line);
	fclose(file);
	return maps->count ? 0 : -errno;
}

const struct map *maps_at(const struct maps *maps, uintptr_t address)
{
	size_t low = 0, high = maps->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (maps->item[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return maps->item + low;
}

bool same_file(const struct map *a, const struct map *b)
{
	return a->inode == b->inode && a->major == b->major && a->minor == b->minor;
}

/* ---- memory ---- */

/* A page of any other file could keep us waiting, and reading a device can have effects. */
static bool is_safe(const struct process *process, const struct map *map)
{
	return map->prot[0] == 'r' &&
	       (!map->inode || (process->library && same_file(map, process->library)));
}

static bool all_safe(const struct process *process, uintptr_t start, size_t size)
{
	const struct map *map = maps_at(&process->maps, start);
	const struct map *end = process->maps.item + process->maps.count;

	if (size > UINTPTR_MAX - start)
		return false;
	for (uintptr_t at = start; at < start + size; at = map++->end)
		if (map == end || map->start > at || !is_safe(process, map))
			return false;
	return true;
}

bool process_read(
	const struct process *process, const volatile void *address, void *buffer, size_t size)
{
	struct iovec local = {buffer, size}, remote = {(void *)address, size};

	errno = EFAULT;
	if (!all_safe(process, (uintptr_t)address, size))
		return false;
	return process_vm_readv(process->pid, &local, 1, &remote, 1, 0) == (ssize_t)size;
}

char *process_string(const struct process *process, const char *address, size_t limit)
{
	char *text = malloc(limit + 1);
	size_t length = 0;

	if (!text)
		give_up(STATUS_NOTHING, "out of memory");
	/* Up to the end of a page at once: what is behind it may not be there. */
	while (length < limit) {
		size_t size = PAGE_SIZE - (uintptr_t)(address + length) % PAGE_SIZE;
		size_t got;

		size = size < limit - length ? size : limit - length;
		if (!process_read(process, address + length, text + length, size)) {
			free(text);
			return NULL;
		}
		got = strnlen(text + length, size);
		length += got;
		if (got < size)
			break;
	}
	text[length] = '\0';
	return text;
}
