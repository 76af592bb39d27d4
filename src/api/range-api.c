/* SPDX-License-Identifier: MIT */
/*
 * The C API: ranges that a program registers for an owner. All of it is [H].
 *
 * While a record is RANGE_REGISTERED, its "caller" is the id of the automatic owner that it had before, and
 * has again when the registration ends.
 *
 * One at a time adds or removes: who does so cuts ranges out to look at them, also those of others,
 * who must not find them missing. All signals are blocked meanwhile, and the memory of the table
 * never faults: no handler can come in that would wait for its own thread.
 */
#include <errno.h>
#include "api/api.h"
#include "base/base.h"
#include "kernel/mask.h"
#include "kernel/next.h"
#include "kernel/process.h"
#include "memory/memory.h"
#include "table/table.h"

int api_pages(const void *address, size_t length, struct pages *pages)
{
	uintptr_t start = (uintptr_t)address, limit = ADDRESS_END;

	if (!active)
		return -ENOSYS;
	if (!start || !length || start >= limit || length > limit - start)
		return -EINVAL;
	pages->start = start & PAGE_MASK;
	pages->size = ((start + length + PAGE_SIZE - 1) & PAGE_MASK) - pages->start;
	return 0;
}

/* The signal mask for leave(). */
static uint64_t enter(void)
{
	_Atomic uint64_t *word = &process_state->lock[API_LOCK].word;
	uint64_t mask = mask_swap(SIG_SETMASK, ~SIGNAL_BIT(SIGBUS));

	while (atomic_fetch_or(word, 1) & 1) /* pairs with the addition in leave(), which makes it even */
		repair_wait(API_LOCK);
	track_enter();
	return mask;
}

static void leave(uint64_t mask)
{
	track_leave();
	atomic_fetch_add(&process_state->lock[API_LOCK].word, 1);
	mask_swap(SIG_SETMASK, mask);
}

/* An owner that is destroyed after this look at it loses its ranges after the change. */
static int change(const struct sigbus_owner *handle, const void *address, size_t length,
	int (*how)(unsigned owner, const struct pages *pages))
{
	struct pages pages;
	int error = api_pages(address, length, &pages);
	unsigned owner;
	uint64_t mask;

	if (error)
		return error;
	if (process_is_borrowed())
		return -EPERM;
	mask = enter();
	owner = api_owner(handle);
	error = owner ? how(owner, &pages) : -EINVAL;
	leave(mask);
	return error;
}

/* A piece of a range that was cut out goes back in with other attributes. */
static int put(struct range *piece, unsigned owner, unsigned flags, uint32_t caller)
{
	uint64_t geometry = range_piece(piece);
	struct range_attributes attributes = {.owner = owner,
		.flags = flags,
		.lock = (int)state_lock(atomic_load(&piece->state)),
		.caller = caller,
		.anchor = range_anchor(piece)};
	int error = range_insert(geometry_start(geometry), geometry_size(geometry), &attributes);

	if (!error && attributes.anchor)
		atomic_store(&piece->anchor, 0);
	return error;
}

/* ---- removing ---- */

struct search {
	unsigned owner;
	bool found;
};

static bool is_owned(uint64_t state, unsigned owner)
{
	return state_flags(state) & RANGE_REGISTERED && state_owner(state) == owner;
}

static void find_owned(struct range_hit hit, void *data)
{
	struct search *search = data;

	search->found |= is_owned(hit.state, search->owner);
}

static int put_removed(struct range *piece, unsigned owner)
{
	uint64_t state = atomic_load(&piece->state);
	unsigned flags = state_flags(state);
	uint32_t caller = atomic_load(&piece->caller);

	if (!is_owned(state, owner))
		return put(piece, state_owner(state), flags, caller);
	if (flags & RANGE_MAPPED)
		return put(piece, caller, flags & ~(unsigned)RANGE_REGISTERED, 0);
	return 0;
}

static int remove_range(unsigned owner, const struct pages *pages)
{
	struct range_cut cut = range_cut(pages->start, pages->size);
	int error = 0;

	for (uint32_t id = cut.first; id; id = range_next_piece(range_by_id(id)))
		if (put_removed(range_by_id(id), owner) != 0)
			error = -ENOMEM;
	range_cut_release(cut);
	if (error)
		counter_add(&counters()->failed_open, 1);
	return error;
}

static int remove_if_owned(unsigned owner, const struct pages *pages)
{
	struct search search = {.owner = owner};

	range_each(pages->start, pages->size, find_owned, &search);
	return search.found ? remove_range(owner, pages) : -ENOENT;
}

