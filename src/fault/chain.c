/* SPDX-License-Identifier: MIT */
/*
 * Running a handler of the program as the kernel would have run it.
 *
 * Everything here is async-signal-safe and leaves nothing behind on the stack: the last step is a
 * jump with the kernel's own frame (entry-*.S). What may come afterwards - nested signals, a
 * siglongjmp(), an edited ucontext - is then between the handler and the kernel.
 */
#include <string.h>
#include "base/base.h"
#include "base/syscall.h"
#include "fault/actions.h"
#include "fault/progress.h"
#include "fault/statement.h"
#include "owner/owner.h"
#include "report/report.h"
#include "signal/frame.h"

/* The frame is on the alternate stack, where the handler did not ask to run. */
static bool needs_move(const struct disposition *handler, const struct jump *jump)
{
	const stack_t *alternate = &jump->uc->uc_stack;

	if (!frame_is_whole(jump))
		return false;
	return !(handler->flags & SA_ONSTACK) && stack_holds(alternate, jump->frame) &&
	       !stack_holds(alternate, frame_sp(jump->uc));
}

/*
 * Calling a handler across stacks would not do: a nested signal with SA_ONSTACK would start at the
 * top of the alternate stack again, over the frame. So the frame itself moves.
 */
void frame_move(const struct disposition *handler, struct jump *jump)
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

uint64_t mask_inside(const struct disposition *handler, uint64_t mask)
{
	mask |= mask_to_kernel(handler->mask);
	if (!(handler->flags & SA_NODEFER))
		mask |= SIGNAL_BIT(shadow_signal);
	return mask;
}

void mask_for_handler(const struct disposition *handler, const struct fault *fault, const struct jump *jump)
{
	uint64_t mask = mask_inside(handler, interrupted_mask(fault));

	/* Who displaced us and calls our handler has set a mask of its own. */
	if (mask != entry_mask(fault) || !frame_is_whole(jump))
		mask_swap(SIG_SETMASK, mask);
}

/* The fault is in a range of the handler's object, or nobody's. */
static bool is_in_own_range(const struct fault *fault, unsigned owner)
{
	unsigned mapper = state_owner(fault->range.state);

	return !mapper || !owner || mapper == owner;
}

struct running *record_handler(const struct disposition *handler, const struct fault *fault,
	const struct jump *jump, enum running_how how)
{
	struct running *running = running_begin(jump->frame, jump->uc, how);

#if defined(__aarch64__)
	running->record = jump->record;
#endif
	running->handler = handler;
	running->owner = atomic_load(&handler->owner);
	running->fault.sent = !fault;
	running->fault.pc = frame_pc(jump->uc);
	running->code = jump->info->si_code;
	if (fault) {
		running->fault = *fault;
		running->fault.page = &page_unknown;
		running->own_range = is_in_own_range(fault, running->owner);
		running->registers = how == RUNNING_JUMPED ? progress_registers() /* just noted */
							   : registers_hash(jump->uc);
	}
	return running;
}

void *chain_jump(const struct chain_target *target, struct jump *jump)
{
	const struct disposition *handler = target->disposition;
	struct running *running;

	if (handler->flags & SA_RESETHAND)
		statement_reset(target->signo, handler);
	frame_move(handler, jump);
	if (target->signo == SIGBUS) {
		running = record_handler(handler, target->fault, jump, RUNNING_JUMPED);
		running->step = target->step;
		running_start(running);
	}
	if (target->fault)
		mask_for_handler(handler, target->fault, jump);
	else
		mask_swap(SIG_SETMASK, mask_inside(handler, target->mask));
	jump->signo = (uintptr_t)target->signo;
	return handler->handler;
}
