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
#include "fault/actions.h"
#include "fault/deliver.h"
#include "fault/fault.h"
#include "fault/progress.h"
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
#include "signal/pending.h"
#include "signal/frame.h"
#include "table/table.h"

#define NAPS_MAX 150
#define NAPS_SHORT 50
#define NAP_NANOSECONDS 20000
#define LONG_NAP_NANOSECONDS 1000000 /* on a busy machine a writer may not run for a while */

static APART void follow_and_report(struct fault *fault, struct jump *jump)
{
	struct page_facts page;

	report_look(fault, &page);
	follow_rule(fault, progress_first_step(fault), jump);
}

/* ---- address -> range -> owner -> policy ---- */

static APART void match_rule(struct fault *fault)
{
	struct facts facts = {.owner = state_owner(fault->range.state), .fault = fault};

	fault->rule = facts_match(&facts);
	atomic_fetch_add(&((struct rule *)fault->rule)->hits, 1);
}

static uint32_t writers_inside(void)
{
	uint32_t in = atomic_load(&process_state->writers_in);

	return in - atomic_load(&process_state->writers_out);
}

/*
 * Writers who came and have not left, but for those who were waited for in vain: a handler left them by
 * siglongjmp(), so they never leave, and are waited for once. One who left late after all lowers their
 * number.
 */
static bool is_being_written(uint32_t in)
{
	uint32_t inside = in - atomic_load(&process_state->writers_out);
	uint32_t lost = atomic_load(&process_state->writers_lost);

	if (inside < lost)
		atomic_compare_exchange_strong(&process_state->writers_lost, &lost, inside);
	return inside > lost;
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
	uint32_t inside = writers_inside(), now;
	int naps;

	for (naps = 0; naps < NAPS_MAX && !find_now(fault); naps++)
		sys_nap(naps < NAPS_SHORT ? NAP_NANOSECONDS : LONG_NAP_NANOSECONDS);
	if (naps == NAPS_MAX) {
		now = writers_inside();
		atomic_store(&process_state->writers_lost, now < inside ? now : inside);
	}
	if (fault->range.range) {
		fault->caller = atomic_load(&fault->range.range->caller);
		if (!(state_flags(fault->range.state) & RANGE_REGISTERED))
			fault->sender_count = sender_count(fault->caller);
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

	const struct fault *last;
	int code;

	if (info->si_code <= 0 || info->si_code == BUS_MCEERR_AO || !frame_is_fault(info, jump->uc))
		return false;
	/* By the thread itself, just now: but the trap in the frame is that of its last fault. */
	if (frame_is_sender(jump->uc, SIGBUS, 0))
		return false;
	/* The instruction is looked at last: that may be what is lost. */
	last = progress_last(&code);
	return !last || last->address != (uintptr_t)info->si_addr ||
	       last->pc == frame_pc(jump->uc) || !frame_is_after_syscall(jump->uc);
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
		follow_chain(&fault, 0, jump);
		return;
	}
	find_range(&fault);
	PROBE_FAULT(fault.address, fault.pc, fault.info->si_code, fault.write,
		owner_by_id(state_owner(fault.range.state))->name);
	match_rule(&fault);
	if (!fault.rule->quiet && report_is_due(&fault))
		follow_and_report(&fault, jump);
	else
		follow_rule(&fault, progress_first_step(&fault), jump);
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
