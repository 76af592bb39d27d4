/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes the reports. The input is a fault: every field of it, names and paths too. A text is one line
 * without control bytes, JSON is balanced and one line, a message to the journal has whole fields.
 */
#include <signal.h>
#include <string.h>

#define FUZZ_SEEDS "report"
#define FUZZ_COUNT 4000
#define FUZZ_BYTES "\0\1\n\"\\\x7f\x80\xff/("
#include "fuzz.h"
#include "kernel/process.h"
#include "owner/owner.h"
#include "owner/sender.h"
#include "policy/policy.h"
#include "report/formats.h"
#include "report/report.h"
#include "rules/fault.h"
#include "table/table.h"

static struct process_state state;
struct process_state *process_state = &state;
const char *program_name = "reader";
const char *runtime_directory = "/run/user/1000";
bool secure_mode;
static char object_name[64];
static char buffer[8192];

bool object_at(uintptr_t address, const char **name, uintptr_t *offset)
{
	*name = object_name;
	*offset = address & 0xfff;
	return address & 0x1000;
}

uintptr_t owner_linked_at(unsigned owner)
{
	(void)owner;
	return 0;
}

const char *owner_name(unsigned owner)
{
	return owner ? object_name : "unknown";
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

/* ---- the input ---- */

static const uint8_t *input, *input_end;

static void take(void *to, size_t size)
{
	size_t left = (size_t)(input_end - input);

	memset(to, 0, size);
	memcpy(to, input, size < left ? size : left);
	input += size < left ? size : left;
}

static uint64_t number(void)
{
	uint64_t value;

	take(&value, sizeof(value));
	return value;
}

static bool flag(void)
{
	uint8_t value;

	take(&value, 1);
	return value & 1;
}

static void name(char *to, size_t size)
{
	take(to, size);
	to[size - 1] = '\0';
}

/* ---- what is wanted of the output ---- */

static void check_line(const char *text, size_t length)
{
	CHECK(length > 0 && length < sizeof(buffer) && text[length - 1] == '\n');
	for (size_t i = 0; i + 1 < length; i++)
		CHECK((unsigned char)text[i] >= ' ' && text[i] != 0x7f);
}

static void check_json(const char *text, size_t length)
{
	bool quoted = false;
	int depth = 0;

	check_line(text, length);
	for (size_t i = 0; i + 1 < length; i++) {
		if (quoted && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			quoted = !quoted;
		else if (!quoted)
			depth += text[i] == '{' || text[i] == '[' ? 1 : text[i] == '}' || text[i] == ']' ? -1 : 0;
		CHECK(depth >= (i + 2 < length));
	}
	CHECK(depth == 0 && !quoted);
}

static void check_journal(const char *text, size_t length)
{
	const char *end = text + length;

	while (text < end) {
		const char *line = memchr(text, '\n', (size_t)(end - text));
		uint64_t size;

		CHECK(line && line + 1 + sizeof(size) <= end);
		memcpy(&size, line + 1, sizeof(size));
		text = line + 1 + sizeof(size);
		CHECK(size < (uint64_t)(end - text) && text[size] == '\n');
		text += size + 1;
	}
}

static void compose(void (*report)(struct text *, const struct fault *, const struct backtrace *),
	const struct fault *fault, size_t size, void (*check)(const char *, size_t))
{
	struct text text = {buffer, size, 0, false};

	report(&text, fault, NULL);
	check(buffer, text.length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct range range;
	struct page_facts page = {.vma = {.path = ""}};
	struct rule rule = {.text = "path:/a=zero", .text_length = 12};
	siginfo_t info;
	size_t room;

	input = data;
	input_end = data + size;
	memset(&info, 0, sizeof(info));
	info.si_code = (int)number();
	info.si_addr = (void *)(uintptr_t)number();
	struct fault fault = {.event = (enum event)(number() % 3),
		.info = &info,
		.address = (uintptr_t)number(),
		.pc = (uintptr_t)number(),
		.write = flag(),
		.sent = flag(),
		.rule = flag() ? &rule : NULL,
		.outcome = (enum outcome)(number() % OUTCOME_COUNT),
		.pages = (unsigned)number(),
		.handler = (uintptr_t)number(),
		.count = (uint32_t)number(),
		.caller = (uint32_t)number(),
		.closed = flag(),
		.page = &page};
	if (flag())
		fault.range = (struct range_hit){
			.range = &range, .geometry = number(), .state = number()};
	rule.item = (uint32_t)number();
	rule.line = (uint32_t)number();
	page.known = flag();
	page.path_cut = flag();
	page.vma.start = (uintptr_t)number();
	page.vma.end = (uintptr_t)number();
	page.vma.offset = number();
	page.vma.prot = (uint8_t)number();
	page.vma.deleted = flag();
	page.loss.cause = (enum cause)(number() % CAUSE_COUNT);
	page.loss.file_size = number();
	page.loss.size_is_bound = flag();
	page.loss.free_known = flag();
	page.sent = flag();
	page.sender.pid = (int)number();
	page.sender.uid = (uint32_t)number();
	room = 64 + number() % (sizeof(buffer) - 64);
	name(page.loss.fs, sizeof(page.loss.fs));
	name(page.sender.name, sizeof(page.sender.name));
	name(object_name, sizeof(object_name));
	name(page.path, sizeof(page.path));
	compose(report_text, &fault, room, check_line);
	compose(report_json, &fault, room, check_json);
	compose(report_journal, &fault, room, check_journal);
	return 0;
}
