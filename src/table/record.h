/* SPDX-License-Identifier: MIT */
/* What the files of the range table share. How it works is said in range.c. All [H]. */
#ifndef SIGBUS_RANGE_TABLE_H
#define SIGBUS_RANGE_TABLE_H

#include "base/assert.h"
#include "base/base.h"
#include "base/text.h"
#include "table/table.h"

#define BLOCK_SHIFT 9 /* pages of a leaf */
#define GIB_SHIFT 18
#define FANOUT 512
#define WORDS (FANOUT / 64)
#define PAGES_END ((uint64_t)1 << (ADDRESS_BITS - PAGE_SHIFT))
#define PAGES_MASK (((uint64_t)1 << RANGE_PAGES_BITS) - 1)
#define OWNER_MASK ((uint64_t)(OWNERS_MAX - 1) << 14)
#define CHUNK_SIZE 65536
#define CHUNK_RECORDS (CHUNK_SIZE / sizeof(struct range))
#define ID_BITS 24
#define NONE (-1)

/*
 * The models in tests/model know one order of all operations. So what decides anything is sequentially
 * consistent: each load, each compare and swap, each change of a bit, and the new state of a record that
 * is used again (REUSE). On x86-64 such a load is the instruction that any other is. A release store is
 * enough for what nobody can find yet: the operation that publishes it comes behind it (the start bit
 * in the index, the link of a list), and who sees that sees the store.
 */
#define load(object) atomic_load(object)
#define store_release(object, value) atomic_store_explicit(object, value, memory_order_release)
#define cas(object, old, new) atomic_compare_exchange_strong(object, old, new)
#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* The ids of 64 starts. */
struct group {
	_Atomic uint32_t id[64];
};

struct leaf {
	_Atomic uint64_t starts[WORDS];
	/*
	 * For 64 starts: the address of a struct group, whose lowest bit is 0, or of one start only
	 *
	 *	63        32 31     8 7     1 0
	 *	|  version  |   id   | start |1|
	 */
	_Atomic uint64_t ids[WORDS];
};

struct gib {
	_Atomic(void *) leaf[FANOUT];
	_Atomic uint64_t present[WORDS]; /* set before the leaf is, and for ever */
	_Atomic uint32_t carry[FANOUT];
};

struct range_top {
	_Atomic(void *) gib[PAGES_END >> GIB_SHIFT];
	_Atomic uint32_t carry[PAGES_END >> GIB_SHIFT];
};
extern HIDDEN struct range_top range_top;

struct range_pool {
	_Atomic(void *) chunk[((size_t)1 << ID_BITS) / CHUNK_RECORDS];
	_Atomic(struct range *) spare; /* a free record that is not in the list; caller: its id */
	_Atomic uint32_t taken;	       /* ids ever handed out: 1 to this */
	_Atomic uint64_t unused;       /* times popped << 32 | id */
	/* Of each lock word: the record that its holder splits << 32 | the right part. Survives fork(). */
	_Atomic uint64_t open[RANGE_LOCKS];
};
extern HIDDEN struct range_pool range_pool;
extern HIDDEN struct range_env range_env;

/* ---- record.c ---- */

HIDDEN void *node_new(size_t size);
/* What is at place, made if there is nothing. NULL: no memory. */
HIDDEN void *node_get(_Atomic(void *) *place, size_t size);
HIDDEN uint32_t record_take(void);	      /* 0: no memory */
HIDDEN void record_give(struct range *spare); /* into the list; NULL: nothing */

/*
 * The load of the chunk is relaxed: an id is only known to those who read it from the index, a list or
 * the count of ids, each of which was written (sequentially consistent, or released) after chunk_ready()
 * had put the chunk there; and a chunk never changes, so what depends on its address is in order.
 */
static inline struct range *record(uint32_t id)
{
	struct range *chunk =
		atomic_load_explicit(&range_pool.chunk[id / CHUNK_RECORDS], memory_order_relaxed);

	return &chunk[id % CHUNK_RECORDS];
}

