/* SPDX-License-Identifier: MIT */
/* The three formats of a report: the same facts, and whole whatever is in the names. */
#include <stdlib.h>

#include "api/api.h"
#include "base/text.h"
#include "kernel/kernel.h"
#include "kernel/process.h"
#include "owner/owner.h"
#include "policy/policy.h"
#include "report/formats.h"
#include "rules/fault.h"
#include "rules/rules.h"
#include "signal/frame.h"
#include "table/table.h"
#include "../harness/tap.h"

static struct process_state state;
struct process_state *process_state = &state;
const char *program_name = "reader";
const char *runtime_directory;
bool secure_mode;

static char buffer[8192];

/* ---- instead of the library ---- */

bool object_at(uintptr_t address, const char **name, uintptr_t *offset)
{
	*name = "libfoo.so";
	*offset = address & 0xfff;
	return address >> 12 != 0;
}

uintptr_t owner_linked_at(unsigned owner)
{
	(void)owner;
	return 0;
}

const char *owner_name(unsigned owner)
{
	return owner == 7 ? "libmap\"per.so" : "unknown";
}

uint32_t sender_caller(uint32_t packed)
{
	return packed;
}

bool sender_of(uint32_t packed, const struct vma *vma, struct sender *sender)
{
	(void)packed, (void)vma, (void)sender;
	return false;
}

/* ---- a fault ---- */

static const struct rule rule = {.text = "path:/a\\,b=zero", .text_length = 15, .item = 2};
static struct range range;
static siginfo_t info;

static struct page_facts page;

static struct fault lost_page(void)
{
	struct fault fault = {.info = &info,
		.address = 0x10003010,
		.pc = 0x5678,
		.caller = 0x123,
		.range = {.range = &range,
			.geometry = (uint64_t)0x10000 << RANGE_PAGES_BITS | 8,
			.state = (uint64_t)7 << 14 | RANGE_READ | RANGE_SHARED},
		.rule = &rule,
		.outcome = OUTCOME_ZERO,
		.pages = 4,
		.count = 1,
		.page = &page};

	page = (struct page_facts){.known = true,
		.vma = {.start = 0x10000000,
			.end = 0x10008000,
			.offset = 0x1000,
			.prot = 1,
			.shared = true,
			.path = ""},
		.path = "/tmp/data",
		.loss = {.cause = CAUSE_TRUNCATED, .file_size = 4096}};
	info.si_code = BUS_ADRERR;
	return fault;
}

static const char *json_of(const struct fault *fault, const struct backtrace *trace, size_t size)
{
	struct text text = {buffer, size, 0, false};

	report_json(&text, fault, trace);
	return buffer;
}

/* From the field on, up to and with its comma. */
static bool json_has(const struct fault *fault, const char *field)
{
	return strstr(json_of(fault, NULL, sizeof(buffer)), field) != NULL;
}

/* ---- is it JSON? Objects, arrays, strings, and words between them. ---- */

static const char *skip_value(const char *at);

static const char *skip_string(const char *at)
{
	for (at++; *at != '"'; at++) {
		if ((unsigned char)*at < ' ')
			return "";
		if (*at == '\\' && !strchr("\"\\/bfnrt", *++at))
			return "";
	}
	return at + 1;
}

static const char *skip_list(const char *at, char last, bool has_names)
{
	if (at[1] == last)
		return at + 2;
	do {
		at++;
		if (has_names) {
			at = *at == '"' ? skip_string(at) : "";
			at = *at == ':' ? at + 1 : "";
		}
		at = skip_value(at);
	} while (*at == ',');
	return *at == last ? at + 1 : "";
}

static const char *skip_value(const char *at)
{
	size_t word;

	if (*at == '"')
		return skip_string(at);
	if (*at == '{')
		return skip_list(at, '}', true);
	if (*at == '[')
		return skip_list(at, ']', false);
	word = strspn(at, "0123456789-");
	if (word)
		return at + word;
	for (const char *const *name = (const char *const[]){"null", "true", "false", NULL}; *name;
		name++)
		if (!strncmp(at, *name, strlen(*name)))
			return at + strlen(*name);
	return "";
}

