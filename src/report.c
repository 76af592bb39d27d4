/* SPDX-License-Identifier: MIT */
/*
 * One line a fault: what was lost, where, who touched it, who mapped it, and what became of it.
 *
 * Names that others chose (files, threads) are escaped and quoted, so that they can't look like the
 * rest of the line. What is not known is called unknown.
 */
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include "internal.h"
#include "syscall.h"

#define ALWAYS_REPORTED 10
#define NAME_MAX_SHOWN 256
#define RULE_MAX_SHOWN 1024

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

/* ---- words ---- */

static const char *code_name(int code)
{
	static const struct {
		int code;
		const char *name;
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

static void add_code(struct text *text, int code)
{
	const char *name = code_name(code);

	if (name)
		text_add(text, name);
	else
		text_decimal(text, code);
}

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

static void add_name(struct text *text, const char *name)
{
	add_limited(text, name, strlen(name), NAME_MAX_SHOWN);
}

static void add_code_place(struct text *text, uintptr_t address)
{
	const char *name;
	uintptr_t offset;

	if (!object_at(address, &name, &offset)) {
		text_hex(text, address);
		text_add(text, " (in no object)");
		return;
	}
	add_name(text, name);
	text_add(text, "+");
	text_hex(text, offset);
}

static void add_number(struct text *text, const char *before, uint64_t number, const char *after)
{
	text_add(text, before);
	text_decimal(text, (int64_t)number);
	text_add(text, after);
}

/* ---- parts of the line ---- */

static void add_thread(struct text *text)
{
	char name[16] = "";

	SYS_2(SYS_prctl, PR_GET_NAME, name);
	text_add(text, "libsigbus: SIGBUS in ");
	add_name(text, program_name);
	add_number(text, "[", (uint64_t)SYS_0(SYS_getpid), "]");
	add_number(text, ", thread ", (uint64_t)SYS_0(SYS_gettid), " \"");
	add_name(text, name);
	text_add(text, "\": ");
}

static bool has_sender(int code)
{
	return code == SI_USER || code == SI_TKILL || code == SI_QUEUE || code == SI_MESGQ;
}

static void add_sender(struct text *text, const siginfo_t *info)
{
	text_add(text, "sent");
	if (has_sender(info->si_code)) {
		add_number(text, " by pid ", (uint64_t)info->si_pid, "");
		add_number(text, " (uid ", info->si_uid, ")");
	}
	text_add(text, ", si_code ");
	add_code(text, info->si_code);
}

static void add_memory(struct text *text, const struct page_facts *page)
{
	if (!page->known) {
		text_add(text, "unknown memory");
	} else if (!page->path[0]) {
		text_add(text, "anonymous memory");
	} else {
		text_add(text, page->path_cut ? "\"..." : "\"");
		text_escaped(text, page->path);
		text_add(text, page->vma.deleted ? "\" (deleted)" : "\"");
	}
}

static void add_cause(struct text *text, const struct loss *loss)
{
	if (loss->cause == CAUSE_UNKNOWN)
		text_add(text, "cause ");
	text_add(text, cause_name(loss->cause));
	if (loss->cause != CAUSE_TRUNCATED)
		return;
	text_add(text, loss->size_is_bound && loss->file_size ? ", file size at most " : ", file size ");
	text_decimal(text, (int64_t)loss->file_size);
}

static bool is_loss(int code)
{
	return code == BUS_ADRERR || code == BUS_OBJERR || code == BUS_MCEERR_AR;
}

static const char *access_name(const struct fault *fault)
{
	if (fault->write)
		return "written";
	/* The instruction itself could not be fetched. */
	return (fault->address & PAGE_MASK) == (fault->pc & PAGE_MASK) ? "executed" : "read";
}

static void add_page(struct text *text, const struct fault *fault)
{
	const struct page_facts *page = &fault->page;

	text_add(text, "page of ");
	add_memory(text, page);
	text_add(text, " is lost (");
	add_code(text, fault->info->si_code);
	text_add(text, ", ");
	add_cause(text, &page->loss);
	text_add(text, ") at ");
	text_hex(text, fault->address);
	if (page->known && page->path[0]) {
		text_add(text, ", offset ");
		text_hex(text, page->vma.offset + (fault->address - page->vma.start));
	}
	text_add(text, ", ");
	text_add(text, access_name(fault));
	text_add(text, " by ");
	add_code_place(text, fault->pc);
}

/* A fault, but of no page: alignment, or an address that is none. */
static void add_bad_access(struct text *text, const struct fault *fault)
{
	text_add(text, "bad access (");
	add_code(text, fault->info->si_code);
	text_add(text, ") at ");
	text_hex(text, fault->address);
	text_add(text, " by ");
	add_code_place(text, fault->pc);
}

static void add_protection(struct text *text, unsigned prot, bool shared)
{
	char word[] = {' ', prot & PROT_READ ? 'r' : '-', prot & PROT_WRITE ? 'w' : '-',
		prot & PROT_EXEC ? 'x' : '-', shared ? 's' : 'p'};

	text_bytes(text, word, sizeof(word));
}

static void add_extent(struct text *text, uintptr_t start, uintptr_t end)
{
	text_add(text, "; mapping ");
	text_hex(text, start);
	text_add(text, "-");
	text_hex(text, end);
}

static void add_maker(struct text *text, const struct fault *fault)
{
	struct range *range = fault->range.range;
	unsigned owner = state_owner(fault->range.state);
	uint32_t caller = range ? atomic_load(&range->caller) : 0;
	bool registered = state_flags(fault->range.state) & RANGE_REGISTERED;

	text_add(text, range && registered ? " registered by " : " made by ");
	add_name(text, range ? owner_name(owner) : "unknown");
	if (!registered && owner && caller) {
		text_add(text, "+");
		text_hex(text, caller);
	}
	if (range)
		add_number(text, ", fault ", fault->count, " of this range");
}

/* The kernel may have cut up what the program mapped at once: our record says that, if there is
 * one. */
static void add_mapping(struct text *text, const struct fault *fault)
{
	const struct vma *vma = fault->page.known ? &fault->page.vma : NULL;
	unsigned flags = state_flags(fault->range.state);

	if (fault->range.range)
		add_extent(text, geometry_start(fault->range.geometry),
			geometry_end(fault->range.geometry));
	else if (vma)
		add_extent(text, vma->start, vma->end);
	else
		text_add(text, "; mapping unknown");
	if (vma)
		add_protection(text, vma->prot, vma->shared);
	else if (fault->range.range && !(flags & RANGE_PROTECTED))
		add_protection(
			text, flags & (PROT_READ | PROT_WRITE | PROT_EXEC), flags & RANGE_SHARED);
	add_maker(text, fault);
}

static void add_rule(struct text *text, const struct rule *rule)
{
	text_add(text, "rule ");
	add_limited(text, rule->text, rule->text_length, RULE_MAX_SHOWN);
	if (!rule->item)
		text_add(text, " (built-in): ");
	else if (!rule->line)
		add_number(text, " (item ", rule->item, "): ");
	else {
		add_number(text, " (item ", rule->item, "");
		add_number(text, ", line ", rule->line, "): ");
	}
}

static void add_handler(struct text *text, const char *before, uintptr_t handler)
{
	text_add(text, before);
	if (!handler) {
		text_add(text, "unknown code");
		return;
	}
	text_add(text, "the handler at ");
	add_code_place(text, handler);
}

static void add_outcome(struct text *text, const struct fault *fault)
{
	const char *action = fault->action;

	if (!strcmp(action, "owner"))
		add_handler(text, "answered by ", fault->handler);
	else if (!strcmp(action, "chain"))
		add_handler(text, "handed to ", fault->handler);
	else if (!strcmp(action, "default"))
		text_add(text, "no handler answered: killed by SIGBUS");
	else if (!strcmp(action, "abort"))
		text_add(text, "abort: killed by SIGBUS");
	else {
		text_add(text, action);
		add_number(text, ", ", fault->pages, fault->pages == 1 ? " page" : " pages");
	}
}

/* ---- the line ---- */

static void compose(struct text *text, const struct fault *fault)
{
	add_thread(text);
	if (fault->sent) {
		add_sender(text, fault->info);
	} else if (is_loss(fault->info->si_code)) {
		add_page(text, fault);
		add_mapping(text, fault);
	} else {
		add_bad_access(text, fault);
	}
	text_add(text, "; ");
	if (fault->rule)
		add_rule(text, fault->rule);
	add_outcome(text, fault);
}

/* Of many faults in one range only each power of two is told. */
static bool is_due(const struct fault *fault)
{
	uint32_t count = fault->range.range ? fault->count : 1;

	return out_wanted() && (count <= ALWAYS_REPORTED || (count & (count - 1)) == 0);
}

/* The end of a long path tells more than its beginning. */
static void keep_path(struct page_facts *page, const char *path)
{
	size_t length = strlen(path), room = sizeof(page->path) - 1;

	page->path_cut = length > room;
	memcpy(page->path, path + (page->path_cut ? length - room : 0),
		(page->path_cut ? room : length) + 1);
	page->vma.path = "";
}

void report_look(struct fault *fault)
{
	struct page_facts *page = &fault->page;
	struct scratch *scratch;
	uint64_t mask;

	if (page->asked || fault->sent || !is_loss(fault->info->si_code) || !is_due(fault))
		return;
	scratch = hold_scratch(&mask);
	if (!scratch)
		return;
	page->asked = true;
	page->known =
		vma_query(fault->address, &page->vma, scratch->path, sizeof(scratch->path)) == 0;
	if (page->known) {
		page->loss = cause_find(fault->info, &page->vma, fault->write);
		keep_path(page, scratch->path);
	}
	release_scratch(scratch, mask);
}

void report_fault(const struct fault *fault)
{
	struct scratch *scratch;
	uint64_t mask;

	if (!is_due(fault))
		return;
	scratch = hold_scratch(&mask);
	if (scratch) {
		/* Always with room for the end of the line. */
		struct text text = {scratch->line, sizeof(scratch->line) - 1, 0, false};

		compose(&text, fault);
		scratch->line[text.length] = '\n';
		out_line(scratch->line, text.length + 1);
		release_scratch(scratch, mask);
	} else {
		out_count_lost();
	}
}
