/* SPDX-License-Identifier: MIT */
/* The index of the range table: from a page to the starts around it. */
#include "base/base.h"
#include "kernel/next.h"
#include "table/record.h"

LARGE struct range_top range_top;

/* ---- the ids of a leaf ---- */

/* An inline id may be replaced if no record, published or about to be, has that start. */
static bool inline_is_free(uint64_t ids, uint64_t page)
{
	uint64_t start = (page & ~(uint64_t)63) | ((ids >> 1) & 63);

	return ids == 0 || start == page || first(extent(record((uint32_t)ids >> 8))) != start;
}

/* Gives an inline id a group of its own, for there is a second start. */
static bool make_group(_Atomic uint64_t *place, uint64_t ids)
{
	struct group *group = node_new(sizeof(*group));

	if (!group)
		return false;
	store_release(&group->id[(ids >> 1) & 63], (uint32_t)ids >> 8);
	cas(place, &ids, (uintptr_t)group);
	return true;
}

static bool set_id(struct leaf *leaf, uint64_t page, uint32_t id)
{
	_Atomic uint64_t *place = &leaf->ids[page % FANOUT / 64];

	for (;;) {
		uint64_t ids = load(place);

		if (ids && !(ids & 1)) {
			store_release(&((struct group *)(uintptr_t)ids)->id[page % 64], id);
			return true;
		}
		if (inline_is_free(ids, page)) {
			if (cas(place, &ids, inline_id_next(ids, id, page % 64)))
				return true;
		} else if (!make_group(place, ids)) {
			return false;
		}
	}
}

/* ---- carries ---- */

/*
 * A record that runs over a border is the carry of what begins there: of each block in its first
 * GiB, of each GiB after it. A carry of 0 says that no record runs in there. It becomes 0 again only when
 * all pages of the record are cut at once: those on both sides of the border are then that caller's
 * alone, so nobody else has made it his carry. Any other carry may be stale, for a split that was taken
 * back leaves its own id: the geometry of that record decides.
 */
struct borders {
	_Atomic uint32_t *block, *block_end, *gib, *gib_end;
};

static inline struct borders borders_of(uint64_t geometry)
{
	uint64_t from = first(geometry), last = behind(geometry) - 1;
	uint64_t gib = from >> GIB_SHIFT;
	_Atomic uint32_t *carry = gib_of(from)->carry;
	unsigned last_block =
		gib == last >> GIB_SHIFT ? (last >> BLOCK_SHIFT) % FANOUT : FANOUT - 1;

	return (struct borders){carry + (from >> BLOCK_SHIFT) % FANOUT + 1, carry + last_block + 1,
		range_top.carry + gib + 1, range_top.carry + (last >> GIB_SHIFT) + 1};
}

static void set_carries(uint64_t geometry, uint32_t id)
{
	struct borders borders = borders_of(geometry);

	for (_Atomic uint32_t *carry = borders.block; carry < borders.block_end; carry++)
		store_release(carry, id);
	for (_Atomic uint32_t *carry = borders.gib; carry < borders.gib_end; carry++)
		store_release(carry, id);
}

static inline void clear_between(_Atomic uint32_t *carry, _Atomic uint32_t *end, uint32_t id)
{
	for (; carry < end; carry++)
		if (likely(load(carry) == id))
			store_release(carry, 0);
}

void clear_carries(uint64_t geometry, uint32_t id)
{
	struct borders borders = borders_of(geometry);

	clear_between(borders.block, borders.block_end, id);
	clear_between(borders.gib, borders.gib_end, id);
}

/* ---- in and out ---- */

static struct leaf *leaf_make(uint64_t page)
{
	struct gib *gib = node_get(&range_top.gib[page >> GIB_SHIFT], sizeof(*gib));
	unsigned block = (page >> BLOCK_SHIFT) % FANOUT;

	if (!gib)
		return NULL;
	atomic_fetch_or(&gib->present[block / 64], (uint64_t)1 << block % 64);
	return node_get(&gib->leaf[block], sizeof(struct leaf));
}

