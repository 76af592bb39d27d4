/* SPDX-License-Identifier: MIT */
/* What is to be said, but not about one fault, in the format of the reports. All [H]. */
#include "base/syscall.h"
#include "base/text.h"
#include "report/formats.h"
#include "report/report.h"

static void add_json_byte(struct text *text, char byte)
{
	static const char digits[] = "0123456789abcdef";
	char escape[] = {'\\', 'u', '0', '0', digits[(byte >> 4) & 15], digits[byte & 15]};

	if ((unsigned char)byte < ' ') {
		text_bytes(text, escape, sizeof(escape));
		return;
	}
	if (byte == '"' || byte == '\\')
		text_add(text, "\\");
	text_bytes(text, &byte, 1);
}

static void add_json(struct text *text, const char *event, const char *note)
{
	text_add(text, "{");
	if (event) {
		text_add(text, "\"event\":\"");
		text_add(text, event);
		text_add(text, "\",");
	}
	text_add(text, "\"time\":\"");
	text_now(text);
	text_add(text, "\",\"pid\":");
	text_decimal(text, SYS_0(SYS_getpid));
	text_add(text, ",\"note\":\"");
	for (; *note; note++)
		add_json_byte(text, *note);
	text_add(text, "\"}\n");
}

static void add_note(struct text *text, const char *event, const char *note)
{
	switch (out_format()) {
	case OUT_TEXT:
		text_add(text, "libsigbus: ");
		text_add(text, note);
		text_add(text, "\n");
		break;
	case OUT_JSON:
		add_json(text, event, note);
		break;
	case OUT_JOURNAL:
		journal_note(text, note);
		break;
	}
}

void note_add(struct text *text, const char *note)
{
	add_note(text, NULL, note);
}

void report_event(const char *event, const char *note)
{
	char buffer[1024];
	struct text text = {buffer, sizeof(buffer), 0, false};

	add_note(&text, event, note);
	out_line(buffer, text.length);
}

void report_note(const char *note)
{
	report_event(NULL, note);
}
