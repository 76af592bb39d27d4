/* SPDX-License-Identifier: MIT */
/* The range table at its edges: limits, waits, incarnations, memory. */
#include "base/base.h"
#include "range-env.h"
#include "table/record.h"
#include "table/table.h"

#include <errno.h>

#if UINTPTR_MAX > UINT32_MAX
static void test_limits(void)
{
	uintptr_t end = (uintptr_t)1 << ADDRESS_BITS;
	bool good = expect(insert(GIB + 1, PAGE_SIZE, 0, 0, 1) == -EINVAL, "EINVAL", 1);

	good &= expect(insert(GIB, 0, 0, 0, 1) == -EINVAL, "EINVAL for nothing", 0);
	good &= expect(insert(end, PAGE_SIZE, 0, 0, 1) == -E2BIG, "E2BIG", end);
	good &= expect(insert(end - PAGE_SIZE, 2 * PAGE_SIZE, 0, 0, 1) == -E2BIG, "E2BIG", end);
	good &= expect(insert(GIB, (size_t)1 << 40, 0, 0, 1) == -E2BIG, "E2BIG for 1 TiB", GIB);
	good &= expect(insert(GIB, SIZE_MAX, 0, 0, 1) == -E2BIG, "E2BIG for all", GIB);
	good &= expect(!range_lookup(end).range && !range_lookup(UINTPTR_MAX).range, "a miss", end);
	good &= expect(!range_cut(UINTPTR_MAX - 10, 100).first && !range_cut(end, GIB).first,
		"no cut", end);
	good &= expect(!insert(end - PAGE_SIZE, PAGE_SIZE, 5, 0, 1), "the last page", end);
	good &= expect(!insert(0, PAGE_SIZE, 6, 0, 1), "the first page", 0);
	good &= expect(state_owner(range_lookup(end - 1).state) == 5, "found", end - 1);
	good &= expect(state_owner(range_lookup(0).state) == 6, "found", 0);
	drop(0, SIZE_MAX);
	result(good && range_count() == 0, "addresses and sizes at the limits");
}

static void test_long(void)
{
	uintptr_t start = 7 * GIB + 3 * BLOCK + 5 * PAGE_SIZE;
	size_t size = (((size_t)1 << RANGE_PAGES_BITS) - 1) * PAGE_SIZE, hole = 300 * GIB + 17 * PAGE_SIZE;
	struct range_hit hit;
	struct range_cut cut;
	bool good = expect(!insert(start, size, 9, 0, 1), "inserted", start);

	for (uintptr_t i = 0; i < size; i += GIB / 3 + PAGE_SIZE)
		good &= expect(range_lookup(start + i).range, "found", start + i);
	good &= expect(!range_lookup(start - 1).range && !range_lookup(start + size).range,
		"a miss", start);
	hit = range_lookup(start);
	cut = range_cut(start + hole, GIB);
	for (uintptr_t i = 0; i < size; i += GIB / 3 + PAGE_SIZE)
		good &= expect(
			!range_lookup(start + i).range == (i - hole < GIB), "a hole", start + i);
	good &= expect(state_lock(range_lookup(start + size - 1).state) == state_lock(hit.state),
		"one lock for all pieces", start);
	range_cut_restore(cut);
	good &= expect(range_lookup(start + hole).range && range_count() == 3, "restored", hole);
	drop(start + size - 1, 1);
	good &= expect(range_lookup(start + size - PAGE_SIZE - 1).range, "the rest", start);
	drop(start, size);
	result(good && range_count() == 0, "a range of whole GiBs: carries, hole, restore");
}

