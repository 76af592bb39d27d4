/* SPDX-License-Identifier: MIT */
/*
 * A SIGBUS that was sent: kill(), raise(), sigqueue(), a forged siginfo. It is no fault: policies
 * have no say, no owner is asked. The program's present action gets it, as from the kernel.
 */
#include "base/base.h"
#include "base/syscall.h"
#include "fault/deliver.h"
#include "fault/fault.h"
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
	return info->si_code > 0 || info->si_pid == own_pid();
}

/*
 * raise() in a handler that we called is its way to say no. With SA_NODEFER the signal would act at
 * once and the handler never go on: it is left behind on the stack.
 */
static void decline(struct call *call)
{
	call->declined = true;
	if (call->handler && call->handler->flags & SA_NODEFER)
		__builtin_longjmp(call->unwind, 1);
}

static void report(const struct jump *jump, const char *action, uintptr_t handler)
{
	struct fault fault = {.info = jump->info,
		.uc = jump->uc,
		.sent = true,
		.pc = frame_pc(jump->uc),
		.action = action,
		.page = &page_unknown,
		.handler = handler,
		.count = 1};

	report_count(&fault);
	if (out_wanted())
		report_fault(&fault);
}

/* The same siginfo once more, with the default action: taken at sigreturn, at the same place. */
static void die(int signo, struct jump *jump)
{
	if (signo == SIGBUS)
		report(jump, "default", 0);
	mask_swap(SIG_BLOCK, SIGNAL_BIT(signo));
	disposition_die(signo);
	mask_set_word(&jump->uc->uc_sigmask, mask_word(&jump->uc->uc_sigmask) & ~SIGNAL_BIT(signo));
	pending_send_again(own_tid(), signo, jump->info);
}

void sent_deliver(int signo, struct jump *jump)
{
	/* The mask at delivery; the frame's mask is another one inside sigsuspend() and ppoll(). */
	uint64_t mask = mask_swap(SIG_BLOCK, ~SYNCHRONOUS);
	struct chain_target target = {.signo = signo, .mask = mask};
	struct call *call = call_live();

	/* The kernel has blocked the shadow for its handler: it was not, or it would not have come. */
	if (jump->signo == (uintptr_t)shadow_signal)
		target.mask = mask &= ~SIGNAL_BIT(shadow_signal);
	if (signo == SIGBUS && call && is_own(jump->info)) {
		decline(call);
		return;
	}
	if (signo == SIGBUS && mask & (SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(shadow_signal))) {
		pend(jump, mask);
		return;
	}
	target.disposition = disposition_now(signo);
	if (target.disposition->handler == SIG_IGN)
		return;
	if (target.disposition->handler == SIG_DFL)
		die(signo, jump);
	else
		jump->handler = chain_jump(&target, jump);
}
