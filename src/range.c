/* SPDX-License-Identifier: MIT */
/*
 * The range table: which record holds an address.
 *
 *	top: 1 GiB each -> gib: 512 blocks of 2 MiB -> leaf: 512 start bits and their ids -> record
 *
 * A lookup takes the nearest start at or before the page in its leaf, else the carry of the block
 * (the record that runs into it from the same GiB), else the carry of the GiB: 61 to 64
 * instructions for a hit by start. The geometry of the record decides, so carries are not cleared:
 * one that does not hold the page is only a hint, and 0 says that no record ever ran in there. If
 * all that fails, the search goes back from start to start; the first live record decides.
 *
 * Why this one: a radix tree down to the page costs 20 to 42 % of an mmap() of 1 to 64 MiB; a tree
 * keyed by start needs 225 instructions and back-tracking; a B+tree or a red-black tree needs a
 * writer lock, which munmap() in a signal handler and fork() turn into a deadlock. A range costs
 * 41 bytes where they are dense and under 200 down to one in 2 MiB; each GiB that a range starts
 * in costs 6 KiB once. A leaf stays when its last range goes.
 *
 * Writers take no lock and may be interrupted at any instruction by a signal handler that is a
 * writer too. A mapping is its mapper's, so two writers never insert or cut the same page. But they
 * may cut different pages of one record at once, so a split is a transaction: its right part is
 * put into the table hidden, with a note of what the record is about to become (note_make()); the
 * compare and swap of the record's geometry commits it; then the right part is shown. Whoever
 * meets a hidden part compares note and record: it shows the part of a split that is committed,
 * and else goes on with the record itself. A writer that loses the swap takes its part back. With
 * three writers in one record a note may come to say too little; then the part is given up.
 *
 * What the table contributes to the repair protocol:
 * - Pieces of one record share its lock word (P1), and no page is missing between two states.
 * - A cut is a seq_cst swap of the geometry and only then waits for the holder of the lock word;
 *   the holder reads geometry and state, seq_cst, after it took the word: range_still() (P3).
 *   Hidden parts are no answer for it, so a split with a stale view exposes nothing.
 * - range_cut() waits for that holder only and holds nothing meanwhile; a lookup waits for nobody
 *   (P4). Nothing here is held, so there is nothing for a fork child to release (P5): a cut of
 *   another thread that the child will not finish leaves a range untracked or still tracked.
 * - Records are type-stable and the generation in state goes up before a new geometry is set: a
 *   geometry between two equal states is of that incarnation (P6).
 *
 * Memory comes in chunks and is never given back. A node that loses the race for its place is
 * leaked: at most one for each place and concurrent writer.
 */
#include "inspect.h"
#include "internal.h"

#include <errno.h>
#include <string.h>

#define BLOCK_SHIFT 9 /* pages of a leaf */
#define GIB_SHIFT 18
#define FANOUT 512
#define PAGES_END ((uint64_t)1 << (ADDRESS_BITS - PAGE_SHIFT))
#define PAGES_MASK (((uint64_t)1 << RANGE_PAGES_BITS) - 1)
#define OWNER_MASK ((uint64_t)(OWNERS_MAX - 1) << 14)
#define CHUNK_SIZE 65536
#define CHUNK_RECORDS (CHUNK_SIZE / sizeof(struct range))
#define ID_BITS 24
#define NONE (-1)
#define TAKEN_AWAY RANGE_HIDDEN /* geometry of a right part that a cut took from its writer */

#define get(object) atomic_load_explicit(object, memory_order_acquire)
#define put(object, value) atomic_store_explicit(object, value, memory_order_release)
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define swap(object, old, new) atomic_compare_exchange_strong(object, old, new)

/* The ids of 64 starts. */
struct group {
	_Atomic uint32_t id[64];
};

struct leaf {
	_Atomic uint64_t starts[FANOUT / 64];
	/* For 64 starts: version << 32 | id << 8 | start << 1 | 1, or a struct group *. */
	_Atomic uint64_t ids[FANOUT / 64];
};

struct gib {
	_Atomic(void *) leaf[FANOUT];
	_Atomic uint64_t present[FANOUT / 64];
	_Atomic uint32_t carry[FANOUT];
};

struct arena {
	_Alignas(64) _Atomic size_t used;
	_Alignas(64) char data[CHUNK_SIZE - 64];
};

static struct {
	_Atomic(void *) gib[PAGES_END >> GIB_SHIFT];
	_Atomic uint32_t carry[PAGES_END >> GIB_SHIFT];
} top;

