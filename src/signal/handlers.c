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
#include "base/assert.h"
#include "base/base.h"
#include "kernel/process.h"
#include "owner/owner.h"
#include "signal/disposition.h"
#include "signal/handlers.h"

#define CELL_BUCKETS 4096
LARGE static _Atomic(struct handler_cell *) cells[CELL_BUCKETS];

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
	uint64_t hash = ((uintptr_t)disposition ^ (uint64_t)(uintptr_t)rest << 1) * 0x9e3779b97f4a7c15;
	_Atomic(struct handler_cell *) *bucket = &cells[(hash >> 40) % CELL_BUCKETS];
	struct handler_cell *head = atomic_load(bucket);
	struct handler_cell *cell = find_cell(head, disposition, rest);

	if (cell)
		return cell;
	for (cell = rest; cell; cell = cell->rest) /* a list has each handler once */
		invariant(cell->disposition != disposition);
	cell = arena_allocate(sizeof(*cell));
	if (!cell)
		return NULL;
	cell->disposition = disposition;
	cell->rest = rest;
	/* The exchange publishes both; who finds the cell in a bucket or a list reads them behind it. */
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

unsigned owner_of_handler(const void *handler, unsigned caller)
{
	unsigned id = owner_at((uintptr_t)handler);

	return id && !owner_by_id(id)->is_system ? id : caller;
}

/*
 * An object that defines sigaction() itself, such as libjsig, hands on what others say: unless it
 * installs code of its own, it was the owner of what is there who called it.
 */
unsigned owner_of_statement(
	uintptr_t caller_address, const struct disposition *before, const struct disposition *new)
{
	unsigned caller = owner_at(caller_address);

	if (unlikely(owner_by_id(caller)->hands_on_sigaction) && before &&
		owner_at((uintptr_t)new->handler) != caller)
		caller = owner_of_handler(before->handler, caller);
	return caller;
}

void handlers_add(unsigned id, const struct disposition *disposition)
{
	if (unlikely(atomic_load(&disposition->owner) != id))
		atomic_store(&((struct disposition *)disposition)->owner, id);
	if (id && !owner_by_id(id)->is_system)
		add_handler(owner_by_id(id), disposition);
}

void handlers_end(unsigned id)
{
	if (id && !owner_by_id(id)->is_system)
		atomic_store(&owner_by_id(id)->handlers, NULL);
}

/*
 * SIG_DFL, SIG_IGN and foreign code end all handlers of the object that says so, as they would
 * without us, and nobody else's. (Taking off only the newest one would let an older handler of
 * the same object answer although the object has just asked for the default.)
 */
void handlers_update(const struct disposition *disposition, const struct disposition *before,
	uintptr_t caller_address)
{
	unsigned caller = owner_of_statement(caller_address, before, disposition), id = 0;

	if (disposition->handler != SIG_DFL && disposition->handler != SIG_IGN)
		id = owner_of_handler(disposition->handler, caller);
	if (id)
		handlers_add(id, disposition);
	if (id != caller)
		handlers_end(caller);
}