/* What a new record says; low: of its state. Without a lock if lock is NONE. */
struct content {
	uint64_t geometry, low;
	int lock;
	uint32_t caller;
	uintptr_t anchor;
};

ALWAYS_INLINE void record_fill(struct range *range, uint32_t id, struct content content)
{
	uint32_t lock = content.lock == NONE ? id : (uint32_t)content.lock;

	invariant(id && !load(&range->geometry)); /* nobody's: no other writer has it, no lookup finds it */
	invariant(content.geometry && (content.geometry & RANGE_HIDDEN || content.geometry & PAGES_MASK));
	content.low |= lock % RANGE_LOCKS << 26;
	atomic_store(&range->state, (load(&range->state) | UINT32_MAX) + 1 + content.low); /* REUSE */
	store_release(&range->caller, content.caller);
	store_release(&range->faults, 0);
	store_release(&range->anchor, content.anchor);
	store_release(&range->geometry, content.geometry);
}

static inline struct range *record_take_spare(void)
{
	return atomic_exchange(&range_pool.spare, NULL);
}

/* Frees the record; the one that was spare before is for the caller to give to the list. */
static inline struct range *record_make_spare(struct range *range, uint32_t id)
{
	invariant(id && range == record(id));
	store_release(&range->geometry, 0);
	store_release(&range->anchor, 0);
	store_release(&range->caller, id);
	return atomic_exchange(&range_pool.spare, range);
}

static inline void record_free(uint32_t id)
{
	record_give(record_make_spare(record(id), id));
}

/* ---- geometry ---- */

static inline uint64_t geometry_make(uint64_t from, uint64_t to)
{
	return from << RANGE_PAGES_BITS | (to - from);
}

static inline uint64_t first(uint64_t geometry)
{
	return geometry >> RANGE_PAGES_BITS;
}

static inline uint64_t behind(uint64_t geometry)
{
	return first(geometry) + (geometry & PAGES_MASK);
}

/* A hidden geometry begins behind every page. */
static inline bool holds(uint64_t geometry, uint64_t page)
{
	return page - first(geometry) < (geometry & PAGES_MASK);
}

/* ---- index.c ---- */

/* Into the index. False: no memory. */
HIDDEN bool index_add(uint32_t id, uint64_t geometry);
HIDDEN void index_remove(uint64_t page, uint32_t id);
HIDDEN void clear_carries(uint64_t geometry, uint32_t id); /* the record goes as a whole */
/* The nearest start at or before page from which a record may reach it, or NONE. */
HIDDEN int64_t start_before(uint64_t page, uint32_t *id);
/* The first start in [page, to), or NONE. */
HIDDEN int64_t start_behind(uint64_t page, uint64_t to, uint32_t *id);
/* Is there nothing in [page, last]? For their mapper only. False: a walk can tell. */
HIDDEN bool is_clear(uint64_t page, uint64_t last);

static inline struct gib *gib_of(uint64_t page)
{
	return load(&range_top.gib[page >> GIB_SHIFT]);
}

static inline struct leaf *leaf_of(const struct gib *gib, uint64_t page)
{
	return load(&gib->leaf[(page >> BLOCK_SHIFT) % FANOUT]);
}

/* The last bit of FANOUT at or before at, or NONE. */
static inline int bit_before(const _Atomic uint64_t *bits, unsigned at)
{
	unsigned word = at / 64;
	uint64_t left = load(&bits[word]) << (~at % 64);

	if (likely(left))
		return (int)at - __builtin_clzll(left);
	while (word--) {
		left = load(&bits[word]);
		if (left)
			return (int)(word * 64) + (63 ^ __builtin_clzll(left));
	}
	return NONE;
}

/*
 * Of a start whose bit was seen. If it changed since, this may be the id of another start nearby;
 * the record's geometry decides in any case.
 */
static inline uint32_t leaf_id(const struct leaf *leaf, unsigned word, unsigned at) /* at < 64 */
{
	uint64_t ids = load(&leaf->ids[word]);

	if (ids & 1)
		return (uint32_t)ids >> 8;
	return load(&((struct group *)(uintptr_t)ids)->id[at]);
}

