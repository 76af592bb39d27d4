/* SPDX-License-Identifier: MIT */
/* Incidents for people: a paragraph each, the policy with what it costs, the stack. */
#include "tools/explain/explain.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LINE_WIDTH 80
#define WRITERS_SHOWN 3

/* ---- paragraphs ---- */

/* Up to the next blank that is not inside of a name. */
static size_t word_length(const char *text)
{
	bool quoted = false;
	size_t length = 0;

	for (; text[length] && (quoted || text[length] != ' '); length++)
		quoted ^= text[length] == '"';
	return length;
}

static void print_wrapped(FILE *out, const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t length = word_length(text);

		if (column && column + 1 + length > LINE_WIDTH) {
			fputc('\n', out);
			column = 0;
		}
		column += (size_t)fprintf(
			out, "%s%.*s", column ? " " : "", (int)length, text);
		text += length;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

/* ---- sentences ---- */

static void tell_who(FILE *out, const struct incident *incident)
{
	fprintf(out, "%s", incident->program ? incident->program : "A program");
	if (incident->pid)
		fprintf(out, "[%d]", (int)incident->pid);
	if (incident->processes > 1)
		fprintf(out, " and %" PRIu64 " more processes", incident->processes - 1);
	if (incident->command && incident->command[0])
		fprintf(out, " (\"%s\")", incident->command);
	if (incident->tid && incident->processes <= 1)
		fprintf(out, ", thread %d", (int)incident->tid);
	if (incident->thread && incident->processes <= 1)
		fprintf(out, " \"%s\"", incident->thread);
}

static void tell_place(FILE *out, const struct incident *incident)
{
	if (!incident->touched_by && !incident->pc)
		return;
	fprintf(out, " at ");
	if (incident->touched_by)
		fprintf(out, "%s", incident->touched_by);
	else
		fprintf(out, "0x%" PRIx64 " (in no object)", incident->pc);
	if (incident->symbol)
		fprintf(out, " in %s()", incident->symbol);
}

static void tell_memory(FILE *out, const struct incident *incident)
{
	if (incident->path && incident->path[0])
		fprintf(out, "\"%s\"%s", incident->path, incident->deleted ? " (deleted)" : "");
	else if (incident->map_known)
		fprintf(out, "anonymous memory");
	else
		fprintf(out, "unknown memory");
}

static void tell_where(FILE *out, const struct incident *incident)
{
	if (incident->offset_known)
		fprintf(out, ", offset %" PRIu64, incident->offset);
	if (incident->addr_known)
		fprintf(out, ", address 0x%" PRIx64, incident->addr);
	if (incident->map_known)
		fprintf(out, ", mapping 0x%" PRIx64 "-0x%" PRIx64, incident->map_start,
			incident->map_end);
	if (incident->map_known && incident->prot[0])
		fprintf(out, " %s", incident->prot);
	if (incident->mapped_by)
		fprintf(out, " made by %s", incident->mapped_by);
}

static void tell_sent(FILE *out, const struct incident *incident)
{
	bool self = incident->sender_known && incident->sender_pid == incident->pid;

	fprintf(out, " got a SIGBUS that was sent (%s)", incident->code);
	if (incident->sender_known && !self)
		fprintf(out, " by process %d of user %u", (int)incident->sender_pid,
			(unsigned)incident->sender_uid);
	tell_place(out, incident);
	fprintf(out, ". No memory is lost.");
	if (self)
		fprintf(out, " It sent the signal to itself, as handlers do that hand one on with "
			     "raise(): then the first access below a signal in the backtrace is "
			     "what went wrong.");
}

static void tell_times(FILE *out, const struct incident *incident)
{
	if (incident->faults > 1)
		fprintf(out, " %" PRIu64 " times", incident->faults);
	if (incident->lines && incident->lines != incident->faults)
		fprintf(out, " (%" PRIu64 " %s)", incident->lines,
			incident->lines == 1 ? "line" : "lines");
}

static void tell_fault(FILE *out, const struct incident *incident)
{
	bool refused = !strcmp(incident->event, "refused");

	if (refused) {
		fprintf(out, " was refused a mapping of ");
		if (incident->wanted)
			fprintf(out, "%" PRIu64 " bytes of ", incident->wanted);
		tell_memory(out, incident);
	} else {
		fprintf(out, " got SIGBUS");
		if (incident->code)
			fprintf(out, " (%s)", incident->code);
		tell_place(out, incident);
		if (incident->misaligned) {
			fprintf(out, ": the address 0x%" PRIx64 " is not aligned as that "
				     "instruction needs it",
				incident->addr);
		} else {
			fprintf(out, ", because a page of ");
			tell_memory(out, incident);
			fprintf(out, " could not be had%s%s", incident->access ? " when it was " : "",
				incident->access ? incident->access : "");
		}
	}
	tell_times(out, incident);
	if (!incident->misaligned)
		tell_where(out, incident);
	fprintf(out, ".");
}

static void tell_sender(FILE *out, const struct incident *incident)
{
	if (!incident->sender_known)
		return;
	fprintf(out, " The file was sent by ");
	if (incident->sender_name)
		fprintf(out, "\"%s\"[%d]", incident->sender_name, (int)incident->sender_pid);
	else
		fprintf(out, "process %d", (int)incident->sender_pid);
	fprintf(out, ", uid %u%s%s.", (unsigned)incident->sender_uid,
		incident->sender_others ? ", and others" : "",
		incident->hangup ? "; the connection was closed" : "");
}

static void tell_size(FILE *out, const struct incident *incident)
{
	const struct file_now *now = &incident->now;

	if (!S_ISREG(now->mode))
		return;
	fprintf(out, " The file is %" PRIu64 " bytes long now", now->size);
	if (incident->offset_known)
		fprintf(out, "; the fault was at offset %" PRIu64, incident->offset);
	else if (incident->reach)
		fprintf(out, "; the mapping goes up to offset %" PRIu64, incident->reach);
	if (incident->written && now->changed <= incident->written)
		fprintf(out, ". It was not changed since the core was written");
	fprintf(out, ".");
}

static void tell_file(FILE *out, const struct incident *incident)
{
	const struct file_now *now = &incident->now;

	if (incident->overwritten)
		fprintf(out, " The file has another build ID now: it was overwritten or replaced.");
	else if (incident->replaced && incident->deleted)
		fprintf(out, " That file had lost its name by then; what has the name now is "
			     "another one.");
	else if (incident->replaced)
		fprintf(out, " The file that has this name now was made later: how long the old "
			     "one was is unknown.");
	else if (now->state == FILE_IS)
		tell_size(out, incident);
	else if (now->state == FILE_IS_GONE && !incident->deleted)
		fprintf(out, " No file has this name now.");
	else if (now->error)
		fprintf(out, " The file cannot be looked at now: %s.", strerror(now->error));
}

static void tell_writers(FILE *out, const struct incident *incident)
{
	size_t count = incident->writer_count;

	for (size_t i = 0; i < count && i < WRITERS_SHOWN; i++)
		fprintf(out, "%s%s[%d]",
			i ? ", " : " It is open for writing now in ",
			escape(incident->writer[i].name), (int)incident->writer[i].pid);
	if (count > WRITERS_SHOWN)
		fprintf(out, " and %zu more", count - WRITERS_SHOWN);
	if (count)
		fprintf(out, ".");
}

static void tell_causes(FILE *out, const struct incident *incident)
{
	if (incident->cause && strcmp(incident->cause, "unknown") != 0) {
		fprintf(out, " The cause is %s", incident->cause);
		if (incident->file_size_known)
			fprintf(out, ": the file had %" PRIu64 " bytes", incident->file_size);
		fprintf(out, ".");
		return;
	}
	for (size_t i = 0; i < incident->possible_count; i++) {
		const char *text = incident->possible[i].text;

		if (!strcmp(text, "unknown"))
			fprintf(out, " The cause is unknown.");
		else if (i > 0)
			fprintf(out, "%s %s", i == 1 ? " Less likely:" : ", or", text);
		else
			fprintf(out, " %s %s%s",
				incident->possible_count > 1 ? "Most likely" : "So", text,
				incident->possible_count > 1 ? "." : "");
	}
	if (incident->possible_count != 0 &&
		strcmp(incident->possible[incident->possible_count - 1].text, "unknown") != 0)
		fprintf(out, ".");
}

static void tell_answer(FILE *out, const struct incident *incident)
{
	if (!incident->rule)
		return;
	fprintf(out, " The rule %s decided", incident->rule);
	if (incident->action)
		fprintf(out, ": %s", incident->action);
	if (incident->waited > 0)
		fprintf(out, ", waited %.1f s", incident->waited);
	if (incident->pages)
		fprintf(out, ", %" PRIu64 " %s replaced", incident->pages,
			incident->pages == 1 ? "page" : "pages");
	fprintf(out, ".");
	if (incident->hint)
		fprintf(out, " Hint: %s.", incident->hint);
}

static void tell_incident(FILE *out, const struct incident *incident)
{
	tell_who(out, incident);
	if (incident->sent) {
		tell_sent(out, incident);
		return;
	}
	tell_fault(out, incident);
	if (incident->handed_on)
		fprintf(out, " Its own handler did not answer and sent the signal again.");
	tell_sender(out, incident);
	tell_file(out, incident);
	tell_writers(out, incident);
	tell_causes(out, incident);
	tell_answer(out, incident);
}

/* ---- an incident ---- */

static void print_paragraph(FILE *out, const struct incident *incident)
{
	char *text = NULL;
	size_t size = 0;
	FILE *paragraph = open_memstream(&text, &size);

	if (!paragraph)
		give_up(STATUS_NOTHING, "out of memory");
	tell_incident(paragraph, incident);
	fclose(paragraph);
	print_wrapped(out, text);
}

static void print_quoted(FILE *out, const char *word)
{
	fputc('\'', out);
	for (; *word; word++)
		fputs(*word == '\'' ? "'\\''" : (char[]){*word, '\0'}, out);
	fputc('\'', out);
}

static void print_policy(FILE *out, const struct incident *incident)
{
	if (incident->policy) {
		fprintf(out, "\nThe smallest policy that answers it:\n    sigbus-run --policy ");
		print_quoted(out, incident->policy);
		fprintf(out, " COMMAND\n");
	} else if (incident->warning) {
		fprintf(out, "\n");
	}
	if (incident->warning)
		print_wrapped(out, incident->warning);
}

static void print_frames(FILE *out, const struct incident *incident)
{
	if (incident->frame_count)
		fprintf(out, "\nBacktrace:\n");
	for (size_t i = 0; i < incident->frame_count; i++) {
		const struct frame *frame = &incident->frame[i];

		if (frame->in_signal)
			fprintf(out, "    (a signal)\n");
		fprintf(out, "    #%zu 0x%" PRIx64 " %s%s%s\n", i, frame->pc,
			frame->place ? frame->place : "(in no object)", frame->symbol ? " " : "",
			frame->symbol ? frame->symbol : "");
	}
}

void print_incidents_text(FILE *out, const struct incidents *incidents)
{
	for (size_t i = 0; i < incidents->count; i++) {
		if (i > 0)
			fprintf(out, "\n");
		print_paragraph(out, &incidents->item[i]);
		print_policy(out, &incidents->item[i]);
		print_frames(out, &incidents->item[i]);
	}
	if (incidents->note && incidents->count)
		fprintf(out, "\n");
	if (incidents->note)
		print_wrapped(out, incidents->note);
	if (incidents->others)
		fprintf(out, "\nReports of other kinds that are not listed: %zu\n",
			incidents->others);
}
