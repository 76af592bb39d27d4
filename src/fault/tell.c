/* SPDX-License-Identifier: MIT */
/* What became of a fault: counters, the log of losses, a line where one is due. All [H]. */
#include <string.h>
#include "base/base.h"
#include "base/tracepoints.h"
#include "fault/actions.h"
#include "fault/fault.h"
#include "policy/policy.h"
#include "report/report.h"
#include "signal/frame.h"

void tell_loss(struct fault *fault)
{
	if (!fault->noted && may_be_lost(fault->code))
		loss_note(fault->address, &fault->range);
	fault->noted = true;
}

/* A second line comes only where the first one told of a handler, and that declined. */
static void count_and_report(struct fault *fault)
{
	bool quiet = fault->rule && fault->rule->quiet;

	PROBE_ACTION(fault->address, outcome_name(fault->outcome), fault->pages, fault->handler, fault->count);
	report_count(fault);
	if (!quiet && out_wanted() && (!fault->told || fault->declined_by))
		report_fault(fault);
	fault->declined_by = 0;
}

void tell(struct fault *fault)
{
	if (fault->event == EVENT_RECOVERED) { /* only behind the line that said that it is waited for */
		if (fault->told)
			report_fault(fault);
		return;
	}
	if (fault->outcome != OUTCOME_WAIT) /* nothing is lost yet */
		tell_loss(fault);
	count_and_report(fault);
}

APART void tell_again(const struct fault *past, enum outcome outcome, ucontext_t *uc)
{
	siginfo_t info;
	struct fault fault = *past;

	memset(&info, 0, sizeof(info));
	info.si_signo = SIGBUS;
	info.si_code = fault.code;
	info.si_addr = (void *)fault.address;
	fault.info = &info;
	fault.uc = uc;
	fault.page = &page_unknown;
	fault.told = false;
	fault.outcome = outcome;
	count_and_report(&fault);
}

APART void tell_sent(const struct jump *jump)
{
	struct fault fault = {.info = jump->info,
		.uc = jump->uc,
		.sent = true,
		.pc = frame_pc(jump->uc),
		.outcome = OUTCOME_DEFAULT,
		.page = &page_unknown,
		.count = 1};

	report_count(&fault);
	if (out_wanted())
		report_fault(&fault);
}
