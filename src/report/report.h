/* SPDX-License-Identifier: MIT */
/*
 * Room report: tells. It reads a struct fault and changes nothing else. Calls base, kernel, table,
 * policy, owner and rules.
 */
#ifndef SIGBUS_REPORT_H
#define SIGBUS_REPORT_H

#include <limits.h>
#include "rules/fault.h"

void report_fault(struct fault *fault); /* [H] a line, if one is due: then fault->told is set */
/*
 * Asks the kernel about the page, if there will be a report, and leaves the facts held: to be called before anything is
 * replaced, for afterwards nothing there tells what was lost. page: room for the answer, which few
 * faults need and the stack has little of. [H]
 */
void report_look(struct fault *fault, struct page_facts *page, struct facts *facts);
/* The end of a long path tells more than its beginning. */
void page_keep_path(struct page_facts *page, const char *path);
extern HIDDEN const struct page_facts page_unknown; /* before anybody looked */
/* The handler, or callback, that was asked has answered. [H] */
void report_answered(struct fault *fault);
/* Counts a fault and what became of it, reported or not. [H] */
void report_count(struct fault *fault);
ONCE void report_summary(void);       /* at the end of the process, if anything was not told */
/* One line of ours that is not about a fault (bad policy, start). No "\n". */
void report_note(const char *text);
/* The same; event: its name in JSON, or NULL. */
void report_event(const char *event, const char *text);

enum out_kind { OUT_FD, OUT_OFF, OUT_PATH, OUT_SOCKET };
enum out_format { OUT_TEXT, OUT_JSON, OUT_JOURNAL };

struct out_target {
	enum out_kind kind;
	enum out_format format;
	int fd;
	bool start_line, backtrace, all;
	size_t directory_length; /* of what is in front of the relative path */
	char path[2 * PATH_MAX]; /* directory, "/", and then with %p as written */
};

/* SIGBUS_LOG (NULL: stderr): 0, or -EINVAL with a line in error, and then the target is stderr. */
ONCE int out_parse(const char *spec, struct out_target *target, char *error, size_t error_size);
/* The same, for all lines from now on. */
ONCE int out_open(const char *spec, char *error, size_t error_size);
bool out_wanted(void);                          /* [H] */
ONCE bool out_start_line_wanted(void);
bool out_backtrace_wanted(void);   /* [H] */
bool out_all_wanted(void);         /* [H] no limit of lines */
enum out_format out_format(void); /* [H] */
void out_line(const char *line, size_t length); /* [H] with its "\n"; never blocks, never SIGPIPE */
void out_stderr_line(const char *line, size_t length); /* the same, to fd 2 in any case */
void out_count_lost(void);                      /* [H] for a line that could not even be made */

#endif
