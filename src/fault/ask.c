/* SPDX-License-Identifier: MIT */
/*
 * Asking an owner's handler, to see whether it answers its fault or declines.
 *
 * It runs as the kernel would have run it, on the kernel's frame. Its return comes to our restorer,
 * which leads here: if registers were moved or the page can be had, it has answered; else the rule goes
 * on in the same frame. What it does to SIGBUS meanwhile - restore, re-raise, cede - is statement.c's.
 *
 * What has to be told is told before: it may never return.
 */
#include <errno.h>
#include <string.h>
#include "base/base.h"
#include "base/syscall.h"
#include "base/tracepoints.h"
#include "fault/actions.h"
#include "fault/fault.h"
#include "fault/progress.h"
#include "fault/statement.h"
#include "kernel/process.h"
#include "report/report.h"
#include "signal/frame.h"

static bool has_answered(const struct running *running, const struct fault *fault)
{
	return running->registers != registers_hash(fault->uc) || !is_lost(fault);
}

static void answered(struct running *running)
{
	statement_answered(running);
	progress_forget();
	report_answered(&running->fault);
}

static void declined(const struct running *running, struct fault *fault)
{
	progress_declined(fault, running->handler);
	progress_note(fault, running->step);
	fault->declined_by = (uintptr_t)running->handler->handler;
	if (running->placed)
		fault->given_up = (struct given_up){.placed = running->placed,
			.owner = running->owner,
			.was_program = running->was_program,
			.foreign = running->foreign};
}

static enum asked ask_second(struct running *running, struct jump *jump)
{
	if (!frame_is_missing(running->second, jump))
		return ask_handler(&running->fault, running->step, running->second, jump);
	progress_again(&running->fault, running->step);
	return ASKED_ANSWERED;
}

/* R5, R6: the fault of a handler that is not to be gone on with, with the mask that it came with. */
static void go_on(struct running *running, struct jump *jump)
{
	struct fault *fault = &running->fault;

	fault->info = jump->info;
	fault->uc = jump->uc;
	if (has_answered(running, fault)) {
		answered(running);
		return;
	}
	declined(running, fault);
	/* What was sent to the handler comes now, as behind its return; it may install it again. */
	mask_swap(SIG_SETMASK, interrupted_mask(fault));
	mask_swap(SIG_SETMASK, entry_mask(fault));
	/* The second stage, once: before the next step of the rule. */
	if (running->second && running->own_range &&
		!progress_has_had(fault, running->second) &&
		ask_second(running, jump) != ASKED_DECLINED)
		return;
	follow_rule(fault, running->step + 1, jump);
}

/* ---- by a jump: the kernel's frame ---- */

static enum asked jump_to_handler(struct fault *fault, uint32_t step,
	const struct disposition *handler, bool was_program, struct jump *jump)
{
	struct running *running;

	frame_move(handler, jump);
	fault->info = jump->info;
	fault->uc = jump->uc;
	running = record_handler(handler, fault, jump, RUNNING_ASKED);
	running->was_program = was_program;
	running->step = step;
	running_start(running);
	mask_for_handler(handler, fault, jump);
	jump->signo = SIGBUS;
	jump->handler = handler->handler;
	return ASKED_RUNS;
}

/* A handler that was jumped to for its own sake: what it set may be a statement of its object. */
static APART void note_statement(const struct running *running, const ucontext_t *uc)
{
	struct fault fault = running->fault;

	fault.uc = (ucontext_t *)uc;
	if (fault.sent ? !running->raised : has_answered(running, &fault))
		statement_answered(running);
}

/* With the same fault still to come: what happened on top of it is over. */
static void go_back(const struct running *running, const struct jump *jump)
{
	struct fault *fault = (struct fault *)&running->fault;

	fault->info = jump->info;
	fault->uc = jump->uc;
	progress_go_back(fault, running->step);
}

static APART void asked_returned(const struct running *running, struct jump *jump)
{
	struct running ended = *running; /* while the rule goes on, others may need its place */

	if (ended.pid == process_pid())
		go_on(&ended, jump);
}

/* R1: a handler that moved registers, or brought the page, has ended its fault. */
static void jumped_returned(const struct running *running, const struct jump *jump)
{
	if (unlikely(running->placed))
		note_statement(running, jump->uc);
	if (running->fault.sent)
		return;
	if (running->registers != registers_hash(jump->uc) ||
		(progress_matters(&running->fault) && !is_lost(&running->fault)))
		progress_forget();
	else
		go_back(running, jump);
}

/* A handler that was left and is resumed has no record, and goes back to what it interrupted. */
static void end_record(struct jump *jump)
{
	const struct running *running;

	frame_parts(jump);
	running = running_end(jump->frame);
	if (!running)
		return;
	if (running->how == RUNNING_ASKED)
		asked_returned(running, jump);
	else
		jumped_returned(running, jump);
}

