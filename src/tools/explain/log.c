/* SPDX-License-Identifier: MIT */
/* A log of ours in JSON: reports of one kind are told once, with their number. */
#include "base/text.h"
#include "tools/explain/explain.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 65536
#define MAPPINGS_MAX 65536

/* The count in a report is of its mapping: the highest one of each is added up. */
struct counted {
	size_t group;
	pid_t pid;
	uint64_t start, count;
};

struct log {
	const char *name;
	struct incidents *incidents;
	struct counted *mapping;
	size_t mapping_count;
	uint64_t reports, notes, foreign;
};

/* ---- members ---- */

static char *text_of(const json_t *report, const char *key)
{
	const char *value = json_string_value(json_object_get(report, key));
	struct text text;
	size_t size;

	/* It was escaped; what somebody else made of it is escaped again, but for its "\". */
	if (!value)
		return NULL;
	size = 4 * strlen(value) + 1;
	text = (struct text){.buffer = malloc(size), .size = size};
	if (!text.buffer)
		give_up(STATUS_NOTHING, "out of memory");
	text.buffer[0] = '\0';
	for (const char *part = value; *part;) {
		size_t plain = strcspn(part, "\\");

		text_escaped_bytes(&text, part, plain);
		part += plain;
		if (*part == '\\') {
			text_add(&text, "\\");
			part++;
		}
	}
	return text.buffer;
}

static bool number_of(const json_t *report, const char *key, uint64_t *number)
{
	const json_t *value = json_object_get(report, key);

	*number = json_is_integer(value) ? (uint64_t)json_integer_value(value) : 0;
	return json_is_integer(value) && json_integer_value(value) >= 0;
}

static bool address_of(const json_t *report, const char *key, uint64_t *address)
{
	const char *value = json_string_value(json_object_get(report, key));
	char *end;

	*address = value ? strtoull(value, &end, 16) : 0;
	return value && end > value && !*end;
}

