/* SPDX-License-Identifier: MIT */
/*
 * Running the program's own handler as the kernel would have run it.
 *
 * Everything here is async-signal-safe and leaves nothing behind on the stack: the last step is a
 * jump with the kernel's own frame (entry-*.S). What may come afterwards - nested signals, a
 * siglongjmp(), an edited ucontext - is then between the handler and the kernel.
 */
#include <string.h>
#include "base/base.h"
#include "fault/fault.h"
#include "kernel/mask.h"
#include "owner/owner.h"
#include "signal/disposition.h"
#include "signal/frame.h"
#include "signal/handlers.h"

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
bool frame_move(const struct disposition *handler, struct jump *jump)
{
	if (!needs_move(handler, jump))
		return false;
	frame_copy_below(jump, frame_sp(jump->uc));
	return true;
}

/* ---- is a handler that we jumped to still on this thread's stack? ---- */

/* Nothing of ours runs when the handler returns or leaves by siglongjmp(): believe it while it fits. */
struct chained {
	uintptr_t frame; /* 0: none */
	uintptr_t bottom; /* the word there: the return address, or what the siginfo begins with */
	stack_t stack;
	siginfo_t *info;
	void *address;
	int code;
};
TLS struct chained chained;

static void remember_chained(const struct jump *jump)
{
	chained.bottom = *(const uintptr_t *)jump->frame;
	chained.stack = jump->uc->uc_stack;
	chained.info = jump->info;
	chained.address = jump->info->si_addr;
	chained.code = jump->info->si_code;
	chained.frame = jump->frame;
}

static bool frame_is_intact(void)
{
	return *(const uintptr_t *)chained.frame == chained.bottom &&
	       chained.info->si_addr == chained.address && chained.info->si_code == chained.code;
}

bool chained_handler_is_live(void)
{
	uintptr_t sp = (uintptr_t)__builtin_frame_address(0);

	if (!chained.frame)
		return false;
	if (sp < chained.frame && chained.frame - sp <= STACK_NEAR &&
		stack_holds(&chained.stack, sp) == stack_holds(&chained.stack, chained.frame) &&
		frame_is_intact())
		return true;
	chained.frame = 0;
	return false;
}

/* SA_RESETHAND: the kernel resets the handler only, flags and mask stay. */
void chain_reset(int signo, const struct disposition *handler)
{
	const struct disposition *reset = disposition_intern(SIG_DFL, handler->flags, handler->mask);

	if (reset)
		disposition_replace(signo, handler, reset);
	if (signo == SIGBUS)
		handlers_forget(handler);
}

static uint64_t mask_inside(const struct chain_target *target)
{
	const struct disposition *handler = target->disposition;
	uint64_t mask = target->mask | mask_to_kernel(handler->mask);

	if (!(handler->flags & SA_NODEFER))
		mask |= SIGNAL_BIT(shadow_signal);
	return mask;
}

void *chain_jump(const struct chain_target *target, struct jump *jump)
{
	const struct disposition *handler = target->disposition;

	if (handler->flags & SA_RESETHAND)
		chain_reset(target->signo, handler);
	frame_move(handler, jump);
	remember_chained(jump);
	mask_swap(SIG_SETMASK, mask_inside(target));
	jump->signo = (uintptr_t)target->signo;
	return handler->handler;
}
