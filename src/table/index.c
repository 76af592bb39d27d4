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
 * part, of each part after it in its first GiB, of each GiB after that. A carry of 0 says that no record runs in there: it goes back to 0 only
 * when the record that ran over the border goes as a whole, and the pages on both sides are then its
 * mapper's alone. Any other carry may be stale, for a split that was taken back leaves its own id: the
 * geometry of that record decides.
 */
struct borders {
	_Atomic uint32_t *from, *to;
};

/* In each of the arrays of carries; at: where the record begins there, last: where it ends. */
static inline struct borders borders_in(_Atomic uint32_t *carry, uint64_t at, uint64_t last)
{
	return (struct borders){carry + at + 1, carry + last + 1};
}

static inline unsigned block_of(uint64_t page)
{
	return (page >> BLOCK_SHIFT) % PART_BLOCKS;
}

static inline unsigned part_number(uint64_t page)
{
	return (page >> PART_SHIFT) % GIB_PARTS;
}

static void borders_of(uint64_t geometry, struct borders borders[3])
{
	uint64_t from = first(geometry), last = behind(geometry) - 1;
	struct gib *gib = gib_of(from);
	unsigned block_end = from >> PART_SHIFT == last >> PART_SHIFT ? block_of(last) : PART_BLOCKS - 1;
	unsigned part_end = from >> GIB_SHIFT == last >> GIB_SHIFT ? part_number(last) : GIB_PARTS - 1;

	borders[0] = borders_in(part_in(gib, from)->carry, block_of(from), block_end);
	borders[1] = borders_in(gib->carry, part_number(from), part_end);
	borders[2] = borders_in(range_top.carry, from >> GIB_SHIFT, last >> GIB_SHIFT);
}

static void set_carries(uint64_t geometry, uint32_t id)
{
	struct borders borders[3];

	borders_of(geometry, borders);
	for (unsigned i = 0; i < 3; i++)
		for (_Atomic uint32_t *carry = borders[i].from; carry < borders[i].to; carry++)
			store_release(carry, id);
}

void clear_carries(uint64_t geometry, uint32_t id)
{
	struct borders borders[3];

	borders_of(geometry, borders);
	for (unsigned i = 0; i < 3; i++)
		for (_Atomic uint32_t *carry = borders[i].from; carry < borders[i].to; carry++)
			if (likely(load(carry) == id))
				store_release(carry, 0);
}

/* ---- in and out ---- */

static struct leaf *leaf_make(uint64_t page)
{
	struct gib *gib = node_get(&range_top.gib[page >> GIB_SHIFT], sizeof(*gib));
	struct part *part = gib ? node_get(&gib->part[part_number(page)], sizeof(*part)) : NULL;

	if (!part)
		return NULL;
	atomic_fetch_or(&part->present, (uint64_t)1 << block_of(page));
	return node_get(&part->leaf[block_of(page)], sizeof(struct leaf));
}

/* The start bit comes last: who sees it finds everything else. */
bool index_add(uint32_t id, uint64_t geometry)
{
	uint64_t page = first(geometry);
	struct leaf *leaf = way_to(page).leaf;

	if ((!leaf && !(leaf = leaf_make(page))) || !set_id(leaf, page, id))
		return false;
	if ((page ^ (behind(geometry) - 1)) >> BLOCK_SHIFT)
		set_carries(geometry, id);
	atomic_fetch_or(&leaf->starts[page % FANOUT / 64], (uint64_t)1 << page % 64);
	return true;
}

void index_remove(uint64_t page, uint32_t id)
{
	struct leaf *leaf = way_to(page).leaf;

	if (leaf && !is_taken_over(leaf, page, id))
		leaf_remove(leaf, page, id);
}

/* ---- the nearest start ---- */

/* It stops where no record runs into the block behind. */
static int64_t start_in_part(const struct part *part, uint64_t page, uint32_t *id)
{
	int block = (int)block_of(page);
	unsigned at = page % FANOUT;

	do {
		const struct leaf *leaf = load(&part->leaf[block]);
		int start = leaf ? bit_before(leaf->starts, at) : NONE;

		if (start != NONE) {
			*id = start_id(leaf, start);
			return (int64_t)(page >> PART_SHIFT << PART_SHIFT) + block * FANOUT + start;
		}
		at = FANOUT - 1;
		block = block && load(&part->carry[block]) ? bit_before(&part->present, block - 1) : NONE;
	} while (block != NONE);
	return NONE;
}

