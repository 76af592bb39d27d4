/* SPDX-License-Identifier: MIT */
/*
 * The range table: which record holds an address. Here: how it works, putting in, taking out.
 *
 *	top: 1 GiB each -> gib: 512 blocks of 2 MiB -> leaf: 512 start bits and their ids -> record
 *
 * A lookup takes the nearest start at or before the page in its leaf, else the carry of the block
 * (the record that runs into it from the same GiB), else the carry of the GiB. The geometry of the
 * record decides, so a carry may be stale. If all that fails, the search goes back from start to start;
 * the first live record decides.
 *
 * Why this one: a radix tree down to the page makes a long mapping dear, for each page has an entry; a
 * tree keyed by start has to track back; a B+tree or a red-black tree needs a writer lock, which
 * munmap() in a signal handler and fork() turn into a deadlock. bench/README has the figures. Nodes are
 * never given back: a leaf stays when its last range goes, and each GiB in which a range starts costs
 * 6 KiB once.
 *
 * Writers take no lock and may be interrupted at any instruction by a signal handler that is a
 * writer too. A mapping is its mapper's, so two writers never insert or cut the same page: what
 * starts and ends where a cut does is taken out with one compare and swap. Who cuts less than a
 * record holds the record's lock word meanwhile: split.c.
 *
 * What the table contributes to the repair protocol is said in tests/model/README.
 */

#include <errno.h>
#include "base/base.h"
#include "table/record.h"
#include "table/table.h"

static inline unsigned word_of(uint64_t page)
{
	return page % FANOUT / 64;
}

/* is_clear() where all bits are in one word. False: not known, is_clear() tells. */
ALWAYS_INLINE bool is_clear_in_word(const struct leaf *leaf, uint64_t from, uint64_t last)
{
	uint64_t all, starts, geometry;
	unsigned start;

	if (unlikely((from ^ last) >= 64))
		return false;
	all = load(&leaf->starts[word_of(from)]);
	starts = all & (~(uint64_t)0 >> (~last % 64));
	if (!starts)
		return false;
	start = 63 ^ __builtin_clzll(starts);
	geometry = load(&record(leaf_id(leaf, word_of(from), start))->geometry);
	return start < from % 64 && holds(geometry, (from & ~(uint64_t)63) + start) &&
	       !holds(geometry, from) &&
	       load(&leaf->starts[word_of(from)]) == all;
}

/* ---- cut ---- */

static __attribute__((noinline)) struct range_cut cut_slowly(uintptr_t start, size_t size)
{
	struct walk walk = {.visit = split_visit};

	if (walk_set(&walk, start, size))
		walk_settled(&walk);
	return walk.cut;
}

static __attribute__((noinline)) struct range_cut finish_long(
	uint32_t id, uint64_t geometry, unsigned lock)
{
	clear_carries(geometry, id);
	range_env.wait(lock); /* WAIT */
	return (struct range_cut){.first = id};
}

static __attribute__((noinline)) struct range_cut finish_whole(
	uint32_t id, uint64_t from, uint64_t last, struct leaf *leaf, struct range *range)
{
	unsigned lock = state_lock(load(&range->state));

	leaf_remove(leaf, from, id);
	range_link_piece(range, 0);
	if (unlikely((from ^ last) >> BLOCK_SHIFT))
		return finish_long(id, geometry_make(from, last + 1), lock);
	range_env.wait(lock); /* WAIT */
	return (struct range_cut){.first = id};
}

/*
 * A record of exactly these pages goes with one compare and swap: all of them are the caller's. If
 * it is the right part of a split whose record has not shrunk yet, WAIT is for the end of that split.
 */
struct range_cut range_cut(uintptr_t start, size_t size)
{
	uint64_t from = start >> PAGE_SHIFT, last = (start + size - 1) >> PAGE_SHIFT;
	uint64_t geometry = geometry_make(from, last + 1), expected = geometry;
	struct gib *gib;
	struct leaf *leaf;
	struct range *range;
	uint32_t id;

	/* Of size 0 `last - from` wraps: one comparison refuses what is empty and what is too long. */
	if (unlikely(last - from >= PAGES_MASK || last >= PAGES_END))
		return cut_slowly(start, size);
	gib = gib_of(from);
	leaf = likely(gib) ? leaf_of(gib, from) : NULL;
	if (!leaf || !(load(&leaf->starts[word_of(from)]) >> from % 64 & 1)) {
		if ((leaf && is_clear_in_word(leaf, from, last)) || likely(is_clear(from, last)))
			return (struct range_cut){0};
		return cut_slowly(start, size);
	}
	id = leaf_id(leaf, word_of(from), from % 64);
	range = record(id);
	/* CUT */
	if (likely(cas(&range->geometry, &expected, ~geometry)))
		return finish_whole(id, from, last, leaf, range);
	return cut_slowly(start, size);
}

