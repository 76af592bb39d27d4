/* SPDX-License-Identifier: MIT */
/*
 * One line a fault: what was lost, where, who touched it, who mapped it, and what became of it.
 * All [H].
 */
#include <string.h>
#include <sys/prctl.h>
#include "base/syscall.h"
#include "base/text.h"
#include "kernel/process.h"
#include "policy/policy.h"
#include "report/backtrace.h"
#include "owner/owner.h"
#include "report/formats.h"
#include "rules/fault.h"
#include "rules/rules.h"
#include "table/table.h"

static void add_number(struct text *text, const char *before, uint64_t number, const char *after)
{
	text_add(text, before);
	text_decimal(text, (int64_t)number);
	text_add(text, after);
}

static void add_code_place(struct text *text, uintptr_t address)
{
	if (fact_place(text, address))
		return;
	text_hex(text, address);
	text_add(text, " (in no object)");
}

static void add_thread(struct text *text, const char *what)
{
	char name[16] = "";

	SYS_2(SYS_prctl, PR_GET_NAME, name);
	text_add(text, what);
	text_add(text, " in ");
	fact_name(text, program_name);
	add_number(text, "[", (uint64_t)SYS_0(SYS_getpid), "]");
	add_number(text, ", thread ", (uint64_t)SYS_0(SYS_gettid), " \"");
	fact_name(text, name);
	text_add(text, "\": ");
}

static void add_sender(struct text *text, const struct fault *fault)
{
	text_add(text, "sent");
	if (fault_has_sender(fault)) {
		add_number(text, " by pid ", (uint64_t)fault->info->si_pid, "");
		add_number(text, " (uid ", fault->info->si_uid, ")");
	}
	text_add(text, ", si_code ");
	fact_code(text, fault);
}

/* ---- the page ---- */

static void add_memory(struct text *text, const struct fault *fault)
{
	const struct page_facts *page = fault->page;

	if (!page->known) {
		text_add(text, "unknown memory");
	} else if (!page->path[0]) {
		text_add(text, "anonymous memory");
	} else {
		text_add(text, "\"");
		fact_path(text, fault);
		text_add(text, page->vma.deleted ? "\" (deleted)" : "\"");
	}
}

static void add_size(struct text *text, const struct loss *loss)
{
	bool is_bound = loss->size_is_bound && loss->file_size;

	add_number(text, is_bound ? ", file size at most " : ", file size ", loss->file_size, "");
}

static void add_free(struct text *text, const struct loss *loss)
{
	if (loss->fs[0]) {
		text_add(text, " on ");
		text_escaped_bytes(text, loss->fs, strnlen(loss->fs, sizeof(loss->fs)));
	}
	if (loss->free_known)
		add_number(text, ", ", loss->free_bytes, " bytes free");
}

/* In the words of the policy language: who reads a line can write a rule. */
static void add_cause(struct text *text, const struct loss *loss)
{
	if (loss->cause == CAUSE_UNKNOWN)
		text_add(text, "cause ");
	text_add(text, cause_name(loss->cause));
	if (loss->cause == CAUSE_TRUNCATED)
		add_size(text, loss);
	else if (loss->cause == CAUSE_NOSPACE)
		add_free(text, loss);
}

static void add_page(struct text *text, const struct fault *fault)
{
	const struct page_facts *page = fault->page;

	text_add(text, "page of ");
	add_memory(text, fault);
	text_add(text, " is lost (");
	fact_code(text, fault);
	text_add(text, ", ");
	add_cause(text, &page->loss);
	text_add(text, ") at ");
	text_hex(text, fault->address);
	if (page->known && page->path[0]) {
		text_add(text, ", offset ");
		text_hex(text, page->vma.offset + (fault->address - page->vma.start));
	}
	text_add(text, ", ");
	text_add(text, fact_access(fault));
	text_add(text, " by ");
	add_code_place(text, fault->pc);
}

