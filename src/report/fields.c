/* SPDX-License-Identifier: MIT */
/*
 * The facts of a report by name, in the order of the documentation: sigbus-run(1) describes them.
 * False: not known, or there is no such fact for this signal. All [H].
 */
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include "base/syscall.h"
#include "base/text.h"
#include "kernel/process.h"
#include "owner/owner.h"
#include "report/formats.h"
#include "rules/fault.h"
#include "rules/rules.h"
#include "table/table.h"

static bool add_number(struct text *text, uint64_t number)
{
	text_decimal(text, (int64_t)number);
	return true;
}

static bool add_address(struct text *text, uintptr_t address)
{
	text_hex(text, address);
	return true;
}

static bool add_event(struct text *text, const struct fault *fault)
{
	static const char names[][12] = {[EVENT_FAULT] = "fault",
		[EVENT_REFUSED] = "refused",
		[EVENT_RECOVERED] = "recovered"};

	text_add(text, fault_is_answer(fault) ? "answer" : names[fault->event]);
	return true;
}

static bool add_time(struct text *text, const struct fault *fault)
{
	(void)fault;
	text_now(text);
	return true;
}

static bool add_pid(struct text *text, const struct fault *fault)
{
	(void)fault;
	return add_number(text, (uint64_t)SYS_0(SYS_getpid));
}

static bool add_tid(struct text *text, const struct fault *fault)
{
	(void)fault;
	return add_number(text, (uint64_t)SYS_0(SYS_gettid));
}

static bool add_thread(struct text *text, const struct fault *fault)
{
	char name[16] = "";

	(void)fault;
	SYS_2(SYS_prctl, PR_GET_NAME, name);
	fact_name(text, name);
	return true;
}

static bool add_addr(struct text *text, const struct fault *fault)
{
	return !fault->sent && fault->event != EVENT_REFUSED && add_address(text, fault->address);
}

static bool add_cause(struct text *text, const struct fault *fault)
{
	if (!fault_has_file(fault))
		return false;
	text_add(text, cause_name(fault->page->loss.cause));
	return true;
}

static bool add_path(struct text *text, const struct fault *fault)
{
	return fault_has_file(fault) && fact_path(text, fault);
}

static bool add_offset(struct text *text, const struct fault *fault)
{
	const struct page_facts *page = fault->page;

	if (!page->known || !page->path[0])
		return false;
	return add_number(text, page->vma.offset + (fault->address - page->vma.start));
}

static bool add_start(struct text *text, const struct fault *fault)
{
	uintptr_t start, end;

	return fact_extent(fault, &start, &end) && add_address(text, start);
}

static bool add_end(struct text *text, const struct fault *fault)
{
	uintptr_t start, end;

	return fact_extent(fault, &start, &end) && add_address(text, end);
}

static bool add_owner(struct text *text, const struct fault *fault)
{
	unsigned owner = fault_owner(fault);

	if (!owner)
		return false;
	fact_name(text, owner_name(owner));
	return true;
}

static bool add_touched_by(struct text *text, const struct fault *fault)
{
	return !fault->sent && fault->pc && fact_place(text, fault->pc);
}

static bool add_pc(struct text *text, const struct fault *fault)
{
	return fault->pc && add_address(text, fault->pc);
}

static bool add_action(struct text *text, const struct fault *fault)
{
	text_add(text, outcome_name(fault->outcome));
	return true;
}

static bool add_pages(struct text *text, const struct fault *fault)
{
	return add_number(text, fault->pages);
}

static bool add_count(struct text *text, const struct fault *fault)
{
	return fault->range.range && add_number(text, fault->count);
}

static bool add_program(struct text *text, const struct fault *fault)
{
	(void)fault;
	fact_name(text, program_name);
	return true;
}

static bool add_access(struct text *text, const struct fault *fault)
{
	if (!fault_is_loss(fault))
		return false;
	text_add(text, fact_access(fault));
	return true;
}

static bool add_deleted(struct text *text, const struct fault *fault)
{
	if (!fault->page->known)
		return false;
	text_add(text, fault->page->vma.deleted ? "true" : "false");
	return true;
}

static bool add_file_size(struct text *text, const struct fault *fault)
{
	const struct loss *loss = &fault->page->loss;

	return loss->cause == CAUSE_TRUNCATED && add_number(text, loss->file_size);
}

