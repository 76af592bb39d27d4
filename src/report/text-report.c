/* SPDX-License-Identifier: MIT */
/*
 * One line a fault: what was lost, where, who touched it, who mapped it, and what became of it.
 * All [H].
 *
 * The line is made of sentences, plain text with facts of the table (fields.c) in it:
 *
 *     {NAME}     the fact
 *     {?NAME}    a condition: nothing is added, whether it is known or not
 *     <A|B|C>    the first one of which all facts and conditions are known, or nothing
 */
#include <string.h>
#include "base/assert.h"
#include "base/text.h"
#include "report/backtrace.h"
#include "report/formats.h"
#include "rules/fault.h"

static void say_one_of(struct text *text, const char **at, const struct fault *fault);

/* Up to the end of the sentence, or of an alternative in it, where *at is then. False: a fact in it
 * is not known. */
static bool say_all(struct text *text, const char **at, const struct fault *fault)
{
	bool is_known = true;

	while (**at && **at != '|' && **at != '>') {
		size_t length = 0;

		while (!strchr("{<|>", (*at)[length])) /* or the end */
			length++;
		text_bytes(text, *at, length);
		*at += length;
		if (**at == '<') {
			say_one_of(text, at, fault);
		} else if (**at == '{') {
			bool is_condition = (*at)[1] == '?';
			const char *name = *at + 1 + is_condition, *end = strchr(name, '}');
			struct text before = *text;

			is_known &= report_add_value(
				text, report_field_named(name, (size_t)(end - name)), fault);
			if (is_condition)
				*text = before;
			*at = end + 1;
		}
	}
	return is_known;
}

/* *at: from its "<" to behind its ">". */
static void say_one_of(struct text *text, const char **at, const struct fault *fault)
{
	struct text before = *text;
	bool is_said;

	do {
		*text = before;
		(*at)++;
		is_said = say_all(text, at, fault);
	} while (!is_said && **at == '|');
	if (!is_said)
		*text = before;
	for (int depth = 0; **at != '>' || depth; (*at)++)
		depth += (**at == '<') - (**at == '>');
	(*at)++;
}

static void say(struct text *text, const char *sentence, const struct fault *fault)
{
	say_all(text, &sentence, fault);
	invariant(!*sentence);
}

static void add_outcome(struct text *text, const struct fault *fault)
{
	say(text, "<{?is_waited_before}not waited for again; |waited {waited} s; >", fault);
	if (fault->event == EVENT_RECOVERED) {
		say(text, "recovered", fault);
		return;
	}
	switch (fault->outcome) {
	case OUTCOME_RESERVE:
		say(text, "reserve: refused", fault);
		break;
	case OUTCOME_OWNER:
	case OUTCOME_CHAIN:
		say(text, "handed to the handler at {asked_handler}", fault);
		break;
	case OUTCOME_DEFAULT:
		say(text, "no handler answered: killed by SIGBUS", fault);
		break;
	case OUTCOME_ABORT:
		say(text, "abort: killed by SIGBUS", fault);
		break;
	case OUTCOME_WAIT:
		say(text, "wait: trying again", fault);
		break;
	default:
		say(text, fault->pages == 1 ? "{action}, 1 page" : "{action}, {pages} pages", fault);
	}
}

#define THREAD " in {program}[{pid}], thread {tid} \"{thread}\": "
#define SPACE "nospace< on {fs}><, {free_bytes} bytes free>"
#define CLOSED "<{?hangup}; connection closed>"

/* The causes are named in the words of the policy language: who reads a line can write a rule. */
static void say_what(struct text *text, const struct fault *fault)
{
	if (fault->event == EVENT_REFUSED) {
		say(text,
			"mapping refused" THREAD "{wanted} bytes of {memory} cannot be had (" SPACE
			"): mmap() fails with ENOMEM; asked for by <{mapped_by}|unknown>",
			fault);
		return;
	}
	say(text, "SIGBUS" THREAD, fault);
	if (fault->event == EVENT_RECOVERED)
		say(text, "page of {memory} can be had again, at {address}", fault);
	else if (fault->sent)
		say(text, "sent< by pid {sender_pid} (uid {sender_uid})>, si_code {code}", fault);
	else if (fault_is_loss(fault))
		say(text,
			"page of {memory} is lost ({code}, <truncated, file size "
			"<{?is_at_most}at most >{file_size}|{?is_nospace}" SPACE
			"|{?is_unknown}cause unknown|{cause}>) at {address}"
			"<, offset {file_offset}>, {access} by {toucher}; "
			"mapping <{map_start}-{map_end} <{map_prot}|(protection unknown)>|unknown>"
			"<{?is_registered} registered by| made by> <{mapped_by}|unknown>"
			"<, fault {count} of this range>"
			"<; sent by <\"{sender_name}\"|unknown>[{sender_pid}], uid {sender_uid}"
			"<{?sender_others} and others>>",
			fault);
	else /* of no page: alignment, or an address that is none */
		say(text, "bad access ({code}) at {address} by {toucher}", fault);
}

void report_line(struct text *text, const struct fault *fault)
{
	if (fault_is_answer(fault)) {
		/* The fault is told already; of one that ends the process it is said once more which. */
		say(text, "handler of <{declined_object}|no object> declined: ", fault);
		add_outcome(text, fault);
		say(text, CLOSED, fault);
		if (fault_is_fatal(fault))
			say(text, "; page of {memory} at {address}", fault);
		return;
	}
	say_what(text, fault);
	say(text, "; <rule {rule} <(item {item}<, line {line}>)|(built-in)>: >", fault);
	add_outcome(text, fault);
	if (fault->event != EVENT_RECOVERED)
		say(text, "<; hint: {hint}>", fault);
	say(text, CLOSED, fault);
}

static void add_frame(struct text *text, const struct backtrace *trace, unsigned i)
{
	struct text before;

	text_add(text, "#");
	text_decimal(text, i);
	text_add(text, " ");
	text_hex(text, trace->frame[i].pc);
	text_add(text, " ");
	if (!frame_place(text, trace, i))
		text_add(text, "(in no object)");
	before = *text;
	text_add(text, " ");
	if (!frame_symbol(text, trace, i))
		*text = before;
	text_add(text, "\n");
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
		add_frame(text, trace, i);
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
