/* SPDX-License-Identifier: MIT */
/* Memory and text for programs that end when there is no more of it: sigbus-stat, sigbus-explain. */
#include "base/text.h"
#include "tools/stat/stat.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *grow(void *array, size_t count, size_t size)
{
	if (count & (count - 1)) /* the next power of two was allocated before */
		return array;
	array = reallocarray(array, count ? 2 * count : 1, size);
	if (!array)
		give_up(STATUS_NOTHING, "out of memory");
	return array;
}

char *format(const char *format, ...)
{
	va_list arguments;
	char *text;
	int length;

	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length < 0)
		give_up(STATUS_NOTHING, "out of memory");
	return text;
}

void give_up(enum status status, const char *format, ...)
{
	char line[PATH_MAX + 512], escaped[4 * sizeof(line)];
	struct text text = {.buffer = escaped, .size = sizeof(escaped)};
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	text_escaped(&text, line);
	fprintf(stderr, "%s: %s\n", program_invocation_short_name, escaped);
	exit((int)status);
}

char *escape(const char *name)
{
	size_t size = 4 * strlen(name) + 1;
	struct text text = {.buffer = malloc(size), .size = size};

	if (!text.buffer)
		give_up(STATUS_NOTHING, "out of memory");
	text.buffer[0] = '\0';
	text_escaped(&text, name);
	return text.buffer;
}

void wrong_option(char **argv)
{
	const char short_form[] = {'-', (char)optopt, '\0'};
	bool is_long = !optopt || strncmp(argv[optind - 1], "--", 2) == 0;

	give_up(STATUS_USAGE, "%s: %s (see %s --help)", is_long ? argv[optind - 1] : short_form,
		is_long && optopt ? "this option takes no value" : "unknown option",
		program_invocation_short_name);
}
