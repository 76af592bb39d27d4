/* SPDX-License-Identifier: MIT */
#include "tools/shown.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

char *shown(const char *name)
{
	size_t size = 4 * strlen(name) + 1; /* "\xNN" for each byte */
	struct text text = {.buffer = malloc(size), .size = size};

	if (!text.buffer) {
		fprintf(stderr, "%s: out of memory\n", program_invocation_short_name);
		exit(1);
	}
	text.buffer[0] = '\0';
	text_escaped(&text, name);
	return text.buffer;
}
