/* SPDX-License-Identifier: MIT */
/*
 * Running a handler of the program as the kernel would have run it. All [H].
 *
 * The last step is a jump with the kernel's own frame (entry-*.S), which leaves nothing of ours on the
 * stack: what may come afterwards - nested signals, a siglongjmp(), an edited ucontext - is then
 * between the handler and the kernel. Its return comes to our restorer (returned.c). Only callbacks
 * of the C API are called, and handlers where somebody who displaced us calls ours with no frame.
 */
#include <string.h>
#include "base/base.h"
#include "fault/actions.h"
#include "fault/fault.h"
#include "fault/statement.h"
#include "owner/owner.h"
#include "report/report.h"
#include "signal/frame.h"

/* The frame is on the alternate stack, where the handler did not ask to run. */
static bool needs_move(const struct disposition *handler, const struct jump *jump)
{
	const stack_t *alternate = &jump->uc->uc_stack;

	return !(handler->flags & SA_ONSTACK) && frame_is_whole(jump) &&
	       stack_holds(alternate, jump->frame) && !stack_holds(alternate, frame_sp(jump->uc));
}

/*
 * Calling a handler across stacks would not do: a nested signal with SA_ONSTACK would start at the
 * top of the alternate stack again, over the frame. So the frame itself moves.
 */
static void move_frame(const struct disposition *handler, struct jump *jump)
{
	if (needs_move(handler, jump))
		frame_copy_below(jump, frame_sp(jump->uc));
}

bool frame_is_missing(const struct disposition *handler, const struct jump *jump)
{
	const stack_t *alternate = &jump->uc->uc_stack;

	return handler->flags & SA_ONSTACK && !(alternate->ss_flags & SS_DISABLE) &&
	       alternate->ss_size && frame_is_whole(jump) && !stack_holds(alternate, jump->frame) &&
	       !stack_holds(alternate, frame_sp(jump->uc));
}

/* mask: of the thread at delivery. */
static uint64_t mask_inside(const struct disposition *handler, uint64_t mask)
{
	mask |= mask_to_kernel(handler->mask);
	if (!(handler->flags & SA_NODEFER))
		mask |= SIGNAL_BIT(shadow_signal);
	return mask;
}

/* The fault is in a range of the handler's object, or nobody's. */
static bool is_in_own_range(const struct fault *fault, unsigned owner)
{
	unsigned mapper = state_owner(fault->range.state);

	return !mapper || !owner || mapper == owner;
}

/* A record of the handler that is about to run; fault NULL: for a signal that was sent. */
static struct running *record(const struct disposition *handler, const struct fault *fault,
	const struct jump *jump, enum running_how how)
{
	struct running *running = running_begin(jump->frame, jump->uc, how);

#if defined(__aarch64__)
	running->record = jump->record;
#endif
	running->handler = handler;
	running->owner = atomic_load(&handler->owner);
	if (fault) {
		running->fault = *fault;
		running->fault.page = &page_unknown;
		running->own_range = is_in_own_range(fault, running->owner);
	} else {
		running->fault.sent = true;
		running->fault.pc = frame_pc(jump->uc);
		running->fault.code = jump->info->si_code;
	}
	return running;
}

static enum verdict call_handler(struct fault *fault, bool was_program, const struct jump *jump)
{
	void (*function)(int, siginfo_t *, void *) = fault->runs->handler;
	volatile uintptr_t here = (uintptr_t)fault->runs;
	struct jump at = *jump;
	struct running *running;

	at.frame = (uintptr_t)&here;
	running = record(fault->runs, fault, &at, RUNNING_CALLED);
	running->was_program = was_program;
	running_start(running);
	mask_swap(SIG_SETMASK, mask_inside(fault->runs, interrupted_mask(fault)));
	function(SIGBUS, fault->info, fault->uc);
	running = running_end((uintptr_t)&here);
	if (!running)
		return VERDICT_OVER;
	mask_swap(SIG_SETMASK, entry_mask(fault));
	if (has_answered(running, fault->uc)) {
		handler_answered(running);
		return VERDICT_OVER;
	}
	handler_declined(running, fault);
	return VERDICT_DECLINED;
}

enum verdict run_handler(struct fault *fault, struct jump *jump)
{
	const struct disposition *handler = fault->runs;
	bool is_asked = fault->outcome == OUTCOME_OWNER;
	bool was_program = is_asked && handler == disposition_now(SIGBUS);
	struct running *running;
	uint64_t mask;

	if (handler->flags & SA_RESETHAND)
		statement_reset(SIGBUS, handler);
	if (is_asked && !(frame_is_whole(jump) && is_restorer(frame_return(jump))))
		return call_handler(fault, was_program, jump);
	move_frame(handler, jump);
	fault->info = jump->info;
	fault->uc = jump->uc;
	running = record(handler, fault, jump, is_asked ? RUNNING_ASKED : RUNNING_JUMPED);
	running->was_program = was_program;
	running_start(running);
	mask = mask_inside(handler, interrupted_mask(fault));
	/* Who displaced us and calls our handler has set a mask of its own. */
	if (mask != entry_mask(fault) || !frame_is_whole(jump))
		mask_swap(SIG_SETMASK, mask);
	jump->signo = SIGBUS;
	jump->handler = handler->handler;
	return VERDICT_OVER;
}

void run_for_sent(const struct disposition *handler, int signo, uint64_t mask, struct jump *jump)
{
	if (handler->flags & SA_RESETHAND)
		statement_reset(signo, handler);
	move_frame(handler, jump);
	if (signo == SIGBUS)
		running_start(record(handler, NULL, jump, RUNNING_JUMPED));
	mask_swap(SIG_SETMASK, mask_inside(handler, mask));
	jump->signo = (uintptr_t)signo;
	jump->handler = handler->handler;
}

int run_callback(const struct fault *fault, const struct callback *callback)
{
	volatile uintptr_t here = (uintptr_t)callback->function;
	struct sigbus_fault view = {
		.size = sizeof(view),
		.address = (void *)fault->address,
		.start = (void *)geometry_start(fault->range.geometry),
		.length = geometry_size(fault->range.geometry),
		.is_write = fault->write,
		.info = fault->info,
		.ucontext = fault->uc,
	};
	struct running *running;
	int result;

	if (!callback_begin(callback))
		return SIGBUS_DECLINE;
	running = running_begin((uintptr_t)&here, fault->uc, RUNNING_CALLED);
	running->callback = *callback;
	running->owner = state_owner(fault->range.state);
	running->fault = *fault;
	running->fault.page = &page_unknown;
	running_start(running);
	mask_swap(SIG_SETMASK, entry_mask(fault)); /* what displaced us may have left another one */
	result = callback->function(&view, callback->data);
	callback_end(callback);
	running = running_end((uintptr_t)&here);
	if (!running)
		return SIGBUS_RETRY;
	mask_swap(SIG_SETMASK, entry_mask(fault));
	if (running->raised || (result == SIGBUS_RETRY && !has_answered(running, fault->uc)))
		return SIGBUS_DECLINE;
	return result;
}
