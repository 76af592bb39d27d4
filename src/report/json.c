/* SPDX-License-Identifier: MIT */
/*
 * One JSON object a line. All [H].
 *
 * The texts are those of the other formats: valid UTF-8 in which only "\" is special to JSON, as it
 * begins the escapes of what is not. So a reader who undoes JSON gets the same escaped names.
 */
#include <string.h>
#include "base/text.h"
#include "report/backtrace.h"
#include "report/formats.h"
#include "rules/fault.h"

/* For what ends a report: a field that does not fit is left out, and the object stays whole. */
#define CLOSING_SIZE 16

/* From the end, so that nothing is overwritten before it was moved. */
static void double_backslashes(struct text *text, size_t from)
{
	size_t count = 0, at = text->length, to;

	for (size_t i = from; i < at; i++)
		count += text->buffer[i] == '\\';
	if (text->size - at <= count) {
		text->cut = true;
		return;
	}
	text->length = to = at + count;
	text->buffer[to] = '\0';
	while (to > at) {
		text->buffer[--to] = text->buffer[--at];
		if (text->buffer[at] == '\\')
			text->buffer[--to] = '\\';
	}
}

static void add_name(struct text *text, const char *name)
{
	if (text->length > 0 && text->buffer[text->length - 1] != '{')
		text_add(text, ",");
	text_add(text, "\"");
	text_add(text, name);
	text_add(text, "\":");
}

static void add_field(
	struct text *text, const struct report_field *field, const struct fault *fault)
{
	struct text before = *text, named;
	size_t from;

	add_name(text, field->name);
	named = *text;
	if (field->kind == FIELD_TEXT)
		text_add(text, "\"");
	from = text->length;
	if (report_add_value(text, field, fault)) {
		double_backslashes(text, from);
		if (field->kind == FIELD_TEXT)
			text_add(text, "\"");
	} else {
		*text = named;
		text_add(text, "null");
	}
	if (text->cut)
		*text = before;
}

/* ---- backtrace ---- */

static void add_part(struct text *text, const char *name, const struct backtrace *trace, unsigned i,
	bool (*add)(struct text *, const struct backtrace *, unsigned))
{
	struct text before;
	size_t from;

	add_name(text, name);
	before = *text;
	text_add(text, "\"");
	from = text->length;
	if (!add(text, trace, i)) {
		*text = before;
		text_add(text, "null");
		return;
	}
	double_backslashes(text, from);
	text_add(text, "\"");
}

static void add_frame(struct text *text, const struct backtrace *trace, unsigned i)
{
	text_add(text, i > 0 ? ",{" : "{");
	add_name(text, "pc");
	text_add(text, "\"");
	text_hex(text, trace->frame[i].pc);
	text_add(text, "\"");
	add_part(text, "place", trace, i, frame_place);
	add_part(text, "symbol", trace, i, frame_symbol);
	text_add(text, "}");
}

static void add_backtrace(struct text *text, const struct backtrace *trace)
{
	add_name(text, "backtrace");
	if (trace->problem) {
		text_add(text, "null");
		return;
	}
	text_add(text, "[");
	for (unsigned i = 0; i < trace->count && !text->cut; i++) {
		struct text before = *text;

		add_frame(text, trace, i);
		if (text->cut) {
			*text = before;
			break;
		}
	}
	text->size += CLOSING_SIZE / 2;
	text_add(text, "]");
	text->size -= CLOSING_SIZE / 2;
}

void report_json(struct text *text, const struct fault *fault, const struct backtrace *trace)
{
	struct text before;

	text->size -= CLOSING_SIZE;
	text_add(text, "{");
	for (const struct report_field *field = report_fields; field->kind != FIELD_OF_LINE; field++)
		add_field(text, field, fault);
	before = *text;
	if (trace)
		add_backtrace(text, trace);
	if (text->cut)
		*text = before;
	text->size += CLOSING_SIZE;
	text_add(text, "}\n");
}
