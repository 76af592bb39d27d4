/* SPDX-License-Identifier: MIT */
/*
 * The facts of a report, each in the words that all formats share. All [H].
 *
 * Names that others chose (files, threads) are escaped, so that they can't look like the rest of
 * the report, and the escapes can be undone. What is not known is left to the caller to be called
 * so.
 */
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include "base/base.h"
#include "base/text.h"
#include "kernel/kernel.h"
#include "owner/owner.h"
#include "report/backtrace.h"
#include "report/formats.h"
#include "rules/fault.h"
#include "rules/rules.h"
#include "table/table.h"

#define NAME_MAX_SHOWN 256
#define RULE_MAX_SHOWN 1024

/* ---- names ---- */

/* One long name must not push the rest out of the line. */
static void add_limited(struct text *text, const char *name, size_t length, size_t limit)
{
	size_t room = text->size - text->length;
	struct text part = {text->buffer + text->length, room < limit ? room : limit, 0, false};

	text_escaped_bytes(&part, name, length);
	text->length += part.length;
	if (part.cut)
		text_add(text, "...");
}

void fact_name(struct text *text, const char *name)
{
	add_limited(text, name, strlen(name), NAME_MAX_SHOWN);
}

bool fact_place(struct text *text, uintptr_t address)
{
	const char *name;
	uintptr_t offset;

	if (!object_at(address, &name, &offset))
		return false;
	fact_name(text, name);
	text_add(text, "+");
	text_hex(text, offset);
	return true;
}

/* ---- what came ---- */

static const char *code_name(int code)
{
	static const struct {
		int code;
		char name[16];
	} names[] = {
		{BUS_ADRALN, "BUS_ADRALN"},
		{BUS_ADRERR, "BUS_ADRERR"},
		{BUS_OBJERR, "BUS_OBJERR"},
		{BUS_MCEERR_AR, "BUS_MCEERR_AR"},
		{BUS_MCEERR_AO, "BUS_MCEERR_AO"},
		{SI_USER, "SI_USER"},
		{SI_KERNEL, "SI_KERNEL"},
		{SI_QUEUE, "SI_QUEUE"},
		{SI_TIMER, "SI_TIMER"},
		{SI_MESGQ, "SI_MESGQ"},
		{SI_ASYNCIO, "SI_ASYNCIO"},
		{SI_SIGIO, "SI_SIGIO"},
		{SI_TKILL, "SI_TKILL"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].code == code)
			return names[i].name;
	return NULL;
}

bool fact_code(struct text *text, const struct fault *fault)
{
	const char *name = code_name(fault->info->si_code);

	if (fault->event == EVENT_REFUSED)
		return false;

	if (name)
		text_add(text, name);
	else
		text_decimal(text, fault->info->si_code);
	return true;
}

bool fault_is_loss(const struct fault *fault)
{
	int code = fault->info->si_code;

	return !fault->sent && (code == BUS_ADRERR || code == BUS_OBJERR || code == BUS_MCEERR_AR);
}

bool fault_has_file(const struct fault *fault)
{
	return fault->event == EVENT_REFUSED || fault_is_loss(fault);
}

bool fault_has_sender(const struct fault *fault)
{
	int code = fault->info->si_code;

	return fault->sent &&
	       (code == SI_USER || code == SI_TKILL || code == SI_QUEUE || code == SI_MESGQ);
}

bool fault_is_fatal(const struct fault *fault)
{
	return fault->outcome == OUTCOME_DEFAULT || fault->outcome == OUTCOME_ABORT;
}

bool fault_is_answer(const struct fault *fault)
{
	return fault->told && fault->declined_by;
}

const char *fact_access(const struct fault *fault)
{
	if (fault->write)
		return "written";
	/* The instruction itself could not be fetched. */
	return (fault->address & PAGE_MASK) == (fault->pc & PAGE_MASK) ? "executed" : "read";
}

/* ---- what was lost ---- */

/* Of a name that was too long the end is known: no whole name begins with a dot. */
bool fact_path(struct text *text, const struct fault *fault)
{
	if (!fault->page->known)
		return false;
	if (fault->page->path_cut)
		text_add(text, "...");
	text_escaped(text, fault->page->path);
	return true;
}

bool fact_extent(const struct fault *fault, uintptr_t *start, uintptr_t *end)
{
	if (fault->event == EVENT_REFUSED)
		return false;
	if (fault->range.range) {
		*start = geometry_start(fault->range.geometry);
		*end = geometry_end(fault->range.geometry);
		return true;
	}
	*start = fault->page->vma.start;
	*end = fault->page->vma.end;
	return fault->page->known;
}

static void add_protection(struct text *text, unsigned prot, bool shared)
{
	char word[] = {prot & PROT_READ ? 'r' : '-', prot & PROT_WRITE ? 'w' : '-',
		prot & PROT_EXEC ? 'x' : '-', shared ? 's' : 'p'};

	text_bytes(text, word, sizeof(word));
}

bool fact_protection(struct text *text, const struct fault *fault)
{
	unsigned flags = state_flags(fault->range.state);

	if (fault->page->known) {
		add_protection(text, fault->page->vma.prot, fault->page->vma.shared);
		return true;
	}
	if (!fault->range.range || flags & RANGE_PROTECTED)
		return false;
	add_protection(text, flags & (PROT_READ | PROT_WRITE | PROT_EXEC), flags & RANGE_SHARED);
	return true;
}

/* Who mapped it, or asked for it; 0: not known. */
unsigned fault_owner(const struct fault *fault)
{
	if (fault->event == EVENT_REFUSED)
		return fault->owner;
	return fault->range.range ? state_owner(fault->range.state) : 0;
}

bool fact_mapped_by(struct text *text, const struct fault *fault)
{
	unsigned owner = fault_owner(fault);

	if (!owner)
		return false;
	fact_name(text, owner_name(owner));
	if (sender_caller(fault->caller) && !(state_flags(fault->range.state) & RANGE_REGISTERED)) {
		text_add(text, "+");
		text_hex(text, owner_linked_at(owner) + sender_caller(fault->caller));
	}
	return true;
}

/* ---- what became of it ---- */

bool fact_rule(struct text *text, const struct fault *fault)
{
	if (!fault->rule)
		return false;
	add_limited(text, fault->rule->text, fault->rule->text_length, RULE_MAX_SHOWN);
	return true;
}

/* ---- a frame of a backtrace ---- */

/* A return address may be that of the next function, or of no object. */
static uintptr_t call_site(const struct backtrace *trace, unsigned i)
{
	return (uintptr_t)trace->frame[i].pc - (i > 0);
}

bool frame_place(struct text *text, const struct backtrace *trace, unsigned i)
{
	const char *name;
	uintptr_t offset;

	if (!object_at(call_site(trace, i), &name, &offset))
		return false;
	fact_name(text, name);
	text_add(text, "+");
	text_hex(text, offset + (i > 0));
	return true;
}

bool frame_symbol(struct text *text, const struct backtrace *trace, unsigned i)
{
	const struct backtrace_frame *frame = &trace->frame[i];

	if (!frame->symbol[0])
		return false;
	add_limited(
		text, frame->symbol, strnlen(frame->symbol, sizeof(frame->symbol)), NAME_MAX_SHOWN);
	text_add(text, "+");
	text_hex(text, frame->offset);
	return true;
}