/* A fault, but of no page: alignment, or an address that is none. */
static void add_bad_access(struct text *text, const struct fault *fault)
{
	text_add(text, "bad access (");
	fact_code(text, fault);
	text_add(text, ") at ");
	text_hex(text, fault->address);
	text_add(text, " by ");
	add_code_place(text, fault->pc);
}

/* ---- its mapping ---- */

static void add_maker(struct text *text, const struct fault *fault)
{
	bool registered = state_flags(fault->range.state) & RANGE_REGISTERED;

	text_add(text, fault->range.range && registered ? " registered by " : " made by ");
	if (!fact_mapped_by(text, fault))
		text_add(text, "unknown");
	if (fault->range.range)
		add_number(text, ", fault ", fault->count, " of this range");
}

static void add_peer(struct text *text, const struct page_facts *page)
{
	const struct sender *sender = &page->sender;

	if (!page->sent)
		return;
	text_add(text, "; sent by ");
	if (sender->name[0]) {
		text_add(text, "\"");
		text_escaped_bytes(text, sender->name, strnlen(sender->name, sizeof(sender->name)));
		text_add(text, "\"");
	} else {
		text_add(text, "unknown");
	}
	add_number(text, "[", (uint64_t)sender->pid, "]");
	add_number(text, ", uid ", sender->uid, sender->others ? " and others" : "");
}

static void add_mapping(struct text *text, const struct fault *fault)
{
	uintptr_t start, end;

	text_add(text, "; mapping ");
	if (fact_extent(fault, &start, &end)) {
		text_hex(text, start);
		text_add(text, "-");
		text_hex(text, end);
		text_add(text, " ");
		if (!fact_protection(text, fault))
			text_add(text, "(protection unknown)");
	} else {
		text_add(text, "unknown");
	}
	add_maker(text, fault);
}

/* ---- a mapping that is not made ---- */

static void add_refusal(struct text *text, const struct fault *fault)
{
	const struct loss *loss = &fault->page->loss;

	add_number(text, "", fault->wanted, " bytes of ");
	add_memory(text, fault);
	text_add(text, " cannot be had (nospace");
	add_free(text, loss);
	text_add(text, "): mmap() fails with ENOMEM; asked for by ");
	if (!fact_mapped_by(text, fault))
		text_add(text, "unknown");
}

/* ---- a page that came back ---- */

static void add_recovery(struct text *text, const struct fault *fault)
{
	text_add(text, "page of ");
	add_memory(text, fault);
	text_add(text, " can be had again, at ");
	text_hex(text, fault->address);
}

/* ---- the answer ---- */

static void add_rule(struct text *text, const struct fault *fault)
{
	const struct rule *rule = fault->rule;

	if (!rule)
		return;
	text_add(text, "rule ");
	fact_rule(text, fault);
	if (!rule->item) {
		text_add(text, " (built-in): ");
	} else if (!rule->line) {
		add_number(text, " (item ", rule->item, "): ");
	} else {
		add_number(text, " (item ", rule->item, "");
		add_number(text, ", line ", rule->line, "): ");
	}
}

static void add_handler(struct text *text, const char *before, uintptr_t handler)
{
	text_add(text, before);
	text_add(text, "the handler at ");
	add_code_place(text, handler);
}

/* With one digit behind the point. */
bool fact_waited(struct text *text, const struct fault *fault)
{
	if (fault->waited <= 0)
		return false;
	add_number(text, "", (uint64_t)fault->waited / 1000, ".");
	text_decimal(text, fault->waited / 100 % 10);
	return true;
}

static void add_waiting(struct text *text, const struct fault *fault)
{
	if (fault->waited == WAITED_BEFORE) {
		text_add(text, "not waited for again; ");
	} else if (fault->waited > 0) {
		text_add(text, "waited ");
		fact_waited(text, fault);
		text_add(text, " s; ");
	}
}

