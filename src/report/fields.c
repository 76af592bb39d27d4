/* SPDX-License-Identifier: MIT */
/*
 * All that a report can tell of a fault, in one table: each fact by its name, in the words that every
 * format shares. JSON and the journal walk the table, the text line names the facts that it wants
 * (text-report.c). All [H].
 *
 * A fact that is not known, or that there is none of for this fault, adds nothing and is false; what
 * is said instead is the format's. Names that others chose (files, threads) are escaped, so that they
 * can't look like the rest of the report, and the escapes can be undone.
 */
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include "base/assert.h"
#include "base/base.h"
#include "base/syscall.h"
#include "base/text.h"
#include "kernel/kernel.h"
#include "kernel/process.h"
#include "owner/owner.h"
#include "policy/policy.h"
#include "report/backtrace.h"
#include "report/formats.h"
#include "rules/fault.h"
#include "rules/rules.h"
#include "table/table.h"

#define NAME_MAX_SHOWN 256
#define RULE_MAX_SHOWN 1024

/* In the order of the documentation: sigbus-run(1) describes them. */
#define FIELDS(X) \
	X(event, FIELD_TEXT) \
	X(time, FIELD_TEXT) \
	X(pid, FIELD_VALUE) \
	X(tid, FIELD_VALUE) \
	X(thread, FIELD_TEXT) \
	X(code, FIELD_TEXT) \
	X(addr, FIELD_TEXT) \
	X(cause, FIELD_TEXT) \
	X(path, FIELD_TEXT) \
	X(offset, FIELD_VALUE) \
	X(map_start, FIELD_TEXT) \
	X(map_end, FIELD_TEXT) \
	X(map_prot, FIELD_TEXT) \
	X(owner, FIELD_TEXT) \
	X(mapped_by, FIELD_TEXT) \
	X(touched_by, FIELD_TEXT) \
	X(pc, FIELD_TEXT) \
	X(rule, FIELD_TEXT) \
	X(action, FIELD_TEXT) \
	X(pages, FIELD_VALUE) \
	X(count, FIELD_VALUE) \
	X(program, FIELD_TEXT) \
	X(access, FIELD_TEXT) \
	X(deleted, FIELD_VALUE) \
	X(file_size, FIELD_VALUE) \
	X(file_size_is_bound, FIELD_VALUE) \
	X(fs, FIELD_TEXT) \
	X(free_bytes, FIELD_VALUE) \
	X(wanted, FIELD_VALUE) \
	X(handler, FIELD_TEXT) \
	X(sender_pid, FIELD_VALUE) \
	X(sender_name, FIELD_TEXT) \
	X(sender_uid, FIELD_VALUE) \
	X(sender_others, FIELD_VALUE) \
	X(hangup, FIELD_VALUE) \
	X(waited, FIELD_VALUE) \
	X(hint, FIELD_TEXT)

/* What only the line says. Some add nothing, and are conditions of a clause. */
#define WORDS(X) \
	X(memory, FIELD_OF_LINE) \
	X(address, FIELD_OF_LINE) \
	X(file_offset, FIELD_OF_LINE) \
	X(toucher, FIELD_OF_LINE) \
	X(asked_handler, FIELD_OF_LINE) \
	X(declined_object, FIELD_OF_LINE) \
	X(item, FIELD_OF_LINE) \
	X(line, FIELD_OF_LINE) \
	X(is_registered, FIELD_OF_LINE) \
	X(is_at_most, FIELD_OF_LINE) \
	X(is_nospace, FIELD_OF_LINE) \
	X(is_unknown, FIELD_OF_LINE) \
	X(is_waited_before, FIELD_OF_LINE)

const struct report_field report_fields[] = {
#define ROW(name, kind) {#name, kind},
	FIELDS(ROW) WORDS(ROW)
#undef ROW
	{"", FIELD_OF_LINE},
};

const struct report_field *report_field_named(const char *name, size_t length)
{
	const struct report_field *field = report_fields;

	while (*field->name && (strncmp(field->name, name, length) != 0 || field->name[length]))
		field++;
	invariant(*field->name);
	return field;
}

/* ---- what a fault is ---- */

