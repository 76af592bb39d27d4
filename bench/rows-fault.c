/* SPDX-License-Identifier: MIT */
/* What a fault costs. */
#include "bench.h"

#include <stdlib.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)
#define ONE_PAGE "owner:work*=zero(page)"

static struct result against_bare(const char *work, const char *policy, const char *handler)
{
	return pair_measure(&(struct pair){.work = work,
		.a = {.handler = "plain"},
		.b = {.preload = our_library, .policy = policy, .handler = handler}});
}

static void add_bar(FILE *chart, const char *name, struct result result)
{
	if (chart && result.known)
		fprintf(chart, "\"%s\" %.4f\n", name, result.value);
}

void rows_noise(void)
{
	static const char *const works[][2] = {{"fault", "bare fault against itself"},
		{"file-pair", "bare file mmap+munmap, 4 KiB, against itself"}};

	heading("Noise floor");
	for (size_t i = 0; i < LENGTH(works); i++)
		if (wanted(works[i][1]))
			row(works[i][1], 0, "",
				pair_measure(&(struct pair){.work = works[i][0],
					.size = 4096,
					.a = {.handler = "plain"},
					.b = {.handler = "plain"}}));
}

/* ---- with more and more ranges ---- */

static void repair_among(unsigned ranges, FILE *chart)
{
	struct pair pair = {.work = "fault",
		.ranges = ranges,
		.generations = ranges > 100000 ? 2 : 0,
		.a = {.handler = "plain"},
		.b = {.preload = our_library, .policy = ONE_PAGE}};
	struct result result;
	char what[80];

	snprintf(what, sizeof(what), "fault + one-page repair, %u ranges", ranges);
	if (!wanted(what))
		return;
	if (!room_for_ranges(ranges)) {
		row_missing(what, 1.15, "", NO_ROOM);
		return;
	}
	result = pair_measure(&pair);
	row(what, 1.15, "", result);
	if (chart && result.known)
		fprintf(chart, "%u %.4f %.0f\n", ranges, result.value, result.base);
}

void rows_faults_by_ranges(void)
{
	FILE *chart = chart_file("bench/fault-by-ranges.dat");

	for (size_t i = 0; i < RANGE_COUNTS; i++)
		repair_among(range_counts[i], chart);
	if (chart)
		fclose(chart);
}

/* ---- many lost pages at once ---- */

static void extent(const char *work, const char *what, double target)
{
	if (wanted(what))
		row(what, target, "",
			pair_measure(&(struct pair){.work = work,
				.size = MIB,
				.a = {.handler = "plain"},
				.b = {.preload = our_library, .policy = "owner:work*=zero"}}));
}

static void pool(void)
{
	const char *what = "8 MiB wl_shm pool lost in begin/end, against libwayland's handler";

	if (!wanted(what))
		return;
	if (access(built("bench/pool"), X_OK) != 0) {
		row_missing(what, 0.65, "", "built without libwayland");
		return;
	}
	row(what, 0.65, "",
		pair_measure(&(struct pair){.program = "bench/pool",
			.work = "pool",
			.size = 8 * MIB,
			.b = {.preload = our_library, .policy = "owner:libwayland-server*=zero"}}));
}

/* ---- the program's own handler ---- */

static void chained(const char *handler, const char *what, double target)
{
	if (wanted(what))
		row(what, target, "",
			pair_measure(&(struct pair){.work = "fault",
				.a = {.handler = handler},
				.b = {.preload = our_library, .handler = handler}}));
}

static void unseen(void)
{
	const char *what = "fault chained, at an address never seen, a rule asks";

	if (wanted(what))
		row(what, 2.2, "", against_bare("fault-unseen", "path:/nowhere/*=zero", "plain"));
	what = "fault chained, at an address never seen, no rule asks";
	if (wanted(what))
		row(what, 0, "", against_bare("fault-unseen", NULL, "plain"));
}

/* ---- by action ---- */

static const struct {
	const char *name, *what, *policy, *handler;
} actions[] = {
	{"chain", "action chain", NULL, "plain"},
	{"owner", "action owner (its handler is called)", "*=owner|zero", "plain"},
	{"zero(page)", "action zero(page)", ONE_PAGE, "none"},
	{"zero", "action zero, by page of a lost 1 MiB", "owner:work*=zero", "none"},
	{"ones(page)", "action ones(page)", "owner:work*=ones(page)", "none"},
	{"ones", "action ones, by page of a lost 1 MiB", "owner:work*=ones", "none"},
	{"path rule", "action zero(page) of a rule with a path", "path:/memfd:*=zero(page)",
		"none"},
};

static void rows_action(void)
{
	FILE *chart = chart_file("bench/fault-by-action.dat");

	add_bar(chart, "bare handler", (struct result){.value = 1, .known = true});
	for (size_t i = 0; i < LENGTH(actions); i++) {
		struct result result;

		if (!wanted(actions[i].what))
			continue;
		result = against_bare("fault", actions[i].policy, actions[i].handler);
		row(actions[i].what, 0, "", result);
		add_bar(chart, actions[i].name, result);
	}
	if (chart)
		fclose(chart);
}

void rows_fault(void)
{
	const char *write = "fault + one-page repair, written to";

	heading("Faults, against a bare handler that calls mmap(MAP_FIXED)");
	rows_faults_by_ranges();
	if (wanted(write))
		row(write, 1.15, "", against_bare("fault-write", ONE_PAGE, "none"));
	extent("extent", "lost 1 MiB read, writable, against page by page", 0.20);
	extent("extent-readonly", "lost 1 MiB read, read-only, against page by page", 0.06);
	pool();
	chained("plain", "fault chained, known range", 1.05);
	chained("mask", "fault chained, known range, its handler has a mask", 1.12);
	unseen();
	rows_action();
}
