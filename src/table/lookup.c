/* SPDX-License-Identifier: MIT */
/*
 * Which record holds an address. Everything here is [H] and wait-free.
 *
 * The record of the nearest start decides in nearly all cases. One look may read the index before,
 * and the record after, a split; so nothing counts as "nothing" before two looks agree.
 */

#include <string.h>
#include "base/base.h"
#include "table/record.h"
#include "table/table.h"

ALWAYS_INLINE bool take(uint32_t id, uint64_t page, struct range_hit *hit)
{
	struct range *range = record(id);
	uint64_t state = load(&range->state), geometry = load(&range->geometry);

	if (!holds(geometry, page) || load(&range->state) != state)
		return false;
	hit->range = range;
	hit->geometry = geometry;
	hit->state = state;
	hit->unsettled = false;
	return true;
}

/* ---- looking twice ----
 *
 * A look notes every record that it passed, with its state and geometry. Two looks that passed the same
 * ones unchanged agree: then there was a moment between them at which nothing held the page. moved: they
 * did not agree, so the third look is believed only for a hit. unsettled: a look passed more records
 * than it can note. Either means "nothing, as far as one can tell": the caller naps and asks again. So a
 * lookup ends after three looks, whatever others do.
 */

static bool look_take(struct look *look, uint32_t id, uint64_t page)
{
	look->id = id;
	return take(id, page, &look->hit);
}

static bool look_at(struct look *look, uint32_t id, uint64_t page)
{
	struct range *range = record(id);
	uint64_t state = load(&range->state), geometry = load(&range->geometry);

	if (look_take(look, id, page))
		return true;
	if (look->count == LOOK_MAX) {
		look->unsettled = true;
		return false;
	}
	look->seen[look->count][0] = id;
	look->seen[look->count][1] = state;
	look->seen[look->count++][2] = geometry;
	return false;
}

/*
 * Back from start to start, past dead records. The first live one
 * decides: what starts before it can't reach behind its start.
 */
static bool look_once(struct look *look, uint64_t page)
{
	int64_t start;
	uint32_t id;

	look->count = 0;
	look->unsettled = look->moved = false;
	look->hit.range = NULL;
	for (uint64_t from = page; (start = start_before(from, &id)) != NONE; from = start - 1) {
		uint64_t geometry = load(&record(id)->geometry);

		if (look_at(look, id, page))
			return true;
		if (start == 0 || look->count == LOOK_MAX ||
			(geometry && !(geometry & RANGE_HIDDEN)))
			break;
	}
	return false;
}

static bool look_agrees(const struct look *a, const struct look *b)
{
	return a->count == b->count && memcmp(a->seen, b->seen, a->count * sizeof(a->seen[0])) == 0;
}

struct look *look_settled(struct look look[2], uint64_t page)
{
	if (look_once(&look[0], page))
		return &look[0];
	if (look_once(&look[1], page) || look_agrees(&look[1], &look[0]))
		return &look[1];
	look[0].moved = !look_once(&look[0], page) && !look_agrees(&look[0], &look[1]);
	return &look[0];
}

static struct range_hit look_again(uint64_t page)
{
	struct look look[2], *last = look_settled(look, page);

	if (last->hit.range)
		return last->hit;
	return (struct range_hit){.unsettled = last->unsettled || last->moved};
}

/* ---- the fast path ---- */

ALWAYS_INLINE bool find_start(uint64_t page, uint32_t *id, struct range_hit *hit)
{
	const struct gib *gib = gib_of(page);
	const struct leaf *leaf;

	if (unlikely(!gib))
		return false;
	leaf = leaf_of(gib, page);
	if (unlikely(!leaf))
		return false;
	*id = id_before(leaf, page);
	return take(*id, page, hit);
}

static uint32_t find_carry(uint64_t page, struct range_hit *hit)
{
	const struct gib *gib = gib_of(page);
	uint32_t id = gib ? load(&gib->carry[(page >> BLOCK_SHIFT) % FANOUT]) : 0;

	if (id && take(id, page, hit))
		return id;
	id = load(&range_top.carry[page >> GIB_SHIFT]);
	return id && take(id, page, hit) ? id : 0;
}

uint32_t find_quickly(uint64_t page)
{
	struct range_hit hit;
	uint32_t id;

	return find_start(page, &id, &hit) ? id : find_carry(page, &hit);
}

static __attribute__((noinline)) struct range_hit lookup_carry(uint64_t page)
{
	struct range_hit hit;

	if (unlikely(page >= PAGES_END))
		return (struct range_hit){0};
	if (likely(find_carry(page, &hit)))
		return hit;
	return look_again(page);
}

struct range_hit range_lookup(uintptr_t address)
{
	uint64_t page = address >> PAGE_SHIFT;
	struct range_hit hit;
	uint32_t id;

	if (unlikely(page >> GIB_SHIFT >= PAGES_END >> GIB_SHIFT || !find_start(page, &id, &hit)))
		return lookup_carry(page);
	return (struct range_hit){hit.range, hit.geometry, hit.state, false};
}

/* ---- what was looked up ---- */

bool range_still(const struct range_hit *hit, uintptr_t start, size_t size)
{
	uint64_t geometry = atomic_load(&hit->range->geometry);

	return !(geometry & RANGE_HIDDEN) && atomic_load(&hit->range->state) == hit->state &&
	       start >= geometry_start(geometry) && size <= geometry_end(geometry) - start &&
	       start <= geometry_end(geometry);
}

bool state_change(struct range *range, uint64_t state, uint64_t clear, uint64_t set)
{
	uint64_t now = atomic_load(&range->state);

	do {
		if ((now ^ state) >> 32)
			return false;
	} while (((now & ~clear) | set) != now && !cas(&range->state, &now, (now & ~clear) | set));
	return true;
}

bool range_round_up(struct range_hit *hit, uintptr_t end)
{
	uint64_t from = first(hit->geometry), to = end >> PAGE_SHIFT, old = hit->geometry;
	uint64_t geometry = geometry_make(from, to);

	if ((to - 1) >> BLOCK_SHIFT != (behind(old) - 1) >> BLOCK_SHIFT || to < behind(old) ||
		to - from >= PAGES_MASK || !cas(&hit->range->geometry, &old, geometry))
		return false;
	hit->geometry = geometry;
	return true;
}

bool range_set_flags(struct range_hit hit, unsigned set, unsigned clear)
{
	return state_change(hit.range, hit.state, clear & RANGE_FLAGS, set & RANGE_FLAGS);
}
