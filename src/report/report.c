/* SPDX-License-Identifier: MIT */
/*
 * What is reported, and when: each fault is counted, and as many are told as help. report-*.c says
 * how. All [H], apart from the summary.
 */
#include <signal.h>
#include <string.h>
#include <time.h>
#include "base/base.h"
#include "base/syscall.h"
#include "base/text.h"
#include "kernel/kernel.h"
#include "kernel/mask.h"
#include "kernel/next.h"
#include "kernel/process.h"
#include "kernel/scratch.h"
#include "report/backtrace.h"
#include "report/formats.h"
#include "report/report.h"
#include "rules/fault.h"
#include "rules/rules.h"
#include "table/table.h"

#define ALWAYS_REPORTED 10
#define ALWAYS_REPORTED_OF_SENDER 10
#define LINES_AT_ONCE 20
#define MILLISECONDS_A_LINE 500

/* While a buffer is held, nothing may run on this thread that could leave by siglongjmp(). */

static struct scratch *hold_scratch(uint64_t *mask)
{
	struct scratch *scratch;

	*mask = mask_swap(SIG_BLOCK, ~SYNCHRONOUS);
	scratch = scratch_get();
	if (!scratch)
		mask_swap(SIG_SETMASK, *mask);
	return scratch;
}

static void release_scratch(struct scratch *scratch, uint64_t mask)
{
	scratch_put(scratch);
	mask_swap(SIG_SETMASK, mask);
}

static bool is_told(uint32_t count, uint32_t always)
{
	return count <= always || (count & (count - 1)) == 0;
}

/*
 * Of many faults in one range, or in files of one sender, only each power of two is told: who floods
 * the log does not hide the others.
 */
static bool is_due_by_count(const struct fault *fault)
{
	uint32_t count = fault->range.range ? fault->count : 1;

	return is_told(count, ALWAYS_REPORTED) &&
	       is_told(fault->sender_count, ALWAYS_REPORTED_OF_SENDER);
}

/*
 * Of the whole process LINES_AT_ONCE lines are told at once, and then one each MILLISECONDS_A_LINE.
 * report_time is when all lines so far would have been told at that pace; it may be ahead of now by
 * what can be told at once.
 */
static bool may_tell_now(void)
{
	int64_t now, next, paid;
	int64_t time[2]; /* struct timespec of the kernel, with 64 bits everywhere */

	if (!process_state || SYS_2(SYS_clock_gettime, CLOCK_MONOTONIC, time) < 0)
		return true;
	now = time[0] * 1000 + time[1] / 1000000;
	paid = atomic_load(&process_state->report_time);
	do {
		next = (paid > now ? paid : now) + MILLISECONDS_A_LINE;
		if (next - now > LINES_AT_ONCE * MILLISECONDS_A_LINE)
			return false;
	} while (!atomic_compare_exchange_weak(&process_state->report_time, &paid, next));
	return true;
}

static bool is_due(struct fault *fault)
{
	if (fault_is_fatal(fault) || fault->sent || out_all_wanted())
		return true;
	if (fault->due == DUE_UNDECIDED)
		fault->due = is_due_by_count(fault) && (!out_wanted() || may_tell_now()) ? DUE : NOT_DUE;
	return fault->due == DUE;
}

static bool report_is_due(struct fault *fault)
{
	return out_wanted() && is_due(fault);
}

void page_keep_path(struct page_facts *page, const char *path)
{
	size_t length = strlen(path), room = sizeof(page->path) - 1;

	page->path_cut = length > room;
	memcpy(page->path, path + (page->path_cut ? length - room : 0),
		(page->path_cut ? room : length) + 1);
	page->vma.path = "";
}

const struct page_facts page_unknown = {.vma = {.path = ""}};

void report_look(struct fault *fault, struct page_facts *page, struct facts *facts)
{
	const struct vma *vma;

	if (fault->sent || !fault_is_loss(fault) || !report_is_due(fault) || !facts_hold(facts))
		return;
	fault->page = page;
	memset(page, 0, sizeof(*page));
	page->asked = true;
	vma = facts_view(facts);
	page->known = vma;
	page->no_descriptor = facts->no_descriptor;
	if (vma) {
		page->vma = *vma;
		page->loss = cause_find(fault->info, vma, fault->write, &facts->scratch->mounts);
		page_keep_path(page, facts->scratch->path);
		page->sent = sender_of(fault->caller, vma, &page->sender);
	}
}

static void compose(struct text *text, const struct fault *fault, const struct backtrace *trace)
{
	switch (out_format()) {
	case OUT_TEXT:
		report_text(text, fault, trace);
		break;
	case OUT_JSON:
		report_json(text, fault, trace);
		break;
	case OUT_JOURNAL:
		report_journal(text, fault, trace);
		break;
	}
}

static void write_report(const struct fault *fault, struct scratch *scratch)
{
	struct text text = {scratch->line, sizeof(scratch->line), 0, false};
	struct backtrace trace = {.count = 0};
	bool wanted = out_backtrace_wanted();

	if (wanted)
		backtrace_take(fault, scratch, &trace);
	compose(&text, fault, wanted ? &trace : NULL);
	counter_add(&counters()->reported, 1);
	out_line(scratch->line, text.length);
}

static void tell_fault(const struct fault *fault)
{
	uint64_t mask;
	struct scratch *scratch = hold_scratch(&mask);

	if (!scratch) {
		out_count_lost();
		return;
	}
	write_report(fault, scratch);
	release_scratch(scratch, mask);
}

