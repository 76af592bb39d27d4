/* SPDX-License-Identifier: MIT */
/*
 * Calling an owner's handler, to see whether it answers or declines.
 *
 * Unlike chain.c, which jumps and is gone, this keeps a frame on the handler's stack. What the
 * handler does to SIGBUS meanwhile - restore, re-raise, cede - is its way to decline this one fault.
 * It may also leave by siglongjmp(), and then nothing of ours runs: so the record of the live call
 * is never reset, it is believed only while it fits the stack.
 */
#include <string.h>
#include "base/base.h"
#include "fault/call.h"
#include "fault/fault.h"
#include "kernel/mask.h"
#include "owner/owner.h"
#include "rules/fault.h"
#include "signal/disposition.h"
#include "signal/frame.h"
#include "table/table.h"

#define COOKIE 0x7369676275732e21ull

/* Apart from the frame, which is gone when a handler has left. */
struct live {
	struct call *call; /* NULL: none */
	const struct disposition *placed;
	stack_t stack;
	struct fault fault; /* for the report, should the handler leave, with copies of: */
	siginfo_t info;
	struct page_facts page;
};
TLS struct live live;

static bool is_on_stack(const struct call *call)
{
	uintptr_t sp = (uintptr_t)__builtin_frame_address(0), at = (uintptr_t)call;

	return sp < at && at - sp <= STACK_NEAR &&
	       stack_holds(&live.stack, sp) == stack_holds(&live.stack, at) &&
	       call->cookie == (COOKIE ^ at);
}

/* The handler left by siglongjmp(): it answered, and what it did to SIGBUS counts from now on. */
static void note_departure(void)
{
	const struct disposition *placed = live.placed;

	live.call = NULL;
	live.placed = NULL;
	live.fault.info = &live.info;
	live.fault.uc = NULL;
	if (live.fault.left)
		atomic_store(live.fault.left, true);
	if (!live.fault.reported)
		fault_report(&live.fault);
	if (placed)
		disposition_set(SIGBUS, placed, live.fault.handler);
}

struct call *call_live(void)
{
	if (likely(!live.call))
		return NULL;
	if (is_on_stack(live.call))
		return live.call;
	note_departure();
	return NULL;
}

const struct disposition *call_placed(void)
{
	return live.placed;
}

void call_place(const struct disposition *disposition)
{
	live.placed = disposition;
}

void call_flush(void)
{
	call_live();
}

static void enter(struct call *call, const struct fault *fault)
{
	call->cookie = COOKIE ^ (uintptr_t)call;
	call->outer = call_live();
	call->declined = false;
	live.fault = *fault;
	live.info = *fault->info;
	if (fault->page->asked) {
		live.page = *fault->page;
		live.fault.page = &live.page;
	}
	live.stack = fault->uc->uc_stack;
	live.placed = NULL;
	live.call = call;
}

/* Only the innermost call can be left without a word; an outer one is not reported then. */
static void leave(struct call *call)
{
	live.call = call->outer;
	live.fault.reported = true;
	call->cookie = 0;
}

/* Not inlined: after __builtin_longjmp() only memory can be relied on. */
static __attribute__((noinline)) void run_handler(struct call *call, const struct fault *fault)
{
	void (*handler)(int, siginfo_t *, void *) = call->handler->handler;

	if (__builtin_setjmp(call->unwind) == 0)
		handler(SIGBUS, fault->info, fault->uc);
}

/* As the kernel would block, and SIGBUS in any case: raise() in the handler must not start it anew. */
static uint64_t mask_inside(const struct fault *fault, const struct disposition *handler)
{
	uint64_t interrupted = mask_word(&fault->uc->uc_sigmask);

	return interrupted | mask_to_kernel(handler ? handler->mask : 0) |
	       SIGNAL_BIT(shadow_signal);
}

bool call_handler(const struct fault *fault, const struct disposition *handler,
	const struct disposition **placed)
{
	struct call call = {.handler = handler};

	enter(&call, fault);
	mask_swap(SIG_SETMASK, mask_inside(fault, handler));
	run_handler(&call, fault);
	*placed = live.placed;
	leave(&call);
	return !call.declined;
}

int call_callback(const struct fault *fault, const struct callback *callback)
{
	struct call call = {.handler = NULL};
	struct sigbus_fault view = {
		.size = sizeof(view),
		.address = (void *)fault->address,
		.start = (void *)geometry_start(fault->range.geometry),
		.length = geometry_size(fault->range.geometry),
		.is_write = fault->write,
		.info = fault->info,
		.ucontext = fault->uc,
	};
	int result;

	if (!callback_begin(callback))
		return SIGBUS_DECLINE;
	enter(&call, fault);
	mask_swap(SIG_SETMASK, mask_inside(fault, NULL));
	result = callback->function(&view, callback->data);
	callback_end(callback);
	leave(&call);
	return call.declined ? SIGBUS_DECLINE : result;
}
