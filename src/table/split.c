/* SPDX-License-Identifier: MIT */
/*
 * Cutting pages out of a record: its head, tail, middle or all of it goes.
 *
 * Several writers may cut different pages of one record at once, so a split is a transaction. Its
 * right part is put into the index hidden, with a note of what the record is about to become; the
 * compare and swap of the record's geometry commits it; then the right part is shown. Whoever
 * meets a hidden part compares note and record: it shows the part of a split that is committed,
 * and else goes on with the record itself. A writer that loses the swap takes its part back. With
 * three writers in one record a note may come to say too little; then the part is given up.
 */
#include "table/record.h"
#include "table/table.h"

/* ---- the note of a right part ---- */

/*
 * In the anchor of a hidden right part: the record it is split from (id and part of its
 * generation), whether that ends as a piece of the cut or lives on, and with how many pages.
 */
static uint64_t note_make(uint32_t parent, uint64_t state, uint64_t geometry)
{
	uint64_t cut = geometry >> 63;

	return (uint64_t)parent << 40 | (state >> 32 & 0x3ff) << 30 | cut << 29 |
	       ((cut ? ~geometry : geometry) & PAGES_MASK) << 1 | 1;
}

static bool note_is_true(uint64_t note)
{
	struct range *parent = record(note >> 40);
	uint64_t state = atomic_load(&parent->state);

	return note_make(note >> 40, state, atomic_load(&parent->geometry)) == note;
}

/*
 * Shows a right part. The flags once more: they may have changed since it was made. False: it was
 * shown or taken away by somebody else.
 */
static bool rest_show(struct range *rest, uint64_t state, uint64_t geometry, uint64_t note)
{
	uint64_t parent = atomic_load(&record(note >> 40)->state);
	bool shown;

	state_change(rest, state, OWNER_MASK, parent & (OWNER_MASK | RANGE_FLAGS));
	shown = swap(&rest->geometry, &geometry, geometry & ~RANGE_HIDDEN);
	if (geometry != TAKEN_AWAY)
		swap(&rest->anchor, &note, 0);
	return shown;
}

bool rest_settle(uint32_t id)
{
	struct range *rest = record(id);
	uint64_t state = atomic_load(&rest->state);
	uint64_t geometry = atomic_load(&rest->geometry);
	uint64_t note = atomic_load(&rest->anchor);

	if (!(geometry & RANGE_HIDDEN) || !(note & 1) || !note_is_true(note))
		return false;
	rest_show(rest, state, geometry, note);
	return true;
}

/* ---- its writer ---- */

/* A hidden record like id. note 0: a piece for the list. 0: no memory. */
static uint32_t part_new(uint32_t id, uint64_t state, uint64_t geometry, uint64_t note)
{
	struct content content = {.geometry = note ? geometry | RANGE_HIDDEN : ~geometry,
		.low = state & (OWNER_MASK | RANGE_FLAGS),
		.lock = (int)state_lock(state),
		.caller = get(&record(id)->caller),
		.anchor = note};
	uint32_t part = record_take();

	if (!part)
		return 0;
	record_fill(record(part), part, content);
	if (!note || index_add(part, geometry))
		return part;
	record_free(part);
	return 0;
}

static void rest_drop(uint32_t id, uint64_t geometry)
{
	uint64_t hidden = geometry | RANGE_HIDDEN;

	index_remove(first(geometry), id);
	swap(&record(id)->geometry, &hidden, 0);
	record_free(id);
}

/* The split is committed. If another cut took the part away in good faith, it is lost. */
static bool rest_commit(uint32_t id, uint64_t state, uint64_t geometry, uint64_t note)
{
	struct range *rest = record(id);

	if (rest_show(rest, state, geometry | RANGE_HIDDEN, note) ||
		get(&rest->geometry) != TAKEN_AWAY || get(&rest->anchor) != note)
		return true;
	index_remove(first(geometry), id);
	record_free(id);
	return false;
}

/* ---- one record against the pages of a walk ---- */

struct split {
	uint32_t id;
	struct range_hit hit;
	uint64_t left;	      /* the record's next geometry */
	uint64_t right;	      /* 0: nothing is left there */
	uint32_t piece, rest; /* ids; piece: of what goes, the record itself if its start does */
	uint64_t rest_state;
	uint64_t note;
};

static void split_right(struct split *split, uint64_t from, uint64_t to)
{
	split->right = geometry_make(from, to);
	split->note = note_make(split->id, split->hit.state, split->left);
	split->rest = part_new(split->id, split->hit.state, split->right, split->note); /* PUBLISH */
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
		index_remove(first(split->hit.geometry), split->id);
	if (split->piece) {
		range_link_piece(record(split->piece), walk->cut.first);
		walk->cut.first = split->piece;
	}
}

void split_visit(struct walk *walk, uint32_t id)
{
	struct range *range = record(id);
	struct split split = {.id = id};
	uint64_t note = get(&range->anchor);
	uint64_t geometry;

	if (!walk_snapshot(walk, id, &split.hit))
		return;
	/* Left over if it was shown a moment ago: a piece with a note would look like a part. */
	if (note & 1)
		swap(&range->anchor, &note, 0);
	split_prepare(walk, &split);
	geometry = split.hit.geometry;
	if (!swap(&range->geometry, &geometry, split.left)) { /* CUT */
		split_undo(walk, &split);
		return;
	}
	split_finish(walk, &split);
	range_pool.env.wait(state_lock(split.hit.state)); /* WAIT */
}