/* Some share their word of start bits, one runs over a border, one lies behind that one. */
static void test_border(void)
{
	uintptr_t border = 9 * GIB + 5 * BLOCK, start = border - 3 * PAGE_SIZE;
	bool good = expect(!insert(start - 4 * PAGE_SIZE, PAGE_SIZE, 1, 0, 1), "inserted", 1);

	good &= expect(!insert(start - 2 * PAGE_SIZE, PAGE_SIZE, 2, 0, 2), "inserted", 2);
	for (int i = 0; i < 3; i++) {
		good &= expect(!insert(start, 9 * PAGE_SIZE, 3, 0, 3), "inserted", 3);
		good &= expect(state_owner(range_lookup(border).state) == 3, "found", border);
		good &= expect(!insert(start + 9 * PAGE_SIZE, PAGE_SIZE, 4, 0, 4), "inserted", 4);
		good &= expect(range_count() == 4, "and nothing is gone", range_count());
		drop(start + 9 * PAGE_SIZE, PAGE_SIZE);
		good &= expect(state_owner(range_lookup(border + PAGE_SIZE).state) == 3, "found", i);
		drop(start, 9 * PAGE_SIZE);
		good &= expect(!range_lookup(border).range, "gone", border);
	}
	drop(start - 4 * PAGE_SIZE, 3 * PAGE_SIZE);
	result(good && range_count() == 0, "a range over a border between others");
}

/* Its pages, modulo what a geometry can say, are those of the first record. */
static void test_longer_than_a_geometry(void)
{
	uintptr_t start = GIB + PAGE_SIZE;
	bool good = expect(!insert(start, 3 * PAGE_SIZE, 1, 0, 1), "inserted", start);

	good &= expect(!insert(9 * GIB, PAGE_SIZE, 1, 0, 1), "inserted", 9 * GIB);
	drop(start, ((size_t)1 << 40) + 3 * PAGE_SIZE);
	result(good && expect(range_count() == 0, "all of it", range_count()),
		"a cut of more than 1 TiB");
}
#endif

/* A fault that was looked up before the cut is counted after it. */
static void test_late_count(void)
{
	struct range_hit hit;
	struct range_cut cut;
	bool good;

	insert(GIB, 4 * PAGE_SIZE, 1, 0, 1);
	insert(2 * GIB, PAGE_SIZE, 1, 0, 2);
	hit = range_lookup(GIB + 3 * PAGE_SIZE);
	cut = range_cut(GIB, PAGE_SIZE);
	for (int i = 0; i < 200; i++)
		hit.range->faults++;
	good = expect(range_by_id(cut.first) == hit.range, "the piece", cut.first);
	good &= expect(!range_next_piece(hit.range), "the only one", range_next_piece(hit.range));
	range_cut_free(cut);
	good &= expect(range_count() == 2, "nothing else goes", range_count());
	drop(GIB, 2 * GIB);
	result(good && range_count() == 0, "a fault counted in a piece that was cut");
}

static unsigned released;

static void release(struct range_cut cut)
{
	for (uint32_t id = cut.first; id; id = range_next_piece(range_by_id(id)))
		released += range_by_id(id)->caller;
	range_cut_free(cut);
}

static void test_stale(void)
{
	bool good;

	range_init(&(struct range_env){.allocate = allocate,
		.wait = wait_for,
		.release = release,
		.hold = hold,
		.let_go = let_go,
		.lost = count_lost,
		.share = share_alone});
	insert(GIB, 2 * PAGE_SIZE, 1, 0, 1);
	insert(GIB + 3 * PAGE_SIZE, PAGE_SIZE, 1, 0, 10);
	insert(GIB + 5 * PAGE_SIZE, PAGE_SIZE, 1, 0, 100);
	waits = 0;
	insert(GIB + PAGE_SIZE, 3 * PAGE_SIZE, 2, 0, 1000);
	good = expect(released == 11, "the two that it overlaps", released);
	good &= expect(waits == 2, "a wait for each", waits);
	good &= expect(state_owner(range_lookup(GIB + 3 * PAGE_SIZE).state) == 2, "the new one", 0);
	good &= expect(range_count() == 3, "what is left of the first, too", range_count());
	drop(GIB, GIB);
	start();
	result(good && range_count() == 0, "what an insertion finds is cut and released");
}