int64_t start_before(uint64_t page, uint32_t *id)
{
	for (;;) {
		struct way way = way_to(page);
		int64_t start = way.part ? start_in_part(way.part, page, id) : NONE;

		if (start != NONE)
			return start;
		if (way.gib && part_number(page) && load(&way.gib->carry[part_number(page)]))
			page = (page >> PART_SHIFT << PART_SHIFT) - 1;
		else if (page >> GIB_SHIFT && load(&range_top.carry[page >> GIB_SHIFT]))
			page = (page >> GIB_SHIFT << GIB_SHIFT) - 1;
		else
			return NONE;
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

/* How many units of 1 << shift pages begin in [base, to), at most limit. */
static inline unsigned end_in(uint64_t base, uint64_t to, unsigned shift, unsigned limit)
{
	uint64_t units = ((to - base - 1) >> shift) + 1;

	return units < limit ? (unsigned)units : limit;
}

static int64_t start_in_leaf(const struct part *part, uint64_t page, uint64_t to, uint32_t *id)
{
	const struct leaf *leaf = leaf_of(part, page);
	unsigned end = end_in(page & ~(uint64_t)(FANOUT - 1), to, 0, FANOUT);
	unsigned at = leaf ? bit_behind(leaf->starts, page % FANOUT, end) : end;

	if (at == end)
		return NONE;
	*id = start_id(leaf, at);
	return (int64_t)(page & ~(uint64_t)(FANOUT - 1)) + at;
}

/* All pages in one part. */
static int64_t start_behind_in_part(const struct part *part, uint64_t page, uint64_t to, uint32_t *id)
{
	uint64_t base = page >> PART_SHIFT << PART_SHIFT;
	unsigned end = end_in(base, to, BLOCK_SHIFT, PART_BLOCKS), block = block_of(page);

	while (block < end && (block = bit_behind(&part->present, block, end)) < end) {
		uint64_t first_page = base + ((uint64_t)block << BLOCK_SHIFT);
		int64_t start = start_in_leaf(part, first_page > page ? first_page : page, to, id);

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
		const struct part *part = gib ? part_in(gib, page) : NULL;
		unsigned shift = gib ? PART_SHIFT : GIB_SHIFT;
		uint64_t next = ((page >> shift) + 1) << shift;
		int64_t start = NONE;

		if (part)
			start = start_behind_in_part(part, page, to < next ? to : next, id);
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

/* No start lies between the border and page: a right part may have come meanwhile, and its leaf with it. */
static inline bool carry_lets_pass(const struct gib *gib, const struct part *part, bool has_leaf, uint64_t page)
{
	unsigned shift = BLOCK_SHIFT;
	uint32_t id = part ? load(&part->carry[block_of(page)]) : 0;

	if (!id && gib) {
		id = load(&gib->carry[part_number(page)]);
		shift = PART_SHIFT;
	}
	if (!id) {
		id = load(&range_top.carry[page >> GIB_SHIFT]);
		shift = GIB_SHIFT;
	}
	return likely(!id) || (lets_pass(id, page >> shift << shift, page) && (has_leaf || !way_to(page).leaf));
}

/* Is there a start in [at, last] of a leaf? */
static inline bool has_start(const struct leaf *leaf, unsigned at, unsigned last)
{
	return bit_behind(leaf->starts, at, last + 1) <= last;
}

/* Has a block in (page, last] a leaf? Both are in this GiB, in different blocks. */
static inline bool has_leaf_behind(const struct gib *gib, uint64_t page, uint64_t last)
{
	uint64_t from = ~(uint64_t)0 << block_of(page) << 1, to = ~(uint64_t)0 >> (63 - block_of(last));
	unsigned end = part_number(last);

	for (unsigned i = part_number(page); i <= end; i++, from = ~(uint64_t)0) {
		const struct part *part = load(&gib->part[i]);

		if (part && load(&part->present) & from & (i == end ? to : ~(uint64_t)0))
			return true;
	}
	return false;
}

/* Is there a start in (page, last]? */
static APART bool has_start_behind(const struct gib *gib, const struct leaf *leaf, uint64_t page, uint64_t last)
{
	unsigned at = page % FANOUT;
	uint32_t id;

	if (page >> BLOCK_SHIFT == last >> BLOCK_SHIFT)
		return leaf && has_start(leaf, at + 1, last % FANOUT);
	if (leaf && at < FANOUT - 1 && has_start(leaf, at + 1, FANOUT - 1))
		return true;
	return ((page ^ last) >> GIB_SHIFT || (gib && has_leaf_behind(gib, page, last))) &&
	       start_behind(page + 1, last + 1, &id) != NONE;
}

/*
 * Is there nothing in [page, last]? Its caller is the mapper of these pages, so nobody inserts or cuts them
 * meanwhile. But a record that begins before page may reach over it, and its own mapper may split it at
 * this moment. Such a split puts the start of the right part into the index (PUBLISH) before it shrinks
 * the record (CUT). So: read the nearest start, then the geometry of its record, then the nearest start
 * again. If both are the same start and the record ends before page, no right part had come to hold page.
 */
bool is_clear(const struct gib *gib, const struct part *part, const struct leaf *leaf, uint64_t page,
	uint64_t last)
{
	int start = leaf ? bit_before(leaf->starts, page % FANOUT) : NONE;
	uint64_t at = (page >> BLOCK_SHIFT << BLOCK_SHIFT) + (unsigned)start;

	if (start == NONE ? !carry_lets_pass(gib, part, leaf, page)
			  : !lets_pass(start_id(leaf, (unsigned)start), at, page))
		return false;
	if (page != last && has_start_behind(gib, leaf, page, last))
		return false;
	return !leaf || bit_before(leaf->starts, page % FANOUT) == start;
}
