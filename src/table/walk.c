/* SPDX-License-Identifier: MIT */
/* All records that overlap some pages. */
#include "base/base.h"
#include "table/record.h"
#include "table/table.h"

static bool overlaps(const struct walk *walk, uint64_t geometry)
{
	return first(geometry) < walk->to && behind(geometry) > walk->from;
}

static void walk_live(struct walk *walk, uint32_t id)
{
	uint64_t geometry = atomic_load(&record(id)->geometry);

	if (!(geometry & RANGE_HIDDEN) && overlaps(walk, geometry))
		walk->visit(walk, id);
}

/*
 * A right part that is not shown. After its record was visited, a split that is not committed
 * either takes over what the visit changed, or can't be committed any more. For a cut it must not
 * show up later: if the part was good after all it is lost, and its writer says so.
 */
static void walk_rest(struct walk *walk, uint32_t id, uint64_t geometry, uint64_t note)
{
	walk_live(walk, note >> 40);
	if (rest_settle(id))
		walk_live(walk, id);
	else if (walk->cutting && !swap(&record(id)->geometry, &geometry, TAKEN_AWAY))
		walk->again = true;
}

static void walk_at(struct walk *walk, uint32_t id)
{
	struct range *range = record(id);
	uint64_t geometry = atomic_load(&range->geometry);
	uint64_t note;

	if (likely(!(geometry & RANGE_HIDDEN))) {
		if (overlaps(walk, geometry))
			walk->visit(walk, id);
		return;
	}
	note = atomic_load(&range->anchor);
	if ((note & 1) && overlaps(walk, geometry & ~RANGE_HIDDEN))
		walk_rest(walk, id, geometry, note);
}

/*
 * What holds the first page. A part that a cut took from its writer is nothing any more; one that
 * is neither shown nor void yet is for walk_rest() to decide.
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
	if (last->hit.range) {
		walk->visit(walk, last->id);
		return;
	}
	walk->again |= last->moved;
	for (unsigned i = 0; last->unsettled && i < last->count; i++)
		walk_at(walk, last->seen[i][0]);
}

/* The index is read again each time: a record may have got a right part. */
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
	} while (get(&range->state) != hit->state);
	hit->range = range;
	if ((hit->geometry & RANGE_HIDDEN) || !overlaps(walk, hit->geometry)) {
		walk->again = true;
		return false;
	}
	return true;
}

/* A split that was committed before the visit changed the record did not see the change. */
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