EXPORT int sigbus_range_remove(struct sigbus_owner *handle, void *address, size_t length)
{
	return change(handle, address, length, remove_if_owned);
}

static void remove_owned(struct range_hit hit, void *data)
{
	struct pages pages = {geometry_start(hit.geometry), geometry_size(hit.geometry)};

	if (is_owned(hit.state, *(const unsigned *)data))
		remove_range(*(const unsigned *)data, &pages);
}

/* Hidden ones are cut out already. */
static void remove_record(const struct range *range, unsigned owner)
{
	uint64_t geometry = atomic_load(&range->geometry);

	if (!geometry || !is_owned(atomic_load(&range->state), owner) ||
		geometry & RANGE_HIDDEN)
		return;
	range_each(geometry_start(geometry), geometry_size(geometry), remove_owned, &owner);
}

/* By the records: they are fewer than there are places in the index. */
void api_remove_all(unsigned owner)
{
	const struct range *range;
	uint64_t mask = enter();

	for (uint32_t id = 1; (range = range_by_id(id)) != NULL; id++)
		remove_record(range, owner);
	leave(mask);
}

/* ---- adding ---- */

static struct range *first_piece_from(struct range_cut cut, uintptr_t from)
{
	struct range *best = NULL;

	for (uint32_t id = cut.first; id; id = range_next_piece(range_by_id(id))) {
		struct range *piece = range_by_id(id);
		uintptr_t start = geometry_start(range_piece(piece));

		if (start >= from && (!best || start < geometry_start(range_piece(best))))
			best = piece;
	}
	return best;
}

/*
 * Memory that no hook of ours has seen, up to end: its protection is asked for when it matters. It may
 * be longer than one record can say. *at is how far it came.
 */
static int put_unseen(uintptr_t *at, uintptr_t end, unsigned owner)
{
	struct range_attributes attributes = {.owner = owner,
		.flags = RANGE_READ | RANGE_WRITE | RANGE_PROTECTED | RANGE_REGISTERED,
		.lock = -1};
	int error = 0;

	while (!error && *at < end) {
		size_t part = end - *at < RANGE_SIZE_MAX ? end - *at : RANGE_SIZE_MAX;

		error = range_insert(*at, part, &attributes);
		*at += error ? 0 : part;
	}
	return error;
}

static int put_registered(struct range *piece, unsigned owner)
{
	uint64_t state = atomic_load(&piece->state);

	return put(piece, owner, state_flags(state) | RANGE_REGISTERED, state_owner(state));
}

/* From the lowest address up to the first failure; *at is where that was. */
static int add(struct range_cut cut, const struct pages *pages, unsigned owner, uintptr_t *at)
{
	struct range *piece;
	int error = 0;

	for (*at = pages->start; !error && (piece = first_piece_from(cut, *at)) != NULL;) {
		uint64_t geometry = range_piece(piece);

		error = put_unseen(at, geometry_start(geometry), owner);
		if (error)
			break;
		error = put_registered(piece, owner);
		if (!error)
			*at = geometry_end(geometry);
	}
	return error ? error : put_unseen(at, pages->start + pages->size, owner);
}

/* Pieces that were put in again are freed, the others restored. */
static void restore_from(struct range_cut cut, uintptr_t at)
{
	struct range_cut done = {0}, left = {0};
	uint32_t next;

	for (uint32_t id = cut.first; id; id = next) {
		struct range *piece = range_by_id(id);
		bool is_done = geometry_start(range_piece(piece)) < at;
		struct range_cut *list = is_done ? &done : &left;

		next = range_next_piece(piece);
		range_link_piece(piece, list->first);
		list->first = id;
	}
	range_cut_release(done);
	range_cut_restore(left);
}

static void find_registered(struct range_hit hit, void *found)
{
	if (state_flags(hit.state) & RANGE_REGISTERED)
		*(bool *)found = true;
}

static int add_unless_registered(unsigned owner, const struct pages *pages)
{
	bool is_registered = false;
	uintptr_t at = pages->start;
	struct range_cut cut;
	int error;

	range_each(pages->start, pages->size, find_registered, &is_registered);
	if (is_registered)
		return -EEXIST;
	cut = range_cut(pages->start, pages->size);
	error = add(cut, pages, owner, &at);
	if (!error) {
		range_cut_release(cut);
		return 0;
	}
	restore_from(cut, at);
	if (at > pages->start)
		remove_range(owner, &(struct pages){pages->start, at - pages->start});
	return error;
}

EXPORT int sigbus_range_add(struct sigbus_owner *handle, void *address, size_t length)
{
	return change(handle, address, length, add_unless_registered);
}