/* What was found before a handler was asked; afterwards nothing there may tell. */
static void keep_cause(struct fault *fault)
{
	const struct loss *loss = &fault->page->loss;

	if (!fault->page->asked)
		return;
	fault->cause = loss->cause;
	memcpy(fault->fs, loss->fs, sizeof(fault->fs) - 1);
}

/* Once a fault, with what is known of it then. */
static void tally(struct fault *fault)
{
	keep_cause(fault);
	if (!fault->tallied && process_state)
		tally_add(&process_state->tally, fault->outcome, fault->cause, fault->fs);
	fault->tallied = true;
}

void report_answered(struct fault *fault)
{
	fault->outcome = OUTCOME_OWNER;
	tally(fault);
	counter_add(&counters()->owner_answered, 1);
}

/* Nothing was replaced, so it is not too late. */
static APART void look_and_tell(struct fault *fault)
{
	struct page_facts page;
	struct facts facts;

	facts_begin(&facts, 0, fault, NULL);
	report_look(fault, &page, &facts);
	facts_end(&facts);
	if (!fault->sent)
		tally(fault);
	tell_fault(fault);
	fault->page = &page_unknown;
}

/* The first line tells the fault, a second one only what became of it when a handler had declined. */
void report_fault(struct fault *fault)
{
	if (!report_is_due(fault))
		return;
	if (fault_is_fatal(fault) && !fault->page->asked)
		look_and_tell(fault);
	else
		tell_fault(fault);
	fault->told = true;
}

/* ---- counting ---- */

/* It is looked at when it is told, and counted by what was found then. */
static bool is_tallied_later(struct fault *fault)
{
	bool quiet = fault->rule && fault->rule->quiet;

	return fault_is_fatal(fault) && !fault->page->asked && !quiet && report_is_due(fault);
}

/*
 * The address and the time of the last fault are for sigbus-stat alone, which can see one without the
 * other. The coarse clock is read from memory whatever the clock source is: no system call, which a
 * filter could forbid.
 */
static void note_last(uintptr_t address)
{
	struct timespec now = {0};

	if (real.clock_gettime) /* else a unit test */
		real.clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	atomic_store_explicit(&process_state->last_fault_at,
		(int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000, memory_order_relaxed);
	atomic_store_explicit(&process_state->last_fault, address, memory_order_relaxed);
}

static void count_fault(struct fault *fault)
{
	struct counters *count = counters();

	if (process_state)
		note_last(fault->address);
	counter_add(&count->faults, 1);
	if (!fault->range.range)
		counter_add(&count->untracked, 1);
	if (fault->rule && fault->rule->quiet)
		counter_add(&count->quiet, 1);
	else if (!is_due(fault))
		counter_add(&count->suppressed, 1);
}

static void count_pages(const struct fault *fault)
{
	struct counters *count = counters();

	if (!fault->pages)
		return;
	counter_add(&count->repaired_pages, fault->pages);
	if (!(state_flags(fault->range.state) & RANGE_REPAIRED))
		counter_add(&count->repaired_ranges, 1);
}

/*
 * For each outcome of a fault, of which there may be several: a handler that was asked and declined, or
 * a wait in vain, comes before another one. Whether a handler answers is counted when it has.
 */
void report_count(struct fault *fault)
{
	struct counters *count = counters();

	if (!fault->sent && !fault->counted)
		count_fault(fault);
	fault->counted = true;
	if (fault->outcome == OUTCOME_OWNER)
		keep_cause(fault); /* whether it answers is not known yet */
	else if (!fault->sent && !is_tallied_later(fault))
		tally(fault);
	count_pages(fault);
	if (fault_is_fatal(fault))
		counter_add(&count->fatal, 1);
	else if (fault->outcome == OUTCOME_CHAIN)
		counter_add(&count->chained, 1);
}

/* ---- the end ---- */

static void add_count(struct text *text, uint64_t count, const char *noun)
{
	text_decimal(text, (int64_t)count);
	text_add(text, noun);
	if (count != 1)
		text_add(text, "s");
}

/* What no line of its own has told is at least counted here. +quiet alone is no reason to speak. */
void report_summary(void)
{
	struct counters *count = counters();
	uint64_t lost = count->lost, untracked = count->failed_open;
	char line[512];
	struct text text = {line, sizeof(line), 0, false};

	if (!count->suppressed && !lost && !untracked && !count->refused_untold)
		return;
	text_add(&text, "summary of ");
	text_escaped(&text, program_name);
	text_add(&text, "[");
	text_decimal(&text, SYS_0(SYS_getpid));
	text_add(&text, "]: ");
	add_count(&text, count->faults, " fault");
	text_add(&text, ", ");
	add_count(&text, count->repaired_pages, " page");
	text_add(&text, " replaced in ");
	add_count(&text, count->repaired_ranges, " range");
	text_add(&text, ", ");
	add_count(&text, count->suppressed + count->quiet, " fault");
	text_add(&text, " not reported, ");
	add_count(&text, lost, " line");
	text_add(&text, " lost");
	if (untracked) {
		text_add(&text, ", ");
		add_count(&text, untracked, " mapping");
		text_add(&text, " that could not be tracked");
	}
	if (count->refused) {
		text_add(&text, ", ");
		add_count(&text, count->refused, " mapping");
		text_add(&text, " refused");
	}
	report_event("summary", line);
}
