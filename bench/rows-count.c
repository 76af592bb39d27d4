/* SPDX-License-Identifier: MIT */
/* Instructions, counted by callgrind: the same each time. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name, *what;
	double target;
} counts[] = {
	{"table-lookup", "instructions of a lookup, its call included", 64},
	{"table-insert-remove", "instructions of insert and remove", 250},
	{"anonymous-4k", "instructions more of an anonymous pair, 4 KiB", 150},
	{"anonymous-64m", "instructions more of an anonymous pair, 64 MiB", 150},
	{"file-4k", "instructions more of a file pair, 4 KiB", 0},
	{"file-1m", "instructions more of a file pair, 1 MiB", 0},
	{"file-64m", "instructions more of a file pair, 64 MiB", 0},
	{"sigprocmask", "instructions more of sigprocmask", 0},
	{"sigaction", "instructions more of sigaction(SIGBUS)", 0},
	{"fault-chain", "instructions of a fault, chain", 0},
	{"fault-repair", "instructions of a fault, zero(page)", 0},
};

static double values[LENGTH(counts)];

static void count_all(void)
{
	const char *source = getenv("top_srcdir") ? getenv("top_srcdir") : ".";
	const char *build = getenv("top_builddir") ? getenv("top_builddir") : ".";
	char command[8192], name[64];
	double value;
	FILE *pipe;

	snprintf(command, sizeof(command), "'%s/bench/instructions' '%s'", source, build);
	pipe = popen(command, "r");
	while (pipe && fscanf(pipe, "%63s %lf", name, &value) == 2)
		for (size_t i = 0; i < LENGTH(counts); i++)
			if (!strcmp(counts[i].name, name))
				values[i] = value;
	if (pipe)
		pclose(pipe);
}

void rows_count(void)
{
	bool counted = false, possible = command_exists("valgrind");

	for (size_t i = 0; i < LENGTH(counts); i++) {
		struct result result;

		if (!wanted(counts[i].what))
			continue;
		if (!possible) {
			row_missing(
				counts[i].what, counts[i].target, "I", "valgrind is not installed");
			continue;
		}
		if (!counted)
			count_all();
		counted = true;
		result = (struct result){.value = values[i], .known = values[i] != 0};
		row(counts[i].what, counts[i].target, "I", result);
	}
}