bool fault_is_loss(const struct fault *fault)
{
	int code = fault->info->si_code;

	return !fault->sent && (code == BUS_ADRERR || code == BUS_OBJERR || code == BUS_MCEERR_AR);
}

bool fault_is_fatal(const struct fault *fault)
{
	return fault->outcome == OUTCOME_DEFAULT || fault->outcome == OUTCOME_ABORT;
}

bool fault_is_answer(const struct fault *fault)
{
	return fault->told && fault->declined_by;
}

static bool fault_has_file(const struct fault *fault)
{
	return fault->event == EVENT_REFUSED || fault_is_loss(fault);
}

static bool fault_has_sender(const struct fault *fault)
{
	int code = fault->info->si_code;

	return fault->sent &&
	       (code == SI_USER || code == SI_TKILL || code == SI_QUEUE || code == SI_MESGQ);
}

/* Who mapped it, or asked for it; 0: not known. */
static unsigned fault_owner(const struct fault *fault)
{
	if (fault->event == EVENT_REFUSED)
		return fault->owner;
	return fault->range.range ? state_owner(fault->range.state) : 0;
}

static bool fault_is_registered(const struct fault *fault)
{
	return state_flags(fault->range.state) & RANGE_REGISTERED;
}

/* ---- values ---- */

static bool add_number(struct text *text, uint64_t number)
{
	text_decimal(text, (int64_t)number);
	return true;
}

static bool add_word(struct text *text, const char *word)
{
	text_add(text, word);
	return true;
}

static bool add_hex(struct text *text, uintptr_t number)
{
	text_hex(text, number);
	return true;
}

/* Who started a program in secure mode has its stderr, and is not to learn where its memory is. */
static bool add_address(struct text *text, uintptr_t address)
{
	return secure_mode ? add_word(text, "(hidden)") : add_hex(text, address);
}

static bool add_bool(struct text *text, bool value)
{
	return add_word(text, value ? "true" : "false");
}

/* Room for it may be an array that it fills: then no "\0" ends it. */
static bool add_array(struct text *text, const char *array, size_t size)
{
	text_escaped_bytes(text, array, strnlen(array, size));
	return array[0];
}

/* One long name must not push the rest out of the line. */
static bool add_limited(struct text *text, const char *name, size_t length, size_t limit)
{
	size_t room = text->size - text->length;
	struct text part = {text->buffer + text->length, room < limit ? room : limit, 0, false};

	text_escaped_bytes(&part, name, length);
	text->length += part.length;
	if (part.cut)
		text_add(text, "...");
	return true;
}

static bool add_name(struct text *text, const char *name)
{
	return add_limited(text, name, strlen(name), NAME_MAX_SHOWN);
}

/* OBJECT+0xOFFSET. beyond: how far the code that is looked up is in front of the address. */
static bool add_place(struct text *text, uintptr_t address, unsigned beyond)
{
	const char *name;
	uintptr_t offset;

	if (!object_at(address - beyond, &name, &offset))
		return false;
	add_name(text, name);
	text_add(text, "+");
	return add_hex(text, offset + beyond);
}

static bool add_code(struct text *text, uintptr_t address)
{
	if (add_place(text, address, 0))
		return true;
	add_address(text, address);
	return add_word(text, " (in no object)");
}

/* ---- facts that take more than a line ---- */

static const char *event_name(const struct fault *fault)
{
	static const char names[][12] = {[EVENT_FAULT] = "fault",
		[EVENT_REFUSED] = "refused",
		[EVENT_RECOVERED] = "recovered"};

	return fault_is_answer(fault) ? "answer" : names[fault->event];
}

static APART bool add_thread_name(struct text *text)
{
	char name[16] = "";

	SYS_2(SYS_prctl, PR_GET_NAME, name);
	return add_name(text, name);
}

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

static bool add_si_code(struct text *text, int code)
{
	const char *name = code_name(code);

	return name ? add_word(text, name) : add_number(text, (uint64_t)(int64_t)code);
}

/* Of a name that was too long the end is known: no whole name begins with a dot. */
static bool add_path(struct text *text, const struct page_facts *page)
{
	if (!page->known)
		return false;
	if (page->path_cut)
		text_add(text, "...");
	text_escaped(text, page->path);
	return true;
}

