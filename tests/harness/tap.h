/* SPDX-License-Identifier: MIT */
/* The Test Anything Protocol for one program. */
#ifndef SIGBUS_TESTS_TAP_H
#define SIGBUS_TESTS_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_count, tap_failed;

/* A name is one line of plain text, without the "#" of a directive. */
__attribute__((format(printf, 2, 3))) static inline bool ok(bool passed, const char *format, ...)
{
	char name[160];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(name, sizeof(name), format, arguments);
	va_end(arguments);
	for (char *p = name; *p; p++)
		*p = *p < ' ' || *p > '~' || *p == '#' ? '.' : *p;
	tap_failed += !passed;
	printf("%sok %d - %s\n", passed ? "" : "not ", ++tap_count, name);
	return passed;
}

static inline bool is_string(const char *got, const char *expected, const char *name)
{
	if (ok(!strcmp(got, expected), "%s", name))
		return true;
	printf("#      got: %s\n# expected: %s\n", got, expected);
	return false;
}

/* The exit status. */
static inline int tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed != 0;
}

#endif