/* By the restorer. It may be another thread's by now: nothing of a thread is kept over a handler. */
void sigbus_returned(int unused, struct jump *jump)
{
	int saved_errno = errno;

	(void)unused;
	jump->handler = NULL;
	end_record(jump);
	errno = saved_errno;
}

/* ---- by a call: who displaced us may call our handler with no frame of the kernel's ---- */

static APART enum asked call_handler(struct fault *fault, uint32_t step,
	const struct disposition *handler, bool was_program, const struct jump *jump)
{
	void (*function)(int, siginfo_t *, void *) = handler->handler;
	volatile uintptr_t here = (uintptr_t)handler;
	struct jump at = *jump;
	struct running *running;

	at.frame = (uintptr_t)&here;
	running = record_handler(handler, fault, &at, RUNNING_CALLED);
	running->was_program = was_program;
	running->step = step;
	running_start(running);
	mask_swap(SIG_SETMASK, mask_inside(handler, interrupted_mask(fault)));
	function(SIGBUS, fault->info, fault->uc);
	running = running_end((uintptr_t)&here);
	if (!running)
		return ASKED_ANSWERED;
	mask_swap(SIG_SETMASK, entry_mask(fault));
	if (has_answered(running, fault)) {
		answered(running);
		return ASKED_ANSWERED;
	}
	declined(running, fault);
	return ASKED_DECLINED;
}

enum asked ask_handler(struct fault *fault, uint32_t step, const struct disposition *handler,
	struct jump *jump)
{
	bool was_program = handler == disposition_now(SIGBUS);

	fault->outcome = OUTCOME_OWNER;
	fault->handler = (uintptr_t)handler->handler;
	fault_report(fault);
	if (handler->flags & SA_RESETHAND)
		statement_reset(SIGBUS, handler);
	if (frame_is_whole(jump) && is_restorer(frame_return(jump)))
		return jump_to_handler(fault, step, handler, was_program, jump);
	return call_handler(fault, step, handler, was_program, jump);
}

/* ---- raise() ---- */

static void abandon(struct running *running, struct jump *jump)
{
	running = running_end(running->frame);
	jump->frame = running->frame;
#if defined(__aarch64__)
	jump->record = running->record;
	jump->restorer = (uintptr_t)sigbus_restorer;
#endif
	frame_parts(jump);
	asked_returned(running, jump);
}

void ask_raised(struct running *running, uint64_t mask, struct jump *jump)
{
	running->raised = true;
	running->raise_waits = is_blocked_in(mask);
	if (running->raise_waits || running->how != RUNNING_ASKED || has_shadow_stack() ||
		statement_in_force(running)->handler != SIG_DFL || !running_is_intact(running))
		return;
	abandon(running, jump);
}

/* The handler that this code is in, if it has raised SIGBUS and that is still blocked. */
static struct running *with_noted_raise(void)
{
	struct running *running = running_now(STACK_POINTER());

	return running && running->raise_waits ? running : NULL;
}

/* It comes once more, as it would without us. */
void ask_unblocked(void)
{
	struct running *running = with_noted_raise();

	if (!running || is_blocked_in(mask_swap(SIG_BLOCK, 0)))
		return;
	running->raise_waits = false;
	SYS_3(SYS_tgkill, running->pid, SYS_0(SYS_gettid), SIGBUS);
}

bool ask_suspended(uint64_t mask)
{
	struct running *running = with_noted_raise();
	uint64_t before;

	if (!running || is_blocked_in(mask))
		return false;
	before = mask_swap(SIG_SETMASK, mask);
	ask_unblocked();
	mask_swap(SIG_SETMASK, before);
	return true;
}

bool ask_raise_is_pending(void)
{
	return with_noted_raise();
}

bool ask_take_raise(void)
{
	struct running *running = with_noted_raise();

	if (!running)
		return false;
	running->raised = running->raise_waits = false;
	return true;
}

/* ---- callbacks of the C API ---- */

int ask_callback(const struct fault *fault, const struct callback *callback)
{
	volatile uintptr_t here = (uintptr_t)callback->function;
	uint64_t mask = interrupted_mask(fault) | SIGNAL_BIT(shadow_signal);
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
	running->code = fault->info->si_code;
	running->registers = registers_hash(fault->uc);
	running_start(running);
	mask_swap(SIG_SETMASK, mask);
	result = callback->function(&view, callback->data);
	callback_end(callback);
	running = running_end((uintptr_t)&here);
	if (!running)
		return SIGBUS_RETRY;
	mask_swap(SIG_SETMASK, entry_mask(fault));
	if (running->raised || (result == SIGBUS_RETRY && !has_answered(running, fault)))
		return SIGBUS_DECLINE;
	return result;
}
