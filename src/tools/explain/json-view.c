/* SPDX-License-Identifier: MIT */
/* Incidents for programs: the keys of reports, and what was made of them. */
#include "tools/explain/explain.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

static json_t *text(const char *value)
{
	return value ? json_string(value) : json_null();
}

static json_t *number(bool known, uint64_t value)
{
	return known ? json_integer((json_int_t)value) : json_null();
}

/* As in reports: it does not fit into the numbers of every reader. */
static json_t *address(bool known, uint64_t value)
{
	return known ? json_string(format("0x%" PRIx64, value)) : json_null();
}

static json_t *boolean(bool known, bool value)
{
	return known ? json_boolean(value) : json_null();
}

static json_t *possible_of(const struct incident *incident)
{
	json_t *list = json_array();

	for (size_t i = 0; i < incident->possible_count; i++)
		json_array_append_new(
			list, json_pack("{s:s, s:s}", "cause", incident->possible[i].cause, "text",
				      incident->possible[i].text));
	return list;
}

static json_t *frames_of(const struct incident *incident)
{
	json_t *list;

	if (!incident->frame_count)
		return json_null();
	list = json_array();
	for (size_t i = 0; i < incident->frame_count; i++) {
		const struct frame *frame = &incident->frame[i];

		json_array_append_new(list,
			json_pack("{s:o, s:o, s:o, s:b}", "pc", address(true, frame->pc), "place",
				text(frame->place), "symbol", text(frame->symbol), "interrupted",
				(int)frame->in_signal));
	}
	return list;
}

static json_t *writers_of(const struct incident *incident)
{
	json_t *list = json_array();

	for (size_t i = 0; i < incident->writer_count; i++)
		json_array_append_new(list,
			json_pack("{s:i, s:s}", "pid", (int)incident->writer[i].pid, "name",
				escape(incident->writer[i].name)));
	return list;
}

static const char *cause_of(const struct incident *incident)
{
	if (incident->cause)
		return incident->cause;
	return incident->possible_count ? incident->possible[0].cause : NULL;
}

static json_t *object_of_incident(const struct incident *incident)
{
	bool lost = !incident->sent && !incident->misaligned;
	bool is_file = incident->now.state == FILE_IS && !incident->replaced &&
		       S_ISREG(incident->now.mode);
	json_t *object = json_object();
	const struct {
		const char *key;
		json_t *value;
	} members[] = {
		{"event", text(incident->event)},
		{"time", text(incident->time)},
		{"program", text(incident->program)},
		{"command", text(incident->command)},
		{"pid", number(incident->pid, (uint64_t)incident->pid)},
		{"tid", number(incident->tid, (uint64_t)incident->tid)},
		{"thread", text(incident->thread)},
		{"code", text(incident->code)},
		{"addr", address(incident->addr_known, incident->addr)},
		{"cause", lost ? text(cause_of(incident)) : json_null()},
		{"proved", boolean(lost, incident->cause && strcmp(incident->cause, "unknown"))},
		{"possible", possible_of(incident)},
		{"path", lost ? text(incident->path) : json_null()},
		{"deleted", boolean(incident->map_known, incident->deleted)},
		{"offset", number(incident->offset_known, incident->offset)},
		{"map_start", address(incident->map_known, incident->map_start)},
		{"map_end", address(incident->map_known, incident->map_end)},
		{"map_prot", text(incident->prot[0] ? incident->prot : NULL)},
		{"owner", text(incident->owner)},
		{"mapped_by", text(incident->mapped_by)},
		{"touched_by", text(incident->touched_by)},
		{"symbol", text(incident->symbol)},
		{"pc", address(incident->pc, incident->pc)},
		{"access", text(incident->access)},
		{"rule", text(incident->rule)},
		{"action", text(incident->action)},
		{"pages", number(incident->from != FROM_CORE, incident->pages)},
		{"count", number(true, incident->faults)},
		{"processes", number(incident->from == FROM_LOG, incident->processes)},
		{"sender_pid", number(incident->sender_known, (uint64_t)incident->sender_pid)},
		{"sender_name", text(incident->sender_name)},
		{"sender_uid", number(incident->sender_known, incident->sender_uid)},
		{"sender_others", boolean(incident->sender_others, true)},
		{"hangup", boolean(incident->hangup, true)},
		{"waited", incident->waited > 0 ? json_real(incident->waited) : json_null()},
		{"file_size", number(incident->file_size_known, incident->file_size)},
		{"file_size_now", number(is_file, incident->now.size)},
		{"fs", text(incident->now.fs[0] ? incident->now.fs : NULL)},
		{"wanted", number(incident->wanted, incident->wanted)},
		{"free_bytes_now", number(incident->now.space_known, incident->now.free_bytes)},
		{"writers_now", writers_of(incident)},
		{"policy", text(incident->policy)},
		{"warning", text(incident->warning)},
		{"hint", text(incident->hint)},
		{"backtrace", frames_of(incident)},
	};

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		json_object_set_new(object, members[i].key, members[i].value);
	return object;
}

void print_incidents_json(FILE *out, const struct incidents *incidents)
{
	for (size_t i = 0; i < incidents->count; i++) {
		if (json_dumpf(object_of_incident(&incidents->item[i]), out,
			    JSON_COMPACT | JSON_REAL_PRECISION(9)) != 0)
			give_up(STATUS_NOTHING, "out of memory");
		fputc('\n', out);
	}
}
