/* SPDX-License-Identifier: MIT */
/* The range table against an array of pages, and its edges. */
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GIB ((uintptr_t)1 << 30)
#define BLOCK ((uintptr_t)2 << 20)
#define WINDOW 4096 /* pages of the model */
#define STEPS 300000

static unsigned number, failures, complaints;

static void result(bool good, const char *name)
{
	printf("%sok %u - %s\n", good ? "" : "not ", ++number, name);
	failures += !good;
	complaints = 0;
}

static bool expect(bool good, const char *what, uintptr_t value)
{
	if (!good && complaints++ < 5)
		printf("# expected: %s (%#lx)\n", what, (unsigned long)value);
	return good;
}

static unsigned long random_below(unsigned long limit)
{
	static uint64_t seed = 88172645463325252u;

	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 11) % limit;
}

/* ---- the environment ---- */

static unsigned fail_percent; /* of allocate() */
static unsigned waits;
static uint64_t waited_locks; /* bit for each */
static uintptr_t watched;     /* must not be found while a cut waits */
static bool watched_was_found;

static void *allocate(size_t size)
{
	if (random_below(100) < fail_percent)
		return NULL;
	return calloc(1, size);
}

static void wait_for(unsigned lock)
{
	waits++;
	waited_locks |= (uint64_t)1 << lock;
	watched_was_found |= watched && range_lookup(watched).range;
}

static int insert(uintptr_t start, size_t size, unsigned owner, unsigned flags, uint32_t caller)
{
	struct range_attributes attributes = {
		.owner = owner, .flags = flags, .lock = -1, .caller = caller};

	return range_insert(start, size, &attributes);
}

static void drop(uintptr_t start, size_t size)
{
	range_cut_free(range_cut(start, size));
}

/* ---- the model: what each page of the window belongs to ---- */

static struct page {
	uint32_t caller; /* unique for each insert; 0: nothing */
	unsigned owner, flags, lock;
} model[WINDOW];
static uintptr_t window;
static uint32_t last_caller;
static bool may_lose; /* memory may be short: pages may be lost, but never be found wrongly */

static uintptr_t at(unsigned page)
{
	return window + page * PAGE_SIZE;
}

static bool agrees(const struct page *page, const struct range *range, uint64_t state)
{
	return expect(page->caller == range->caller, "the caller", page->caller) &
	       expect(page->owner == state_owner(state), "the owner", page->owner) &
	       expect(page->flags == state_flags(state), "the flags", page->flags) &
	       expect(page->lock == state_lock(state), "the lock of the mapping", page->lock);
}

static bool inside(uintptr_t start, uintptr_t end)
{
	return expect(start >= window && end <= at(WINDOW) && start < end, "in the window", start);
}

/* All pages of a record or piece are the same mapping's, and as the record says. */
static bool check_extent(uint64_t geometry, const struct range *range, uint64_t state)
{
	uintptr_t start = geometry_start(geometry), end = geometry_end(geometry);
	bool good = inside(start, end);

	for (; good && start < end; start += PAGE_SIZE)
		good = agrees(&model[(start - window) / PAGE_SIZE], range, state);
	return good;
}

static bool check_page(unsigned page)
{
	struct range_hit hit = range_lookup(at(page) + random_below(PAGE_SIZE));

	if (!expect(!hit.unsettled, "a settled answer", at(page)))
		return false;
	if (!hit.range && may_lose)
		model[page].caller = 0;
	if (!hit.range || !model[page].caller)
		return expect(!hit.range == !model[page].caller, "found if tracked", at(page));
	return expect(range_still(&hit, at(page), PAGE_SIZE), "it holds the page", at(page)) &&
	       agrees(&model[page], hit.range, hit.state) &&
	       (may_lose || check_extent(hit.geometry, hit.range, hit.state));
}

static bool check_all(void)
{
	bool good = true;

	for (unsigned page = 0; page < WINDOW; page++)
		good &= check_page(page);
	return good;
}

static unsigned random_size(unsigned page)
{
	unsigned size = 1 + random_below(random_below(4) ? 40 : random_below(8) ? 300 : 2500);

	return size < WINDOW - page ? size : WINDOW - page;
}

static bool step_insert(unsigned page, unsigned size)
{
	struct page new = {++last_caller, random_below(OWNERS_MAX), random_below(256), 0};
	int error = insert(at(page), size * PAGE_SIZE - random_below(PAGE_SIZE), new.owner,
		new.flags, new.caller);
	struct range_hit hit = range_lookup(at(page));

	if (error == -ENOMEM && may_lose)
		new.caller = 0;
	else if (!expect(!error && hit.range, "inserted", at(page)))
		return false;
	new.lock = state_lock(hit.state);
	for (unsigned i = page; i < page + size; i++)
		model[i] = new;
	return check_page(page + size - 1);
}

/* The pieces are exactly what was there. */
static bool check_pieces(struct range_cut cut, unsigned page, unsigned size)
{
	unsigned expected = 0, found = 0;
	bool good = true;

	for (uint32_t id = cut.first; good && id; id = range_by_id(id)->faults) {
		struct range *range = range_by_id(id);
		uint64_t piece = range_piece(range);

		good = (may_lose || check_extent(piece, range, range->state)) &&
		       expect(geometry_start(piece) >= at(page) &&
				       geometry_end(piece) <= at(page + size),
			       "a piece of the cut", geometry_start(piece));
		found += geometry_size(piece) / PAGE_SIZE;
	}
	for (unsigned i = page; i < page + size; i++)
		expected += model[i].caller != 0;
	return good && (may_lose || (expect(found == expected, "all pages in pieces", found) &&
					    expect(!cut.lost, "nothing lost", at(page))));
}

