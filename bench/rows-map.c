/* SPDX-License-Identifier: MIT */
/* What mapping and unmapping costs. Nothing is touched: the shortest calls show most. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

const unsigned range_counts[RANGE_COUNTS] = {100, 1000, 10000, 60000, 1000000};

static struct side with(const char *preload)
{
	/* A rule asks for owners, so wrappers are looked through. */
	return (struct side){.preload = preload, .policy = "owner:libnone*=zero"};
}

static struct result measure(const char *work, unsigned ranges, size_t size, const char *preload)
{
	return pair_measure(&(struct pair){.work = work,
		.ranges = ranges,
		.size = size,
		.generations = ranges > 100000 ? 2 : 0,
		.b = with(preload)});
}

/* The system's limit of mappings of one process. */
bool room_for_ranges(unsigned ranges)
{
	FILE *file = fopen("/proc/sys/vm/max_map_count", "r");
	unsigned limit = 0;

	if (!file || fscanf(file, "%u", &limit) != 1)
		limit = 0;
	if (file)
		fclose(file);
	return limit >= ranges + 1000;
}

static void pair_among(unsigned ranges, FILE *chart)
{
	char what[80];
	struct result ours, tree;

	snprintf(what, sizeof(what), "file mmap+munmap, 4 KiB, %u ranges", ranges);
	if (!wanted(what))
		return;
	if (!room_for_ranges(ranges)) {
		row_missing(what, 1.05, "", NO_ROOM);
		return;
	}
	ours = measure("file-pair", ranges, 4 * KIB, our_library);
	row(what, 1.05, "", ours);
	tree = measure("file-pair", ranges, 4 * KIB, built("bench/tree.so"));
	row("    the same with a mutex and a red-black tree", 0, "", tree);
	if (chart && ours.known && tree.known)
		fprintf(chart, "%u %.4f %.4f %.0f\n", ranges, ours.value, tree.value, ours.base);
}

void rows_pairs_by_ranges(void)
{
	FILE *chart = chart_file("bench/pair-by-ranges.dat");

	for (size_t i = 0; i < RANGE_COUNTS; i++)
		pair_among(range_counts[i], chart);
	if (chart)
		fclose(chart);
}

static const struct size {
	const char *name;
	size_t size;
	double file, anonymous;
} sizes[] = {
	{"4 KiB", 4 * KIB, 1.05, 1.02},
	{"64 KiB", 64 * KIB, 1.05, 1.02},
	{"1 MiB", MIB, 1.03, 1.02},
	{"8 MiB", 8 * MIB, 1.03, 1.02},
	{"64 MiB", 64 * MIB, 1.08, 1.02},
	{"1 GiB", 1024 * MIB, 0, 0},
};

static void pair_of(const struct size *size, FILE *chart)
{
	char file[80], anonymous[80];
	struct result ours, nothing, tree = {0};

	snprintf(file, sizeof(file), "file mmap+munmap, %s, 1000 ranges", size->name);
	snprintf(anonymous, sizeof(anonymous), "anonymous mmap+munmap, %s", size->name);
	if (wanted(file)) {
		ours = measure("file-pair", 1000, size->size, our_library);
		row(file, size->file, "", ours);
	}
	if (wanted(anonymous)) {
		nothing = measure("anonymous-pair", 1000, size->size, our_library);
		row(anonymous, size->anonymous, "", nothing);
	}
	if (!chart)
		return;
	tree = measure("file-pair", 1000, size->size, built("bench/tree.so"));
	if (ours.known && nothing.known && tree.known)
		fprintf(chart, "%zu %.4f %.4f %.4f\n", size->size, ours.value, nothing.value,
			tree.value);
}

void rows_map(void)
{
	const char *two = "two threads that map and unmap a file, 4 KiB";
	FILE *chart = chart_file("bench/pair-by-size.dat");

	heading("Mappings, against the bare calls");
	rows_pairs_by_ranges();
	for (size_t i = 0; i < LENGTH(sizes); i++)
		pair_of(&sizes[i], chart);
	if (chart)
		fclose(chart);
	if (!wanted(two))
		return;
	row(two, 1.05, "", measure("two-threads", 10, 4 * KIB, our_library));
	row("    the same with a mutex and a red-black tree", 0, "",
		measure("two-threads", 10, 4 * KIB, built("bench/tree.so")));
}
