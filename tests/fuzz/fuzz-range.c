/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes the range table against an array of pages. The input is a list of operations, four bytes
 * each: what, first page, size. fuzz.h says how it is run.
 */
#include <stdbool.h>
#include <string.h>

#define FUZZ_SEEDS "range"
#define FUZZ_COUNT 4000
#define FUZZ_BYTES "\0\1\2\3\4\5\6\7\x40\x80\xff"
#include "api/api.h"
#include "base/base.h"
#include "fuzz.h"
#include "owner/owner.h"
#include "table/table.h"
#include "../table/lock-alone.h"

#define WINDOW 2048 /* pages, around the end of a GiB */
#define START (((uintptr_t)77 << 30) - 700 * PAGE_SIZE)

static struct page {
	uint32_t caller; /* of the insertion that it is of; 0: nothing */
	unsigned owner, flags;
} model[WINDOW];
static uint32_t insertions;

static void *allocate(size_t size)
{
	return calloc(1, size);
}

static void no_wait(unsigned lock)
{
	(void)lock;
}

static uintptr_t at(unsigned page)
{
	return START + page * PAGE_SIZE;
}

/* All pages of the record are of one insertion. */
static void check_extent(const struct range_hit *hit)
{
	unsigned from = (unsigned)((geometry_start(hit->geometry) - START) / PAGE_SIZE);
	unsigned to = (unsigned)((geometry_end(hit->geometry) - START) / PAGE_SIZE);

	CHECK(from < to && to <= WINDOW);
	for (unsigned i = from; i < to; i++)
		CHECK(model[i].caller == hit->range->caller);
}

static void check_page(unsigned page, bool with_extent)
{
	struct range_hit hit = range_lookup(at(page) + page);
	const struct page *expected = &model[page];

	CHECK(!hit.unsettled && !hit.range == !expected->caller);
	if (!hit.range)
		return;
	CHECK(range_still(&hit, at(page), PAGE_SIZE));
	CHECK(hit.range->caller == expected->caller);
	CHECK(state_owner(hit.state) == expected->owner);
	CHECK(state_flags(hit.state) == expected->flags);
	if (with_extent)
		check_extent(&hit);
}

/* Its edges, and some between. */
static void check_around(unsigned page, unsigned size)
{
	unsigned last = page + size < WINDOW ? page + size : WINDOW - 1;

	for (unsigned i = page; i < last; i += 1 + size / 8)
		check_page(i, false);
	check_page(page ? page - 1 : 0, true);
	check_page(page, true);
	check_page(last, true);
	check_page(last - 1, true);
}

static void insert(unsigned page, unsigned size)
{
	unsigned number = ++insertions;
	struct page new = {number, number % OWNERS_MAX, number % 128};
	struct range_attributes attributes = {
		.owner = new.owner, .flags = new.flags, .lock = -1, .caller = new.caller};

	CHECK(range_insert(at(page), size * PAGE_SIZE, &attributes) == 0);
	for (unsigned i = page; i < page + size; i++)
		model[i] = new;
}

static void cut(unsigned page, unsigned size, bool restore)
{
	struct range_cut cut = range_cut(at(page), size * PAGE_SIZE);
	unsigned pages = 0, expected = 0;

	CHECK(!cut.lost);
	for (uint32_t id = cut.first; id; id = range_next_piece(range_by_id(id)))
		pages += (unsigned)(geometry_size(range_piece(range_by_id(id))) / PAGE_SIZE);
	for (unsigned i = page; i < page + size; i++) {
		expected += model[i].caller != 0;
		CHECK(i % 8 || !range_lookup(at(i)).range);
	}
	CHECK(pages == expected);
	if (restore) {
		range_cut_restore(cut);
		return;
	}
	range_cut_free(cut);
	memset(&model[page], 0, size * sizeof(model[0]));
}

static void flag(struct range_hit hit, void *unused)
{
	(void)unused;
	CHECK(range_set_flags(hit, RANGE_PROTECTED, 0));
	for (uintptr_t start = geometry_start(hit.geometry); start < geometry_end(hit.geometry);
		start += PAGE_SIZE)
		model[(start - START) / PAGE_SIZE].flags |= RANGE_PROTECTED;
}

static void operate(const uint8_t *bytes)
{
	unsigned page = ((unsigned)bytes[1] << 3 | (bytes[0] >> 5)) % WINDOW;
	unsigned size = 1 + bytes[2] + (bytes[3] & 3 ? 0 : bytes[3] * 4);

	if (size > WINDOW - page)
		size = WINDOW - page;
	switch (bytes[0] % 8) {
	case 0:
	case 1:
	case 2:
		insert(page, size);
		break;
	case 3:
	case 4:
		cut(page, size, false);
		break;
	case 5:
		cut(page, size, true);
		break;
	default:
		range_each(at(page), size * PAGE_SIZE, flag, NULL);
		break;
	}
	check_around(page, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool started;

	if (!started)
		range_init(&(struct range_env){
			.allocate = allocate, .wait = no_wait, .release = range_cut_free,
			LOCK_ALONE});
	started = true;
	for (size_t i = 0; i + 4 <= size && i < 4 * 64; i += 4)
		operate(data + i);
	cut(0, WINDOW, false);
	check_around(0, WINDOW);
	CHECK(range_count() == 0);
	return 0;
}
