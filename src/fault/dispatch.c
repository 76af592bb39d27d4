/* SPDX-License-Identifier: MIT */
/*
 * THE handler, from top to bottom:
 *
 *   classify -> range -> owner -> policy -> action, else chain.
 *
 * Everything here is [H]: async-signal-safe, no lock that the interrupted code could hold, no
 * malloc, no dlsym, bounded in time and stack. It may interrupt any hook of ours at any instruction
 * and may itself be interrupted, left by siglongjmp(), or run in a fork child.
 */
#include <errno.h>
#include <string.h>
#include <time.h>
#include "base/base.h"
#include "base/syscall.h"
#include "base/tracepoints.h"
#include "fault/call.h"
#include "signal/pending.h"
#include "fault/deliver.h"
#include "fault/fault.h"
#include "kernel/kernel.h"
#include "kernel/mask.h"
#include "kernel/next.h"
#include "kernel/process.h"
#include "memory/memory.h"
#include "owner/owner.h"
#include "policy/policy.h"
#include "report/report.h"
#include "rules/fault.h"
#include "rules/rules.h"
#include "signal/disposition.h"
#include "signal/frame.h"
#include "signal/handlers.h"
#include "table/table.h"

/*
 * A handler that we chained to may return without having changed anything, and so for ever: without
 * us that program spins. With us it ends. But the same fault again may as well come from a loop that
 * loses its page anew in each round, and a handler may wait for something a little each time.
 */
#define CHAIN_REPEATS 1000 /* then the handler is called, to see whether it answers ... */
#define CALL_REPEATS 10000 /* ... and after so many times that it did not, that is the end */
#define NAPS_MAX 150
#define NAPS_SHORT 50
#define WAIT_PAUSE_MAX 128 /* milliseconds between two looks */
#define NAP_NANOSECONDS 20000
#define LONG_NAP_NANOSECONDS 1000000 /* on a busy machine a writer may not run for a while */

static uint64_t interrupted_mask(const struct fault *fault)
{
	return mask_word(&fault->uc->uc_sigmask);
}

static bool is_blocked(const struct fault *fault)
{
	return interrupted_mask(fault) & (SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(shadow_signal));
}

static bool may_be_lost(int code)
{
	return code == BUS_ADRERR || code == BUS_OBJERR || code == BUS_MCEERR_AR;
}

/* There was a fault: where the kernel refuses to tell, the page is not taken for one that is back. */
static bool is_lost(const struct fault *fault)
{
	int error = probe(fault->address & PAGE_MASK, fault->write);

	return error != 0 && error != -ENOMEM;
}

static void report(struct fault *fault)
{
	bool quiet = fault->rule && fault->rule->quiet;

	if (!fault->reported)
		PROBE_ACTION(fault->address, fault->action, fault->pages, fault->handler, fault->count);
	report_count(fault);
	if (!quiet && !fault->reported && out_wanted())
		report_fault(fault);
	fault->reported = true;
}

/* Those who wait for a loss: once a fault. */
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

/* ---- no progress, no loop ---- */

/* The last step for the last fault of this thread: the same again goes one step further. */
struct attempt {
	uintptr_t address, pc, registers;
	uint64_t state, version;
	const struct rule *rule;
	uint32_t step, repeats;
};
TLS struct attempt last;

static bool same_fault(const struct attempt *a, const struct attempt *b)
{
	return a->address == b->address && a->pc == b->pc && a->registers == b->registers &&
	       a->state == b->state && a->version == b->version && a->rule == b->rule;
}

static struct attempt attempt_at(const struct fault *fault, uint32_t step)
{
	unsigned lock = state_lock(fault->range.state);

	return (struct attempt){.address = fault->address,
		.pc = fault->pc,
		.registers = registers_hash(fault->uc),
		.state = fault->range.state,
		.version = atomic_load(&process_state->lock[lock].word),
		.rule = fault->rule,
		.step = step};
}

