/* SPDX-License-Identifier: MIT */
/*
 * A handler that we ran has returned, or has raised SIGBUS: has it answered its fault, or declined?
 *
 * Its return comes to our restorer, which leads here. Where registers were moved or the page can be
 * had, it has answered; else the rule goes on in the same frame, if the handler was asked because it is
 * the owner's. What it did to SIGBUS meanwhile - restore, re-raise, cede - is statement.c's.
 */
#include <errno.h>
#include "base/base.h"
#include "base/syscall.h"
#include "fault/actions.h"
#include "fault/fault.h"
#include "fault/progress.h"
#include "fault/statement.h"
#include "kernel/process.h"
#include "report/report.h"
#include "signal/frame.h"

bool has_answered(const struct running *running, const ucontext_t *uc)
{
	return running->fault.registers != registers_hash(uc) || !is_lost(&running->fault);
}

void handler_answered(struct running *running)
{
	statement_answered(running);
	progress_forget();
	report_answered(&running->fault);
}

void handler_declined(const struct running *running, struct fault *fault)
{
	progress_declined(fault, running->handler);
	progress_note(fault);
	fault->declined_by = (uintptr_t)running->handler->handler;
	if (running->placed)
		fault->given_up = (struct given_up){.placed = running->placed,
			.owner = running->owner,
			.was_program = running->was_program,
			.foreign = running->foreign};
}

/* R5, R6: the fault of a handler that is not to be gone on with, with the mask that it came with. */
static void go_on(struct running *running, struct jump *jump)
{
	struct fault *fault = &running->fault;
	enum verdict verdict = VERDICT_DECLINED;

	fault->info = jump->info;
	fault->uc = jump->uc;
	if (has_answered(running, fault->uc)) {
		handler_answered(running);
		return;
	}
	handler_declined(running, fault);
	/* What was sent to the handler comes now, as behind its return; it may install it again. */
	mask_swap(SIG_SETMASK, interrupted_mask(fault));
	mask_swap(SIG_SETMASK, entry_mask(fault));
	/* The second stage, once: before the next step of the rule. */
	if (running->second && running->own_range && !progress_has_had(fault, running->second))
		verdict = ask_handler(fault, running->second, jump);
	follow_rule(fault, verdict, jump);
}

static APART void asked_returned(const struct running *running, struct jump *jump)
{
	struct running ended = *running; /* while the rule goes on, others may need its place */

	if (ended.pid == process_pid())
		go_on(&ended, jump);
}

/* A handler that was jumped to for its own sake: what it set may be a statement of its object. */
static APART void note_statement(const struct running *running, const ucontext_t *uc)
{
	if (running->fault.sent ? !running->raised : has_answered(running, uc))
		statement_answered(running);
}

/* R1: a handler that moved registers, or brought the page, has ended its fault. */
static void jumped_returned(struct running *running, const struct jump *jump)
{
	struct fault *fault = &running->fault;

	if (unlikely(running->placed))
		note_statement(running, jump->uc);
	if (fault->sent)
		return;
	if (fault->registers != registers_hash(jump->uc) || (progress_matters(fault) && !is_lost(fault))) {
		progress_forget();
		return;
	}
	/* The same fault is still to come: what happened on top of it is over. */
	fault->info = jump->info;
	fault->uc = jump->uc;
	progress_go_back(fault);
}

/*
 * By the restorer. A handler that was left and is resumed has no record, and goes back to what it
 * interrupted. It may be another thread's by now: nothing of a thread is kept over a handler.
 */
void sigbus_returned(int unused, struct jump *jump)
{
	int saved_errno = errno;
	struct running *running;

	(void)unused;
	jump->handler = NULL;
	frame_parts(jump);
	running = running_end(jump->frame);
	if (running && running->how == RUNNING_ASKED)
		asked_returned(running, jump);
	else if (running)
		jumped_returned(running, jump);
	errno = saved_errno;
}

/* ---- raise() ---- */

void handler_raised(struct running *running, uint64_t mask, struct jump *jump)
{
	running->raised = true;
	running->raise_waits = is_blocked_in(mask);
	if (running->raise_waits || running->how != RUNNING_ASKED || has_shadow_stack() ||
		statement_in_force(running)->handler != SIG_DFL || !running_is_intact(running))
		return;
	running = running_end(running->frame);
	jump->frame = running->frame;
#if defined(__aarch64__)
	jump->record = running->record;
	jump->restorer = (uintptr_t)sigbus_restorer;
#endif
	frame_parts(jump);
	asked_returned(running, jump);
}

/* The handler that this code is in, if it has raised SIGBUS and that is still blocked. */
static struct running *with_noted_raise(void)
{
	struct running *running = running_now(STACK_POINTER());

	return running && running->raise_waits ? running : NULL;
}

/* It comes once more, as it would without us. */
void raise_unblocked(void)
{
	struct running *running = with_noted_raise();

	if (!running || is_blocked_in(mask_swap(SIG_BLOCK, 0)))
		return;
	running->raise_waits = false;
	SYS_3(SYS_tgkill, running->pid, SYS_0(SYS_gettid), SIGBUS);
}

bool raise_ends_wait(uint64_t mask)
{
	uint64_t before;

	if (!with_noted_raise() || is_blocked_in(mask))
		return false;
	before = mask_swap(SIG_SETMASK, mask);
	raise_unblocked();
	mask_swap(SIG_SETMASK, before);
	return true;
}

bool raise_is_pending(void)
{
	return with_noted_raise();
}

bool raise_take(void)
{
	struct running *running = with_noted_raise();

	if (!running)
		return false;
	running->raised = running->raise_waits = false;
	return true;
}
