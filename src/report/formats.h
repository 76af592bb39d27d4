/* SPDX-License-Identifier: MIT */
/* What the files that make reports share. All [H]. */
#ifndef SIGBUS_FORMATS_H
#define SIGBUS_FORMATS_H

#include "base/text.h"
#include "kernel/kernel.h"
#include "report/backtrace.h"
#include "report/report.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

/* ---- fields.c: what a report can tell, each fact by its name ---- */

struct report_field {
	char name[20];
	uint8_t kind;
};
enum { FIELD_TEXT, FIELD_VALUE /* a number, true or false */, FIELD_OF_LINE /* not in JSON and journal */ };
extern HIDDEN const struct report_field report_fields[]; /* those of the line are last; name "" ends */
const struct report_field *report_field_named(const char *name, size_t length);
/* False: not known, or there is none; then what was added means nothing. */
bool report_add_value(struct text *text, const struct report_field *field, const struct fault *fault);
bool fact_hint(struct text *text, const struct fault *fault); /* hint.c */

bool fault_is_loss(const struct fault *fault);
bool fault_is_fatal(const struct fault *fault);
/* The line is about what followed when a handler that was told of had declined. */
bool fault_is_answer(const struct fault *fault);
bool frame_place(struct text *text, const struct backtrace *trace, unsigned i);
bool frame_symbol(struct text *text, const struct backtrace *trace, unsigned i);

/* ---- the formats. trace NULL: there is none. The buffer may be too small for all. ---- */

void report_text(struct text *text, const struct fault *fault, const struct backtrace *trace);
/* The first line, with no "\n". */
void report_line(struct text *text, const struct fault *fault);
void report_frames(struct text *text, const struct backtrace *trace, const char *before);
void report_json(struct text *text, const struct fault *fault, const struct backtrace *trace);
void report_journal(struct text *text, const struct fault *fault, const struct backtrace *trace);

/* ---- journal.c ---- */

enum journal_priority { JOURNAL_ERROR = 3, JOURNAL_WARNING = 4 }; /* as in syslog(3) */

/* A field whose value is being added. It is there only if all of it fits. */
struct journal_field {
	struct text before;
	size_t value_at;
};
struct journal_field journal_begin(struct text *text, const char *prefix, const char *name);
void journal_end(struct text *text, const struct journal_field *field);
void journal_head(struct text *text, enum journal_priority priority);
void journal_note(struct text *text, const char *note);
long journal_send(struct lines *lines); /* each part is a message; bytes sent, or -errno */

/* ---- note.c ---- */

void note_add(struct text *text, const char *note); /* in the format of out_format() */

/* ---- backtrace.c ---- */

/* Frames and names are in the buffer; not while the line is composed, it is used meanwhile. */
void backtrace_take(const struct fault *fault, struct scratch *scratch, struct backtrace *trace);

#endif