static void test_wait(void)
{
	struct range_hit a, b;
	bool good;

	insert(GIB, 10 * PAGE_SIZE, 1, 0, 1);
	insert(GIB + 10 * PAGE_SIZE, 10 * PAGE_SIZE, 1, 0, 2);
	a = range_lookup(GIB);
	b = range_lookup(GIB + 10 * PAGE_SIZE);
	waits = waited_locks = 0;
	watched = GIB + 12 * PAGE_SIZE;
	drop(GIB + 8 * PAGE_SIZE, 6 * PAGE_SIZE);
	good = expect(waits == 2, "one wait for each record", waits);
	good &= expect(waited_locks == ((uint64_t)1 << state_lock(a.state) |
					       (uint64_t)1 << state_lock(b.state)),
		"their locks", waited_locks);
	good &= expect(!range_still(&a, GIB, 9 * PAGE_SIZE) && range_still(&a, GIB, 8 * PAGE_SIZE),
		"the shrunk record holds what is left", GIB);
	good &= expect(
		!range_still(&b, GIB + 14 * PAGE_SIZE, PAGE_SIZE), "the cut record is gone", GIB);
	drop(GIB, 20 * PAGE_SIZE);
	good &= expect(waits == 4, "a wait for each", waits);
	drop(GIB, GIB);
	good &= expect(waits == 4, "no wait where nothing is", waits);
	watched = 0;
	result(good, "a cut waits for the lock of each record that it changed");
}

static void test_wait_order(void)
{
	watched_was_found = false;
	watched = GIB + PAGE_SIZE;
	insert(GIB, 3 * PAGE_SIZE, 1, 0, 1);
	drop(GIB + PAGE_SIZE, PAGE_SIZE);
	watched = 0;
	drop(GIB, GIB);
	result(!watched_was_found, "a page is gone before the cut waits");
}

/* All of a record that runs over a border of 2 MiB, or of a GiB, goes: its repairs are waited for. */
static void test_wait_long(void)
{
	static const uintptr_t borders[] = {BLOCK, GIB};
	bool good = true;

	for (unsigned i = 0; i < 2; i++) {
		uintptr_t start = GIB + borders[i] - PAGE_SIZE;

		insert(start, 2 * PAGE_SIZE, 1, 0, 1);
		waits = waited_locks = 0;
		watched_was_found = false;
		watched = start + PAGE_SIZE;
		drop(start, 2 * PAGE_SIZE);
		watched = 0;
		good &= expect(waits == 1 && waited_locks && !watched_was_found, "a wait", start);
	}
	result(good, "a cut of a whole record over a border waits");
}

/* Who may be killed at any step holds no lock word: the record goes, and what stays comes back. */
static void test_borrowed(void)
{
	struct range_attributes attributes = {
		.owner = 7, .flags = RANGE_SHARED, .lock = 5, .caller = 77, .anchor = 0x5000};
	static const unsigned cuts[][2] = {{10, 11}, {0, 4}, {25, 30}, {0, 30}};
	bool good = true;

	is_borrowed = true;
	for (unsigned i = 0; i < 4; i++) {
		unsigned from = cuts[i][0], to = cuts[i][1];
		struct range_cut cut;

		range_insert(GIB, 30 * PAGE_SIZE, &attributes);
		atomic_fetch_add(&range_lookup(GIB).range->faults, 3);
		waits = 0;
		cut = range_cut(GIB + from * PAGE_SIZE, (to - from) * PAGE_SIZE);
		good &= expect(waits == 1 && !holds_now && cut.first && !cut.lost, "one wait", from);
		good &= expect(range_piece(range_by_id(cut.first)) ==
				       ((GIB / PAGE_SIZE + from) << RANGE_PAGES_BITS | (to - from)),
			"what goes", from);
		for (unsigned page = 0; page < 30; page++) {
			struct range_hit hit = range_lookup(GIB + page * PAGE_SIZE);

			good &= expect(!hit.range == (page >= from && page < to), "the rest", page);
			good &= expect(!hit.range || (state_owner(hit.state) == 7 &&
							     state_lock(hit.state) == 5 &&
							     hit.range->caller == 77 &&
							     hit.range->faults == 3),
				"says the same", page);
		}
		good &= expect(from == 0 || range_anchor(range_lookup(GIB).range) == 0x5000,
			"the anchor of the start", from);
		range_cut_free(cut);
		drop(GIB, 30 * PAGE_SIZE);
	}
	is_borrowed = false;
	result(good && range_count() == 0, "a cut without a lock word");
}

