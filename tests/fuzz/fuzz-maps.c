/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes the readers of /proc/PID/maps and of mountinfo. Both are fed in pieces: how the text is
 * cut up must not matter, and what they say must be in the text. fuzz.h says how it is run.
 */
#include <stdbool.h>
#include <string.h>

#define FUZZ_SEEDS "maps"
#define FUZZ_COUNT 50000
#define FUZZ_BYTES " -:\n\\0127fs/()[]rwxp"
#include "base/text.h"
#include "kernel/kernel.h"
#include "kernel/next.h"
#include "fuzz.h"

#define PATH_SIZE 24 /* names get cut off often */

static struct {
	const uint8_t *bytes;
	size_t size, first; /* the size of the first piece, then of each */
} text;

/* Each piece is a block of its own, so that the sanitizer sees its end. */
static char *piece_at(size_t at, size_t *size)
{
	char *copy;

	*size = at + text.first < text.size ? text.first : text.size - at;
	copy = malloc(*size + !*size);
	CHECK(copy);
	memcpy(copy, text.bytes + at, *size);
	return copy;
}

/* ---- maps ---- */

static bool scan_maps(uintptr_t address, char *path, struct vma *vma)
{
	struct maps_scan scan = {.address = address, .path = path, .path_size = PATH_SIZE};
	bool found = false;
	size_t size;

	for (size_t at = 0; at < text.size && !found; at += size) {
		char *piece = piece_at(at, &size);

		found = maps_scan(&scan, piece, size);
		free(piece);
	}
	if (found)
		maps_scan_result(&scan, vma);
	return found;
}

static bool same_vma(const struct vma *a, const struct vma *b)
{
	return a->start == b->start && a->end == b->end && a->offset == b->offset &&
	       a->inode == b->inode && a->dev_major == b->dev_major &&
	       a->dev_minor == b->dev_minor && a->prot == b->prot && a->shared == b->shared &&
	       a->deleted == b->deleted && strcmp(a->path, b->path) == 0;
}

static void fuzz_maps(uintptr_t address, size_t piece)
{
	char *path[2] = {calloc(1, PATH_SIZE), calloc(1, PATH_SIZE)};
	struct vma vma[2];
	bool found[2];

	CHECK(path[0] && path[1]);
	text.first = text.size;
	found[0] = scan_maps(address, path[0], &vma[0]);
	text.first = piece;
	found[1] = scan_maps(address, path[1], &vma[1]);
	CHECK(found[0] == found[1]);
	if (found[0]) {
		CHECK(same_vma(&vma[0], &vma[1]));
		CHECK(vma[0].start <= address && address < vma[0].end);
		CHECK(memchr(path[0], '\0', PATH_SIZE));
		CHECK(vma_kind(&vma[0]));
	}
	free(path[0]);
	free(path[1]);
}

/* ---- mountinfo ---- */

struct mounts {
	unsigned count;
	struct mount_scan last;
};

static struct mounts scan_mounts(uint32_t major, uint32_t minor)
{
	struct mount_scan scan = {.dev_major = major, .dev_minor = minor};
	struct mounts mounts = {0};
	size_t size, done;

	for (size_t at = 0; at < text.size; at += done) {
		char *piece = piece_at(at, &size);

		done = size;
		if (mount_scan(&scan, piece, &done)) {
			mounts.count++;
			mounts.last = scan;
		}
		CHECK(done > 0 && done <= size);
		free(piece);
	}
	return mounts;
}

static void fuzz_mounts(uint32_t major, uint32_t minor, size_t piece)
{
	struct mounts whole, pieces;

	text.first = text.size;
	whole = scan_mounts(major, minor);
	text.first = piece;
	pieces = scan_mounts(major, minor);
	CHECK(whole.count == pieces.count);
	if (!whole.count)
		return;
	CHECK(strcmp(whole.last.type, pieces.last.type) == 0);
	CHECK(strcmp(whole.last.point, pieces.last.point) == 0);
	CHECK(whole.last.id == pieces.last.id);
	CHECK(whole.last.major == major && whole.last.minor == minor);
	CHECK(memchr(whole.last.type, '\0', sizeof(whole.last.type)));
	CHECK(memchr(whole.last.point, '\0', sizeof(whole.last.point)));
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
	fuzz_maps(address, 1 + data[0] % 32);
	fuzz_mounts(data[2] % 16, data[3] % 64, 1 + data[0] % 32);
	return 0;
}