static struct {
	_Atomic(void *) chunk[((size_t)1 << ID_BITS) / CHUNK_RECORDS];
	_Atomic uint64_t unused; /* times popped << 32 | id */
	_Atomic uint32_t taken;	 /* ids ever handed out: 1 to this */
	_Atomic(struct arena *) arena;
	_Atomic(void *) spare;
	struct range_env env;
} pool;

void range_init(const struct range_env *env)
{
	pool.env = *env;
}

struct inspect_ranges range_inspect(void)
{
	return (struct inspect_ranges){.chunk = pool.chunk,
		.taken = &pool.taken,
		.chunk_records = CHUNK_RECORDS,
		.chunks = sizeof(pool.chunk) / sizeof(pool.chunk[0])};
}

/* ---- memory ---- */

static void *chunk_take(void)
{
	void *chunk = atomic_exchange(&pool.spare, NULL);

	return chunk ? chunk : pool.env.allocate(CHUNK_SIZE);
}

/* For the loser of a race. If two lose at once, one chunk is leaked. */
static void chunk_give(void *chunk)
{
	void *none = NULL;

	swap(&pool.spare, &none, chunk);
}

static void *node_new(size_t size)
{
	for (;;) {
		struct arena *arena = get(&pool.arena), *fresh;
		size_t at = arena ? atomic_fetch_add(&arena->used, size) : 0;

		if (arena && at + size <= sizeof(arena->data))
			return arena->data + at;
		fresh = chunk_take();
		if (!fresh)
			return NULL;
		if (!swap(&pool.arena, &arena, fresh))
			chunk_give(fresh);
	}
}

static void *node_get(_Atomic(void *) *place, size_t size)
{
	void *node = get(place), *fresh;

	if (likely(node))
		return node;
	fresh = node_new(size);
	if (!fresh || swap(place, &node, fresh))
		return fresh;
	return node;
}

static inline struct range *record(uint32_t id)
{
	struct range *chunk =
		atomic_load_explicit(&pool.chunk[id / CHUNK_RECORDS], memory_order_relaxed);

	return &chunk[id % CHUNK_RECORDS];
}

struct range *range_by_id(uint32_t id)
{
	return id && id <= get(&pool.taken) ? record(id) : NULL;
}

static bool chunk_ready(uint32_t id)
{
	_Atomic(void *) *place = &pool.chunk[id / CHUNK_RECORDS];
	void *none = NULL, *chunk;

	if (get(place))
		return true;
	chunk = chunk_take();
	if (chunk && !swap(place, &none, chunk))
		chunk_give(chunk);
	return chunk;
}

static uint32_t record_first_use(void)
{
	uint32_t taken = get(&pool.taken);

	do {
		if ((taken + 1) >> ID_BITS || !chunk_ready(taken + 1))
			return 0;
	} while (!swap(&pool.taken, &taken, taken + 1));
	return taken + 1;
}

/* low: of the state; without a lock if lock is NONE. The record is dead until it has a geometry. */
static uint32_t record_new(uint64_t low, int lock, uint32_t caller, uintptr_t anchor)
{
	uint64_t head = get(&pool.unused);
	struct range *range;
	uint32_t id;

	while ((id = (uint32_t)head)) {
		uint32_t next = get(&record(id)->caller);

		if (swap(&pool.unused, &head, ((head >> 32) + 1) << 32 | next))
			break;
	}
	if (!id && !(id = record_first_use()))
		return 0;
	range = record(id);
	low |= (uint64_t)((lock == NONE ? (int)id : lock) & (RANGE_LOCKS - 1)) << 26;
	put(&range->state, ((get(&range->state) >> 32) + 1) << 32 | (uint32_t)low);
	put(&range->caller, caller);
	put(&range->faults, 0);
	put(&range->anchor, anchor);
	return id;
}

