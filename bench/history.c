/* SPDX-License-Identifier: MIT */
/*
 * bench/history.tsv: a line a release. The first line names the columns, which are separated by tabs:
 * release, date, machine, and then a row of the table each; a row that was not measured is empty.
 */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

static char names[65536], last[65536];

/* The n-th column of a line, into text. False: there are not so many. */
static bool column(const char *line, unsigned n, char *text, size_t size)
{
	for (; n; n--) {
		line = strchr(line, '\t');
		if (!line)
			return false;
		line++;
	}
	snprintf(text, size, "%.*s", (int)strcspn(line, "\t\n"), line);
	return true;
}

void history_read(const char *source_directory)
{
	char path[4096], line[sizeof(last)];
	FILE *file;

	snprintf(path, sizeof(path), "%s/bench/history.tsv", source_directory);
	file = fopen(path, "r");
	if (!file)
		return;
	if (fgets(names, sizeof(names), file))
		while (fgets(line, sizeof(line), file))
			strcpy(last, line);
	fclose(file);
}

double history_last(const char *what)
{
	char name[256], value[64];

	for (unsigned i = 0; column(names, i, name, sizeof(name)); i++)
		if (strcmp(name, what) == 0)
			return column(last, i, value, sizeof(value)) ? atof(value) : 0;
	return 0;
}

const char *history_release(void)
{
	static char text[256];
	char release[64], date[64], machine[96];

	if (!column(last, 0, release, sizeof(release)) || !*release ||
		!column(last, 1, date, sizeof(date)) || !column(last, 2, machine, sizeof(machine)))
		return NULL;
	snprintf(text, sizeof(text), "%s of %s, on %s", release, date, machine);
	return text;
}