static bool is_json_line(const char *line)
{
	return *line == '{' && !strcmp(skip_value(line), "\n");
}

/* ---- tests ---- */

static void test_text(void)
{
	struct fault fault = lost_page();
	struct text text = {buffer, sizeof(buffer), 0, false};

	report_text(&text, &fault, NULL);
	is_string(strstr(buffer, "page of"),
		"page of \"/tmp/data\" is lost (BUS_ADRERR, truncated, file size 4096) at "
		"0x10003010, offset 0x4010, read by libfoo.so+0x678; mapping 0x10000000-0x10008000 "
		"r--s made by libmap\\x22per.so+0x123, fault 1 of this range; rule "
		"path:/a\\x5c,b=zero (item 2): zero, 4 pages\n",
		"the line");
}

static void test_hints(void)
{
	static const struct {
		const char *path, *hint;
	} cases[] = {
		{"/dev/shm/x",
			"; hint: /dev/shm is full; in a container: docker run --shm-size=SIZE, in "
			"Kubernetes an emptyDir of medium Memory; @container makes it an error of "
			"mmap()\n"},
		{"/mnt/x", "; hint: the file system of this file is full\n"},
		{"/anon_hugepage",
			"; hint: the pool of huge pages is empty, see /proc/sys/vm/nr_hugepages; "
			"@hugetlb makes it an error of mmap()\n"},
		{"", " zero, 4 pages\n"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct fault fault = lost_page();
		struct text text = {buffer, sizeof(buffer), 0, false};
		const char *end;

		page.loss =
			(struct loss){.cause = CAUSE_NOSPACE, .free_known = true, .fs = "tmpfs"};
		strcpy(page.path, cases[i].path);
		report_text(&text, &fault, NULL);
		end = buffer + text.length - strlen(cases[i].hint);
		ok(!strcmp(end, cases[i].hint) &&
				strstr(buffer, "(BUS_ADRERR, nospace on tmpfs, 0 bytes free)"),
			"nospace for \"%s\"", cases[i].path);
	}
}

static void test_json(void)
{
	struct fault fault = lost_page();
	const char *line = json_of(&fault, NULL, sizeof(buffer));

	ok(is_json_line(line), "a JSON object");
	is_string(strstr(line, "\"code\""),
		"\"code\":\"BUS_ADRERR\",\"addr\":\"0x10003010\",\"cause\":\"truncated\","
		"\"path\":\"/tmp/data\",\"offset\":16400,\"map_start\":\"0x10000000\","
		"\"map_end\":\"0x10008000\",\"map_prot\":\"r--s\",\"owner\":\"libmap\\\\x22per."
		"so\","
		"\"mapped_by\":\"libmap\\\\x22per.so+0x123\",\"touched_by\":\"libfoo.so+0x678\","
		"\"pc\":\"0x5678\",\"rule\":\"path:/"
		"a\\\\x5c,b=zero\",\"action\":\"zero\",\"pages\":4,"
		"\"count\":1,\"program\":\"reader\",\"access\":\"read\",\"deleted\":false,"
		"\"file_size\":4096,\"file_size_is_bound\":false,\"fs\":null,\"free_bytes\":null,\"wanted\":null,"
		"\"handler\":null,\"sender_pid\":null,\"sender_name\":null,"
		"\"sender_uid\":null,\"sender_others\":null,\"hangup\":null,\"waited\":null,\"hint\":null}\n",
		"its facts");
}

static void test_json_unknown(void)
{
	struct fault fault = lost_page();

	page.known = false;
	page.loss.cause = CAUSE_UNKNOWN;
	fault.range.range = NULL;
	fault.rule = NULL;
	ok(is_json_line(json_of(&fault, NULL, sizeof(buffer))), "what is not known");
	ok(json_has(&fault, "\"cause\":\"unknown\",\"path\":null,\"offset\":null,"
			    "\"map_start\":null,\"map_end\":null,\"map_prot\":null,\"owner\":null,"
			    "\"mapped_by\":null,"),
		"is null");
	fault = lost_page();
	page.path[0] = '\0';
	ok(json_has(&fault, "\"path\":\"\",\"offset\":null,"),
		"anonymous memory has an empty path");
	fault = lost_page();
	fault.sent = true;
	info.si_code = SI_USER;
	info.si_pid = 12;
	info.si_uid = 34;
	ok(json_has(&fault, "\"code\":\"SI_USER\",\"addr\":null,\"cause\":null,\"path\":null,") &&
			json_has(&fault, "\"sender_pid\":12,\"sender_name\":null,\"sender_uid\":34,"),
		"a sent signal");
}

static void test_json_names(void)
{
	struct fault fault = lost_page();

	strcpy(page.path, "/t\n\"\\\xff\xc3\xa9\xe2\x80\xae");
	ok(json_has(&fault, "\"path\":\"/t\\\\x0a\\\\x22\\\\x5c\\\\xff\xc3\xa9"
			    "\\\\xe2\\\\x80\\\\xae\","),
		"a name with bytes that are no text");
}

static struct backtrace_frame frames[BACKTRACE_FRAMES];

static struct backtrace full_trace(void)
{
	for (unsigned i = 0; i < BACKTRACE_FRAMES; i++) {
		frames[i] = (struct backtrace_frame){.pc = 0x7000 + i, .offset = i};
		memset(frames[i].symbol, i % 2 ? '\\' : 's', sizeof(frames[i].symbol) - 1);
	}
	return (struct backtrace){.count = BACKTRACE_FRAMES, .frame = frames};
}

/* All sizes of the buffer: what does not fit is left out whole. */
static void test_json_cut(void)
{
	struct backtrace trace = full_trace();
	struct fault fault = lost_page();
	size_t bad = 0;

	memset(page.path, '\\', sizeof(page.path) - 1);
	for (size_t size = 64; size <= sizeof(buffer); size++)
		if (!is_json_line(json_of(&fault, &trace, size)) && !bad)
			bad = size;
	ok(bad == 0, "JSON whatever does not fit (%zu)", bad);
}

static void test_backtrace(void)
{
	struct backtrace trace = full_trace();
	struct fault fault = lost_page();
	struct text text = {buffer, sizeof(buffer), 0, false};

	trace.count = 2;
	frames[0].symbol[0] = '\0';
	strcpy(frames[1].symbol, "main");
	report_text(&text, &fault, &trace);
	is_string(strchr(buffer, '\n'),
		"\nlibsigbus:   #0 0x7000 libfoo.so+0x0\n"
		"libsigbus:   #1 0x7001 libfoo.so+0x1 main+0x1\n",
		"the frames");
	is_string(strstr(json_of(&fault, &trace, sizeof(buffer)), "\"backtrace\""),
		"\"backtrace\":[{\"pc\":\"0x7000\",\"place\":\"libfoo.so+0x0\",\"symbol\":null},"
		"{\"pc\":\"0x7001\",\"place\":\"libfoo.so+0x1\",\"symbol\":\"main+0x1\"}]}\n",
		"as JSON");
	trace = (struct backtrace){.problem = "it took too long"};
	is_string(strstr(json_of(&fault, &trace, sizeof(buffer)), "\"backtrace\""),
		"\"backtrace\":null}\n", "none, as JSON");
	text = (struct text){buffer, sizeof(buffer), 0, false};
	report_text(&text, &fault, &trace);
	is_string(strchr(buffer, '\n'), "\nlibsigbus:   no backtrace: it took too long\n",
		"none, and why");
}

/* ---- the journal ---- */

/* The value of a field in a message of the native protocol; NULL: none, or the message is broken.
 */
static const char *journal_value(const struct text *text, const char *name)
{
	static char value[8192];
	const char *at = text->buffer, *end = at + text->length, *found = NULL;

	while (at < end) {
		const char *line = memchr(at, '\n', (size_t)(end - at));
		uint64_t length;

		if (!line || line + 9 > end)
			return NULL;
		memcpy(&length, line + 1, sizeof(length));
		if (line + 9 + length >= end || line[9 + length] != '\n')
			return NULL;
		if ((size_t)(line - at) == strlen(name) && !memcmp(at, name, strlen(name))) {
			memcpy(value, line + 9, length);
			value[length] = '\0';
			found = value;
		}
		at = line + 10 + length;
	}
	return found ? found : "(none)";
}

static void test_sender(void)
{
	struct fault fault = lost_page();
	struct text text = {buffer, sizeof(buffer), 0, false};

	page.sent = true;
	page.sender = (struct sender){.pid = 77, .uid = 1000, .name = "a\"\nb\xff"};
	page.sender.others = true;
	fault.closed = true;
	report_text(&text, &fault, NULL);
	is_string(strstr(buffer, "; sent by"),
		"; sent by \"a\\x22\\x0ab\\xff\"[77], uid 1000 and others; rule path:/a\\x5c,b=zero "
		"(item 2): zero, 4 pages; connection closed\n",
		"who sent the file");
	ok(json_has(&fault, "\"sender_pid\":77,"
			    "\"sender_name\":\"a\\\\x22\\\\x0ab\\\\xff\",\"sender_uid\":1000,"
			    "\"sender_others\":true,"
			    "\"hangup\":true"),
		"as JSON");
	page.sent = false;
}

static void test_journal(void)
{
	struct backtrace trace = full_trace();
	struct fault fault = lost_page();
	struct text text = {buffer, sizeof(buffer), 0, false};

	trace.count = 2;
	frames[0].symbol[0] = frames[1].symbol[0] = '\0';
	report_journal(&text, &fault, &trace);
	is_string(journal_value(&text, "SIGBUS_PATH"), "/tmp/data", "a field");
	is_string(journal_value(&text, "SIGBUS_MAPPED_BY"), "libmap\\x22per.so+0x123", "another");
	is_string(journal_value(&text, "SIGBUS_HINT"), "(none)", "what is not known is left out");
	is_string(journal_value(&text, "PRIORITY"), "4", "a warning");
	ok(!strncmp(journal_value(&text, "MESSAGE"), "SIGBUS in reader[", 17), "the message");
	is_string(journal_value(&text, "SIGBUS_BACKTRACE"),
		"#0 0x7000 libfoo.so+0x0\n#1 0x7001 libfoo.so+0x1\n", "several lines in one field");
	fault.outcome = OUTCOME_DEFAULT;
	text.length = 0;
	report_journal(&text, &fault, NULL);
	is_string(journal_value(&text, "PRIORITY"), "3", "an error, if it is fatal");
}

static void test_journal_cut(void)
{
	struct backtrace trace = full_trace();
	struct fault fault = lost_page();
	size_t bad = 0;

	for (size_t size = 64; size <= sizeof(buffer); size++) {
		struct text text = {buffer, size, 0, false};

		report_journal(&text, &fault, &trace);
		if (!journal_value(&text, "MESSAGE") && !bad)
			bad = size;
	}
	ok(bad == 0, "whole fields whatever does not fit (%zu)", bad);
}

static void test_text_cut(void)
{
	struct backtrace trace = full_trace();
	struct fault fault = lost_page();
	size_t bad = 0;

	for (size_t size = 64; size <= sizeof(buffer); size++) {
		struct text text = {buffer, size, 0, false};

		report_text(&text, &fault, &trace);
		if ((buffer[text.length - 1] != '\n' || text.length >= size) && !bad)
			bad = size;
	}
	ok(bad == 0, "a line ends whatever does not fit (%zu)", bad);
}

int main(void)
{
	test_text();
	test_hints();
	test_json();
	test_json_unknown();
	test_json_names();
	test_json_cut();
	test_backtrace();
	test_sender();
	test_journal();
	test_journal_cut();
	test_text_cut();
	return tap_done();
}
