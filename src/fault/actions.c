/* SPDX-License-Identifier: MIT */
/*
 * The actions of a rule. act() says what the action at fault->step does, or does it, where that is over
 * in a moment and nobody else is asked; carry_out() does what is told first. All [H].
 *
 * Before each step that comes after something took its time, the page is looked at again: if it can
 * be had by then, the fault is over (R6).
 */
#include "fault/actions.h"
#include <errno.h>
#include "base/base.h"
#include "base/syscall.h"
#include "fault/fault.h"
#include "fault/hangup.h"
#include "fault/progress.h"
#include "fault/statement.h"
#include "fault/wait.h"
#include "kernel/kernel.h"
#include "memory/memory.h"
#include "policy/policy.h"
#include "report/report.h"
#include "rules/rules.h"
#include "signal/handlers.h"

#define WAIT_PAUSE_MAX 128 /* milliseconds between two looks */

/*
 * Is the page of this fault still lost? probe() says 0 if it can be had, and -ENOMEM if nothing is mapped
 * there any more: then the access is made again, and finds what is there. Every other error, also one of a
 * kernel that refuses to tell, means lost, for there was a fault.
 */
bool is_lost(const struct fault *fault)
{
	int error = probe(fault->address & PAGE_MASK, fault->write);

	return error != 0 && error != -ENOMEM;
}

/* ---- default, abort ---- */

/* A look at the page would wait for a server of its file system, which may not answer. */
static APART bool is_served(const struct fault *fault)
{
	struct facts facts;
	bool served;

	if (fault->page->asked)
		return fs_is_served(fault->page->loss.fs);
	facts_begin(&facts, 0, fault, NULL);
	served = facts_hold(&facts) && fs_is_served(facts_fs(&facts));
	facts_end(&facts);
	return served;
}

/*
 * D1: the page is back, or the mapping is another one by now: no loss, so nobody dies and nothing is
 * said. A page whose probe and access disagree is declared lost in the end.
 */
static bool is_over(const struct fault *fault)
{
	if (!may_be_lost(fault->code) || is_served(fault))
		return false;
	if (is_lost(fault) && (!fault->range.range ||
				      range_lookup(fault->address).state == fault->range.state))
		return false;
	return progress_spares(fault);
}

/* Without us the process would die now: at this instruction, of this siginfo. */
static enum verdict die(struct fault *fault, enum outcome outcome)
{
	if (is_over(fault))
		return VERDICT_OVER;
	fault->outcome = outcome;
	return VERDICT_DIE;
}

/* The handler runs next, if its frame can be made on this stack. */
static enum verdict choose_handler(struct fault *fault, const struct disposition *handler,
	enum outcome outcome, const struct jump *jump)
{
	if (frame_is_missing(handler, jump)) {
		progress_again(fault);
		return VERDICT_OVER;
	}
	fault->outcome = outcome;
	fault->handler = (uintptr_t)handler->handler;
	fault->runs = handler;
	return VERDICT_RUN;
}

/* ---- chain ---- */

/*
 * The action in force, as code in the interrupted handler finds it (H1). One that has declined this
 * fault already is not asked again, unless somebody has put it back (R8).
 */
static const struct disposition *next_in_chain(const struct fault *fault)
{
	const struct running *running = running_now(frame_sp(fault->uc));
	const struct disposition *now = disposition_now(SIGBUS);

	if (running && running->placed && running->was_program)
		now = running->placed;
	return progress_is_skipped(fault, now) ? NULL : now;
}

static enum verdict chain(struct fault *fault, const struct jump *jump)
{
	const struct disposition *next;

	statement_gave_up(&fault->given_up);
	next = next_in_chain(fault);
	if (next)
		progress_chained(fault, next);
	progress_note(fault);
	if (!next || next->handler == SIG_DFL || next->handler == SIG_IGN ||
		is_blocked_in(interrupted_mask(fault)))
		return die(fault, OUTCOME_DEFAULT);
	return choose_handler(fault, next, OUTCOME_CHAIN, jump);
}

/* ---- zero, ones ---- */

static enum verdict replace_pages(struct fault *fault, const struct action *action)
{
	struct sender sender;
	bool is_sent = hangup_find(fault, &sender);

	fault->outcome = action->kind == ACTION_ONES ? OUTCOME_ONES : OUTCOME_ZERO;
	switch (repair(fault, action)) {
	case ANSWER_DECLINED:
		mask_swap(SIG_SETMASK, entry_mask(fault)); /* S2 */
		return VERDICT_DECLINED;
	case ANSWER_RETRY:
		return VERDICT_OVER;
	case ANSWER_DONE:
		break;
	}
	if (!fault->pages) { /* it could be had */
		progress_forget();
		return VERDICT_OVER;
	}
	progress_note(fault);
	if (is_sent)
		hangup(fault, &sender);
	return VERDICT_ANSWERED;
}

/* ---- owner ---- */

/* It returns as a rule, so its fault is told afterwards; should it leave, running_departed() tells. */
static enum verdict ask_callback(struct fault *fault, const struct callback *callback)
{
	struct action replace = {.extent = EXTENT_LOST};

	fault->handler = (uintptr_t)callback->function;
	tell_loss(fault);
	switch (run_callback(fault, callback)) {
	case SIGBUS_RETRY:
		progress_forget();
		report_answered(fault);
		return VERDICT_ANSWERED;
	case SIGBUS_ZERO:
		replace.kind = ACTION_ZERO;
		return replace_pages(fault, &replace);
	case SIGBUS_ONES:
		replace.kind = ACTION_ONES;
		return replace_pages(fault, &replace);
	}
	return VERDICT_DECLINED;
}

