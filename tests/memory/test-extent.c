/* SPDX-License-Identifier: MIT */
/* How far the lost pages around a fault are taken to reach. */
#include <sys/mman.h>
#include <unistd.h>
#include "../harness/rooms.h"
#include "memory/repair.h"
#include "table/record.h"

#define PAGES(n) ((size_t)(n) * PAGE_SIZE)
#define NORMAL (struct repair_order){.limit = EXTENT_MAX}
#define SHARED_RW (RANGE_READ | RANGE_WRITE | RANGE_SHARED | RANGE_MAPPED)

static uintptr_t area; /* that is mapped now, and what it maps */
static size_t area_pages;
static int fd = -1;

static void forget(void)
{
	range_cut_release(range_cut(area, PAGES(area_pages)));
	munmap((void *)area, PAGES(area_pages));
	close(fd);
}

/* A file of so many pages, written, then cut to a number of them; the record has flags. */
static void map_file(size_t pages, size_t kept, int protection, int sharing, unsigned flags)
{
	struct range_attributes attributes = {.lock = -1, .flags = flags};
	static bool is_again;
	char byte = 'x';

	if (is_again)
		forget();
	is_again = true;
	fd = memfd_create("extent", 0);
	area_pages = pages;
	area = ftruncate(fd, (off_t)PAGES(pages)) == 0
		       ? (uintptr_t)mmap(NULL, PAGES(pages), protection, sharing, fd, 0)
		       : (uintptr_t)MAP_FAILED;
	for (size_t page = 0; page < kept; page++)
		if (pwrite(fd, &byte, 1, (off_t)PAGES(page)) != 1)
			area = (uintptr_t)MAP_FAILED;
	if (area == (uintptr_t)MAP_FAILED || ftruncate(fd, (off_t)PAGES(kept)) != 0 ||
		range_insert(area, PAGES(pages), &attributes) != 0) {
		puts("Bail out! nothing can be mapped");
		exit(1);
	}
}

static void map_half(size_t pages)
{
	map_file(pages, pages / 2, PROT_READ | PROT_WRITE, MAP_SHARED, SHARED_RW);
}

static struct extent lost;

/* What a fault there is answered with; the error of the probe. */
static int measure(size_t page, bool write, struct repair_order order)
{
	struct fault fault = {.address = area + PAGES(page) + 9, .write = write};
	struct range_hit hit = range_lookup(fault.address);
	int error = extent_probe(&fault, &hit, &order, &lost);

	if (says_lost(error))
		extent_measure(&lost, &hit, &order);
	return error;
}

static bool is_extent(size_t from, size_t end)
{
	bool good = lost.start == area + PAGES(from) && lost.end == area + PAGES(end);

	if (!good)
		printf("# pages %ld to %ld\n", ((long)lost.start - (long)area) / (long)PAGE_SIZE,
			((long)lost.end - (long)area) / (long)PAGE_SIZE);
	return good;
}

static void test_reach(void)
{
	map_half(8);
	ok(measure(3, false, NORMAL) == 0, "a page that is there is not lost");
	ok(says_lost(measure(5, false, NORMAL)) && is_extent(4, 8) && lost.content == ZEROES,
		"all lost neighbours, below and above");
	measure(7, true, NORMAL);
	ok(is_extent(4, 8) && lost.write, "the same for a write");
	measure(5, false, (struct repair_order){.limit = PAGE_SIZE});
	ok(is_extent(5, 6), "a limit of one page is kept");
	mmap((void *)(area + PAGES(6)), PAGES(1), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	measure(5, false, NORMAL);
	ok(is_extent(4, 6), "what was replaced ends it");
}

static void test_bounds(void)
{
	map_half(16);
	range_cut_free(range_cut(area + PAGES(12), PAGES(4)));
	measure(10, false, NORMAL);
	ok(is_extent(8, 12), "it does not go beyond its record");
	map_half(16);
	mprotect((void *)(area + PAGES(11)), PAGES(1), PROT_READ);
	range_set_flags(range_lookup(area), RANGE_PROTECTED, 0);
	measure(9, false, NORMAL);
	ok(is_extent(8, 11) && lost.prot == (PROT_READ | PROT_WRITE),
		"nor beyond pages with its own protection");
	measure(11, false, NORMAL);
	ok(is_extent(11, 12) && lost.prot == PROT_READ, "which the kernel is asked for");
}

static void test_large(void)
{
	uintptr_t block;

	map_file(4096, 9, PROT_READ | PROT_WRITE, MAP_SHARED, SHARED_RW);
	measure(2000, false, NORMAL);
	block = (area + PAGES(2000)) & ~(HUGE_PAGE - 1);
	ok(lost.start == block && lost.end == block + HUGE_PAGE,
		"of more than 2 MiB the block of a huge page");
	measure(2000, false, (struct repair_order){.limit = EXTENT_MAX, .whole = true});
	ok(is_extent(9, 4096) && lost.is_behind_end, "zero(range): all behind the end of the file");
	map_half(1000);
	measure(600, false, NORMAL);
	ok(is_extent(500, 1000), "all of less than 2 MiB, wherever it lies");
}

static void test_content(void)
{
	map_half(64);
	measure(40, false, (struct repair_order){.limit = EXTENT_MAX, .ones = true});
	ok(lost.content == ONES && lost.end - lost.start == PAGES(16),
		"what has to be filled is at most 16 pages");
	map_file(8, 4, PROT_READ, MAP_SHARED, RANGE_READ | RANGE_SHARED | RANGE_MAPPED);
	ok(says_lost(measure(6, false, NORMAL)) && is_extent(4, 8) && lost.prot == PROT_READ,
		"pages that may only be read");
	map_file(8, 4, PROT_READ | PROT_WRITE, MAP_PRIVATE, RANGE_READ | RANGE_WRITE | RANGE_MAPPED);
	ok(says_lost(measure(4, true, NORMAL)) && is_extent(4, 8), "private ones");
}

/* Storage in the middle of holes, none behind the end. */
static void test_holes(void)
{
	char byte = 'x';

	map_file(1024, 0, PROT_READ | PROT_WRITE, MAP_SHARED, SHARED_RW);
	if (ftruncate(fd, (off_t)PAGES(600)) != 0 || pwrite(fd, &byte, 1, (off_t)PAGES(3)) != 1)
		ok(false, "the file has a hole");
	ok(measure(400, false, NORMAL) == 0, "a hole in a file is not lost");
	measure(700, false, NORMAL);
	ok(lost.start >= area + PAGES(600) && lost.start <= area + PAGES(700) &&
			lost.end > area + PAGES(700),
		"nothing in front of the end is taken along");
}

int main(void)
{
	start_rooms();
	test_reach();
	test_bounds();
	test_large();
	test_content();
	test_holes();
	return tap_done();
}