/* To be called after the step: the version is then that of the repair which perhaps helped nothing. */
static void note_attempt(const struct fault *fault, uint32_t step)
{
	struct attempt now = attempt_at(fault, step);

	if (same_fault(&now, &last) && last.step == step)
		now.repeats = last.repeats + 1;
	last = now;
}

static void forget_attempt(void)
{
	last.address = 0;
}

static bool is_chain(const struct rule *rule, uint32_t step)
{
	return !rule || step >= rule->action_count || rule->action[step].kind == ACTION_CHAIN;
}

static uint32_t first_step(const struct fault *fault)
{
	struct attempt now;

	if (last.address != fault->address || last.pc != fault->pc)
		return 0;
	now = attempt_at(fault, 0);
	if (!last.address || !same_fault(&now, &last))
		return 0;
	return is_chain(fault->rule, last.step) ? last.step : last.step + 1;
}

/* ---- actions ---- */

/* Without us the process would die now: at this instruction, of this siginfo. */
static void die(struct fault *fault, const char *action)
{
	fault->action = action;
	fault_report(fault);
	disposition_die(SIGBUS);
	mask_set_word(&fault->uc->uc_sigmask, mask_word(&fault->uc->uc_sigmask) & ~SIGNAL_BIT(SIGBUS));
}

/* The handler that has declined this fault already is skipped for what it put in its place. */
static const struct disposition *next_in_chain(const struct fault *fault)
{
	const struct disposition *now = disposition_now(SIGBUS);

	return now == fault->declined ? fault->placed : now;
}

/* What a handler that answered did to SIGBUS was no declining: it counts as its own statement. */
static void owner_answered(struct fault *fault, const struct disposition *placed)
{
	if (placed)
		disposition_set(SIGBUS, placed, fault->handler);
	forget_attempt();
	fault_report(fault);
}

static APART bool handler_answers(const struct fault *fault, const struct disposition *handler,
	const struct disposition **placed)
{
	struct registers before;

	registers_save(&before, fault->uc);
	return call_handler(fault, handler, placed) &&
	       (registers_moved(&before, fault->uc) || !is_lost(fault));
}

static bool call_handler_of(struct fault *fault, const struct disposition *handler)
{
	const struct disposition *placed = NULL;

	fault->handler = (uintptr_t)handler->handler;
	fault->left = (_Atomic bool *)&handler->leaves;
	if (atomic_load(fault->left)) /* it will not come back to be reported */
		fault_report(fault);
	if (handler->flags & SA_RESETHAND)
		chain_reset(SIGBUS, handler);
	if (handler_answers(fault, handler, &placed)) {
		owner_answered(fault, placed);
		return true;
	}
	fault->declined = handler;
	fault->placed = placed;
	return false;
}

/* Called instead of jumped to: the only way to learn that it helped nothing. */
static void chain_watched(struct fault *fault, const struct disposition *handler, struct jump *jump)
{
	fault->action = "chain";
	if (frame_move(handler, jump)) {
		jump->handler = (void *)sigbus_entry;
		return;
	}
	if (!call_handler_of(fault, handler) && fault->placed)
		disposition_set(SIGBUS, fault->placed, fault->handler);
}

static void chain(struct fault *fault, uint32_t step, struct jump *jump)
{
	struct chain_target target = {.disposition = next_in_chain(fault),
		.signo = SIGBUS,
		.mask = interrupted_mask(fault)};
	const struct disposition *next = target.disposition;

	note_attempt(fault, step);
	if (!next || next->handler == SIG_DFL || next->handler == SIG_IGN || is_blocked(fault) ||
		last.repeats >= CALL_REPEATS) {
		die(fault, "default");
		return;
	}
	if (last.repeats >= CHAIN_REPEATS) {
		chain_watched(fault, next, jump);
		return;
	}
	fault->action = "chain";
	fault->handler = (uintptr_t)next->handler;
	fault_report(fault);
	jump->handler = chain_jump(&target, jump);
}