static bool add_size_is_bound(struct text *text, const struct fault *fault)
{
	const struct loss *loss = &fault->page->loss;

	if (loss->cause != CAUSE_TRUNCATED)
		return false;
	text_add(text, loss->size_is_bound ? "true" : "false");
	return true;
}

static bool add_fs(struct text *text, const struct fault *fault)
{
	const struct loss *loss = &fault->page->loss;

	if (!loss->fs[0])
		return false;
	text_escaped_bytes(text, loss->fs, strnlen(loss->fs, sizeof(loss->fs)));
	return true;
}

static bool add_free_bytes(struct text *text, const struct fault *fault)
{
	return fault->page->loss.free_known && add_number(text, fault->page->loss.free_bytes);
}

static bool add_wanted(struct text *text, const struct fault *fault)
{
	return fault->event == EVENT_REFUSED && add_number(text, fault->wanted);
}

static bool add_handler(struct text *text, const struct fault *fault)
{
	return fault->handler && fact_place(text, fault->handler);
}

/* Of the signal, or of the file. */

static bool add_sender_pid(struct text *text, const struct fault *fault)
{
	if (fault_has_sender(fault))
		return add_number(text, (uint64_t)fault->info->si_pid);
	return fault->page->sent && add_number(text, (uint64_t)fault->page->sender.pid);
}

static bool add_sender_name(struct text *text, const struct fault *fault)
{
	const char *name = fault->page->sender.name;

	if (!fault->page->sent || !name[0])
		return false;
	text_escaped_bytes(text, name, strnlen(name, sizeof(fault->page->sender.name)));
	return true;
}

static bool add_sender_uid(struct text *text, const struct fault *fault)
{
	if (fault_has_sender(fault))
		return add_number(text, fault->info->si_uid);
	return fault->page->sent && add_number(text, fault->page->sender.uid);
}

static bool add_sender_others(struct text *text, const struct fault *fault)
{
	if (!fault->page->sent || !fault->page->sender.others)
		return false;
	text_add(text, "true");
	return true;
}

static bool add_hangup(struct text *text, const struct fault *fault)
{
	if (!fault->closed)
		return false;
	text_add(text, "true");
	return true;
}

/* Name, whether it is text (else a number, true or false), and what adds its value. */
#define FIELDS(X) \
	X(event, true, add_event) \
	X(time, true, add_time) \
	X(pid, false, add_pid) \
	X(tid, false, add_tid) \
	X(thread, true, add_thread) \
	X(code, true, fact_code) \
	X(addr, true, add_addr) \
	X(cause, true, add_cause) \
	X(path, true, add_path) \
	X(offset, false, add_offset) \
	X(map_start, true, add_start) \
	X(map_end, true, add_end) \
	X(map_prot, true, fact_protection) \
	X(owner, true, add_owner) \
	X(mapped_by, true, fact_mapped_by) \
	X(touched_by, true, add_touched_by) \
	X(pc, true, add_pc) \
	X(rule, true, fact_rule) \
	X(action, true, add_action) \
	X(pages, false, add_pages) \
	X(count, false, add_count) \
	X(program, true, add_program) \
	X(access, true, add_access) \
	X(deleted, false, add_deleted) \
	X(file_size, false, add_file_size) \
	X(file_size_is_bound, false, add_size_is_bound) \
	X(fs, true, add_fs) \
	X(free_bytes, false, add_free_bytes) \
	X(wanted, false, add_wanted) \
	X(handler, true, add_handler) \
	X(sender_pid, false, add_sender_pid) \
	X(sender_name, true, add_sender_name) \
	X(sender_uid, false, add_sender_uid) \
	X(sender_others, false, add_sender_others) \
	X(hangup, false, add_hangup) \
	X(waited, false, fact_waited) \
	X(hint, true, fact_hint)

const struct report_field report_fields[] = {
#define ROW(name, is_text, add) {#name, is_text},
	FIELDS(ROW)
#undef ROW
	{"", false},
};

/* Not a column of the table: a pointer in it would be relocated in each process. */
bool report_add_value(struct text *text, const struct report_field *field, const struct fault *fault)
{
	enum {
#define NUMBER(name, is_text, add) FIELD_##name,
		FIELDS(NUMBER)
#undef NUMBER
	};

	switch (field - report_fields) {
#define CASE(name, is_text, add)                                                                   \
	case FIELD_##name:                                                                         \
		return add(text, fault);
		FIELDS(CASE)
#undef CASE
	}
	return false;
}
