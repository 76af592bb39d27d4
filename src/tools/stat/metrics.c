/* SPDX-License-Identifier: MIT */
/*
 * Counters and gauges in the text format of Prometheus, added up by program. Who reads them keeps a
 * series for each set of labels for ever, so no label has more values than can be listed here.
 */
#include "tools/stat/stat.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRAMS_MAX 100

enum gauge { GAUGE_PROCESSES, GAUGE_ACTIVE, GAUGE_RANGES, GAUGE_WAITING, GAUGES };

struct program {
	char *label; /* escaped, also for the format */
	uint64_t gauge[GAUGES], counter[COUNTER_COUNT];
	uint64_t tally[TALLY_ACTION_COUNT][TALLY_CAUSE_COUNT][TALLY_FS_COUNT];
};

struct programs {
	struct program item[PROGRAMS_MAX + 1]; /* the last one is for all others */
	size_t count;
	uint64_t unreadable;
};

/* ---- adding up ---- */

/* In an escaped name only the backslash is left that the format has a use for. */
static char *label_of(const char *name)
{
	char *escaped = escape(name), *label = malloc(2 * strlen(escaped) + 1), *to = label;

	if (!label)
		give_up(STATUS_NOTHING, "out of memory");
	for (const char *from = escaped; *from; from++) {
		if (*from == '\\')
			*to++ = '\\';
		*to++ = *from;
	}
	*to = '\0';
	free(escaped);
	return label;
}

static struct program *find_program(struct programs *programs, const char *label)
{
	for (size_t i = 0; i < programs->count; i++)
		if (!strcmp(programs->item[i].label, label))
			return &programs->item[i];
	return NULL;
}

/* A series is there once: a program may be called as the rest of them is. */
static struct program *program_of(struct programs *programs, const char *name)
{
	char *label = label_of(name);
	struct program *program = find_program(programs, label);

	if (!program && programs->count >= PROGRAMS_MAX) {
		label = "other";
		program = find_program(programs, label);
	}
	if (program)
		return program;
	programs->item[programs->count].label = label;
	return &programs->item[programs->count++];
}

static void add_summary(struct programs *programs, const struct summary *summary)
{
	struct program *program = program_of(programs, summary->program);
	const uint64_t *from = &summary->tally[0][0][0];
	uint64_t *to = &program->tally[0][0][0];

	program->gauge[GAUGE_PROCESSES]++;
	program->gauge[GAUGE_ACTIVE] += summary->active;
	program->gauge[GAUGE_RANGES] += summary->ranges;
	program->gauge[GAUGE_WAITING] += summary->waiting;
	for (size_t i = 0; i < COUNTER_COUNT; i++)
		program->counter[i] += summary->counter[i];
	for (size_t i = 0; i < sizeof(summary->tally) / sizeof(*from); i++)
		to[i] += from[i];
}

/* ---- printing ---- */

static void print_head(const char *name, const char *type, const char *help)
{
	printf("# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void print_faults(const struct programs *programs)
{
	static const char *const actions[] = TALLY_ACTIONS, *const causes[] = TALLY_CAUSES,
					*const file_systems[] = TALLY_FILE_SYSTEMS;

	print_head("sigbus_faults_total", "counter",
		"Faults, by the first answer, by the cause and the file system as far as they were "
		"looked for.");
	for (size_t i = 0; i < programs->count; i++)
		for (int a = 0; a < TALLY_ACTION_COUNT; a++)
			for (int c = 0; c < TALLY_CAUSE_COUNT; c++)
				for (int f = 0; f < TALLY_FS_COUNT; f++)
					if (programs->item[i].tally[a][c][f])
						printf("sigbus_faults_total{program=\"%s\",action=\"%"
						       "s\",cause=\"%s\",fs=\"%s\"} %" PRIu64 "\n",
							programs->item[i].label, actions[a],
							causes[c], file_systems[f],
							programs->item[i].tally[a][c][f]);
}

static size_t counter_index(const char *name)
{
	size_t i = 0;

	while (i < COUNTER_COUNT && strcmp(counter_names[i], name) != 0)
		i++;
	return i;
}

static void print_counter(const struct programs *programs, const char *metric, const char *counter,
	const char *help)
{
	size_t index = counter_index(counter);

	if (index == COUNTER_COUNT)
		return;
	print_head(metric, "counter", help);
	for (size_t i = 0; i < programs->count; i++)
		printf("%s{program=\"%s\"} %" PRIu64 "\n", metric, programs->item[i].label,
			programs->item[i].counter[index]);
}

static void print_counters(const struct programs *programs)
{
	static const struct {
		const char *metric, *counter, *help;
	} counters[] = {
		{"sigbus_pages_replaced_total", "repaired_pages", "Lost pages that were replaced."},
		{"sigbus_refused_total", "refused", "Mappings that the action reserve refused."},
		{"sigbus_fatal_total", "fatal", "Signals that were left to the default action."},
		{"sigbus_untracked_faults_total", "untracked",
			"Faults in memory that no hook had seen."},
		{"sigbus_untracked_mappings_total", "failed_open",
			"Mappings that could not be tracked."},
		{"sigbus_reports_suppressed_total", "suppressed",
			"Faults that were not reported because they were too many."},
		{"sigbus_reports_lost_total", "lost", "Lines of reports that did not get out."},
	};

	for (size_t i = 0; i < sizeof(counters) / sizeof(*counters); i++)
		print_counter(
			programs, counters[i].metric, counters[i].counter, counters[i].help);
}

static void print_gauges(const struct programs *programs)
{
	static const struct {
		const char *metric, *help;
	} gauges[GAUGES] = {
		[GAUGE_PROCESSES] = {"sigbus_processes", "Processes that have the library."},
		[GAUGE_ACTIVE] = {"sigbus_active", "Processes in which it is at work."},
		[GAUGE_RANGES] = {"sigbus_ranges", "Mappings that are tracked."},
		[GAUGE_WAITING] = {"sigbus_waiting", "Threads that wait for a page to come back."},
	};

	for (size_t g = 0; g < GAUGES; g++) {
		print_head(gauges[g].metric, "gauge", gauges[g].help);
		for (size_t i = 0; i < programs->count; i++)
			printf("%s{program=\"%s\"} %" PRIu64 "\n", gauges[g].metric,
				programs->item[i].label, programs->item[i].gauge[g]);
	}
	print_head("sigbus_unreadable_processes", "gauge",
		"Processes that have the library and could not be looked into.");
	printf("sigbus_unreadable_processes %" PRIu64 "\n", programs->unreadable);
}

enum status print_metrics(const struct pids *pids)
{
	struct programs *programs = calloc(1, sizeof(*programs));
	struct summary *summary = malloc(sizeof(*summary));
	enum status worst = STATUS_OK;

	if (!programs || !summary)
		give_up(STATUS_NOTHING, "out of memory");
	for (size_t i = 0; i < pids->count; i++) {
		enum status status = summarize(pids->item[i], summary);

		if (status == STATUS_OK && strcmp(summary->state, "absent") != 0)
			add_summary(programs, summary);
		else if (status == STATUS_OK)
			continue;
		else if (status != STATUS_GONE)
			programs->unreadable++;
		if (status != STATUS_GONE && status > worst)
			worst = status;
	}
	print_faults(programs);
	print_counters(programs);
	print_gauges(programs);
	printf("# EOF\n");
	return worst;
}
