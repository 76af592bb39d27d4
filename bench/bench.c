/* SPDX-License-Identifier: MIT */
/*
 * bench [TEXT]: what libsigbus costs, against what it should cost, and what the last release cost. With
 * TEXT only the rows whose description contains it; with --plot those with more and more ranges, for
 * the plot. Without either, bench/result.tsv is left for bench/record.
 *
 * Each row is measured in the same minutes as what it is compared with; see pair.c.
 */
#include "bench.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *our_library;

static const char *build_directory, *only;
static unsigned met, missed, undecided, unknown;
static bool plots_only;
static FILE *results; /* NULL: not of all rows */
static bool on_terminal;

const char *built(const char *name)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", build_directory, name);
	return strdup(path);
}

bool wanted(const char *what)
{
	if (only && !strstr(what, only))
		return false;
	progress(what);
	return true;
}

void progress(const char *what)
{
	if (on_terminal)
		fprintf(stderr, "\r\033[K%s%s", what, *what ? " ..." : "");
}

/* ---- the table ---- */

#define LINE "%-59s %8s %9s %15s %9s %9s  %s\n"

void heading(const char *what)
{
	progress("");
	if (!only)
		printf("\n%s\n", what);
}

/* Where the middle half of what was measured is wider than the way to the target, it is not known. */
static const char *verdict(double target, struct result result)
{
	double away = result.value > target ? result.value - target : target - result.value;

	if (!target)
		return "";
	if (result.high - result.low > away) {
		undecided++;
		return "undecided";
	}
	if (result.value <= target)
		met++;
	else
		missed++;
	return result.value <= target ? "met" : "NOT MET";
}

static void number(char *text, size_t size, double value, const char *unit)
{
	snprintf(text, size, *unit ? "%.0f %s" : "%.3f", value, unit);
}

static void duration(char *text, size_t size, double nanoseconds)
{
	if (nanoseconds >= 1e7)
		snprintf(text, size, "%.0f ms", nanoseconds / 1e6);
	else if (nanoseconds >= 1e4)
		snprintf(text, size, "%.0f us", nanoseconds / 1e3);
	else if (nanoseconds > 0)
		snprintf(text, size, "%.0f ns", nanoseconds);
}

void row(const char *what, double target, const char *unit, struct result result)
{
	char aim[32] = "", value[32], spread[48] = "", bare[32] = "", last[32] = "";

	if (!result.known) {
		row_missing(what, target, unit, "it does not run here");
		return;
	}
	progress("");
	if (target)
		number(aim, sizeof(aim), target, unit);
	number(value, sizeof(value), result.value, unit);
	if (result.low != result.high)
		snprintf(spread, sizeof(spread), *unit ? "%.0f-%.0f" : "%.3f-%.3f", result.low,
			result.high);
	duration(bare, sizeof(bare), result.base);
	if (history_last(what))
		number(last, sizeof(last), history_last(what), unit);
	printf(LINE, what, aim, value, spread, bare, last, verdict(target, result));
	if (results && *what != ' ') {
		fprintf(results, "%s\t%.4g\n", what, result.value);
		fflush(results);
	}
	fflush(stdout);
}

void row_missing(const char *what, double target, const char *unit, const char *why)
{
	char aim[32] = "";

	progress("");
	if (target)
		number(aim, sizeof(aim), target, unit);
	unknown += target != 0;
	printf("%-59s %8s  not measured: %s\n", what, aim, why);
	fflush(stdout);
}

FILE *chart_file(const char *name)
{
	FILE *file = only ? NULL : fopen(built(name), "w");

	if (!file && !only) /* rows that are not selected leave no half a chart */
		perror(name);
	return file;
}

static void (*const groups[])(void) = {rows_noise, rows_cost, rows_fault, rows_map, rows_table, rows_count,
	rows_memory, rows_signal, rows_program};

static void (*const plotted[])(void) = {rows_pairs_by_ranges, rows_faults_by_ranges};

int main(int count, char **arguments)
{
	const char *source = getenv("top_srcdir") ? getenv("top_srcdir") : ".";

	build_directory = getenv("top_builddir") ? getenv("top_builddir") : ".";
	our_library = built(".libs/libsigbus.so");
	only = count > 1 && *arguments[1] ? arguments[1] : NULL;
	plots_only = only && strcmp(only, "--plot") == 0;
	if (plots_only)
		only = NULL;
	on_terminal = isatty(STDERR_FILENO);
	signal(SIGPIPE, SIG_IGN); /* of a worker that failed */
	if (access(our_library, R_OK) != 0) {
		fprintf(stderr, "bench: %s is not built\n", our_library);
		return 1;
	}
	history_read(source);
	machine_print();
	if (history_release())
		printf("last: %s\n", history_release());
	results = only || plots_only ? NULL : fopen(built("bench/result.tsv"), "w");
	printf(LINE, "what (a ratio, if nothing is said)", "target", "measured", "middle half",
		"bare", "last", "");
	if (plots_only)
		for (size_t i = 0; i < LENGTH(plotted); i++)
			plotted[i]();
	else
		for (size_t i = 0; i < LENGTH(groups); i++)
			groups[i]();
	progress("");
	printf("\n%u met, %u not met, %u undecided (they spread more than they are away from the target), "
	       "%u not measured\n", met, missed, undecided, unknown);
	if (results)
		fclose(results);
	return 0;
}
