/* SPDX-License-Identifier: MIT */
/* The C API: owners and ranges that a program registers itself. */
#include <errno.h>
#include <string.h>
#include "internal.h"
#include "owner.h"

#define NAME_MAX_ 63

/* A handle is the address of the owner's entry; entries are never reused. */
static unsigned id_of(const struct sigbus_owner *handle)
{
	const struct owner *owner = (const struct owner *)handle;
	const struct owner *first = owner_by_id(0);

	if (owner <= first || owner >= first + OWNERS_MAX || !atomic_load(&owner->registered))
		return 0;
	return (unsigned)(owner - first);
}

EXPORT int sigbus_owner_create(const char *name, sigbus_callback callback, void *data,
	struct sigbus_owner **handle)
{
	size_t length = name ? strnlen(name, NAME_MAX_ + 1) : 0;
	struct owner *owner;
	char *copy;
	unsigned id;

	if (!length || length > NAME_MAX_ || !handle)
		return -EINVAL;
	if (!active)
		return -ENOSYS;
	copy = arena_allocate(length + 1);
	if (!copy)
		return -ENOMEM;
	id = owner_allocate();
	if (!id)
		return -ENOSPC;
	owner = owner_by_id(id);
	memcpy(copy, name, length);
	owner->name = owner->resolved = copy;
	owner->data = data;
	atomic_store(&owner->callback, callback);
	atomic_store(&owner->registered, true);
	*handle = (struct sigbus_owner *)owner;
	return 0;
}

/* ---- ranges ---- */

static int bounds(void *address, size_t length, uintptr_t *start, size_t *size)
{
	uintptr_t first = (uintptr_t)address, limit = (uintptr_t)1 << ADDRESS_BITS;

	if (!length || first >= limit || length > limit - first)
		return -EINVAL;
	*start = first & PAGE_MASK;
	*size = ((first + length + PAGE_SIZE - 1) & PAGE_MASK) - *start;
	return 0;
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

	if (attributes.anchor)
		atomic_store(&piece->anchor, 0);
	return range_insert(geometry_start(geometry), geometry_size(geometry), &attributes);
}

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

/* Memory that no hook of ours has seen: its protection is asked for when it matters. */
static int put_unseen(uintptr_t start, uintptr_t end, unsigned owner)
{
	struct range_attributes attributes = {.owner = owner,
		.flags = RANGE_READ | RANGE_WRITE | RANGE_PROTECTED | RANGE_REGISTERED,
		.lock = -1};

	return start < end ? range_insert(start, end - start, &attributes) : 0;
}

static void find_registered(struct range_hit hit, void *found)
{
	if (state_flags(hit.state) & RANGE_REGISTERED)
		*(bool *)found = true;
}

/* A registered record has the owner below, to whom it goes back, in the place of the caller. */
EXPORT int sigbus_range_add(struct sigbus_owner *handle, void *address, size_t length)
{
	unsigned owner = id_of(handle);
	bool is_registered = false;
	uintptr_t start, at, end;
	struct range_cut cut;
	struct range *piece;
	size_t size;
	int error = 0;

	if (!owner || bounds(address, length, &start, &size) != 0)
		return -EINVAL;
	range_each(start, size, find_registered, &is_registered);
	if (is_registered)
		return -EEXIST;
	cut = range_cut(start, size);
	end = start + size;
	for (at = start; !error && (piece = first_piece_from(cut, at)) != NULL;) {
		uint64_t geometry = range_piece(piece), state = atomic_load(&piece->state);

		error = put_unseen(at, geometry_start(geometry), owner);
		if (!error)
			error = put(piece, owner, state_flags(state) | RANGE_REGISTERED,
				state_owner(state));
		at = geometry_end(geometry);
	}
	if (!error)
		error = put_unseen(at, end, owner);
	range_cut_release(cut);
	return error;
}

struct search {
	unsigned owner;
	struct range_hit hit; /* the first one found */
};

static void find_owned(struct range_hit hit, void *data)
{
	struct search *search = data;

	if (!search->hit.range && state_flags(hit.state) & RANGE_REGISTERED &&
		state_owner(hit.state) == search->owner)
		search->hit = hit;
}

static int remove_range(unsigned owner, uintptr_t start, size_t size)
{
	struct search search = {.owner = owner};
	struct range_cut cut;
	int error = 0;

	range_each(start, size, find_owned, &search);
	if (!search.hit.range)
		return -ENOENT;
	cut = range_cut(start, size);
	for (uint32_t id = cut.first; id; id = range_next_piece(range_by_id(id))) {
		struct range *piece = range_by_id(id);
		uint64_t state = atomic_load(&piece->state);
		unsigned flags = state_flags(state);
		uint32_t caller = atomic_load(&piece->caller);

		if (!(flags & RANGE_REGISTERED) || state_owner(state) != owner)
			error |= put(piece, state_owner(state), flags, caller);
		else if (flags & RANGE_MAPPED)
			error |= put(piece, caller, flags & ~(unsigned)RANGE_REGISTERED, 0);
	}
	range_cut_release(cut);
	return error ? -ENOMEM : 0;
}

EXPORT int sigbus_range_remove(struct sigbus_owner *handle, void *address, size_t length)
{
	unsigned owner = id_of(handle);
	uintptr_t start;
	size_t size;

	if (!owner || bounds(address, length, &start, &size) != 0)
		return -EINVAL;
	return remove_range(owner, start, size);
}

EXPORT int sigbus_owner_destroy(struct sigbus_owner *handle)
{
	unsigned id = id_of(handle);
	struct search search = {.owner = id};

	if (!id)
		return -EINVAL;
	atomic_store(&owner_by_id(id)->callback, NULL);
	for (;;) {
		search.hit.range = NULL;
		range_each(0, (size_t)1 << ADDRESS_BITS, find_owned, &search);
		if (!search.hit.range)
			break;
		if (remove_range(id, geometry_start(search.hit.geometry),
			    geometry_size(search.hit.geometry)) != 0)
			break;
	}
	atomic_store(&owner_by_id(id)->registered, false);
	return 0;
}
