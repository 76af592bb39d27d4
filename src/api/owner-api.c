/* SPDX-License-Identifier: MIT */
/* The C API: owners that a program makes itself. */
#include <errno.h>
#include <string.h>
#include "api/api.h"
#include "base/base.h"
#include "kernel/next.h"
#include "kernel/process.h"
#include "memory/repair.h"
#include "owner/owner.h"
#include "table/table.h"

#define NAME_SIZE 64

EXPORT int sigbus_active(void)
{
	return active;
}

/*
 * A handle is the generation of the owner's entry and its id. Entries are used again, so that an
 * owner can come and go with each of many clients; an old handle is known by its generation.
 */
#define ID_BITS 12
#define ID_MASK (((uintptr_t)1 << ID_BITS) - 1)
_Static_assert(OWNERS_MAX == 1 << ID_BITS, "an id fits");

static struct sigbus_owner *handle_make(unsigned id, uint32_t generation)
{
	return (struct sigbus_owner *)((uintptr_t)generation << ID_BITS | id);
}

unsigned api_owner(const struct sigbus_owner *handle)
{
	unsigned id = (uintptr_t)handle & ID_MASK;
	uint32_t generation = atomic_load(&owner_by_id(id)->generation);

	return owner_is_registered(generation) && handle == handle_make(id, generation) ? id : 0;
}

/* ---- entries that were used before ---- */

/*
 * Times taken << 32 | id of the first. The count makes the exchange fail where the first one was taken
 * and given back since it was read, for then its `next` is another.
 */
static _Atomic uint64_t free_entries;

static unsigned take_entry(void)
{
	uint64_t head = atomic_load(&free_entries);

	while ((uint32_t)head) {
		unsigned id = (uint32_t)head;
		uint32_t next = atomic_load(&owner_by_id(id)->next);

		if (atomic_compare_exchange_strong(
			    &free_entries, &head, ((head >> 32) + 1) << 32 | next))
			return id;
	}
	return owner_allocate();
}

static void give_entry(unsigned id)
{
	uint64_t head = atomic_load(&free_entries);

	do {
		atomic_store(&owner_by_id(id)->next, (uint32_t)head);
	} while (!atomic_compare_exchange_strong(
		&free_entries, &head, ((head >> 32) + 1) << 32 | id));
}

/* The name's place stays with the entry, and always ends with 0: a report may be reading it. */
static bool set_name(struct owner *owner, const char *name)
{
	char *copy = owner->name ? (char *)owner->name : arena_allocate(NAME_SIZE);
	size_t length;

	if (!copy)
		return false;
	length = strnlen(name, NAME_SIZE - 1);
	memcpy(copy, name, length);
	memset(copy + length, 0, NAME_SIZE - length);
	owner->name = owner->resolved = copy;
	return true;
}

EXPORT int sigbus_owner_create(
	const char *name, sigbus_callback callback, void *data, struct sigbus_owner **handle)
{
	struct owner *owner;
	uint32_t generation;
	unsigned id;

	if (!active)
		return -ENOSYS;
	if (process_is_borrowed())
		return -EPERM;
	if (!name || !*name || strnlen(name, NAME_SIZE) == NAME_SIZE || !handle)
		return -EINVAL;
	id = take_entry();
	if (!id)
		return -ENOSPC;
	owner = owner_by_id(id);
	if (!set_name(owner, name)) {
		give_entry(id);
		return -ENOMEM;
	}
	if (callback) /* it may answer that pages shall be replaced */
		anchor_init();
	atomic_store(&owner->callback, callback);
	atomic_store(&owner->data, data);
	/* Last: who reads this generation (owner_callback(), api_owner()) reads the callback of its time. */
	generation = (atomic_load(&owner->generation) | 1) + 1;
	atomic_store(&owner->generation, generation ? generation : 2);
	atomic_store(&owner->registered, true);
	*handle = handle_make(id, atomic_load(&owner->generation));
	return 0;
}

EXPORT int sigbus_owner_destroy(struct sigbus_owner *handle)
{
	unsigned id = api_owner(handle);
	struct owner *owner = owner_by_id(id);
	uint32_t generation = atomic_load(&owner->generation);

	if (!active)
		return -ENOSYS;
	if (process_is_borrowed())
		return -EPERM;
	if (!id || handle != handle_make(id, generation) ||
		!atomic_compare_exchange_strong(&owner->generation, &generation, generation + 1))
		return -EINVAL;
	/* The generation has ended: callback_begin(), which counts itself first, now refuses. */
	atomic_store(&owner->callback, NULL);
	api_remove_all(id);
	callback_wait(owner);
	event_close(owner);
	atomic_store(&owner->registered, false);
	give_entry(id);
	return 0;
}

EXPORT int sigbus_owner_fd(struct sigbus_owner *handle)
{
	unsigned id = api_owner(handle);

	if (!active)
		return -ENOSYS;
	return id ? event_open(owner_by_id(id)) : -EINVAL;
}
