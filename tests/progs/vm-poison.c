/* SPDX-License-Identifier: MIT */
/*
 * vm-poison PID NAME STEP: every STEP-th page of the largest mapping of process PID whose name has
 * NAME in it is bad memory from now on (hard_offline_page). Prints how many. For guests only: the
 * memory is lost until the next boot. 77: the kernel does not do it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE 4096UL
#define PRESENT (UINT64_C(1) << 63)
#define FRAME ((UINT64_C(1) << 55) - 1)

static void cannot(const char *what)
{
	fprintf(stderr, "vm-poison: %s: %s\n", what, strerror(errno));
	exit(77);
}

static void find_mapping(const char *pid, const char *name, uintptr_t *start, uintptr_t *end)
{
	char path[64], line[4096];
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%s/maps", pid);
	maps = fopen(path, "re");
	if (!maps)
		cannot(path);
	*start = *end = 0;
	while (fgets(line, sizeof(line), maps)) {
		uintptr_t first, last;

		if (!strstr(line, name) || sscanf(line, "%" SCNxPTR "-%" SCNxPTR, &first, &last) != 2 ||
			last - first <= *end - *start)
			continue;
		*start = first;
		*end = last;
	}
	fclose(maps);
	if (!*end) {
		errno = ENOENT;
		cannot(name);
	}
}

/* Physical address of a page, 0 if it has none. */
static uint64_t frame_of(int pagemap, uintptr_t address)
{
	uint64_t entry;

	if (pread(pagemap, &entry, sizeof(entry), (off_t)(address / PAGE * sizeof(entry))) !=
		sizeof(entry))
		cannot("pagemap");
	return entry & PRESENT ? (entry & FRAME) * PAGE : 0;
}

static void offline(uint64_t frame)
{
	static const char path[] = "/sys/devices/system/memory/hard_offline_page";
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || dprintf(fd, "0x%lx\n", (unsigned long)frame) < 0)
		cannot(path);
	close(fd);
}

int main(int argc, char **argv)
{
	uintptr_t start, end, step;
	unsigned count = 0;
	char path[64];
	int pagemap;

	if (argc != 4)
		return 2;
	step = strtoul(argv[3], NULL, 10) * PAGE;
	find_mapping(argv[1], argv[2], &start, &end);
	snprintf(path, sizeof(path), "/proc/%s/pagemap", argv[1]);
	pagemap = open(path, O_RDONLY | O_CLOEXEC);
	if (pagemap < 0)
		cannot(path);
	for (uintptr_t page = start; step && page < end; page += step) {
		uint64_t frame = frame_of(pagemap, page);

		if (frame) {
			offline(frame);
			count++;
		}
	}
	printf("%u\n", count);
	return 0;
}