/* Undoes the escapes of a name. */
static char *plain_name(const char *escaped)
{
	char *name = format("%s", escaped), *to = name;
	unsigned byte;

	for (const char *from = escaped; *from; to++) {
		if (from[0] == '\\' && sscanf(from, "\\x%2x", &byte) == 1 && byte) {
			*to = (char)byte;
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
	return name;
}

/* ---- a report ---- */

static void set_memory(struct incident *incident, const json_t *report)
{
	const char *prot = json_string_value(json_object_get(report, "map_prot"));

	incident->path = text_of(report, "path");
	/* Of a name that was too long the beginning is not known. */
	incident->file = incident->path && incident->path[0] == '/' ? plain_name(incident->path) : "";
	incident->deleted = json_is_true(json_object_get(report, "deleted"));
	incident->offset_known = number_of(report, "offset", &incident->offset);
	incident->map_known = address_of(report, "map_start", &incident->map_start) &&
			      address_of(report, "map_end", &incident->map_end);
	snprintf(incident->prot, sizeof(incident->prot), "%s", prot && strlen(prot) == 4 ? prot : "");
	if (strspn(incident->prot, "rwxsp-") != strlen(incident->prot))
		incident->prot[0] = '\0';
	incident->file_size_known = number_of(report, "file_size", &incident->file_size);
}

static const char *cause_of(const json_t *report)
{
	static const char *const causes[] = {
		"truncated", "nospace", "device", "hwpoison", "unknown", NULL};
	const char *cause = json_string_value(json_object_get(report, "cause"));

	for (const char *const *known = causes; cause && *known; known++)
		if (!strcmp(cause, *known))
			return *known;
	return NULL;
}

static struct incident read_report(const json_t *report)
{
	const char *event = json_string_value(json_object_get(report, "event"));
	uint64_t number;
	struct incident incident = {.from = FROM_LOG,
		.event = event && !strcmp(event, "refused") ? "refused" : "fault",
		.time = text_of(report, "time"),
		.program = text_of(report, "program"),
		.thread = text_of(report, "thread"),
		.code = text_of(report, "code"),
		.cause = cause_of(report),
		.owner = text_of(report, "owner"),
		.mapped_by = text_of(report, "mapped_by"),
		.touched_by = text_of(report, "touched_by"),
		.access = text_of(report, "access"),
		.rule = text_of(report, "rule"),
		.action = text_of(report, "action"),
		.hint = text_of(report, "hint")};

	number_of(report, "pid", &number);
	incident.pid = (pid_t)number;
	number_of(report, "tid", &number);
	incident.tid = (pid_t)number;
	incident.addr_known = address_of(report, "addr", &incident.addr);
	address_of(report, "pc", &incident.pc);
	number_of(report, "pages", &incident.pages);
	number_of(report, "wanted", &incident.wanted);
	incident.sender_known = number_of(report, "sender_pid", &number);
	incident.sender_pid = (pid_t)number;
	number_of(report, "sender_uid", &number);
	incident.sender_uid = (uid_t)number;
	incident.sender_name = text_of(report, "sender_name");
	incident.sender_others = json_is_true(json_object_get(report, "sender_others"));
	incident.hangup = json_is_true(json_object_get(report, "hangup"));
	incident.waited = json_number_value(json_object_get(report, "waited"));
	incident.misaligned = incident.code && !strcmp(incident.code, "BUS_ADRALN");
	incident.sent = incident.code && strncmp(incident.code, "BUS_", 4) != 0;
	incident.serves_wayland = incident.owner && !strncmp(incident.owner, "libwayland-server", 17);
	set_memory(&incident, report);
	return incident;
}

/* ---- groups ---- */

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool same_kind(const struct incident *a, const struct incident *b)
{
	return same(a->event, b->event) && same(a->program, b->program) && same(a->code, b->code) &&
	       same(a->cause, b->cause) && same(a->path, b->path) && same(a->owner, b->owner) &&
	       same(a->touched_by, b->touched_by) && same(a->action, b->action) &&
	       same(a->rule, b->rule);
}

static struct incident *group_of(struct log *log, const struct incident *report)
{
	struct incident *group;

	for (size_t i = 0; i < log->incidents->count; i++)
		if (same_kind(&log->incidents->item[i], report))
			return &log->incidents->item[i];
	group = add_incident(log->incidents);
	if (group) {
		*group = *report;
		group->pages = 0;
	}
	return group;
}

/* Adds what this report says to have happened since the last one of its mapping. */
static void count(struct log *log, size_t group, const struct incident *report, uint64_t faults)
{
	struct incident *incident = &log->incidents->item[group];
	struct counted *mapping = NULL;
	bool process_known = false;

	for (size_t i = 0; i < log->mapping_count && !mapping; i++) {
		if (log->mapping[i].group != group || log->mapping[i].pid != report->pid)
			continue;
		process_known = true;
		if (log->mapping[i].start == report->map_start)
			mapping = &log->mapping[i];
	}
	incident->processes += !process_known;
	if (!mapping && log->mapping_count < MAPPINGS_MAX) {
		log->mapping = grow(log->mapping, log->mapping_count, sizeof(*log->mapping));
		mapping = &log->mapping[log->mapping_count++];
		*mapping = (struct counted){
			.group = group, .pid = report->pid, .start = report->map_start};
	}
	incident->faults++;
	if (mapping && faults > mapping->count + 1)
		incident->faults += faults - mapping->count - 1;
	if (mapping)
		mapping->count = faults;
}

/* The first that is known is named. */
static void merge_sender(struct incident *group, const struct incident *report)
{
	bool known = group->sender_known;

	if (!report->sender_known)
		return;
	group->sender_others |= report->sender_others ||
				(known && report->sender_pid != group->sender_pid);
	if (known)
		return;
	group->sender_known = true;
	group->sender_pid = report->sender_pid;
	group->sender_uid = report->sender_uid;
	group->sender_name = report->sender_name;
}

static void add_report(struct log *log, const json_t *json)
{
	struct incident report = read_report(json), *group;
	uint64_t faults;

	log->reports++;
	group = group_of(log, &report);
	if (!group)
		return;
	if (!number_of(json, "count", &faults))
		faults = 0;
	group->lines++;
	group->pages += report.pages;
	group->hangup |= report.hangup;
	group->waited = report.waited > group->waited ? report.waited : group->waited;
	merge_sender(group, &report);
	count(log, (size_t)(group - log->incidents->item), &report, faults);
}

/* ---- lines ---- */

static bool is_report(const json_t *json)
{
	const char *event = json_string_value(json_object_get(json, "event"));

	if (event)
		return !strcmp(event, "fault") || !strcmp(event, "refused");
	return json_object_get(json, "code") && json_object_get(json, "pid");
}

static void add_line(struct log *log, const char *line, size_t length)
{
	json_t *json = *line == '{' ? json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL) : NULL;

	if (json && is_report(json))
		add_report(log, json);
	else if (json && (json_object_get(json, "note") || json_object_get(json, "event")))
		log->notes++;
	else
		log->foreign++;
	json_decref(json);
}

static void read_lines(struct log *log, FILE *file)
{
	static char line[LINE_MAX_BYTES];
	bool whole = true;

	while (fgets(line, sizeof(line), file)) {
		size_t length = strlen(line);
		bool ends = length && line[length - 1] == '\n';

		if (whole && ends)
			add_line(log, line, length);
		else if (ends)
			log->foreign++; /* longer than any line of ours */
		whole = ends;
	}
}

void explain_log(struct incidents *incidents, const char *name, int fd)
{
	struct log log = {.name = name, .incidents = incidents};
	FILE *file = fdopen(fd, "r");

	if (!file)
		give_up(STATUS_NOTHING, "%s: %s", name, strerror(errno));
	read_lines(&log, file);
	if (ferror(file))
		give_up(STATUS_NOTHING, "%s: %s", name, strerror(errno));
	if (!log.reports && log.notes)
		give_up(STATUS_NOTHING, "%s: a log of libsigbus in which no fault is reported", name);
	if (!log.reports)
		give_up(STATUS_NOTHING,
			"%s: neither a core nor a log in JSON (SIGBUS_LOG=json:PATH) of libsigbus",
			name);
	for (size_t i = 0; i < incidents->count; i++)
		advise(&incidents->item[i]);
	if (log.foreign)
		incidents->note = format("Lines that are no reports of libsigbus: %zu.",
			(size_t)log.foreign);
}
