/* SPDX-License-Identifier: MIT */
/*
 * The actions of a rule, one after the other, until one has answered. All [H].
 *
 * Before each step that comes after something took its time, the page is looked at again: if it can
 * be had by then, the fault is over (R6).
 */
#include "fault/actions.h"
#include <errno.h>
#include <string.h>
#include <time.h>
#include "base/base.h"
#include "base/syscall.h"
#include "base/tracepoints.h"
#include "fault/fault.h"
#include "fault/hangup.h"
#include "fault/progress.h"
#include "fault/wait.h"
#include "fault/statement.h"
#include "kernel/kernel.h"
#include "kernel/scratch.h"
#include "memory/memory.h"
#include "policy/policy.h"
#include "report/report.h"
#include "signal/handlers.h"

#define WAIT_PAUSE_MAX 128 /* milliseconds between two looks */

/* There was a fault: where the kernel refuses to tell, the page is not taken for one that is back. */
bool is_lost(const struct fault *fault)
{
	int error = probe(fault->address & PAGE_MASK, fault->write);

	return error != 0 && error != -ENOMEM;
}

/* ---- what is told ---- */

static void report(struct fault *fault)
{
	bool quiet = fault->rule && fault->rule->quiet;

	PROBE_ACTION(fault->address, outcome_name(fault->outcome), fault->pages, fault->handler, fault->count);
	report_count(fault);
	if (!quiet && out_wanted() && (!fault->told || fault->declined_by))
		report_fault(fault);
	fault->declined_by = 0;
}

/* For those who wait for a loss: once a fault. */
static void note_loss(struct fault *fault)
{
	if (!fault->noted && may_be_lost(fault->info->si_code))
		loss_note(fault->address, &fault->range);
	fault->noted = true;
}

void fault_report(struct fault *fault)
{
	note_loss(fault);
	report(fault);
}

/* With no frame any more: of a signal that a handler raised, or a callback that left. */
APART void report_again(const struct fault *past, int code, enum outcome outcome, ucontext_t *uc)
{
	siginfo_t info;
	struct fault fault = *past;

	memset(&info, 0, sizeof(info));
	info.si_signo = SIGBUS;
	info.si_code = code;
	info.si_addr = (void *)fault.address;
	fault.info = &info;
	fault.uc = uc;
	fault.page = &page_unknown;
	fault.told = false;
	fault.outcome = outcome;
	report(&fault);
}

/* ---- default, abort ---- */

/* A look at the page would wait for a server of its file system, which may not answer. */
static APART bool is_served(const struct fault *fault)
{
	char type[FS_TYPE_MAX] = "";
	struct scratch *scratch;
	uint64_t mask;
	struct vma vma;

	if (fault->page->asked)
		return fs_is_served(fault->page->loss.fs);
	mask = mask_swap(SIG_BLOCK, ~SYNCHRONOUS);
	scratch = scratch_get();
	if (scratch) {
		if (vma_query(fault->address, &vma, scratch->path, sizeof(scratch->path)) == 0)
			fs_type(&vma, &scratch->mounts, type, sizeof(type));
		scratch_put(scratch);
	}
	mask_swap(SIG_SETMASK, mask);
	return fs_is_served(type);
}

/*
 * D1: the page is back, or the mapping is another one by now: no loss, so nobody dies and nothing is
 * said. A page whose probe and access disagree is declared lost in the end.
 */
static bool is_over(const struct fault *fault)
{
	if (!may_be_lost(fault->info->si_code) || is_served(fault))
		return false;
	if (is_lost(fault) && (!fault->range.range ||
				      range_lookup(fault->address).state == fault->range.state))
		return false;
	return progress_spares(fault);
}

static enum outcome outcome_of(uint8_t kind)
{
	return kind == ACTION_ONES ? OUTCOME_ONES : OUTCOME_ZERO;
}