/* R4, H1: it runs in this thread already, and may not, or is not to be asked again. */
static bool is_running(const struct fault *fault, const struct disposition *handler, unsigned owner)
{
	const struct running *running = running_now(frame_sp(fault->uc));
	bool blocked = is_blocked_in(interrupted_mask(fault));

	for (; running; running = running_outer(running)) {
		if (blocked && owner && running->owner == owner)
			return true;
		if (!handler || !running->handler ||
			running->handler->handler != handler->handler)
			continue;
		if (running->installed || blocked ||
			(!running->fault.sent &&
				!((running->fault.address ^ fault->address) & PAGE_MASK)))
			return true;
	}
	return blocked && running_meets_again(fault);
}

/* The handler to ask: of the owner, or, where nobody knows who mapped, the program's present one. */
static const struct disposition *handler_for(unsigned *owner)
{
	const struct disposition *now = disposition_now(SIGBUS);

	if (*owner)
		return handler_of_owner(*owner);
	if (now->handler == SIG_DFL || now->handler == SIG_IGN)
		return NULL;
	*owner = atomic_load(&now->owner);
	return now;
}

enum verdict ask_handler(struct fault *fault, const struct disposition *handler, const struct jump *jump)
{
	return choose_handler(fault, handler, OUTCOME_OWNER, jump);
}

static enum verdict ask_owner(struct fault *fault, const struct jump *jump)
{
	unsigned owner = state_owner(fault->range.state);
	struct callback callback = owner_callback(&fault->range, fault->address);
	const struct disposition *handler = handler_for(&owner);

	fault->outcome = OUTCOME_OWNER;
	if (callback.is_stale)
		return VERDICT_OVER; /* the access finds whose it is now */
	if (!handler && !callback.function)
		return VERDICT_DECLINED;
	/* H3: the program's present handler, and nobody but it: chain runs it with nothing of ours. */
	if (handler && handler == disposition_now(SIGBUS) && step_is_chain(fault->rule, fault->step + 1) &&
		!is_blocked_in(interrupted_mask(fault)))
		return VERDICT_DECLINED;
	if (is_running(fault, handler, owner) || (handler && progress_has_had(fault, handler)))
		return VERDICT_DECLINED;
	if (!is_lost(fault))
		return VERDICT_OVER; /* another thread was faster */
	return handler ? ask_handler(fault, handler, jump) : ask_callback(fault, &callback);
}

/* ---- wait ---- */

static enum verdict begin_wait(struct fault *fault)
{
	if (!is_lost(fault)) {
		wait_forget(fault);
		return VERDICT_OVER;
	}
	if (wait_was_in_vain(fault)) {
		fault->waited = WAITED_BEFORE;
		return VERDICT_DECLINED;
	}
	fault->outcome = OUTCOME_WAIT;
	return VERDICT_WAIT;
}

static bool nap_until_had(const struct fault *fault, int64_t end)
{
	int64_t pause = 1, now;

	do {
		sys_nap(pause * 1000000);
		if (!is_lost(fault))
			return true;
		pause = pause < WAIT_PAUSE_MAX ? pause * 2 : pause;
		now = milliseconds_now();
	} while (now >= 0 && now < end);
	return false;
}

/* With the interrupted mask: other signals are delivered meanwhile, and may leave by siglongjmp(). */
static enum verdict wait_for_page(struct fault *fault, uint32_t seconds)
{
	int64_t start = milliseconds_now();
	bool is_had;

	wait_begin(fault, start);
	mask_swap(SIG_SETMASK, interrupted_mask(fault));
	is_had = nap_until_had(fault, start + (int64_t)seconds * 1000);
	mask_swap(SIG_SETMASK, entry_mask(fault));
	wait_end();
	fault->waited = milliseconds_now() - start;
	if (is_had) {
		progress_forget();
		wait_forget(fault);
		fault->event = EVENT_RECOVERED;
		return VERDICT_ANSWERED;
	}
	wait_note_vain(fault);
	fault->told = false; /* what comes now is another answer */
	return VERDICT_DECLINED;
}

/* ---- one step of the rule ---- */

enum verdict act(struct fault *fault, struct jump *jump)
{
	const struct action *action;

	if (step_is_chain(fault->rule, fault->step))
		return chain(fault, jump);
	action = &fault->rule->action[fault->step];
	switch (action->kind) {
	case ACTION_OWNER:
		return ask_owner(fault, jump);
	case ACTION_ZERO:
	case ACTION_ONES:
		return replace_pages(fault, action);
	case ACTION_WAIT:
		return begin_wait(fault);
	case ACTION_ABORT:
		return die(fault, OUTCOME_ABORT);
	}
	return VERDICT_DECLINED; /* reserve */
}

enum verdict carry_out(struct fault *fault, enum verdict verdict, struct jump *jump)
{
	if (verdict == VERDICT_RUN)
		return run_handler(fault, jump);
	if (verdict == VERDICT_WAIT)
		return wait_for_page(fault, fault->rule->action[fault->step].seconds);
	if (verdict == VERDICT_DIE)
		disposition_die(SIGBUS, fault->info, fault->uc);
	return VERDICT_OVER;
}