static inline uint32_t start_id(const struct leaf *leaf, unsigned at)
{
	return leaf_id(leaf, at / 64, at % 64);
}

/* The record of the nearest start at or before page in its leaf, or 0. */
ALWAYS_INLINE uint32_t id_before(const struct leaf *leaf, uint64_t page)
{
	unsigned word = page / 64 % WORDS;
	uint64_t starts = load(&leaf->starts[word]) & (~(uint64_t)0 >> (~page % 64));
	int before;

	if (likely(starts))
		return leaf_id(leaf, word, 63 ^ __builtin_clzll(starts));
	before = word ? bit_before(leaf->starts, word * 64 - 1) : NONE;
	return before == NONE ? 0 : start_id(leaf, before);
}

/*
 * A word of one id, to take the place of ids. Its version grows, so that a compare and swap fails where
 * the same id was freed, used again and put back between its load and its swap.
 */
static inline uint64_t inline_id_next(uint64_t ids, uint32_t id, unsigned at)
{
	return ((ids >> 32) + 1) << 32 | (uint64_t)id << 8 | at << 1 | 1;
}

/* Has another record that start? A word with one id only may have come to be that of another. */
static inline bool is_taken_over(const struct leaf *leaf, uint64_t page, uint32_t id)
{
	uint64_t ids = load(&leaf->ids[page % FANOUT / 64]);
	uint32_t now;

	if (ids & 1)
		return ((ids >> 1) & 63) == page % 64 && (uint32_t)ids >> 8 != id;
	now = load(&((struct group *)(uintptr_t)ids)->id[page % 64]);
	return now && now != id;
}

/* If another record took the place in between, its bit is put back. */
static inline void leaf_remove(struct leaf *leaf, uint64_t page, uint32_t id)
{
	_Atomic uint64_t *starts = &leaf->starts[page % FANOUT / 64];
	uint64_t bit = (uint64_t)1 << page % 64;

	atomic_fetch_and(starts, ~bit);
	if (unlikely(is_taken_over(leaf, page, id)))
		atomic_fetch_or(starts, bit);
}

/* ---- lookup.c ---- */

#define LOOK_MAX 8 /* dead records in a row that a look passes, on the stack: each is a cut under way */

/* Everything that a look saw and that did not hold the page. */
struct look {
	uint64_t seen[LOOK_MAX][3];
	unsigned count;
	bool unsettled; /* saw more than it can tell */
	bool moved;	/* did not agree with the look before */
	uint32_t id;	/* of the hit */
	struct range_hit hit;
};
/* Returns the last of up to three looks, with a hit, or with nothing. [H] */
HIDDEN struct look *look_settled(struct look look[2], uint64_t page);
/* From where the index says that it is; 0: nowhere, or only a look can tell. */
HIDDEN uint32_t find_quickly(uint64_t page);
HIDDEN bool state_change(
	struct range *range, uint64_t state, uint64_t clear, uint64_t set); /* [H] */

/* ---- walk.c: all records that overlap [from, to) ---- */

struct walk {
	uint64_t from, to; /* pages */
	void (*visit)(struct walk *walk, uint32_t id);
	bool again; /* something changed: walk once more */
	struct range_cut cut;
	/* range_each() */
	void (*each)(struct range_hit hit, void *data);
	void *data;
	struct range *last;
};
/* False: nothing of it can be in the table. */
HIDDEN bool walk_set(struct walk *walk, uintptr_t start, size_t size);
HIDDEN void walk_settled(struct walk *walk);
/* Of one incarnation. False: it does not overlap any more, its right part may. */
HIDDEN bool walk_snapshot(struct walk *walk, uint32_t id, struct range_hit *hit);

/* ---- split.c: a part of a record goes ---- */

/* A struct walk's visit: the pages of the walk are cut out of the record. */
HIDDEN void split_visit(struct walk *walk, uint32_t id);
/* What a record is, or was when it was cut. */
static inline uint64_t extent(const struct range *range)
{
	uint64_t geometry = load(&range->geometry);

	return geometry & RANGE_HIDDEN ? ~geometry : geometry;
}

#endif
