/* SPDX-License-Identifier: MIT */
/* What the files that make reports share. All [H]. */
#ifndef SIGBUS_FORMATS_H
#define SIGBUS_FORMATS_H

#include "base/text.h"
#include "kernel/kernel.h"
#include "report/backtrace.h"
#include "report/report.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

/* ---- report-facts.c: one fact a function; false: not known, or there is none, nothing added ----
 */

bool fact_code(struct text *text, const struct fault *fault);
bool fact_place(struct text *text, uintptr_t address); /* OBJECT+0xOFFSET */
bool fact_path(struct text *text, const struct fault *fault);
bool fact_protection(struct text *text, const struct fault *fault);
bool fact_mapped_by(struct text *text, const struct fault *fault);
bool fact_rule(struct text *text, const struct fault *fault);
bool fact_waited(struct text *text, const struct fault *fault); /* seconds; text-report.c */
bool fact_hint(struct text *text, const struct fault *fault); /* hint.c */
/* As it was mapped at once, if we saw that; the kernel may have cut it up. */
bool fact_extent(const struct fault *fault, uintptr_t *start, uintptr_t *end);
const char *fact_access(const struct fault *fault);
void fact_name(struct text *text, const char *name); /* escaped, and not too long */
bool fault_is_loss(const struct fault *fault);
bool fault_has_file(const struct fault *fault); /* a loss, or a mapping that was refused */
unsigned fault_owner(const struct fault *fault);
bool fault_has_sender(const struct fault *fault);
bool fault_is_fatal(const struct fault *fault);
/* The line is about what followed when a handler that was told of had declined. */
bool fault_is_answer(const struct fault *fault);
bool frame_place(struct text *text, const struct backtrace *trace, unsigned i);
bool frame_symbol(struct text *text, const struct backtrace *trace, unsigned i);

/* ---- report-fields.c: the facts by name, for JSON and the journal ---- */

struct report_field {
	char name[20];
	bool is_text; /* else a number, true or false */
};
extern HIDDEN const struct report_field report_fields[]; /* name "" ends */
/* False: not known, or there is none; nothing is added. */
bool report_add_value(struct text *text, const struct report_field *field, const struct fault *fault);

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