static bool add_memory(struct text *text, const struct page_facts *page)
{
	if (!page->known || !page->path[0])
		return add_word(text, page->known ? "anonymous memory" : "unknown memory");
	text_add(text, "\"");
	add_path(text, page);
	return add_word(text, page->vma.deleted ? "\" (deleted)" : "\"");
}

/* As it was mapped at once, if we saw that; the kernel may have cut it up. */
static bool add_bound(struct text *text, const struct fault *fault, bool is_end)
{
	const struct vma *vma = &fault->page->vma;
	uint64_t geometry = fault->range.geometry;

	if (fault->event == EVENT_REFUSED)
		return false;
	if (fault->range.range)
		return add_address(text, is_end ? geometry_end(geometry) : geometry_start(geometry));
	return fault->page->known && add_address(text, is_end ? vma->end : vma->start);
}

static bool add_protection(struct text *text, const struct fault *fault)
{
	unsigned flags = state_flags(fault->range.state);
	bool is_known = fault->page->known;
	unsigned prot = is_known ? fault->page->vma.prot : flags;
	bool shared = is_known ? fault->page->vma.shared : flags & RANGE_SHARED;
	char word[] = {prot & PROT_READ ? 'r' : '-', prot & PROT_WRITE ? 'w' : '-',
		prot & PROT_EXEC ? 'x' : '-', shared ? 's' : 'p'};

	if (!is_known && (!fault->range.range || flags & RANGE_PROTECTED))
		return false;
	text_bytes(text, word, sizeof(word));
	return true;
}

static bool add_maker(struct text *text, const struct fault *fault)
{
	unsigned owner = fault_owner(fault);

	if (!owner)
		return false;
	add_name(text, owner_name(owner));
	if (sender_caller(fault->caller) && !fault_is_registered(fault)) {
		text_add(text, "+");
		text_hex(text, owner_linked_at(owner) + sender_caller(fault->caller));
	}
	return true;
}

static const char *access_name(const struct fault *fault)
{
	if (fault->write)
		return "written";
	/* The instruction itself could not be fetched. */
	return (fault->address & PAGE_MASK) == (fault->pc & PAGE_MASK) ? "executed" : "read";
}

/* Seconds, with one digit behind the point. */
static bool add_waited(struct text *text, int64_t milliseconds)
{
	if (milliseconds <= 0)
		return false;
	text_decimal(text, milliseconds / 1000);
	text_add(text, ".");
	return add_number(text, (uint64_t)(milliseconds / 100 % 10));
}

/* ---- by name ---- */

