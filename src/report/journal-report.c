/* SPDX-License-Identifier: MIT */
/* The report as a message of the journal, with the facts as fields of their own. All [H]. */
#include "base/text.h"
#include "report/backtrace.h"
#include "report/formats.h"
#include "rules/fault.h"

void report_journal(struct text *text, const struct fault *fault, const struct backtrace *trace)
{
	struct journal_field field;

	journal_head(text, fault_is_fatal(fault) ? JOURNAL_ERROR : JOURNAL_WARNING);
	field = journal_begin(text, "", "MESSAGE");
	report_line(text, fault);
	journal_end(text, &field);
	for (const struct report_field *fact = report_fields; fact->kind != FIELD_OF_LINE; fact++) {
		field = journal_begin(text, "SIGBUS_", fact->name);
		if (report_add_value(text, fact, fault))
			journal_end(text, &field);
		else
			*text = field.before;
	}
	if (!trace)
		return;
	field = journal_begin(text, "", "SIGBUS_BACKTRACE");
	report_frames(text, trace, "");
	journal_end(text, &field);
}
