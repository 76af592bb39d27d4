/* SPDX-License-Identifier: MIT */
/*
 * mremap() of a range of which pages were replaced. What was replaced keeps its content, what was not
 * still shows the file, and so does what is new at the end.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>
#include "../harness/rooms.h"
#include "memory/repair.h"

#define PAGES(n) ((size_t)(n) * PAGE_SIZE)
#define RW (PROT_READ | PROT_WRITE)

static int fd;
static struct refusal refusal;

static void write_file(size_t from, size_t end, char byte)
{
	for (size_t page = from; page < end; page++)
		if (pwrite(fd, &byte, 1, (off_t)PAGES(page)) != 1) {
			puts("Bail out! the file cannot be written");
			exit(1);
		}
}

/* Eight pages of which 4 to 7 are lost, and replaced; the program writes 'w' into the sixth. */
static char *map_repaired(int sharing)
{
	struct mapping mapping = {.length = PAGES(8), .prot = RW, .flags = sharing};
	struct action zero = {.kind = ACTION_ZERO, .extent = EXTENT_LOST};
	struct fault fault = {0};
	char *start;

	fd = memfd_create("remap", 0);
	write_file(0, 8, 'f');
	mapping.fd = fd;
	start = track_mmap(real.mmap64, &mapping, (uintptr_t)map_repaired, &refusal);
	if (ftruncate(fd, (off_t)PAGES(4)) != 0)
		return NULL;
	fault.address = (uintptr_t)start + PAGES(5);
	fault.range = range_lookup(fault.address);
	if (repair(&fault, &zero) != ANSWER_DONE || fault.pages != 4) {
		puts("Bail out! nothing was replaced");
		exit(1);
	}
	start[PAGES(5)] = 'w';
	return start;
}

static void forget(char *start, size_t pages)
{
	track_munmap(start, PAGES(pages));
	close(fd);
}

static char *move(char *old, size_t old_pages, size_t new_pages, int flags, char *new)
{
	return track_mremap(&(struct remapping){old, PAGES(old_pages), PAGES(new_pages), flags, new}, &refusal);
}

/* The first byte of each page; "." for 0. */
static bool shows(const char *start, const char *expected)
{
	char got[33] = "";

	for (size_t page = 0; expected[page] && page < sizeof(got) - 1; page++)
		got[page] = start[PAGES(page)] ? start[PAGES(page)] : '.';
	if (strcmp(got, expected) != 0)
		printf("# %s in place of %s\n", got, expected);
	return !strcmp(got, expected);
}

static bool is_one_range(const char *start, size_t pages)
{
	struct range_hit hit = range_lookup((uintptr_t)start);

	return hit.range && geometry_start(hit.geometry) == (uintptr_t)start &&
	       geometry_size(hit.geometry) == PAGES(pages) && state_flags(hit.state) & RANGE_REPAIRED;
}

static char *some_place(size_t pages)
{
	return mmap(NULL, PAGES(pages), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void test_same_size(int sharing, const char *what)
{
	char *start = map_repaired(sharing), *place = some_place(8), *now;

	now = move(start, 8, 8, MREMAP_MAYMOVE | MREMAP_FIXED, place);
	ok(now == place && shows(now, "ffff.w..") && is_one_range(now, 8) &&
			!range_lookup((uintptr_t)start).range,
		"%s: moved, with all that was replaced", what);
	write_file(2, 3, 'n');
	ok(shows(now, "ffnf.w.."), "%s: what was not replaced is still the file's", what);
	forget(now, 8);
}

static void test_growing(int sharing, const char *what)
{
	char *start = map_repaired(sharing), *now = move(start, 8, 12, MREMAP_MAYMOVE, NULL);

	ok(now != MAP_FAILED && is_one_range(now, 12), "%s: it grows", what);
	if (now == MAP_FAILED)
		return;
	write_file(4, 12, 'n');
	ok(shows(now, "ffff.w..nnnn"), "%s: what is new shows the file, what was replaced stays", what);
	forget(now, 12);
}

static void test_shrinking(int sharing, const char *what)
{
	char *start = map_repaired(sharing), *now = move(start, 8, 6, 0, NULL);

	ok(now == start && shows(now, "ffff.w") && is_one_range(now, 6) &&
			!range_lookup((uintptr_t)start + PAGES(6)).range,
		"%s: it shrinks in its place", what);
	forget(now, 6);
}

static void test_refusals(void)
{
	char *start = map_repaired(MAP_SHARED), *wall;

	/* Nothing may come behind it: there is something. */
	wall = mmap(start + PAGES(8), PAGES(1), PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	ok(move(start, 8, 12, 0, NULL) == MAP_FAILED && errno == ENOMEM && shows(start, "ffff.w..") &&
			is_one_range(start, 8),
		"it may not move, and has no room: nothing has changed");
	ok(move(start, 8, 8, MREMAP_MAYMOVE | MREMAP_FIXED, start + PAGES(4)) == MAP_FAILED &&
			errno == EINVAL && shows(start, "ffff.w.."),
		"not to a place that overlaps");
	ok(move(start, 8, 8, MREMAP_MAYMOVE | MREMAP_FIXED, start + 5) == MAP_FAILED && errno == EINVAL,
		"nor to one that begins within a page");
	ok(move(start, 8, 8, 0x1000 | MREMAP_MAYMOVE, NULL) == MAP_FAILED && errno == EINVAL &&
			is_one_range(start, 8),
		"nor with a flag that the kernel does not know");
	if (wall != MAP_FAILED)
		munmap(wall, PAGES(1));
	forget(start, 8);
}

/* All pages were replaced and so none shows the file: it grows by the page that was kept. */
static void test_all_replaced(int sharing, const char *what)
{
	struct mapping mapping = {.length = PAGES(4), .prot = RW, .flags = sharing};
	struct action zero = {.kind = ACTION_ZERO, .extent = EXTENT_LOST};
	struct fault fault = {0};
	char *start, *now;

	mapping.fd = fd = memfd_create("remap", 0);
	write_file(0, 4, 'f');
	start = track_mmap(real.mmap64, &mapping, (uintptr_t)map_repaired, &refusal);
	fault.address = (uintptr_t)start;
	fault.range = range_lookup(fault.address);
	if (ftruncate(fd, 0) != 0 || repair(&fault, &zero) != ANSWER_DONE)
		ok(false, "all pages can be lost and replaced");
	start[PAGES(1)] = 'w';
	now = move(start, 4, 8, MREMAP_MAYMOVE, NULL);
	ok(now != MAP_FAILED && is_one_range(now, 8), "%s: all was replaced, and it grows", what);
	if (now == MAP_FAILED)
		return;
	write_file(0, 8, 'n');
	ok(shows(now, ".w..nnnn"), "%s: the file is there behind that", what);
	forget(now, 8);
}

int main(void)
{
	static const struct {
		int sharing;
		const char *what;
	} kinds[] = {{MAP_SHARED, "shared"}, {MAP_PRIVATE, "private"}};

	start_rooms();
	for (size_t i = 0; i < 2; i++) {
		test_same_size(kinds[i].sharing, kinds[i].what);
		test_growing(kinds[i].sharing, kinds[i].what);
		test_shrinking(kinds[i].sharing, kinds[i].what);
		test_all_replaced(kinds[i].sharing, kinds[i].what);
	}
	test_refusals();
	ok(range_count() == 0, "no record is left");
	return tap_done();
}
