/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes the readers of /proc/PID/maps and of mountinfo. Both get the text line by line: how much room
 * a line has must not matter as long as it fits, and what they say must be in the text. fuzz.h says how
 * it is run.
 */
#define _GNU_SOURCE
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FUZZ_SEEDS "maps"
#define FUZZ_COUNT 20000
#define FUZZ_BYTES " -:\n\\0127fs/()[]rwxp"
#include "base/text.h"
#include "kernel/kernel.h"
#include "kernel/next.h"
#include "fuzz.h"

#define PATH_SIZE 24 /* names get cut off often */

static struct {
	const uint8_t *bytes;
	size_t size, room; /* for a line */
	int fd;
} text;

/* The room is a block of its own, so that the sanitizer sees its end. */
static struct line_reader open_text(void)
{
	struct line_reader reader = {.fd = text.fd, .bytes = malloc(text.room), .size = text.room};

	CHECK(reader.bytes && lseek(text.fd, 0, SEEK_SET) == 0);
	return reader;
}

static size_t longest_line(void)
{
	size_t longest = 0, length = 0;

	for (size_t i = 0; i < text.size; i++) {
		length = text.bytes[i] == '\n' ? 0 : length + 1;
		longest = length > longest ? length : longest;
	}
	return longest + 1;
}

/* ---- maps ---- */

static bool scan_maps(uintptr_t address, char *path, struct vma *vma)
{
	struct line_reader reader = open_text();
	bool found = false;
	char *line;

	while (!found && (line = lines_next(&reader))) {
		CHECK(strlen(line) < text.room);
		found = maps_line(line, address, vma, path, PATH_SIZE);
	}
	free(reader.bytes);
	return found;
}

static bool same_vma(const struct vma *a, const struct vma *b)
{
	return a->start == b->start && a->end == b->end && a->offset == b->offset &&
	       a->inode == b->inode && a->dev_major == b->dev_major &&
	       a->dev_minor == b->dev_minor && a->prot == b->prot && a->shared == b->shared &&
	       a->deleted == b->deleted && strcmp(a->path, b->path) == 0;
}

static void fuzz_maps(uintptr_t address, size_t room)
{
	char *path[2] = {calloc(1, PATH_SIZE), calloc(1, PATH_SIZE)};
	struct vma vma[2];
	bool found[2];

	CHECK(path[0] && path[1]);
	text.room = text.size + 2;
	found[0] = scan_maps(address, path[0], &vma[0]);
	text.room = room;
	found[1] = scan_maps(address, path[1], &vma[1]);
	if (room > longest_line())
		CHECK(found[0] == found[1] && (!found[0] || same_vma(&vma[0], &vma[1])));
	if (found[0]) {
		CHECK(vma[0].start <= address && address < vma[0].end);
		CHECK(memchr(path[0], '\0', PATH_SIZE));
		CHECK(vma_kind(&vma[0]));
	}
	free(path[0]);
	free(path[1]);
}

/* ---- mountinfo ---- */

static unsigned scan_mounts(uint32_t major, uint32_t minor)
{
	struct line_reader reader = open_text();
	unsigned count = 0;
	struct mount mount;
	char *line;

	while ((line = lines_next(&reader))) {
		size_t length = strlen(line);

		if (!mount_line(line, major, minor, &mount))
			continue;
		count++;
		CHECK(mount.type[0] && mount.type >= line && mount.type + strlen(mount.type) <= line + length);
		CHECK(mount.point >= line && mount.point + strlen(mount.point) <= line + length);
	}
	free(reader.bytes);
	return count;
}

static void fuzz_mounts(uint32_t major, uint32_t minor, size_t room)
{
	unsigned whole;

	text.room = text.size + 2;
	whole = scan_mounts(major, minor);
	text.room = room;
	CHECK(scan_mounts(major, minor) == whole || room <= longest_line());
}

/* The first bytes say how the rest is cut up, and what is looked for in it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uintptr_t address = 0x7f0000001000;

	if (size < 4)
		return 0;
	if (data[1] & 1)
		address = (uintptr_t)data[2] << 12 | data[3];
	text.bytes = data + 4;
	text.size = size - 4;
	if (text.fd <= 0)
		text.fd = memfd_create("text", MFD_CLOEXEC);
	CHECK(ftruncate(text.fd, 0) == 0 && pwrite(text.fd, text.bytes, text.size, 0) == (ssize_t)text.size);
	fuzz_maps(address, 2 + data[0] % 128);
	fuzz_mounts(data[2] % 16, data[3] % 64, 2 + data[0] % 128);
	return 0;
}