/* As a fork child finds it: another thread was between PUBLISH and CUT, or behind CUT. */
static void test_forked(void)
{
	bool good = true;

	for (unsigned shrunk = 0; shrunk < 2; shrunk++) {
		struct content rest = {.geometry = geometry_make(GIB / PAGE_SIZE + 600, GIB / PAGE_SIZE + 700),
			.lock = 5};
		uint32_t id = record_take(), parent;
		struct range_hit hit;

		record_fill(record(id), id, rest);
		insert(GIB, 700 * PAGE_SIZE, 1, 0, 1);
		hit = range_lookup(GIB);
		parent = find_quickly(GIB / PAGE_SIZE);
		index_add(id, rest.geometry);
		range_pool.open[5] = (uint64_t)parent << 32 | id;
		if (shrunk)
			hit.range->geometry = geometry_make(GIB / PAGE_SIZE, GIB / PAGE_SIZE + 500);
		range_forked();
		good &= expect(range_count() == 1 + shrunk && !range_pool.open[5], "records", shrunk);
		good &= expect(range_lookup(GIB + 650 * PAGE_SIZE).range ==
				       (shrunk ? record(id) : hit.range),
			"the right part", shrunk);
		drop(GIB, GIB);
	}
	result(good && range_count() == 0, "fork() while another thread cuts");
}

static void test_anchor(void)
{
	struct range_attributes attributes = {.lock = 63, .caller = 77, .anchor = 0x5000};
	struct range_cut cut;
	struct range *piece;
	bool good;

	range_insert(GIB, 30 * PAGE_SIZE, &attributes);
	drop(GIB + 10 * PAGE_SIZE, PAGE_SIZE);
	good = expect(range_anchor(range_lookup(GIB).range) == 0x5000, "the left part's", 0);
	good &= expect(range_anchor(range_lookup(GIB + 20 * PAGE_SIZE).range) == 0x5000, "the same", 0);
	cut = range_cut(GIB, PAGE_SIZE);
	piece = range_by_id(cut.first);
	good &= expect(range_anchor(piece) == 0x5000 && piece->caller == 77, "the piece's", 0);
	good &= expect(range_anchor(range_lookup(GIB + PAGE_SIZE).range) == 0x5000, "the same", 0);
	good &= expect(state_lock(range_lookup(GIB + PAGE_SIZE).state) == 63, "its lock", 0);
	range_cut_free(cut);
	drop(GIB, 30 * PAGE_SIZE);
	good &= expect(!range_by_id(0) && !range_by_id(UINT32_MAX), "no such id", 0);
	result(good, "anchor, caller and lock in the parts of a record");
}

static void test_incarnation(void)
{
	struct range_hit hit;
	bool good;

	insert(GIB, PAGE_SIZE, 1, 0, 1);
	hit = range_lookup(GIB);
	good = expect(range_set_flags(hit, RANGE_REPAIRED, 0), "set", 0);
	good &= expect(!range_still(&hit, GIB, PAGE_SIZE), "a change of state is seen", 0);
	hit = range_lookup(GIB);
	good &= expect(
		range_still(&hit, GIB, PAGE_SIZE) && state_flags(hit.state) == RANGE_REPAIRED,
		"new", 0);
	drop(GIB, PAGE_SIZE);
	good &= expect(!range_still(&hit, GIB, PAGE_SIZE), "gone", 0);
	insert(GIB, PAGE_SIZE, 1, RANGE_REPAIRED, 1);
	good &= expect(range_lookup(GIB).range == hit.range, "the same record again", 0);
	good &= expect(!range_still(&hit, GIB, PAGE_SIZE), "another incarnation", 0);
	good &= expect(!range_set_flags(hit, 1, 0), "no change", 0);
	good &= expect(state_flags(range_lookup(GIB).state) == RANGE_REPAIRED, "as inserted", 0);
	drop(GIB, PAGE_SIZE);
	result(good, "a record at the same address is another incarnation");
}

#if UINTPTR_MAX > UINT32_MAX
/* ---- memory ---- */

#define MANY 1000000

