/* SPDX-License-Identifier: MIT */
/* What the files of bench share. */
#ifndef SIGBUS_BENCH_BENCH_H
#define SIGBUS_BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

/* ---- bench.c: the table ---- */

/* False: another row was asked for, or nothing of this one can be measured. */
bool wanted(const char *what);
/* One line of the table; target 0: only for comparison. */
struct result {
	double value, low, high; /* median, and the middle half of all that was measured */
	double base; /* nanoseconds of one operation of the first side, if it is a ratio */
	bool known;
};
void row(const char *what, double target, const char *unit, struct result result);
void row_missing(const char *what, double target, const char *unit, const char *why);
void heading(const char *what);
/* For the chart: text of a file in the build tree. NULL: rows are selected, so no chart. */
FILE *chart_file(const char *name);
void progress(const char *what);

/* ---- history.c: bench/history.tsv, a line a release ---- */

void history_read(const char *source_directory);
/* What the last release had in this row; 0: nothing. */
double history_last(const char *what);
const char *history_release(void); /* or NULL: there is none */

/* ---- machine.c ---- */

void machine_print(void);

/* ---- statistics.c ---- */

struct result summarize(double *values, size_t count);

/* ---- pair.c: two programs that work in turn ---- */

#define RUNS_MAX 4096

struct side {
	const char *preload; /* NULL: none */
	const char *policy, *handler;
	const char *work; /* NULL: that of the pair */
};
struct pair {
	const char *program; /* NULL: bench/work */
	const char *work;
	unsigned ranges;
	size_t size;
	struct side a, b;
	unsigned generations; /* how often both are started anew; 0: as usual */
};
/* The ratio of b to a. */
struct result pair_measure(const struct pair *pair);
extern const char *our_library;	     /* path of libsigbus.so */
const char *built(const char *name); /* path of a file in the build tree; never freed */

/* What one of them answers when asked once. */
uint64_t side_ask(const struct pair *pair, const struct side *side);

/* ---- rows-table.c ---- */

struct layout {
	unsigned ranges;
	size_t size, hole;
};
struct result table_bytes(const struct layout *layout);

/* ---- command.c: two commands that run in turn ---- */

struct command {
	const char *const *arguments;
	const char *until; /* or NULL: a server that has started when this file is there */
	const char *preload_a, *preload_b;
	const char *policy, *only; /* of both: an environment of the same size */
	bool processor_time; /* of all its processes, and the least of all rounds; else what a clock shows */
	unsigned rounds;
};
struct result command_measure(const struct command *command);
bool command_exists(const char *name);

/* ---- groups of rows ---- */

#define RANGE_COUNTS 5
extern const unsigned range_counts[RANGE_COUNTS];
bool room_for_ranges(unsigned ranges);
#define NO_ROOM "vm.max_map_count is too small"

/* The two groups with more and more ranges, for "make bench-plot" alone. */
void rows_pairs_by_ranges(void);
void rows_faults_by_ranges(void);

void rows_noise(void);
void rows_fault(void);
void rows_map(void);
void rows_signal(void);
void rows_table(void); /* the range table alone */
void rows_count(void); /* instructions */
void rows_memory(void);
void rows_cost(void);    /* of the kernel */
void rows_program(void); /* start-up and real work */

#endif
