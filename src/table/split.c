/* SPDX-License-Identifier: MIT */
/*
 * Cutting pages out of a record: its head, tail, middle or all of it goes.
 *
 * All of it goes with one compare and swap of the geometry (CUT), for its pages are the caller's
 * alone. Less than all is cut by one writer at a time, who holds the record's lock word with all
 * signals blocked: what stays behind the cut becomes a record of its own (PUBLISH), then the record
 * shrinks (CUT). In between both records hold the pages that stay, and say the same of them: a
 * lookup is right with either. Repairs need the same lock word, so there is none to wait for.
 *
 * A process that only borrows the memory may be killed at any step, so it holds no lock word: it
 * takes the record out as a whole and puts back what stays. Killed in between, it leaves pages that
 * are not tracked, and nobody who waits.
 */
#include "table/record.h"
#include "table/table.h"

struct split {
	uint32_t id;
	struct range_hit hit;
	uint64_t left, gone, right; /* geometries; 0: nothing is left there */
};

static struct split split_of(const struct walk *walk, uint32_t id, struct range_hit hit)
{
	uint64_t start = first(hit.geometry), end = behind(hit.geometry);
	uint64_t from = start > walk->from ? start : walk->from;
	uint64_t to = end < walk->to ? end : walk->to;

	invariant(from < to); /* walk_snapshot(): they overlap */
	return (struct split){.id = id,
		.hit = hit,
		.left = start < from ? geometry_make(start, from) : 0,
		.gone = geometry_make(from, to),
		.right = to < end ? geometry_make(to, end) : 0};
}

/* A record like the one that is split, which nothing leads to yet. 0: no memory. */
static uint32_t part_new(const struct split *split, uint64_t geometry)
{
	uint64_t state = load(&split->hit.range->state);
	struct content content = {.geometry = geometry,
		.low = state & (OWNER_MASK | RANGE_FLAGS),
		.lock = (int)state_lock(state),
		.caller = load(&split->hit.range->caller)};
	uint32_t part = record_take();

	if (!part)
		return 0;
	record_fill(record(part), part, content);
	if (!(geometry & RANGE_HIDDEN)) /* there it is the link of the list */
		store_release(&record(part)->faults, load(&split->hit.range->faults));
	return part;
}

/* False: no memory, and the part is gone. */
static bool publish(uint32_t part, uint64_t geometry)
{
	if (part && index_add(part, geometry)) /* PUBLISH */
		return true;
	if (part)
		record_free(part);
	return false;
}

static void give_up(struct walk *walk)
{
	walk->cut.lost = true;
	range_env.lost();
}

/* Whoever takes the part out in between waits for the lock word's holder before it looks at that. */
static void share_anchor(const struct split *split, uint32_t part)
{
	uint64_t anchor = load(&split->hit.range->anchor);

	if (!anchor || !part || part == split->id)
		return;
	range_env.share((uintptr_t)anchor);
	store_release(&record(part)->anchor, anchor);
}

static void add_piece(struct walk *walk, uint32_t piece)
{
	range_link_piece(record(piece), walk->cut.first);
	walk->cut.first = piece;
}

/* False: the record is another one by now, or of another size. */
static bool take_out(struct split *split)
{
	uint64_t geometry = split->hit.geometry;

	if (!cas(&split->hit.range->geometry, &geometry, ~geometry)) /* CUT */
		return false;
	index_remove(first(geometry), split->id);
	range_env.wait(state_lock(split->hit.state)); /* WAIT */
	return true;
}

static bool split_whole(struct walk *walk, struct split *split)
{
	if (!take_out(split))
		return false;
	add_piece(walk, split->id);
	return true;
}

/* ---- with the lock word held ---- */

/*
 * Takes a right part back whose record did not shrink: until then both held its pages, so nobody has come
 * to depend on it. Its own mapper may have cut it out meanwhile, and has it then.
 */
static void rest_drop(uint32_t id, uint64_t geometry)
{
	index_remove(first(geometry), id);
	if (cas(&record(id)->geometry, &geometry, 0))
		record_free(id);
}

