/* SPDX-License-Identifier: MIT */
/*
 * THE handler, from top to bottom:
 *
 *   classify -> find the range -> decide -> act -> tell.
 *
 * Everything here is [H]: async-signal-safe, no lock that the interrupted code could hold, no malloc, no
 * dlsym, bounded in time and stack. It may interrupt any hook of ours at any instruction, and may run
 * in a fork child. The kernel has blocked the shadow signal for it, so a SIGBUS that is sent meanwhile
 * waits. A handler of the program is the last thing that it does: entry-*.S jumps there.
 */
#include <errno.h>
#include "base/base.h"
#include "base/syscall.h"
#include "base/tracepoints.h"
#include "fault/actions.h"
#include "fault/deliver.h"
#include "fault/fault.h"
#include "fault/progress.h"
#include "kernel/process.h"
#include "owner/owner.h"
#include "owner/sender.h"
#include "policy/policy.h"
#include "report/report.h"
#include "rules/rules.h"
#include "signal/pending.h"
#include "table/table.h"

/* What has come. */
enum arrival {
	ARRIVAL_SENT,  /* kill() and the like; or a fault's siginfo that was queued again, or forged */
	ARRIVAL_COPY,  /* a fault of sigbus_copy_from() and its kin, which is answered already */
	ARRIVAL_FAULT
};

static enum arrival classify(int *signo, const struct jump *jump);
static APART void answer(struct jump *jump);
static void find_range(struct fault *fault);
static void decide(struct fault *fault, struct page_facts *page);

void sigbus_dispatch(int signo, struct jump *jump)
{
	int saved_errno = errno;

	jump->handler = NULL;
	jump->signo = (uintptr_t)signo;
	switch (classify(&signo, jump)) {
	case ARRIVAL_SENT:
		sent_deliver(signo, jump);
		break;
	case ARRIVAL_FAULT:
		answer(jump);
		break;
	case ARRIVAL_COPY:
		break;
	}
	errno = saved_errno;
}

static APART void answer(struct jump *jump)
{
	struct page_facts page;
	struct fault fault = {.info = jump->info,
		.uc = jump->uc,
		.code = jump->info->si_code,
		.address = (uintptr_t)jump->info->si_addr,
		.pc = frame_pc(jump->uc),
		.registers = registers_hash(jump->uc),
		.write = frame_is_write(jump->uc),
		.page = &page_unknown,
		.count = 1};

	if (may_be_lost(fault.code)) {
		find_range(&fault);
		decide(&fault, &page);
	}
	follow_rule(&fault, act(&fault, jump), jump);
}

/*
 * Until one action has answered. What became of the fault is told here and nowhere else: before code
 * that may never return is run, and before the process dies.
 */
void follow_rule(struct fault *fault, enum verdict verdict, struct jump *jump)
{
	for (;;) {
		while (verdict > VERDICT_OVER) {
			tell(fault);
			verdict = carry_out(fault, verdict, jump);
		}
		if (verdict == VERDICT_OVER)
			return;
		fault->step++;
		verdict = act(fault, jump);
	}
}

/* ---- classify ---- */

/*
 * A handler may queue the siginfo of its fault once more (sigqueue, rt_tgsigqueueinfo). The kernel does not
 * clear the trap number of the last fault, so the frame of that signal shows one, too. What tells them
 * apart is where the thread was: in a system call, not at the instruction that faulted.
 */
static bool is_fault(const struct jump *jump)
{
	const siginfo_t *info = jump->info;
	const struct fault *last;

	if (info->si_code <= 0 || info->si_code == BUS_MCEERR_AO || !frame_is_fault(info, jump->uc))
		return false;
	/* By the thread itself, just now: but the trap in the frame is that of its last fault. */
	if (frame_is_sender(jump->uc, SIGBUS, 0))
		return false;
	/* frame_is_after_syscall() reads the instruction, which may be what is lost: so it comes last. */
	last = progress_last();
	return !last || last->address != (uintptr_t)info->si_addr ||
	       last->pc == frame_pc(jump->uc) || !frame_is_after_syscall(jump->uc);
}

/* The shadow signal may stand for a SIGBUS that was pending: then *signo is that. */
static enum arrival classify(int *signo, const struct jump *jump)
{
	if (*signo == shadow_signal && pending_unwrap(jump->info)) {
		*signo = SIGBUS;
		return ARRIVAL_SENT;
	}
	if (*signo != SIGBUS || !is_fault(jump))
		return ARRIVAL_SENT;
	if (may_be_lost(jump->info->si_code) && copy_answer(jump->info, jump->uc))
		return ARRIVAL_COPY;
	return ARRIVAL_FAULT;
}

/* ---- address -> range ---- */

#define NAPS_MAX 150 /* a tenth of a second */
#define NAPS_SHORT 50
#define NAP_NANOSECONDS 20000
#define LONG_NAP_NANOSECONDS 1000000 /* on a busy machine a writer may not run for a while */

static uint32_t writers_inside(void)
{
	uint32_t in = atomic_load(&process_state->writers_in);

	return in - atomic_load(&process_state->writers_out);
}

/*
 * Is there a writer who came and has not left, beside those who were waited for in vain? A handler that
 * interrupts a writer may leave by siglongjmp(), so that the writer never leaves: a fault waits for it
 * once, then it is counted in writers_lost. If it leaves late after all, that number is too large, and is
 * lowered here to what is inside.
 */
static bool is_being_written(uint32_t in)
{
	uint32_t inside = in - atomic_load(&process_state->writers_out);
	uint32_t lost = atomic_load(&process_state->writers_lost);

	if (inside < lost)
		atomic_compare_exchange_strong(&process_state->writers_lost, &lost, inside);
	return inside > lost;
}

/*
 * "Nothing there" counts if there was no writer from before the look to its end: the two loads of
 * writers_in pair with the addition in track_enter(), which comes before the cut.
 */
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
	PROBE_FAULT(fault->address, fault->pc, fault->code, fault->write,
		owner_by_id(state_owner(fault->range.state))->name);
}

/* ---- range -> rule, and its first step ---- */

/* What is mapped there is asked once, for the rules and for the report. */
static void decide(struct fault *fault, struct page_facts *page)
{
	struct facts facts;

	facts_begin(&facts, state_owner(fault->range.state), fault, NULL);
	fault->rule = facts_match(&facts);
	atomic_fetch_add(&((struct rule *)fault->rule)->hits, 1);
	if (!fault->rule->quiet)
		report_look(fault, page, &facts);
	facts_end(&facts);
	progress_first_step(fault);
}