static bool replace_pages(struct fault *fault, uint32_t step, const struct action *action)
{
	switch (repair(fault, action)) {
	case ANSWER_DECLINED:
		return false;
	case ANSWER_RETRY:
		return true;
	case ANSWER_DONE:
		break;
	}
	if (!fault->pages) {
		forget_attempt();
		return true;
	}
	note_attempt(fault, step);
	fault_report(fault);
	return true;
}

static APART int callback_answer(const struct fault *fault, const struct callback *callback)
{
	struct registers before;
	int answer;

	registers_save(&before, fault->uc);
	answer = call_callback(fault, callback);
	if (answer == SIGBUS_RETRY && !registers_moved(&before, fault->uc) && is_lost(fault))
		return SIGBUS_DECLINE;
	return answer;
}

static bool call_owner_callback(struct fault *fault, uint32_t step, const struct callback *callback)
{
	struct action replace = {.kind = ACTION_ZERO, .extent = EXTENT_LOST};
	int answer;

	fault->handler = (uintptr_t)callback->function;
	answer = callback_answer(fault, callback);
	if (answer == SIGBUS_RETRY) {
		owner_answered(fault, NULL);
		return true;
	}
	if (answer == SIGBUS_ONES)
		replace.kind = ACTION_ONES;
	else if (answer != SIGBUS_ZERO)
		return false;
	return replace_pages(fault, step, &replace);
}

static bool ask_owner(struct fault *fault, uint32_t step, struct jump *jump)
{
	unsigned id = state_owner(fault->range.state);
	const struct disposition *handler = handler_of_owner(id);
	struct callback callback = owner_callback(&fault->range, fault->address);

	fault->action = "owner";
	if (callback.is_stale)
		return true; /* the access finds whose it is now */
	if (!handler && !callback.function)
		return false;
	/* The program's present handler, and nobody but it: chain runs it with nothing of ours. */
	if (handler && handler == disposition_now(SIGBUS) && is_chain(fault->rule, step + 1) &&
		!is_blocked(fault))
		return false;
	if (!is_lost(fault))
		return true; /* another thread was faster */
	note_loss(fault);
	if (!handler)
		return call_owner_callback(fault, step, &callback);
	if (frame_move(handler, jump)) {
		jump->handler = (void *)sigbus_entry; /* once more, on the right stack */
		return true;
	}
	return call_handler_of(fault, handler);
}

/* -1: there is no clock. */
static int64_t milliseconds_now(void)
{
	int64_t time[2]; /* struct timespec */

	if (SYS_2(SYS_clock_gettime, CLOCK_MONOTONIC, time) < 0)
		return -1;
	return time[0] * 1000 + time[1] / 1000000;
}

/* With the interrupted mask: other signals are delivered meanwhile, and may leave by siglongjmp().
 */
static bool wait_for_page(struct fault *fault, uint32_t seconds)
{
	int64_t end = milliseconds_now() + (int64_t)seconds * 1000;
	int64_t pause = 1, now;

	if (!is_lost(fault))
		return true;
	fault->action = "wait";
	report(fault); /* nothing is lost yet */
	do {
		sys_nap(pause * 1000000);
		if (!is_lost(fault)) {
			forget_attempt();
			return true;
		}
		pause = pause < WAIT_PAUSE_MAX ? pause * 2 : pause;
		now = milliseconds_now();
	} while (now >= 0 && now < end);
	fault->reported = false; /* what comes now is another answer */
	return false;
}

static bool perform(struct fault *fault, uint32_t step, struct jump *jump)
{
	const struct action *action = &fault->rule->action[step];

	switch (action->kind) {
	case ACTION_OWNER:
		return ask_owner(fault, step, jump);
	case ACTION_ZERO:
	case ACTION_ONES:
		fault->action = action_name(action->kind);
		return replace_pages(fault, step, action);
	case ACTION_WAIT:
		return wait_for_page(fault, action->seconds);
	case ACTION_ABORT:
		die(fault, "abort");
		return true;
	}
	return false;
}

static void follow_rule(struct fault *fault, struct jump *jump)
{
	uint32_t step = first_step(fault);

	while (!is_chain(fault->rule, step)) {
		if (perform(fault, step, jump))
			return;
		step++;
	}
	chain(fault, step, jump);
}

