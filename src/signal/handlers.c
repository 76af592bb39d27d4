/* SPDX-License-Identifier: MIT */
/*
 * Whose handler answers. The owner of a handler is the object that holds its code.
 *
 * Each owner has a list of its handlers, newest first; only the newest is called: an object that
 * installs two expects to chain them itself. Nothing here takes a lock. A list is an immutable chain
 * of interned cells, so that an object that installs and restores its handler around every access
 * (which some do, each frame) needs no memory for it.
 */
#include <signal.h>
#include "base/base.h"
#include "kernel/process.h"
#include "owner/owner.h"
#include "signal/disposition.h"
#include "signal/handlers.h"

#define CELL_BUCKETS 256
static _Atomic(struct handler_cell *) cells[CELL_BUCKETS];

static struct handler_cell *find_cell(struct handler_cell *cell,
	const struct disposition *disposition, struct handler_cell *rest)
{
	while (cell && (cell->disposition != disposition || cell->rest != rest))
		cell = cell->chain;
	return cell;
}

static struct handler_cell *intern_cell(const struct disposition *disposition,
	struct handler_cell *rest)
{
	uintptr_t hash = ((uintptr_t)disposition >> 6) ^ ((uintptr_t)rest >> 5);
	_Atomic(struct handler_cell *) *bucket = &cells[hash % CELL_BUCKETS];
	struct handler_cell *head = atomic_load(bucket);
	struct handler_cell *cell = find_cell(head, disposition, rest);

	if (cell)
		return cell;
	cell = arena_allocate(sizeof(*cell));
	if (!cell)
		return NULL;
	cell->disposition = disposition;
	cell->rest = rest;
	do {
		struct handler_cell *other = find_cell(head, disposition, rest);

		if (other)
			return other;
		cell->chain = head;
	} while (!atomic_compare_exchange_weak(bucket, &head, cell));
	return cell;
}

const struct disposition *handler_of_owner(unsigned id)
{
	const struct handler_cell *cell = id ? atomic_load(&owner_by_id(id)->handlers) : NULL;

	return cell ? cell->disposition : NULL;
}

/* A handler that the owner had before takes everything above it off: the owner restores. */
static void add_handler(struct owner *owner, const struct disposition *disposition)
{
	struct handler_cell *head = atomic_load(&owner->handlers);
	struct handler_cell *cell;

	do {
		for (cell = head; cell && cell->disposition != disposition; cell = cell->rest)
			;
		if (!cell)
			cell = intern_cell(disposition, head);
	} while (!atomic_compare_exchange_weak(&owner->handlers, &head, cell));
}

static unsigned owner_of_handler(void *handler, unsigned caller)
{
	unsigned id = owner_at((uintptr_t)handler);

	return id && !owner_by_id(id)->is_system ? id : caller;
}

/*
 * SIG_DFL, SIG_IGN and foreign code end all handlers of the object that says so, as they would
 * without us, and nobody else's. (Taking off only the newest one would let an older handler of
 * the same object answer although the object has just asked for the default.)
 */
void handlers_update(const struct disposition *disposition, const struct disposition *before,
	uintptr_t caller_address)
{
	unsigned caller = owner_at(caller_address);
	unsigned id;

	/* libjsig and the like forward: it was the owner of what is there who called them. */
	if (owner_by_id(caller)->is_wrapper && before)
		caller = owner_of_handler(before->handler, caller);
	if (disposition->handler == SIG_DFL || disposition->handler == SIG_IGN)
		id = 0;
	else
		id = owner_of_handler(disposition->handler, caller);
	if (id && !owner_by_id(id)->is_system)
		add_handler(owner_by_id(id), disposition);
	if (caller && id != caller && !owner_by_id(caller)->is_system)
		atomic_store(&owner_by_id(caller)->handlers, NULL);
}

void handlers_forget(const struct disposition *disposition)
{
	unsigned count = owner_end();

	for (unsigned id = 1; id < count; id++) {
		struct handler_cell *head = atomic_load(&owner_by_id(id)->handlers);

		if (head && head->disposition == disposition)
			atomic_compare_exchange_strong(&owner_by_id(id)->handlers, &head, head->rest);
	}
}