/* Without us the process would die now: at this instruction, of this siginfo. */
static void die(struct fault *fault, enum outcome outcome)
{
	if (is_over(fault))
		return;
	fault->outcome = outcome;
	fault_report(fault);
	disposition_die(SIGBUS, fault->info, fault->uc);
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

void follow_chain(struct fault *fault, uint32_t step, struct jump *jump)
{
	struct chain_target target = {
		.signo = SIGBUS, .mask = interrupted_mask(fault), .fault = fault, .step = step};

	statement_gave_up(&fault->given_up);
	target.disposition = next_in_chain(fault);
	if (target.disposition)
		progress_chained(fault, target.disposition);
	progress_note(fault, step);
	if (!target.disposition || target.disposition->handler == SIG_DFL ||
		target.disposition->handler == SIG_IGN || is_blocked_in(target.mask)) {
		die(fault, OUTCOME_DEFAULT);
		return;
	}
	if (frame_is_missing(target.disposition, jump)) {
		progress_again(fault, step);
		return;
	}
	fault->outcome = OUTCOME_CHAIN;
	fault->handler = (uintptr_t)target.disposition->handler;
	fault_report(fault);
	jump->handler = chain_jump(&target, jump);
}

/* ---- zero, ones ---- */

static bool replace_pages(struct fault *fault, uint32_t step, const struct action *action)
{
	struct sender sender;
	bool is_sent = hangup_find(fault, &sender);

	switch (repair(fault, action)) {
	case ANSWER_DECLINED:
		mask_swap(SIG_SETMASK, entry_mask(fault)); /* S2 */
		return false;
	case ANSWER_RETRY:
		return true;
	case ANSWER_DONE:
		break;
	}
	if (!fault->pages) {
		progress_forget();
		return true;
	}
	progress_note(fault, step);
	if (is_sent)
		hangup(fault, &sender);
	fault_report(fault);
	return true;
}

/* ---- owner ---- */

static bool call_owner_callback(struct fault *fault, uint32_t step, const struct callback *callback)
{
	struct action replace = {.kind = ACTION_ZERO, .extent = EXTENT_LOST};
	int answer;

	fault->handler = (uintptr_t)callback->function;
	note_loss(fault);
	answer = ask_callback(fault, callback);
	if (answer == SIGBUS_RETRY) {
		progress_forget();
		fault_report(fault);
		report_answered(fault);
		return true;
	}
	if (answer == SIGBUS_ONES)
		replace.kind = ACTION_ONES;
	else if (answer != SIGBUS_ZERO)
		return false;
	fault->outcome = outcome_of(replace.kind);
	return replace_pages(fault, step, &replace);
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
	return false;
}

static bool is_chain(const struct rule *rule, uint32_t step)
{
	return !rule || step >= rule->action_count || rule->action[step].kind == ACTION_CHAIN;
}

/* The handler to ask: of the owner, or, where nobody knows who mapped, the program's present one. */
static const struct disposition *handler_for(const struct fault *fault, unsigned *owner)
{
	const struct disposition *now = disposition_now(SIGBUS);

	if (*owner)
		return handler_of_owner(*owner);
	if (now->handler == SIG_DFL || now->handler == SIG_IGN)
		return NULL;
	(void)fault;
	*owner = atomic_load(&now->owner);
	return now;
}

static bool ask_owner(struct fault *fault, uint32_t step, struct jump *jump)
{
	unsigned owner = state_owner(fault->range.state);
	struct callback callback = owner_callback(&fault->range, fault->address);
	const struct disposition *handler = handler_for(fault, &owner);

	fault->outcome = OUTCOME_OWNER;
	if (callback.is_stale)
		return true; /* the access finds whose it is now */
	if (!handler && !callback.function)
		return false;
	/* H3: the program's present handler, and nobody but it: chain runs it with nothing of ours. */
	if (handler && handler == disposition_now(SIGBUS) && is_chain(fault->rule, step + 1) &&
		!is_blocked_in(interrupted_mask(fault)))
		return false;
	if (is_running(fault, handler, owner))
		return false;
	if (handler && progress_has_had(fault, handler))
		return false;
	if (!is_lost(fault))
		return true; /* another thread was faster */
	if (!handler)
		return call_owner_callback(fault, step, &callback);
	return ask_handler(fault, step, handler, jump) != ASKED_DECLINED;
}

/* ---- wait ---- */

/* With the interrupted mask: other signals are delivered meanwhile, and may leave by siglongjmp().
 */
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

/* Only where the line that told of the fault is not alone in its log. */
static void report_recovered(struct fault *fault)
{
	wait_forget(fault);
	fault->event = EVENT_RECOVERED;
	if (fault->told)
		report_fault(fault);
}

static bool wait_for_page(struct fault *fault, uint32_t seconds)
{
	int64_t start = milliseconds_now();
	bool is_had;

	if (!is_lost(fault)) {
		wait_forget(fault);
		return true;
	}
	if (wait_was_in_vain(fault)) {
		fault->waited = WAITED_BEFORE;
		return false;
	}
	fault->outcome = OUTCOME_WAIT;
	report(fault); /* nothing is lost yet */
	wait_begin(fault, start);
	mask_swap(SIG_SETMASK, interrupted_mask(fault));
	is_had = nap_until_had(fault, start + (int64_t)seconds * 1000);
	mask_swap(SIG_SETMASK, entry_mask(fault));
	wait_end();
	fault->waited = milliseconds_now() - start;
	if (is_had) {
		progress_forget();
		report_recovered(fault);
		return true;
	}
	wait_note_vain(fault);
	fault->told = false; /* what comes now is another answer */
	return false;
}

/* ---- a rule ---- */

static bool perform(struct fault *fault, uint32_t step, struct jump *jump)
{
	const struct action *action = &fault->rule->action[step];

	switch (action->kind) {
	case ACTION_OWNER:
		return ask_owner(fault, step, jump);
	case ACTION_ZERO:
	case ACTION_ONES:
		fault->outcome = outcome_of(action->kind);
		return replace_pages(fault, step, action);
	case ACTION_WAIT:
		return wait_for_page(fault, action->seconds);
	case ACTION_ABORT:
		die(fault, OUTCOME_ABORT);
		return true;
	}
	return false;
}

void follow_rule(struct fault *fault, uint32_t step, struct jump *jump)
{
	while (!is_chain(fault->rule, step)) {
		if (perform(fault, step, jump))
			return;
		step++;
	}
	follow_chain(fault, step, jump);
}