static bool step_cut(unsigned page, unsigned size)
{
	struct range_hit before = range_lookup(at(page));
	struct range_cut cut = range_cut(at(page) + random_below(2), size * PAGE_SIZE - 1);
	bool good = check_pieces(cut, page, size);

	for (unsigned i = page; i < page + size; i++)
		good &= expect(!range_lookup(at(i)).range, "nothing after a cut", at(i));
	if (page)
		good &= check_page(page - 1);
	if (page + size < WINDOW)
		good &= check_page(page + size);
	if (random_below(3) == 0) {
		range_cut_restore(cut);
		good &= expect(!before.range || !range_still(&before, at(page), PAGE_SIZE),
			"a new incarnation", at(page));
		return good && check_page(page) && check_page(page + size - 1);
	}
	range_cut_free(cut);
	memset(&model[page], 0, size * sizeof(model[0]));
	return good;
}

struct visits {
	unsigned pages, flag, from, to, owner;
	bool good;
};

static void visit(struct range_hit hit, void *data)
{
	struct visits *visits = data;
	unsigned from = (geometry_start(hit.geometry) - window) / PAGE_SIZE;
	unsigned to = (geometry_end(hit.geometry) - window) / PAGE_SIZE;

	visits->good &= check_extent(hit.geometry, hit.range, hit.state) &&
			range_set_flags(hit, visits->flag, RANGE_READ) &&
			range_set_owner(hit, visits->owner);
	for (unsigned i = from; visits->good && i < to; i++) {
		visits->pages += i >= visits->from && i < visits->to;
		model[i].flags = (model[i].flags & ~RANGE_READ) | visits->flag;
		model[i].owner = visits->owner;
	}
}

static bool step_each(unsigned page, unsigned size)
{
	struct visits visits = {
		0, RANGE_PROTECTED, page, page + size, random_below(OWNERS_MAX), true};
	unsigned expected = 0;

	for (unsigned i = page; i < page + size; i++)
		expected += model[i].caller != 0;
	range_each(at(page), size * PAGE_SIZE, visit, &visits);
	return visits.good && expect(visits.pages == expected, "each visited once", visits.pages);
}

static bool step(void)
{
	unsigned page = random_below(WINDOW), size = random_size(page);

	switch (random_below(8)) {
	case 0:
	case 1:
		return step_insert(page, size);
	case 2:
	case 3:
		return step_cut(page, size);
	case 4:
		return may_lose || step_each(page, size);
	default:
		return check_page(page);
	}
}

static bool run(uintptr_t start, unsigned steps)
{
	bool good = true;

	window = start;
	memset(model, 0, sizeof(model));
	for (unsigned i = 0; good && i < steps; i++) {
		good = step();
		if (i % 5000 == 0)
			good &= check_all();
	}
	good &= check_all();
	drop(window, WINDOW * PAGE_SIZE);
	return good & expect(range_count() == 0, "nothing left", range_count());
}

/* ---- edges ---- */

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
	size_t size = ((size_t)1 << 40) - PAGE_SIZE, hole = 300 * GIB + 17 * PAGE_SIZE;
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

static void test_anchor(void)
{
	struct range_attributes attributes = {.lock = 63, .caller = 77, .anchor = 0x5000};
	struct range_cut cut;
	struct range *piece;
	bool good;

	range_insert(GIB, 30 * PAGE_SIZE, &attributes);
	drop(GIB + 10 * PAGE_SIZE, PAGE_SIZE);
	good = expect(range_anchor(range_lookup(GIB).range) == 0x5000, "the left part's", 0);
	good &= expect(!range_anchor(range_lookup(GIB + 20 * PAGE_SIZE).range), "none", 0);
	cut = range_cut(GIB, PAGE_SIZE);
	piece = range_by_id(cut.first);
	good &= expect(range_anchor(piece) == 0x5000 && piece->caller == 77, "the piece's", 0);
	good &= expect(!range_anchor(range_lookup(GIB + PAGE_SIZE).range), "none", 0);
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
	good &= expect(!range_set_flags(hit, 1, 0) && !range_set_owner(hit, 1), "no change", 0);
	good &= expect(state_flags(range_lookup(GIB).state) == RANGE_REPAIRED, "as inserted", 0);
	drop(GIB, PAGE_SIZE);
	result(good, "a record at the same address is another incarnation");
}

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
	good &= expect(cut.lost, "said to be lost", 0);
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

static void test_failing_memory(void)
{
	bool good = true;

	may_lose = true;
	fail_percent = 70;
	for (unsigned i = 0; i < 100; i++)
		good &= run((4000 + i) * GIB + i * BLOCK, 300);
	may_lose = false;
	fail_percent = 0;
	result(good, "memory that fails at random: never a wrong answer");
}

int main(void)
{
	range_init(&(struct range_env){.allocate = allocate, .wait = wait_for});
	puts("1..11");
	result(run(8 * GIB - WINDOW / 2 * PAGE_SIZE, STEPS),
		"random steps across a GiB and 2 MiB blocks");
	result(run(((uintptr_t)1 << ADDRESS_BITS) - WINDOW * PAGE_SIZE, STEPS / 10),
		"random steps at the end of the addresses");
	test_limits();
	test_long();
	test_wait();
	test_wait_order();
	test_anchor();
	test_incarnation();
	test_failing_memory();
	test_many();
	test_no_memory();
	return failures != 0;
}
