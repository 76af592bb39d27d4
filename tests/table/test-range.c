/* SPDX-License-Identifier: MIT */
/* The range table against an array of pages. */
#include "api/api.h"
#include "base/base.h"
#include "owner/owner.h"
#include "range-env.h"
#include "table/table.h"

#include <errno.h>
#include <string.h>

#define WINDOW 4096 /* pages of the model */
#define STEPS 300000 /* if no argument says otherwise */

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
	bool caller = expect(page->caller == range->caller, "the caller", page->caller);
	bool owner = expect(page->owner == state_owner(state), "the owner", page->owner);
	bool flags = expect(page->flags == state_flags(state), "the flags", page->flags);
	bool lock = expect(page->lock == state_lock(state), "the lock of the mapping", page->lock);

	return caller && owner && flags && lock;
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

	for (uint32_t id = cut.first; good && id; id = range_next_piece(range_by_id(id))) {
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
	unsigned pages, flag, from, to;
	bool good;
};

static void visit(struct range_hit hit, void *data)
{
	struct visits *visits = data;
	unsigned from = (geometry_start(hit.geometry) - window) / PAGE_SIZE;
	unsigned to = (geometry_end(hit.geometry) - window) / PAGE_SIZE;

	visits->good &= check_extent(hit.geometry, hit.range, hit.state) &&
			range_set_flags(hit, visits->flag, RANGE_READ);
	for (unsigned i = from; visits->good && i < to; i++) {
		visits->pages += i >= visits->from && i < visits->to;
		model[i].flags = (model[i].flags & ~RANGE_READ) | visits->flag;
	}
}

static bool step_each(unsigned page, unsigned size)
{
	struct visits visits = {0, RANGE_PROTECTED, page, page + size, true};
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

/* ---- memory that fails ---- */

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

int main(int argc, char **argv)
{
	unsigned steps = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : STEPS;

	start();
	result(run(3 * GIB - WINDOW / 2 * PAGE_SIZE, steps),
		"random steps across a GiB and 2 MiB blocks");
	result(run(ADDRESS_END - WINDOW * PAGE_SIZE, steps / 10),
		"random steps at the end of the addresses");
	printf("# %u steps agree with the model\n", steps + steps / 10);
	test_failing_memory();
	return tap_done();
}
