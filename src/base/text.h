/* SPDX-License-Identifier: MIT */
/* Text into bounded buffers, and what has to be escaped in it. */
#ifndef SIGBUS_TEXT_H
#define SIGBUS_TEXT_H

#include "base/base.h"

static inline bool text_starts(const char *string, const char *prefix)
{
	while (*prefix && *string == *prefix) {
		string++;
		prefix++;
	}
	return !*prefix;
}

/*
 * Passes the digits at *at, of a base up to 16. False: there are none, or their number is above most.
 * Not strtoul(): for glibc since 2.38 that is a symbol which musl and older glibcs do not have. [H]
 */
bool text_number(const char **at, unsigned base, uint64_t most, uint64_t *value);

/* Text into a bounded buffer, always terminated; what does not fit is cut. All [H]. */
struct text {
	char *buffer;
	size_t size, length;
	bool cut; /* something did not fit: nothing is added any more */
};
void text_add(struct text *text, const char *string);
void text_bytes(struct text *text, const char *bytes, size_t length);
/* As \xNN: controls, \ and ", what is invisible or changes direction, and what is not UTF-8. */
void text_escaped(struct text *text, const char *string);
void text_escaped_bytes(struct text *text, const char *bytes, size_t length);
void text_decimal(struct text *text, int64_t value);
void text_hex(struct text *text, uint64_t value); /* with 0x */
void text_hex_digits(struct text *text, uint64_t value); /* without */
/* Since 1970, as ISO 8601 in UTC: 2026-11-22T21:30:00.000000Z */
void text_time(struct text *text, int64_t seconds, int64_t microseconds);
void text_now(struct text *text);

#endif
