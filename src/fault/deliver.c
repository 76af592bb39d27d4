/* SPDX-License-Identifier: MIT */
/*
 * A SIGBUS that was sent: kill(), raise(), sigqueue(), a forged siginfo. It is no fault: policies
 * have no say, no owner is asked. The program's present action gets it, as from the kernel.
 */
#include "base/base.h"
#include "base/syscall.h"
#include "fault/actions.h"
#include "fault/deliver.h"
#include "fault/fault.h"
#include "fault/progress.h"
#include "fault/statement.h"
#include "kernel/mask.h"
#include "kernel/process.h"
#include "report/report.h"
#include "rules/fault.h"
#include "signal/disposition.h"
#include "signal/frame.h"
#include "signal/pending.h"

static void pend(struct jump *jump, uint64_t mask)
{
	siginfo_t *info = jump->info;

	if (pending_add(info, mask))
		return;
	/*
	 * No room, a signalfd, or SIGBUS is really blocked (a ucontext was edited) and the shadow is
	 * not: SIGBUS itself waits, really blocked. Only the protection is lost.
	 */
	mask_swap(SIG_BLOCK, SIGNAL_BIT(SIGBUS));
	mask_set_word(&jump->uc->uc_sigmask, mask_word(&jump->uc->uc_sigmask) | SIGNAL_BIT(SIGBUS));
	pending_send_again(pending_target(info), SIGBUS, info);
}

/* ---- delivery ---- */

static bool is_own(const siginfo_t *info)
{
	/* Only the process itself can forge a positive si_code. */
	return info->si_code > 0 || info->si_pid == process_pid();
}

/*
 * The fault that made a handler send this: it is in it still, or it has returned to the instruction
 * and what it sent was blocked until then.
 */
static const struct fault *find_cause(const struct running *running, struct jump *jump)
{
	const struct fault *last;

	if (!is_own(jump->info))
		return NULL;
	if (running && !running->fault.sent) {
		if (running_is_intact(running)) {
			jump->frame = running->frame;
			frame_parts(jump);
		}
		return &running->fault;
	}
	last = progress_last();
	return last && last->pc == frame_pc(jump->uc) ? last : NULL;
}

static void die(int signo, const struct running *running, struct jump *jump)
{
	struct jump shown = *jump;
	const struct fault *cause;

	if (signo == SIGBUS) {
		cause = find_cause(running, &shown);
		if (cause) /* D3: a handler that re-raises is no news; its fault is */
			tell_again(cause, OUTCOME_DEFAULT, shown.uc);
		else
			tell_sent(jump);
	}
	disposition_die(signo, jump->info, jump->uc);
}

/* Sent by the handler itself, and not before it ran. */
static bool is_raised_by(const struct running *running, const struct jump *jump)
{
	return running && jump->signo == SIGBUS && is_own(jump->info) &&
	       frame_is_sender(jump->uc, SIGBUS, own_tid());
}

#define SUSPEND_DEPTH 512 /* of the C library's function below our hook; no kernel's frame fits between */

/* In a wait with a mask of its own. */
static bool is_in_wait(const ucontext_t *uc)
{
	return running_watch & WATCH_SUSPENDED && suspended_at - frame_sp(uc) < SUSPEND_DEPTH &&
	       frame_has_ended_wait(uc);
}

/*
 * The mask at delivery; the frame's mask is another one inside sigsuspend() and ppoll(). The kernel has
 * blocked the shadow for our handler. It was not blocked before if this came as the shadow, or in a
 * wait: one that has SIGBUS in its mask has it there for real (hooks/mask-waits.c).
 */
static uint64_t mask_at_delivery(const struct jump *jump)
{
	uint64_t mask = mask_swap(SIG_BLOCK, ~SYNCHRONOUS);

	if (!frame_is_whole(jump) && jump->signo != (uintptr_t)shadow_signal)
		return mask;
	if (jump->signo == (uintptr_t)shadow_signal || is_in_wait(jump->uc) ||
		!is_blocked_in(mask_word(&jump->uc->uc_sigmask)))
		mask &= ~SIGNAL_BIT(shadow_signal);
	return mask;
}

void sent_deliver(int signo, struct jump *jump)
{
	uint64_t mask = mask_at_delivery(jump);
	struct running *running = signo == SIGBUS ? running_now(frame_sp(jump->uc)) : NULL;
	const struct disposition *now;

	if (is_raised_by(running, jump)) {
		if (running->how != RUNNING_JUMPED) {
			handler_raised(running, mask, jump);
			return;
		}
		running->raised = true;
	}
	if (signo == SIGBUS && is_blocked_in(mask)) {
		pend(jump, mask);
		return;
	}
	/* What it has raised is delivered now: it has declined, and its object's handlers stay. */
	if (running && running->how == RUNNING_JUMPED && running->raised) {
		running->raised = false;
		running->placed = NULL;
	}
	now = signo == SIGBUS ? statement_in_force(running) : disposition_now(signo);
	if (now->handler == SIG_IGN)
		return;
	if (now->handler == SIG_DFL)
		die(signo, running, jump);
	else
		run_for_sent(now, signo, mask, jump);
}