static void test_many(void)
{
	uintptr_t base = 1000 * GIB;
	bool good = true;

	for (uintptr_t i = 0; i < MANY; i++)
		good &= !insert(base + 2 * i * PAGE_SIZE, PAGE_SIZE, i % OWNERS_MAX, 0, i);
	for (uintptr_t i = 0; i < MANY; i++)
		good &= range_lookup(base + 2 * i * PAGE_SIZE).range->caller == i &&
			!range_lookup(base + (2 * i + 1) * PAGE_SIZE).range;
	good &= expect(range_count() == MANY, "all live", range_count());
	drop(base, 3 * GIB);
	good &= expect(
		range_count() == MANY - 3 * GIB / (2 * PAGE_SIZE), "some are gone", range_count());
	drop(base, 100 * GIB);
	result(good && range_count() == 0, "1,000,000 ranges");
}

/* No record is left: the right part can't be tracked, and the hole can't be put back. */
static void test_no_memory(void)
{
	uintptr_t base = 2000 * GIB, i = 0;
	struct range_cut cut;
	bool good;

	insert(base, 30 * PAGE_SIZE, 1, 0, 1);
	fail_percent = 100;
	while (!insert(3000 * GIB + 2 * i * PAGE_SIZE, PAGE_SIZE, 1, 0, 1))
		i++;
	good = expect(insert(5 * GIB, PAGE_SIZE, 1, 0, 1) == -ENOMEM, "ENOMEM", i);
	cut = range_cut(base + 10 * PAGE_SIZE, PAGE_SIZE);
	good &= expect(cut.lost && lost_count == 1, "said to be lost", 0);
	range_cut_restore(cut);
	good &= expect(range_lookup(base + 9 * PAGE_SIZE).range, "the left part", 0);
	good &= expect(!range_lookup(base + 10 * PAGE_SIZE).range, "the hole", 0);
	good &= expect(!range_lookup(base + 11 * PAGE_SIZE).range, "not tracked", 0);
	cut = range_cut(base, 2 * PAGE_SIZE);
	good &= expect(
		cut.first && cut.lost && !range_lookup(base + 3 * PAGE_SIZE).range, "lost", 0);
	fail_percent = 0;
	range_cut_free(cut);
	drop(base, 2000 * GIB);
	result(good && range_count() == 0, "no memory for a part: not tracked, and said so");
}
#endif

/* As if so many had been taken. The last test: the records in between have no memory. */
static void test_last_record(void)
{
	uintptr_t first = GIB, second = GIB + 3 * BLOCK, third = GIB + 5 * BLOCK;
	struct range_hit hit;
	bool good = true;

	range_pool.unused = 0;
	range_pool.taken = (1u << ID_BITS) - 3;
	while (record_take_spare())
		;
	good &= expect(!insert(first, PAGE_SIZE, 1, 0, 1), "the last but one", first);
	good &= expect(!insert(second, PAGE_SIZE, 2, 0, 1), "the last", second);
	good &= expect(insert(third, PAGE_SIZE, 3, 0, 1) == -ENOMEM, "ENOMEM", third);
	good &= expect(!range_lookup(third).range, "nothing there", third);
	hit = range_lookup(second);
	good &= expect(hit.range && state_owner(hit.state) == 2, "found", second);
	drop(first, PAGE_SIZE);
	good &= expect(!insert(third, PAGE_SIZE, 3, 0, 1), "used again", third);
	good &= expect(state_owner(range_lookup(third).state) == 3, "found", third);
	drop(first, 6 * BLOCK);
	good &= expect(!range_lookup(second).range && !range_lookup(third).range, "gone", second);
	result(good, "no record is left but those that are given back");
}

int main(void)
{
	start();
#if UINTPTR_MAX > UINT32_MAX
	test_limits();
	test_longer_than_a_geometry();
	test_long();
	test_border();
	test_many();
	test_no_memory();
#endif
	test_late_count();
	test_stale();
	test_wait();
	test_wait_order();
	test_wait_long();
	test_borrowed();
	test_forked();
	test_anchor();
	test_incarnation();
	test_last_record();
	return tap_done();
}