static APART void follow_and_report(struct fault *fault, struct jump *jump)
{
	struct page_facts page;

	report_look(fault, &page);
	follow_rule(fault, jump);
}

/* ---- address -> range -> owner -> policy ---- */

static APART void match_rule(struct fault *fault)
{
	struct facts facts = {.owner = state_owner(fault->range.state), .fault = fault};

	fault->rule = facts_match(&facts);
	atomic_fetch_add(&((struct rule *)fault->rule)->hits, 1);
}

/* A writer that was left by siglongjmp() is waited for once. */
static bool is_being_written(uint32_t in)
{
	return in != atomic_load(&process_state->writers_out) &&
	       in != atomic_load(&process_state->writers_lost);
}

/* "Nothing there" counts if there was no writer from before the look to its end. */
static bool find_now(struct fault *fault)
{
	uint32_t in = atomic_load(&process_state->writers_in);
	bool written = is_being_written(in);

	fault->range = range_lookup(fault->address);
	return fault->range.range || (!fault->range.unsettled && !written &&
					     in == atomic_load(&process_state->writers_in));
}

/*
 * Between cutting a range and the system call's return its pages are nobody's, and while a range is
 * being split they may be unsettled: wait a little before calling them unknown. Not for ever: the
 * writer may be what we have interrupted.
 */
static void find_range(struct fault *fault)
{
	uint32_t in = atomic_load(&process_state->writers_in);
	int naps;

	for (naps = 0; naps < NAPS_MAX && !find_now(fault); naps++)
		sys_nap(naps < NAPS_SHORT ? NAP_NANOSECONDS : LONG_NAP_NANOSECONDS);
	if (naps == NAPS_MAX)
		atomic_store(&process_state->writers_lost, in);
	if (fault->range.range) {
		fault->caller = atomic_load(&fault->range.range->caller);
		fault->count = 1 + atomic_fetch_add(&fault->range.range->faults, 1);
	}
}

/* ---- classify ---- */

/*
 * A handler may queue the siginfo of its fault again. The frame still shows that fault's trap then;
 * but the thread was in the system call that queued it, not at the instruction.
 */
static bool is_fault(const struct jump *jump)
{
	const siginfo_t *info = jump->info;

	if (info->si_code <= 0 || info->si_code == BUS_MCEERR_AO || !frame_is_fault(info, jump->uc))
		return false;
	/* The instruction is looked at last: that may be what is lost. */
	return last.address != (uintptr_t)info->si_addr || last.pc == frame_pc(jump->uc) ||
	       !frame_is_after_syscall(jump->uc);
}

static APART void answer_fault(struct jump *jump)
{
	struct fault fault = {.info = jump->info,
		.uc = jump->uc,
		.address = (uintptr_t)jump->info->si_addr,
		.pc = frame_pc(jump->uc),
		.write = frame_is_write(jump->uc),
		.page = &page_unknown,
		.count = 1};

	if (!may_be_lost(fault.info->si_code)) {
		chain(&fault, 0, jump);
		return;
	}
	find_range(&fault);
	PROBE_FAULT(fault.address, fault.pc, fault.info->si_code, fault.write,
		owner_by_id(state_owner(fault.range.state))->name);
	match_rule(&fault);
	if (!fault.rule->quiet && report_is_due(&fault))
		follow_and_report(&fault, jump);
	else
		follow_rule(&fault, jump);
}

void sigbus_dispatch(int signo, struct jump *jump)
{
	int saved_errno = errno;

	jump->handler = NULL;
	jump->signo = (uintptr_t)signo;
	if (signo == shadow_signal && pending_unwrap(jump->info))
		sent_deliver(SIGBUS, jump);
	else if (signo != SIGBUS || !is_fault(jump))
		sent_deliver(signo, jump);
	else if (!may_be_lost(jump->info->si_code) || !copy_answer(jump->info, jump->uc))
		answer_fault(jump);
	errno = saved_errno;
}