/* Not a column of the table: a pointer in it would be relocated in each process. */
bool report_add_value(struct text *text, const struct report_field *field, const struct fault *fault)
{
	enum {
#define NUMBER(name, kind) FIELD_##name,
		FIELDS(NUMBER) WORDS(NUMBER)
#undef NUMBER
	};
	const struct page_facts *page = fault->page;
	const struct loss *loss = &page->loss;
	const struct rule *rule = fault->rule;
	bool is_refused = fault->event == EVENT_REFUSED, is_from = fault_has_sender(fault);
	bool is_truncated = loss->cause == CAUSE_TRUNCATED, has_offset = page->known && page->path[0];
	uint64_t offset = page->vma.offset + (fault->address - page->vma.start);
	unsigned owner = fault_owner(fault);
	const char *object;
	uintptr_t from_start;

	switch (field - report_fields) {
	case FIELD_event:
		return add_word(text, event_name(fault));
	case FIELD_time:
		text_now(text);
		return true;
	case FIELD_pid:
		return add_number(text, (uint64_t)SYS_0(SYS_getpid));
	case FIELD_tid:
		return add_number(text, (uint64_t)SYS_0(SYS_gettid));
	case FIELD_thread:
		return add_thread_name(text);
	case FIELD_code:
		return !is_refused && add_si_code(text, fault->info->si_code);
	case FIELD_addr:
		return !fault->sent && !is_refused && add_address(text, fault->address);
	case FIELD_cause:
		return fault_has_file(fault) && add_word(text, cause_name(loss->cause));
	case FIELD_path:
		return fault_has_file(fault) && add_path(text, page);
	case FIELD_offset:
		return has_offset && add_number(text, offset);
	case FIELD_map_start:
		return add_bound(text, fault, false);
	case FIELD_map_end:
		return add_bound(text, fault, true);
	case FIELD_map_prot:
		return add_protection(text, fault);
	case FIELD_owner:
		return owner && add_name(text, owner_name(owner));
	case FIELD_mapped_by:
		return add_maker(text, fault);
	case FIELD_touched_by:
		return !fault->sent && fault->pc && add_place(text, fault->pc, 0);
	case FIELD_pc:
		return fault->pc && add_address(text, fault->pc);
	case FIELD_rule:
		return rule && add_limited(text, rule->text, rule->text_length, RULE_MAX_SHOWN);
	case FIELD_action:
		return add_word(text, outcome_name(fault->outcome));
	case FIELD_pages:
		return add_number(text, fault->pages);
	case FIELD_count:
		return fault->range.range && add_number(text, fault->count);
	case FIELD_program:
		return add_name(text, program_name);
	case FIELD_access:
		return fault_is_loss(fault) && add_word(text, access_name(fault));
	case FIELD_deleted:
		return page->known && add_bool(text, page->vma.deleted);
	case FIELD_file_size:
		return is_truncated && add_number(text, loss->file_size);
	case FIELD_file_size_is_bound:
		return is_truncated && add_bool(text, loss->size_is_bound);
	case FIELD_fs:
		return add_array(text, loss->fs, sizeof(loss->fs));
	case FIELD_free_bytes:
		return loss->free_known && add_number(text, loss->free_bytes);
	case FIELD_wanted:
		return is_refused && add_number(text, fault->wanted);
	case FIELD_handler:
		return fault->handler && add_place(text, fault->handler, 0);
	/* Who sent the signal; else who sent the file. */
	case FIELD_sender_pid:
		return (is_from || page->sent) &&
		       add_number(text,
			       (uint64_t)(is_from ? fault->info->si_pid : page->sender.pid));
	case FIELD_sender_name:
		return page->sent &&
		       add_array(text, page->sender.name, sizeof(page->sender.name));
	case FIELD_sender_uid:
		return (is_from || page->sent) &&
		       add_number(text, is_from ? fault->info->si_uid : page->sender.uid);
	case FIELD_sender_others:
		return page->sent && page->sender.others && add_bool(text, true);
	case FIELD_hangup:
		return fault->closed && add_bool(text, true);
	case FIELD_waited:
		return add_waited(text, fault->waited);
	case FIELD_hint:
		return fact_hint(text, fault);
	case FIELD_memory:
		return add_memory(text, page);
	case FIELD_address:
		return add_address(text, fault->address);
	case FIELD_file_offset:
		return has_offset && add_hex(text, offset);
	case FIELD_toucher:
		return add_code(text, fault->pc);
	case FIELD_asked_handler:
		return add_code(text, fault->handler);
	case FIELD_declined_object:
		return object_at(fault->declined_by, &object, &from_start) && add_name(text, object);
	case FIELD_item:
		return rule && rule->item && add_number(text, rule->item);
	case FIELD_line:
		return rule && rule->line && add_number(text, rule->line);
	case FIELD_is_registered:
		return fault->range.range && fault_is_registered(fault);
	case FIELD_is_at_most:
		return loss->size_is_bound && loss->file_size;
	case FIELD_is_nospace:
		return loss->cause == CAUSE_NOSPACE;
	case FIELD_is_unknown:
		return loss->cause == CAUSE_UNKNOWN;
	case FIELD_is_waited_before:
		return fault->waited == WAITED_BEFORE;
	}
	return false;
}

/* ---- a frame of a backtrace ---- */

/* A return address may be that of the next function, or of no object: the call is in front of it. */
bool frame_place(struct text *text, const struct backtrace *trace, unsigned i)
{
	return add_place(text, (uintptr_t)trace->frame[i].pc, i > 0);
}

bool frame_symbol(struct text *text, const struct backtrace *trace, unsigned i)
{
	const struct backtrace_frame *frame = &trace->frame[i];

	if (!frame->symbol[0])
		return false;
	add_limited(
		text, frame->symbol, strnlen(frame->symbol, sizeof(frame->symbol)), NAME_MAX_SHOWN);
	text_add(text, "+");
	return add_hex(text, frame->offset);
}