/*
 * The right part was filled with a copy of the record's flags. A thread that marks records by range_each()
 * may mark this one after that copy. Either its mark comes before the CUT, and this look at the state,
 * behind the CUT, sees it; or its mark comes behind the CUT: then it sees the new geometry, and walks again.
 */
static void carry_marks(const struct split *split, uint32_t rest, uint64_t rest_state)
{
	uint64_t state = atomic_load(&split->hit.range->state);

	state_change(record(rest), rest_state, OWNER_MASK, state & (OWNER_MASK | RANGE_FLAGS));
}

/* What stays to the left keeps the record and its start in the index. */
static bool split_parts(struct walk *walk, struct split *split, uint32_t rest)
{
	uint64_t geometry = split->hit.geometry, left = split->left ? split->left : ~split->gone;
	uint64_t rest_state = rest ? load(&record(rest)->state) : 0;
	uint32_t piece = split->left ? part_new(split, ~split->gone) : split->id;

	if (!cas(&split->hit.range->geometry, &geometry, left)) { /* CUT */
		if (split->left && piece)
			record_free(piece);
		return false;
	}
	if (rest)
		carry_marks(split, rest, rest_state);
	if (!split->left)
		index_remove(first(geometry), split->id);
	share_anchor(split, rest);
	share_anchor(split, piece);
	if (!piece || (split->right && !rest))
		give_up(walk);
	if (piece)
		add_piece(walk, piece);
	return true;
}

/*
 * The commit of a split, with the lock word held: CHECK, PUBLISH the right part, CUT. "open" says to a fork
 * child, which has no other thread to end this, that both records hold the same pages (range_forked).
 */
static bool split_held(struct walk *walk, struct split *split)
{
	_Atomic uint64_t *open = &range_pool.open[state_lock(split->hit.state)];
	uint32_t rest = 0;
	bool done;

	if (atomic_load(&split->hit.range->geometry) != split->hit.geometry || /* CHECK */
		(atomic_load(&split->hit.range->state) ^ split->hit.state) >> 32)
		return false;
	if (split->right) {
		rest = part_new(split, split->right);
		atomic_store(open, (uint64_t)split->id << 32 | rest);
		rest = publish(rest, split->right) ? rest : 0;
	}
	done = split_parts(walk, split, rest);
	if (!done && rest)
		rest_drop(rest, split->right);
	atomic_store(open, 0);
	return done;
}

/* In a fork child, for the cuts that other threads of the parent were at: the child has the range. */
void range_forked(void)
{
	for (unsigned lock = 0; lock < RANGE_LOCKS; lock++) {
		uint64_t open = atomic_exchange(&range_pool.open[lock], 0);
		uint32_t id = (uint32_t)(open >> 32), rest = (uint32_t)open;
		uint64_t geometry;

		if (!rest)
			continue;
		geometry = load(&record(rest)->geometry);
		if (geometry && !(geometry & RANGE_HIDDEN) &&
			holds(load(&record(id)->geometry), first(geometry)))
			rest_drop(rest, geometry);
	}
}

/* ---- without ---- */

static void put_back_part(struct walk *walk, const struct split *split, uint64_t geometry)
{
	uint32_t part = geometry ? part_new(split, geometry) : 0;

	share_anchor(split, part);
	if (geometry && !publish(part, geometry))
		give_up(walk);
}

static bool split_borrowed(struct walk *walk, struct split *split)
{
	if (!take_out(split))
		return false;
	put_back_part(walk, split, split->left);
	put_back_part(walk, split, split->right);
	store_release(&split->hit.range->geometry, ~split->gone);
	add_piece(walk, split->id);
	return true;
}

void split_visit(struct walk *walk, uint32_t id)
{
	struct range_hit hit;
	struct split split;
	uint64_t mask;
	bool done;

	if (!walk_snapshot(walk, id, &hit))
		return;
	split = split_of(walk, id, hit);
	if (split.gone == hit.geometry) {
		done = split_whole(walk, &split);
	} else if (range_env.hold(state_lock(hit.state), &mask)) { /* TAKE */
		done = split_held(walk, &split);
		range_env.let_go(state_lock(hit.state), mask); /* RELEASE */
	} else {
		done = split_borrowed(walk, &split);
	}
	if (!done)
		walk->again = true;
}
