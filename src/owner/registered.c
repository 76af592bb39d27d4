/* SPDX-License-Identifier: MIT */
/*
 * Owners that a program registers by the C API: their callbacks.
 *
 * An entry is used again when its owner was destroyed. Its generation is even while one is live, and
 * grows with each creation and each destruction, so two reads of the same even generation around the
 * fields say that the fields are of one incarnation. Of which one, the record of the range says: who
 * destroys an owner takes all its ranges back before the entry is free. So as long as the record is
 * what it was when the range was found, the entry is that owner's.
 *
 * sigbus_owner_destroy() ends the generation and then waits for those who are in a callback. Who is
 * about to call one counts itself in and then looks at the generation once more. Both orders are
 * sequentially consistent: either the caller sees the end, or the destroyer sees the caller.
 */
#include "base/base.h"
#include "base/syscall.h"
#include "kernel/process.h"
#include "owner/owner.h"

#define NAPS_MAX 1000
#define NAP_NANOSECONDS 1000000

/* How many callbacks are running in this thread. One that is left by siglongjmp() stays counted. */
TLS unsigned running_here;

struct callback owner_callback(const struct range_hit *hit, uintptr_t address)
{
	struct owner *owner = owner_by_id(state_owner(hit->state));
	uint32_t generation = atomic_load(&owner->generation);
	struct callback callback = {.owner = owner, .generation = generation};

	if (likely(!owner_is_registered(generation)))
		return (struct callback){0};
	callback.function = atomic_load(&owner->callback);
	callback.data = atomic_load(&owner->data);
	callback.is_stale =
		atomic_load(&owner->generation) != generation || !range_still(hit, address, 1);
	return callback;
}

static unsigned slot_of(const struct owner *owner)
{
	return (unsigned)(owner - owners) % CALLBACK_SLOTS;
}

bool callback_begin(const struct callback *callback)
{
	_Atomic uint32_t *running = &process_state->callbacks[slot_of(callback->owner)].running;

	atomic_fetch_add(running, 1); /* before the look: see callback_wait() */
	if (atomic_load(&callback->owner->generation) == callback->generation) {
		running_here++;
		return true;
	}
	atomic_fetch_sub(running, 1);
	return false;
}

void callback_end(const struct callback *callback)
{
	if (running_here)
		running_here--;
	atomic_fetch_sub(&process_state->callbacks[slot_of(callback->owner)].running, 1);
}

/*
 * After the end of the generation. Not for ever: a callback may wait for us, or have been left by
 * siglongjmp(). Who did not come back in time is not waited for again.
 */
void callback_wait(const struct owner *owner)
{
	struct callbacks *callbacks = &process_state->callbacks[slot_of(owner)];
	uint32_t running = atomic_load(&callbacks->running);
	uint32_t left = atomic_load(&callbacks->left);

	for (int naps = 0; running > left && !running_here; naps++) {
		if (naps == NAPS_MAX) {
			atomic_store(&callbacks->left, running);
			return;
		}
		sys_nap(NAP_NANOSECONDS);
		running = atomic_load(&callbacks->running);
	}
	if (running < left)
		atomic_store(&callbacks->left, running);
}
