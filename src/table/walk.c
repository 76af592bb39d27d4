/* SPDX-License-Identifier: MIT */
/* All records that overlap some pages. */
#include "base/base.h"
#include "table/record.h"
#include "table/table.h"

static bool overlaps(const struct walk *walk, uint64_t geometry)
{
	return first(geometry) < walk->to && behind(geometry) > walk->from;
}

static void walk_at(struct walk *walk, uint32_t id)
{
	uint64_t geometry = atomic_load(&record(id)->geometry);

	if (!(geometry & RANGE_HIDDEN) && overlaps(walk, geometry))
		walk->visit(walk, id);
}

/*
 * What holds the first page: a record that begins before it, so no start in [from, to) leads to it. If
 * nothing holds it and two looks do not agree (moved), a record may have been split meanwhile, and its
 * right part begins anywhere: the walk is made once more.
 */
static void walk_first(struct walk *walk)
{
	struct look look[2], *last;
	uint32_t id = find_quickly(walk->from);

	if (likely(id)) {
		walk->visit(walk, id);
		return;
	}
	last = look_settled(look, walk->from);
	if (last->hit.range)
		walk->visit(walk, last->id);
	else
		walk->again |= last->moved;
}

/*
 * The next start is looked up in the index after each visit, not before: a visit that splits a record puts
 * its right part there, and so do others.
 */
static void walk_all(struct walk *walk)
{
	uint64_t page = walk->from + 1;
	int64_t start;
	uint32_t id;

	walk_first(walk);
	for (; (start = start_behind(page, walk->to, &id)) != NONE; page = start + 1)
		walk_at(walk, id);
}

void walk_settled(struct walk *walk)
{
	do {
		walk->again = false;
		walk->last = NULL;
		walk_all(walk);
	} while (unlikely(walk->again));
}

bool walk_set(struct walk *walk, uintptr_t start, size_t size)
{
	uintptr_t end = start + size < start ? UINTPTR_MAX : start + size;
	uint64_t to = (uint64_t)(end >> PAGE_SHIFT) + !!(end % PAGE_SIZE);

	walk->from = start >> PAGE_SHIFT;
	walk->to = to < PAGES_END ? to : PAGES_END;
	return size && walk->from < walk->to;
}

bool walk_snapshot(struct walk *walk, uint32_t id, struct range_hit *hit)
{
	struct range *range = record(id);

	do {
		hit->state = atomic_load(&range->state);
		hit->geometry = atomic_load(&range->geometry);
	} while (load(&range->state) != hit->state);
	hit->range = range;
	if ((hit->geometry & RANGE_HIDDEN) || !overlaps(walk, hit->geometry)) {
		walk->again = true;
		return false;
	}
	return true;
}

/*
 * A visit may change the state of the record (RANGE_PROTECTED, say). A split by another thread that ended
 * before that change has copied the old state into the right part: so if the geometry is another one
 * behind the visit, all records are visited once more, the right part with them. It pairs with
 * carry_marks() in split.c, which reads the state behind its change of the geometry: one sees the other.
 */
static void each_visit(struct walk *walk, uint32_t id)
{
	struct range_hit hit = {0};

	if (!walk_snapshot(walk, id, &hit) || hit.range == walk->last)
		return;
	walk->last = hit.range;
	walk->each(hit, walk->data);
	if (atomic_load(&hit.range->geometry) != hit.geometry)
		walk->again = true;
}

void range_each(
	uintptr_t start, size_t size, void (*visit)(struct range_hit hit, void *data), void *data)
{
	struct walk walk = {.visit = each_visit, .each = visit, .data = data};

	if (walk_set(&walk, start, size) && !is_clear(walk.from, walk.to - 1))
		walk_settled(&walk);
}