/* The start bit comes last: who sees it finds everything else. */
bool index_add(uint32_t id, uint64_t geometry)
{
	uint64_t page = first(geometry);
	struct gib *gib = gib_of(page);
	struct leaf *leaf = gib ? leaf_of(gib, page) : NULL;

	if ((!leaf && !(leaf = leaf_make(page))) || !set_id(leaf, page, id))
		return false;
	if ((page ^ (behind(geometry) - 1)) >> BLOCK_SHIFT)
		set_carries(geometry, id);
	atomic_fetch_or(&leaf->starts[page % FANOUT / 64], (uint64_t)1 << page % 64);
	return true;
}

void index_remove(uint64_t page, uint32_t id)
{
	struct gib *gib = gib_of(page);
	struct leaf *leaf = gib ? leaf_of(gib, page) : NULL;

	if (leaf && !is_taken_over(leaf, page, id))
		leaf_remove(leaf, page, id);
}

/* ---- the nearest start ---- */

/* It stops where no record runs into the block behind. */
static int64_t start_in_gib(const struct gib *gib, uint64_t page, uint32_t *id)
{
	int block = (page >> BLOCK_SHIFT) % FANOUT;
	unsigned at = page % FANOUT;

	do {
		const struct leaf *leaf = load(&gib->leaf[block]);
		int start = leaf ? bit_before(leaf->starts, at) : NONE;

		if (start != NONE) {
			*id = start_id(leaf, start);
			return (int64_t)(page >> GIB_SHIFT << GIB_SHIFT) + block * FANOUT + start;
		}
		at = FANOUT - 1;
		block = block && load(&gib->carry[block]) ? bit_before(gib->present, block - 1)
							 : NONE;
	} while (block != NONE);
	return NONE;
}

int64_t start_before(uint64_t page, uint32_t *id)
{
	for (;;) {
		const struct gib *gib = gib_of(page);
		int64_t start = gib ? start_in_gib(gib, page, id) : NONE;

		if (start != NONE || !load(&range_top.carry[page >> GIB_SHIFT]) ||
			!(page >> GIB_SHIFT))
			return start;
		page = (page >> GIB_SHIFT << GIB_SHIFT) - 1;
	}
}

/* The first bit in [at, end), or end; at < end. */
static inline unsigned bit_behind(const _Atomic uint64_t *bits, unsigned at, unsigned end)
{
	uint64_t left = load(&bits[at / 64]) >> at % 64 << at % 64;
	unsigned word = at / 64;

	while (!left && ++word <= (end - 1) / 64)
		left = load(&bits[word]);
	if (!left)
		return end;
	at = word * 64 + (unsigned)__builtin_ctzll(left);
	return at < end ? at : end;
}

/* How much of 1 << shift pages at base lies before to, in units of a FANOUT-th. */
static inline unsigned end_in(uint64_t base, uint64_t to, unsigned shift)
{
	uint64_t units = ((to - base - 1) >> shift) + 1;

	return units < FANOUT ? (unsigned)units : FANOUT;
}

static int64_t start_in_leaf(const struct gib *gib, uint64_t page, uint64_t to, uint32_t *id)
{
	const struct leaf *leaf = leaf_of(gib, page);
	unsigned end = end_in(page & ~(uint64_t)(FANOUT - 1), to, 0);
	unsigned at = leaf ? bit_behind(leaf->starts, page % FANOUT, end) : end;

	if (at == end)
		return NONE;
	*id = start_id(leaf, at);
	return (int64_t)(page & ~(uint64_t)(FANOUT - 1)) + at;
}

/* All pages in one GiB. */
static int64_t start_behind_in_gib(const struct gib *gib, uint64_t page, uint64_t to, uint32_t *id)
{
	uint64_t base = page >> GIB_SHIFT << GIB_SHIFT;
	unsigned end = end_in(base, to, BLOCK_SHIFT), block = (page - base) >> BLOCK_SHIFT;

	while (block < end && (block = bit_behind(gib->present, block, end)) < end) {
		uint64_t first_page = base + ((uint64_t)block << BLOCK_SHIFT);
		int64_t start = start_in_leaf(gib, first_page > page ? first_page : page, to, id);

		if (start != NONE)
			return start;
		block++;
	}
	return NONE;
}

