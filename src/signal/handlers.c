/* SPDX-License-Identifier: MIT */
/*
 * Whose handler answers. The owner of a handler is the object that holds its code.
 *
 * Of each owner the newest handler is kept, for only that is called: an object that installs two expects
 * to chain them itself. So an object that installs and restores its handler around every access (which
 * some do, each frame) costs one store, and nothing here takes a lock or memory.
 */
#include <signal.h>
#include "base/base.h"
#include "kernel/process.h"
#include "owner/owner.h"
#include "signal/disposition.h"
#include "signal/handlers.h"

const struct disposition *handler_of_owner(unsigned id)
{
	return id ? atomic_load(&owner_by_id(id)->handler) : NULL;
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
		atomic_store(&owner_by_id(id)->handler, disposition);
}

void handlers_end(unsigned id)
{
	if (id && !owner_by_id(id)->is_system)
		atomic_store(&owner_by_id(id)->handler, NULL);
}

/*
 * The object that sets SIG_DFL, SIG_IGN or another object's code has no handler of its own any more, as
 * without us. Other objects keep theirs (I2).
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