static void add_outcome(struct text *text, const struct fault *fault)
{
	add_waiting(text, fault);
	if (fault->event == EVENT_RECOVERED) {
		text_add(text, "recovered");
		return;
	}
	switch (fault->outcome) {
	case OUTCOME_RESERVE:
		text_add(text, "reserve: refused");
		break;
	case OUTCOME_OWNER:
	case OUTCOME_CHAIN:
		add_handler(text, "handed to ", fault->handler);
		break;
	case OUTCOME_DEFAULT:
		text_add(text, "no handler answered: killed by SIGBUS");
		break;
	case OUTCOME_ABORT:
		text_add(text, "abort: killed by SIGBUS");
		break;
	case OUTCOME_WAIT:
		text_add(text, "wait: trying again");
		break;
	default:
		text_add(text, outcome_name(fault->outcome));
		add_number(text, ", ", fault->pages, fault->pages == 1 ? " page" : " pages");
	}
}

static void add_hint(struct text *text, const struct fault *fault)
{
	struct text before = *text;

	text_add(text, "; hint: ");
	if (!fact_hint(text, fault))
		*text = before;
}

/* ---- frames ---- */

static void add_frame(struct text *text, const struct backtrace *trace, unsigned i)
{
	struct text before;

	if (!frame_place(text, trace, i))
		text_add(text, "(in no object)");
	before = *text;
	text_add(text, " ");
	if (!frame_symbol(text, trace, i))
		*text = before;
}

static void add_hangup(struct text *text, const struct fault *fault)
{
	if (fault->closed)
		text_add(text, "; connection closed");
}

/* ---- the line, and a line for each frame ---- */

/* The fault is told already; of one that ends the process it is said once more which. */
static void add_answer(struct text *text, const struct fault *fault)
{
	const char *object;
	uintptr_t offset;

	text_add(text, "handler of ");
	fact_name(text, object_at(fault->declined_by, &object, &offset) ? object : "no object");
	text_add(text, " declined: ");
	add_outcome(text, fault);
	add_hangup(text, fault);
	if (!fault_is_fatal(fault))
		return;
	text_add(text, "; page of ");
	add_memory(text, fault);
	text_add(text, " at ");
	text_hex(text, fault->address);
}

void report_line(struct text *text, const struct fault *fault)
{
	if (fault_is_answer(fault)) {
		add_answer(text, fault);
		return;
	}
	add_thread(text, fault->event == EVENT_REFUSED ? "mapping refused" : "SIGBUS");
	if (fault->event == EVENT_RECOVERED) {
		add_recovery(text, fault);
	} else if (fault->event == EVENT_REFUSED) {
		add_refusal(text, fault);
	} else if (fault->sent) {
		add_sender(text, fault);
	} else if (fault_is_loss(fault)) {
		add_page(text, fault);
		add_mapping(text, fault);
		add_peer(text, fault->page);
	} else {
		add_bad_access(text, fault);
	}
	text_add(text, "; ");
	add_rule(text, fault);
	add_outcome(text, fault);
	if (fault->event != EVENT_RECOVERED)
		add_hint(text, fault);
	add_hangup(text, fault);
}

void report_frames(struct text *text, const struct backtrace *trace, const char *before)
{
	if (trace->problem) {
		text_add(text, before);
		text_add(text, "no backtrace: ");
		text_add(text, trace->problem);
		text_add(text, "\n");
	}
	for (unsigned i = 0; i < trace->count; i++) {
		struct text whole = *text;

		text_add(text, before);
		add_number(text, "#", i, " ");
		text_hex(text, trace->frame[i].pc);
		text_add(text, " ");
		add_frame(text, trace, i);
		text_add(text, "\n");
		if (text->cut) {
			*text = whole;
			return;
		}
	}
}

void report_text(struct text *text, const struct fault *fault, const struct backtrace *trace)
{
	text_add(text, "libsigbus: ");
	text->size--; /* a line that was cut ends too */
	report_line(text, fault);
	text->size++;
	text->cut = false;
	text_add(text, "\n");
	if (trace)
		report_frames(text, trace, "libsigbus:   ");
}