static void record_free(uint32_t id)
{
	struct range *range = record(id);
	uint64_t head = get(&pool.unused);

	put(&range->geometry, 0);
	put(&range->anchor, 0);
	do {
		put(&range->caller, (uint32_t)head);
	} while (!swap(&pool.unused, &head, ((head >> 32) + 1) << 32 | id));
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

/* What a record is, is going to be, or was when it was cut. */
static uint64_t extent(const struct range *range)
{
	uint64_t geometry = get(&range->geometry);

	if (!(geometry & RANGE_HIDDEN))
		return geometry;
	return get(&range->anchor) & 1 ? geometry & ~RANGE_HIDDEN : ~geometry;
}

/* ---- the index ---- */

static inline struct gib *gib_of(uint64_t page)
{
	return get(&top.gib[page >> GIB_SHIFT]);
}

static inline struct leaf *leaf_of(const struct gib *gib, uint64_t page)
{
	return get(&gib->leaf[(page >> BLOCK_SHIFT) % FANOUT]);
}

/* The last start at or before at, or NONE. */
static inline int start_before(const struct leaf *leaf, unsigned at)
{
	uint64_t starts = get(&leaf->starts[at / 64]) << (~at % 64);

	if (likely(starts))
		return (int)at - __builtin_clzll(starts);
	for (unsigned i = at / 64; i--;) {
		starts = get(&leaf->starts[i]);
		if (starts)
			return (int)(i * 64) + (63 ^ __builtin_clzll(starts));
	}
	return NONE;
}

static inline uint64_t inline_id(uint32_t id, unsigned at)
{
	return (uint64_t)id << 8 | (at % 64) << 1 | 1;
}

/*
 * Of a start whose bit was seen. If it changed since, this may be the id of another start nearby;
 * the record's geometry decides in any case.
 */
static inline uint32_t leaf_id(const struct leaf *leaf, unsigned word, unsigned at)
{
	uint64_t ids = get(&leaf->ids[word]);

	if (ids & 1)
		return (uint32_t)ids >> 8;
	return get(&((struct group *)ids)->id[at % 64]);
}

static inline uint32_t start_id(const struct leaf *leaf, unsigned at)
{
	return leaf_id(leaf, at / 64, at);
}

/* An inline id may be replaced if no record, published or about to be, has that start. */
static bool inline_is_free(uint64_t ids, uint64_t page)
{
	uint64_t start = (page & ~(uint64_t)63) | ((ids >> 1) & 63);

	return ids == 0 || start == page || first(extent(record((uint32_t)ids >> 8))) != start;
}

static bool leaf_set_id(struct leaf *leaf, uint64_t page, uint32_t id)
{
	_Atomic uint64_t *place = &leaf->ids[page % FANOUT / 64];
	uint64_t ids = get(place);

	for (;;) {
		if (ids && !(ids & 1)) {
			put(&((struct group *)ids)->id[page % 64], id);
			return true;
		}
		if (inline_is_free(ids, page)) {
			/* The version: the record of the old word may be on its way back. */
			uint64_t version = ((ids >> 32) + 1) << 32;

			if (swap(place, &ids, version | inline_id(id, page % 64)))
				return true;
		} else {
			struct group *group = node_new(sizeof(*group));

			if (!group)
				return false;
			put(&group->id[(ids >> 1) & 63], (uint32_t)ids >> 8);
			swap(place, &ids, (uint64_t)group);
			ids = get(place);
		}
	}
}

/* The last leaf before block, or NONE. */
static int leaf_before(const struct gib *gib, unsigned block)
{
	uint64_t present = get(&gib->present[block / 64]) & (((uint64_t)1 << block % 64) - 1);
	unsigned i = block / 64;

	while (!present) {
		if (i == 0)
			return NONE;
		present = get(&gib->present[--i]);
	}
	return (int)(i * 64) + (63 ^ __builtin_clzll(present));
}

/*
 * The nearest start at or before page in its GiB, or NONE. It stops where no record ever ran into
 * the block behind: a carry is set before a record shows and never goes back to 0.
 */
static int64_t gib_start_before(const struct gib *gib, uint64_t page, uint32_t *id)
{
	int block = (page >> BLOCK_SHIFT) % FANOUT;
	unsigned at = page % FANOUT;

	do {
		const struct leaf *leaf = get(&gib->leaf[block]);
		int start = leaf ? start_before(leaf, at) : NONE;

		if (start != NONE) {
			*id = start_id(leaf, start);
			return (int64_t)(page >> GIB_SHIFT << GIB_SHIFT) + block * FANOUT + start;
		}
		at = FANOUT - 1;
		block = get(&gib->carry[block]) ? leaf_before(gib, block) : NONE;
	} while (block != NONE);
	return NONE;
}

/* The nearest start at or before page from which a record may reach it, or NONE. */
static int64_t page_start_before(uint64_t page, uint32_t *id)
{
	for (;;) {
		const struct gib *gib = gib_of(page);
		int64_t start = gib ? gib_start_before(gib, page, id) : NONE;

		if (start != NONE || !get(&top.carry[page >> GIB_SHIFT]) || !(page >> GIB_SHIFT))
			return start;
		page = (page >> GIB_SHIFT << GIB_SHIFT) - 1;
	}
}

/*
 * A record that starts at start and runs over a border is the carry of what begins there: of each
 * block in its first GiB, of each GiB after it. Right if it holds the page, else only a hint: a
 * split that was taken back may have left its own id.
 */
static inline uint64_t border_first(uint64_t start)
{
	return (start | (FANOUT - 1)) + 1;
}

static inline uint64_t border_next(uint64_t start, uint64_t border)
{
	return border + ((uint64_t)1 << ((start ^ border) >> GIB_SHIFT ? GIB_SHIFT : BLOCK_SHIFT));
}

static inline _Atomic uint32_t *carry_at(uint64_t start, uint64_t border)
{
	if ((start ^ border) >> GIB_SHIFT)
		return &top.carry[border >> GIB_SHIFT];
	return &gib_of(border)->carry[(border >> BLOCK_SHIFT) % FANOUT];
}

/* The start bit comes last: who sees it finds everything else. */
static bool publish(uint32_t id)
{
	uint64_t geometry = extent(record(id)), page = first(geometry), border;
	struct gib *gib = node_get(&top.gib[page >> GIB_SHIFT], sizeof(*gib));
	unsigned block = (page >> BLOCK_SHIFT) % FANOUT;
	uint64_t present = (uint64_t)1 << block % 64;
	struct leaf *leaf = gib ? node_get(&gib->leaf[block], sizeof(*leaf)) : NULL;

	if (!leaf || !leaf_set_id(leaf, page, id))
		return false;
	if (!(get(&gib->present[block / 64]) & present))
		atomic_fetch_or(&gib->present[block / 64], present);
	for (border = border_first(page); border < behind(geometry);
		border = border_next(page, border))
		put(carry_at(page, border), id);
	atomic_fetch_or(&leaf->starts[page % FANOUT / 64], (uint64_t)1 << page % 64);
	return true;
}

/* If another record took the place in between, its bit is put back. */
static void start_clear(uint64_t page, uint32_t id)
{
	struct leaf *leaf = leaf_of(gib_of(page), page);
	_Atomic uint64_t *starts = &leaf->starts[page % FANOUT / 64];
	uint64_t bit = (uint64_t)1 << page % 64;

	if (start_id(leaf, page % FANOUT) != id)
		return;
	atomic_fetch_and(starts, ~bit);
	if (unlikely(start_id(leaf, page % FANOUT) != id))
		atomic_fetch_or(starts, bit);
}

/* ---- splits: see the head of the file ---- */

/*
 * In the anchor of a hidden right part: the record it is split from (id and part of its
 * generation), whether that ends as a piece of the cut or lives on, and with how many pages.
 */
static uintptr_t note_make(uint32_t parent, uint64_t state, uint64_t geometry)
{
	uint64_t cut = geometry >> 63;

	return (uintptr_t)parent << 40 | (state >> 32 & 0x3ff) << 30 | cut << 29 |
	       ((cut ? ~geometry : geometry) & PAGES_MASK) << 1 | 1;
}

static bool note_is_true(uintptr_t note)
{
	struct range *parent = record(note >> 40);
	uint64_t state = atomic_load(&parent->state);

	return note_make(note >> 40, state, atomic_load(&parent->geometry)) == note;
}

static bool state_change(struct range *range, uint64_t state, uint64_t clear, uint64_t set)
{
	uint64_t now = atomic_load(&range->state);

	do {
		if ((now ^ state) >> 32)
			return false;
	} while (((now & ~clear) | set) != now && !swap(&range->state, &now, (now & ~clear) | set));
	return true;
}

/*
 * Shows a right part. The flags once more: they may have changed since it was made. False: it was
 * shown or taken away by somebody else.
 */
static bool rest_show(struct range *rest, uint64_t state, uint64_t geometry, uintptr_t note)
{
	uint64_t parent = atomic_load(&record(note >> 40)->state);
	bool shown;

	state_change(rest, state, OWNER_MASK, parent & (OWNER_MASK | RANGE_FLAGS));
	shown = swap(&rest->geometry, &geometry, geometry & ~RANGE_HIDDEN);
	if (geometry != TAKEN_AWAY)
		swap(&rest->anchor, &note, 0);
	return shown;
}

/* Is id the right part of a committed split, so that it counts? [H] */
static bool rest_settle(uint32_t id)
{
	struct range *rest = record(id);
	uint64_t state = atomic_load(&rest->state);
	uint64_t geometry = atomic_load(&rest->geometry);
	uintptr_t note = atomic_load(&rest->anchor);

	if (!(geometry & RANGE_HIDDEN) || !(note & 1) || !note_is_true(note))
		return false;
	rest_show(rest, state, geometry, note);
	return true;
}

/* ---- lookup ---- */

#define LOOK_MAX 8

/* Everything that a look saw and that did not hold the page. */
struct look {
	uint64_t seen[LOOK_MAX][3];
	unsigned count;
	bool unsettled; /* saw a right part that is not shown */
	bool moved;	/* did not agree with the look before */
	uint32_t id;	/* of the hit */
	struct range_hit hit;
};

ALWAYS_INLINE bool take(uint32_t id, uint64_t page, struct range_hit *hit)
{
	struct range *range = record(id);
	uint64_t state = get(&range->state), geometry = get(&range->geometry);

	if (!holds(geometry, page) || get(&range->state) != state)
		return false;
	hit->range = range;
	hit->geometry = geometry;
	hit->state = state;
	hit->unsettled = false;
	return true;
}

static bool look_take(struct look *look, uint32_t id, uint64_t page)
{
	look->id = id;
	return take(id, page, &look->hit);
}

/* May page belong to a right part that is not shown (or that a cut took away meanwhile)? */
static bool is_rest(uint64_t geometry, uintptr_t note, uint64_t page)
{
	return (note & 1) && (geometry & RANGE_HIDDEN) &&
	       (geometry == TAKEN_AWAY || holds(geometry & ~RANGE_HIDDEN, page));
}

/* If so: itself, or the record that it is split from. */
static bool look_rest(struct look *look, uint32_t id, uint64_t page, uintptr_t note)
{
	look->unsettled = true;
	if (rest_settle(id))
		return look_take(look, id, page);
	return look_take(look, note >> 40, page);
}

static bool look_at(struct look *look, uint32_t id, uint64_t page)
{
	struct range *range = record(id);
	uint64_t state = get(&range->state), geometry = get(&range->geometry);
	uintptr_t note = get(&range->anchor);

	if (look_take(look, id, page))
		return true;
	if (is_rest(geometry, note, page) && look_rest(look, id, page, note))
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
 * Back from start to start, past dead records and parts that are not shown. The first live one
 * decides: what starts before it can't reach behind its start.
 */
static bool look_once(struct look *look, uint64_t page)
{
	int64_t start;
	uint32_t id;

	look->count = 0;
	look->unsettled = look->moved = false;
	look->hit.range = NULL;
	for (uint64_t from = page; (start = page_start_before(from, &id)) != NONE;
		from = start - 1) {
		uint64_t geometry = get(&record(id)->geometry);

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

/*
 * Returns the last of up to three looks, with a hit, or with nothing. One look may read the index
 * before, and the record after, a split; two that agree did not.
 */
static struct look *look_settled(struct look look[2], uint64_t page)
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

/* The record of the nearest start at or before page in its leaf, or 0. */
ALWAYS_INLINE uint32_t id_before(const struct leaf *leaf, uint64_t page)
{
	unsigned at = page % FANOUT, word = at / 64;
	uint64_t starts = get(&leaf->starts[word]) << (~at % 64);
	int before;

	if (likely(starts))
		return leaf_id(leaf, word, at - __builtin_clzll(starts));
	before = word ? start_before(leaf, word * 64 - 1) : NONE;
	return before == NONE ? 0 : start_id(leaf, before);
}

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
	uint32_t id = gib ? get(&gib->carry[(page >> BLOCK_SHIFT) % FANOUT]) : 0;

	if (id && take(id, page, hit))
		return id;
	id = get(&top.carry[page >> GIB_SHIFT]);
	return id && take(id, page, hit) ? id : 0;
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

bool range_still(const struct range_hit *hit, uintptr_t start, size_t size)
{
	uint64_t geometry = atomic_load(&hit->range->geometry);

	return !(geometry & RANGE_HIDDEN) && atomic_load(&hit->range->state) == hit->state &&
	       start >= geometry_start(geometry) && size <= geometry_end(geometry) - start &&
	       start <= geometry_end(geometry);
}

bool range_set_flags(struct range_hit hit, unsigned set, unsigned clear)
{
	return state_change(hit.range, hit.state, clear & RANGE_FLAGS, set & RANGE_FLAGS);
}

bool range_set_owner(struct range_hit hit, unsigned owner)
{
	return state_change(hit.range, hit.state, OWNER_MASK, ((uint64_t)owner << 14) & OWNER_MASK);
}

/* ---- all records that overlap [from, to) ---- */

struct walk {
	uint64_t from, to; /* pages */
	void (*visit)(struct walk *walk, uint32_t id);
	bool again; /* something changed: walk once more */
	bool cutting;
	struct range_cut cut;
	/* range_each() */
	void (*each)(struct range_hit hit, void *data);
	void *data;
	struct range *last;
};

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
static void walk_rest(struct walk *walk, uint32_t id, uint64_t geometry, uintptr_t note)
{
	walk_live(walk, note >> 40);
	if (rest_settle(id))
		walk_live(walk, id);
	else if (walk->cutting && !swap(&record(id)->geometry, &geometry, TAKEN_AWAY))
		walk->again = true;
}

/* Is it live, so that nothing that starts before it can reach behind its start? */
static bool walk_at(struct walk *walk, uint32_t id)
{
	struct range *range = record(id);
	uint64_t geometry = atomic_load(&range->geometry);
	uintptr_t note;

	if (likely(!(geometry & RANGE_HIDDEN))) {
		if (overlaps(walk, geometry))
			walk->visit(walk, id);
		return geometry;
	}
	note = atomic_load(&range->anchor);
	if ((note & 1) && overlaps(walk, geometry & ~RANGE_HIDDEN))
		walk_rest(walk, id, geometry, note);
	return false;
}

/* The nearest start in the leaf. Enough for most answers, and cheaper than struct look. */
struct glance {
	uint64_t state, geometry;
	uint32_t id, hit;
};

/* False: hit holds the page, or, without a hit, only a whole look can tell. */
ALWAYS_INLINE bool glance_misses(struct glance *glance, uint64_t page)
{
	const struct gib *gib = gib_of(page);
	const struct leaf *leaf = gib ? leaf_of(gib, page) : NULL;
	const struct range *range;

	glance->hit = glance->id = leaf ? id_before(leaf, page) : 0;
	glance->state = glance->geometry = 0;
	if (!glance->id)
		return (!gib || !get(&gib->carry[(page >> BLOCK_SHIFT) % FANOUT])) &&
		       !get(&top.carry[page >> GIB_SHIFT]);
	range = record(glance->id);
	glance->state = get(&range->state);
	glance->geometry = get(&range->geometry);
	if (holds(glance->geometry, page))
		return false;
	glance->hit = 0;
	return glance->geometry && !(glance->geometry & RANGE_HIDDEN);
}

/*
 * What holds the first page. A part that a cut took from its writer is nothing any more; one that
 * is neither shown nor void yet is for walk_rest() to decide.
 */
static void walk_unusual(struct walk *walk)
{
	struct look look[2], *last = look_settled(look, walk->from);

	if (last->hit.range) {
		walk->visit(walk, last->id);
		return;
	}
	walk->again |= last->moved;
	for (unsigned i = 0; last->unsettled && i < last->count; i++)
		walk_at(walk, last->seen[i][0]);
}

static void walk_back(struct walk *walk)
{
	struct glance a, b;
	struct range_hit hit;

	a.hit = 0;
	if (likely(glance_misses(&a, walk->from) && glance_misses(&b, walk->from) && a.id == b.id &&
		    a.state == b.state && a.geometry == b.geometry))
		return;
	if (!a.hit)
		a.hit = find_carry(walk->from, &hit);
	if (a.hit)
		walk->visit(walk, a.hit);
	else
		walk_unusual(walk);
}

/* Which of 64 units of size 1 << shift, the first at page base, does (from, to) touch? */
static uint64_t touched(const struct walk *walk, uint64_t base, unsigned shift)
{
	uint64_t from = (walk->from + 1) >> shift, to = (walk->to - 1) >> shift;
	uint64_t units = ~(uint64_t)0;

	base >>= shift;
	if (from >= base + 64 || to < base)
		return 0;
	if (from > base)
		units <<= from - base;
	return to - base < 63 ? units & (((uint64_t)2 << (to - base)) - 1) : units;
}

/* The first and the last page that (from, to) has in size pages at base. */
static inline void clip(const struct walk *walk, uint64_t base, uint64_t size, uint64_t limit[2])
{
	limit[0] = walk->from + 1 > base ? walk->from + 1 - base : 0;
	limit[1] = walk->to < base + size ? walk->to - 1 - base : size - 1;
}

static void walk_leaf(struct walk *walk, const struct leaf *leaf, uint64_t base)
{
	uint64_t limit[2], starts;

	clip(walk, base, FANOUT, limit);
	for (uint64_t i = limit[0] / 64; i <= limit[1] / 64; i++) {
		uint64_t left = get(&leaf->starts[i]) ? touched(walk, base + i * 64, 0) : 0;

		/* Read again each time: a record may have got a right part. */
		while (left && (starts = get(&leaf->starts[i]) & left)) {
			left &= ~(starts ^ (starts - 1));
			walk_at(walk, start_id(leaf, i * 64 + __builtin_ctzll(starts)));
		}
	}
}

static void walk_gib(struct walk *walk, const struct gib *gib, uint64_t base)
{
	uint64_t limit[2], leaves;

	clip(walk, base, (uint64_t)1 << GIB_SHIFT, limit);
	for (uint64_t i = limit[0] / FANOUT / 64; i <= limit[1] / FANOUT / 64; i++) {
		uint64_t start = base + i * 64 * FANOUT;
		uint64_t left = touched(walk, start, BLOCK_SHIFT);

		while (left && (leaves = get(&gib->present[i]) & left)) {
			uint64_t page = start + (uint64_t)__builtin_ctzll(leaves) * FANOUT;

			left &= ~(leaves ^ (leaves - 1));
			walk_leaf(walk, leaf_of(gib, page), page);
		}
	}
}

static void walk_all(struct walk *walk)
{
	uint64_t base = (walk->from + 1) >> GIB_SHIFT << GIB_SHIFT;

	walk_back(walk);
	if (walk->to - walk->from == 1)
		return;
	for (; base < walk->to; base += (uint64_t)1 << GIB_SHIFT) {
		const struct gib *gib = gib_of(base);

		if (gib)
			walk_gib(walk, gib, base);
	}
}

static void walk_settled(struct walk *walk)
{
	do {
		walk->again = false;
		walk->last = NULL;
		walk_all(walk);
	} while (unlikely(walk->again));
}

/* False: nothing of it can be in the table. */
static bool walk_set(struct walk *walk, uintptr_t start, size_t size)
{
	uintptr_t end = start + size < start ? UINTPTR_MAX : start + size;
	uint64_t to = (uint64_t)(end >> PAGE_SHIFT) + !!(end % PAGE_SIZE);

	walk->from = start >> PAGE_SHIFT;
	walk->to = to < PAGES_END ? to : PAGES_END;
	return size && walk->from < walk->to;
}

/* Of one incarnation. False: it does not overlap any more, its right part may. */
static bool snapshot(struct walk *walk, uint32_t id, struct range_hit *hit)
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

	if (!snapshot(walk, id, &hit) || hit.range == walk->last)
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

	if (walk_set(&walk, start, size))
		walk_settled(&walk);
}

uint64_t range_count(void)
{
	uint64_t count = 0;

	for (uint32_t id = get(&pool.taken); id; id--) {
		uint64_t geometry = get(&record(id)->geometry);

		count += geometry && !(geometry & RANGE_HIDDEN);
	}
	return count;
}

/* ---- cut ---- */

/* A hidden record like id. note 0: a piece for the list. 0: no memory. */
static uint32_t part_new(uint32_t id, uint64_t state, uint64_t geometry, uintptr_t note)
{
	uint32_t part =
		record_new((uint32_t)state, state_lock(state), get(&record(id)->caller), note);

	if (!part)
		return 0;
	put(&record(part)->geometry, note ? geometry | RANGE_HIDDEN : ~geometry);
	if (!note || publish(part))
		return part;
	record_free(part);
	return 0;
}

static void rest_drop(uint32_t id, uint64_t geometry)
{
	uint64_t hidden = geometry | RANGE_HIDDEN;

	start_clear(first(geometry), id);
	swap(&record(id)->geometry, &hidden, 0);
	record_free(id);
}

/* The split is committed. If another cut took the part away in good faith, it is lost. */
static bool rest_commit(uint32_t id, uint64_t state, uint64_t geometry, uintptr_t note)
{
	struct range *rest = record(id);

	if (rest_show(rest, state, geometry | RANGE_HIDDEN, note) ||
		get(&rest->geometry) != TAKEN_AWAY || get(&rest->anchor) != note)
		return true;
	start_clear(first(geometry), id);
	record_free(id);
	return false;
}

/* One record against [from, to): its head, tail, middle or all of it goes. */
struct split {
	uint32_t id;
	struct range_hit hit;
	uint64_t left;	      /* the record's next geometry */
	uint64_t right;	      /* 0: nothing is left there */
	uint32_t piece, rest; /* ids; piece: of what goes, the record itself if its start does */
	uint64_t rest_state;
	uintptr_t note;
};

static void split_right(struct split *split, uint64_t from, uint64_t to)
{
	split->right = geometry_make(from, to);
	split->note = note_make(split->id, split->hit.state, split->left);
	split->rest = part_new(split->id, split->hit.state, split->right, split->note);
	if (split->rest)
		split->rest_state = get(&record(split->rest)->state);
}

static void split_prepare(const struct walk *walk, struct split *split)
{
	uint64_t start = first(split->hit.geometry), end = behind(split->hit.geometry);
	uint64_t to = end < walk->to ? end : walk->to;

	if (start >= walk->from) {
		split->left = ~geometry_make(start, to);
		split->piece = split->id;
	} else {
		uint64_t piece = geometry_make(walk->from, to);

		split->left = geometry_make(start, walk->from);
		split->piece = part_new(split->id, split->hit.state, piece, 0);
	}
	if (to < end)
		split_right(split, to, end);
}

static void split_undo(struct walk *walk, const struct split *split)
{
	if (split->rest)
		rest_drop(split->rest, split->right);
	if (split->piece && split->piece != split->id)
		record_free(split->piece);
	walk->again = true;
}

static bool split_show(const struct split *split)
{
	return !split->right || (split->rest && rest_commit(split->rest, split->rest_state,
							split->right, split->note));
}

static void split_finish(struct walk *walk, const struct split *split)
{
	if (!split_show(split) || !split->piece)
		walk->cut.lost = true;
	if (split->piece == split->id)
		start_clear(first(split->hit.geometry), split->id);
	if (split->piece) {
		put(&record(split->piece)->faults, walk->cut.first);
		walk->cut.first = split->piece;
	}
}

static void cut_visit(struct walk *walk, uint32_t id)
{
	struct range *range = record(id);
	struct split split = {.id = id};
	uintptr_t note = get(&range->anchor);
	uint64_t geometry;

	if (!snapshot(walk, id, &split.hit))
		return;
	/* Left over if it was shown a moment ago: a piece with a note would look like a part. */
	if (note & 1)
		swap(&range->anchor, &note, 0);
	split_prepare(walk, &split);
	geometry = split.hit.geometry;
	if (!swap(&range->geometry, &geometry, split.left)) {
		split_undo(walk, &split);
		return;
	}
	split_finish(walk, &split);
	pool.env.wait(state_lock(split.hit.state));
}

struct range_cut range_cut(uintptr_t start, size_t size)
{
	struct walk walk = {.visit = cut_visit, .cutting = true};

	if (!walk_set(&walk, start, size))
		return walk.cut;
	walk_settled(&walk);
	return walk.cut;
}

void range_cut_free(struct range_cut cut)
{
	while (cut.first) {
		uint32_t id = cut.first;

		cut.first = get(&record(id)->faults);
		record_free(id);
	}
}

/* A new incarnation: who looked the piece up before the cut must not go on with it. */
void range_cut_restore(struct range_cut cut)
{
	while (cut.first) {
		uint32_t id = cut.first;
		struct range *range = record(id);
		uint64_t geometry = range_piece(range);

		cut.first = get(&range->faults);
		put(&range->faults, 0);
		put(&range->state, get(&range->state) + ((uint64_t)1 << 32));
		put(&range->geometry, geometry);
		if (!publish(id))
			record_free(id);
	}
}

int range_insert(uintptr_t start, size_t size, const struct range_attributes *attributes)
{
	uint64_t page = start >> PAGE_SHIFT, pages = size / PAGE_SIZE + !!(size % PAGE_SIZE);
	uint64_t low = ((uint64_t)attributes->owner << 14 & OWNER_MASK) |
		       (attributes->flags & RANGE_FLAGS);
	uint32_t id;

	if (start % PAGE_SIZE || size == 0)
		return -EINVAL;
	if (pages > PAGES_MASK || page >= PAGES_END || pages > PAGES_END - page)
		return -E2BIG;
	range_cut_free(range_cut(start, size));
	id = record_new(low, attributes->lock, attributes->caller, attributes->anchor);
	if (!id)
		return -ENOMEM;
	put(&record(id)->geometry, geometry_make(page, page + pages));
	if (publish(id))
		return 0;
	record_free(id);
	return -ENOMEM;
}
