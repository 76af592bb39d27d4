/* SPDX-License-Identifier: MIT */
/*
 * Owners that a program registers by the C API: their callbacks.
 *
 * An entry is used again when its owner was destroyed. Its generation is even while one is live, and
 * grows with each creation and each destruction, so two reads of the same even generation around the
 * fields say that the fields are of one incarnation.
 */
#include "base/base.h"
#include "owner/owner.h"

/* Function and data of the same incarnation, or none: it may end at any time. */
struct callback owner_callback(unsigned id)
{
	struct owner *owner = owner_by_id(id);
	uint32_t generation = atomic_load(&owner->generation);
	struct callback callback;

	if (likely(!owner_is_registered(generation)))
		return (struct callback){0};
	callback.function = atomic_load(&owner->callback);
	callback.data = atomic_load(&owner->data);
	if (atomic_load(&owner->generation) != generation)
		return (struct callback){0};
	return callback;
}