static __attribute__((noinline)) void free_more(struct range *spare, struct range_cut cut)
{
	record_give(spare);
	while (cut.first) {
		uint32_t id = cut.first;
		struct range *range = record(id);

		cut.first = range_next_piece(range);
		record_give(record_make_spare(range, id));
	}
}

void range_cut_free(struct range_cut cut)
{
	uint32_t id = cut.first;
	struct range *range, *spare;

	if (!id)
		return;
	range = record(id);
	cut.first = range_next_piece(range);
	spare = record_make_spare(range, id);
	if (unlikely((uintptr_t)spare | cut.first))
		free_more(spare, cut);
}

/* A new incarnation: who looked the piece up before the cut must not go on with it. */
void range_cut_restore(struct range_cut cut)
{
	while (cut.first) {
		uint32_t id = cut.first;
		struct range *range = record(id);
		uint64_t geometry = range_piece(range);

		cut.first = range_next_piece(range);
		store_release(&range->faults, 0);
		atomic_store(&range->state, load(&range->state) + ((uint64_t)1 << 32)); /* REUSE */
		store_release(&range->geometry, geometry);
		if (!index_add(id, geometry))
			record_free(id);
	}
}

/* ---- insert ---- */

static __attribute__((noinline)) int why_not(uintptr_t start, size_t size)
{
	return start % PAGE_SIZE || size == 0 ? -EINVAL : -E2BIG;
}

ALWAYS_INLINE struct content content_of(
	const struct range_attributes *attributes, uint64_t geometry)
{
	return (struct content){.geometry = geometry,
		.low = ((uint64_t)attributes->owner << 14 & OWNER_MASK) |
		       (attributes->flags & RANGE_FLAGS),
		.lock = attributes->lock,
		.caller = attributes->caller,
		.anchor = attributes->anchor};
}

static __attribute__((noinline)) int add(uint32_t id, uint64_t geometry)
{
	if (index_add(id, geometry))
		return 0;
	record_free(id);
	return -ENOMEM;
}

static __attribute__((noinline)) int insert_slowly(
	uintptr_t start, size_t size, const struct range_attributes *attributes)
{
	uint64_t from = start >> PAGE_SHIFT, last = (start + size - 1) >> PAGE_SHIFT;
	uint32_t id;

	if (!is_clear(from, last))
		range_env.release(range_cut(start, size));
	id = record_take();
	if (!id)
		return -ENOMEM;
	record_fill(record(id), id, content_of(attributes, geometry_make(from, last + 1)));
	return add(id, geometry_make(from, last + 1));
}

/* Where the word has ids of its own already, or is this start's, or nobody's. */
ALWAYS_INLINE bool set_id_quickly(struct leaf *leaf, uint64_t page, uint32_t id)
{
	_Atomic uint64_t *place = &leaf->ids[word_of(page)];
	uint64_t ids = load(place);

	if (ids && !(ids & 1)) {
		store_release(&((struct group *)(uintptr_t)ids)->id[page % 64], id);
		return true;
	}
	return (!ids || ((ids >> 1) & 63) == page % 64) &&
	       cas(place, &ids, inline_id_next(ids, id, page % 64));
}

/* All of the usual case is here, so that it needs no stack. */
int range_insert(uintptr_t start, size_t size, const struct range_attributes *attributes)
{
	uint64_t from = start >> PAGE_SHIFT, last = (start + size - 1) >> PAGE_SHIFT;
	struct gib *gib;
	struct leaf *leaf;
	struct range *range;
	uint32_t id;

	if (unlikely(start % PAGE_SIZE || last - from >= PAGES_MASK || last >= PAGES_END))
		return why_not(start, size);
	gib = gib_of(from);
	leaf = likely(gib) ? leaf_of(gib, from) : NULL;
	if (!((leaf && is_clear_in_word(leaf, from, last)) || likely(is_clear(from, last))) ||
		unlikely(!(range = record_take_spare())))
		return insert_slowly(start, size, attributes);
	id = load(&range->caller);
	record_fill(range, id, content_of(attributes, geometry_make(from, last + 1)));
	if (unlikely(!leaf || (from ^ last) >> BLOCK_SHIFT || !set_id_quickly(leaf, from, id)))
		return add(id, geometry_make(from, last + 1));
	atomic_fetch_or(&leaf->starts[word_of(from)], (uint64_t)1 << from % 64);
	return 0;
}