int64_t start_behind(uint64_t page, uint64_t to, uint32_t *id)
{
	while (page < to) {
		const struct gib *gib = gib_of(page);
		uint64_t next = ((page >> GIB_SHIFT) + 1) << GIB_SHIFT;
		int64_t start = NONE;

		if (gib)
			start = start_behind_in_gib(gib, page, to < next ? to : next, id);
		if (start != NONE)
			return start;
		page = next;
	}
	return NONE;
}

/* ---- is there nothing? ---- */

/* A live record that holds the page at which it is looked for, and not this one. */
static inline bool lets_pass(uint32_t id, uint64_t at, uint64_t page)
{
	uint64_t geometry = load(&record(id)->geometry);

	return holds(geometry, at) && !holds(geometry, page);
}

/* A right part may have come meanwhile, and its leaf with it. */
static bool has_leaf(uint64_t page)
{
	const struct gib *gib = gib_of(page);

	return gib && leaf_of(gib, page);
}

/* No start lies between the border and page. */
static bool carry_lets_pass(const struct gib *gib, const struct leaf *leaf, uint64_t page)
{
	uint32_t id = gib ? load(&gib->carry[(page >> BLOCK_SHIFT) % FANOUT]) : 0;
	unsigned shift = id ? BLOCK_SHIFT : GIB_SHIFT;

	if (!id)
		id = load(&range_top.carry[page >> GIB_SHIFT]);
	return !id || (lets_pass(id, page >> shift << shift, page) && (leaf || !has_leaf(page)));
}

/* Is there a start in [at, last] of a leaf? */
static inline bool has_start(const struct leaf *leaf, unsigned at, unsigned last)
{
	return bit_behind(leaf->starts, at, last + 1) <= last;
}

/* Is there a start in (page, last]? */
static bool has_start_behind(
	const struct gib *gib, const struct leaf *leaf, uint64_t page, uint64_t last)
{
	unsigned block = (page >> BLOCK_SHIFT) % FANOUT, last_block = (last >> BLOCK_SHIFT) % FANOUT;
	uint32_t id;

	if ((page ^ last) >> GIB_SHIFT)
		return start_behind(page + 1, last + 1, &id) != NONE;
	if (block == last_block)
		return leaf && has_start(leaf, page % FANOUT + 1, last % FANOUT);
	if (leaf && page % FANOUT < FANOUT - 1 && has_start(leaf, page % FANOUT + 1, FANOUT - 1))
		return true;
	return gib && bit_behind(gib->present, block + 1, last_block + 1) <= last_block &&
	       start_behind(page + 1, last + 1, &id) != NONE;
}

/*
 * Is there nothing in [page, last]? Its caller is the mapper of these pages, so nobody inserts or cuts them
 * meanwhile. But a record that begins before page may reach over it, and its own mapper may split it at
 * this moment. Such a split puts the start of the right part into the index (PUBLISH) before it shrinks
 * the record (CUT). So: read the nearest start, then the geometry of its record, then the nearest start
 * again. If both are the same start and the record ends before page, no right part had come to hold page.
 */
bool is_clear(uint64_t page, uint64_t last)
{
	const struct gib *gib = gib_of(page);
	const struct leaf *leaf = gib ? leaf_of(gib, page) : NULL;
	int start = leaf ? bit_before(leaf->starts, page % FANOUT) : NONE;
	uint64_t at = (page >> BLOCK_SHIFT << BLOCK_SHIFT) + (unsigned)start;

	if (start == NONE ? !carry_lets_pass(gib, leaf, page)
			  : !lets_pass(start_id(leaf, (unsigned)start), at, page))
		return false;
	if (page != last && has_start_behind(gib, leaf, page, last))
		return false;
	return !leaf || bit_before(leaf->starts, page % FANOUT) == start;
}
