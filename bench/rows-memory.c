/* SPDX-License-Identifier: MIT */
/* Memory: bytes a range, and what a program has resident of us. */
#include "bench.h"

#define KIB ((size_t)1 << 10)

static void bytes_of_a_range(void)
{
	static const struct {
		const char *what;
		double target;
		struct layout layout;
	} layouts[] = {
		{"bytes a range: 4 KiB, hole of 4 KiB", 64, {60000, 4 * KIB, 4 * KIB}},
		{"bytes a range: 64 KiB, hole of 64 KiB", 200, {60000, 64 * KIB, 64 * KIB}},
		{"bytes a range: 256 KiB, no hole", 200, {60000, 256 * KIB, 0}},
		{"bytes a range: 1 MiB, hole of 1 MiB", 200, {60000, 1024 * KIB, 1024 * KIB}},
		{"bytes a range: 4 KiB, hole of 2 MiB", 200, {60000, 4 * KIB, 2044 * KIB}},
	};

	for (size_t i = 0; i < LENGTH(layouts); i++)
		if (wanted(layouts[i].what))
			row(layouts[i].what, layouts[i].target, "B",
				table_bytes(&layouts[i].layout));
}

static void resident_row(const char *what, const char *work, double target)
{
	struct pair pair = {.work = work, .ranges = 100};
	struct side ours = {.preload = our_library};
	double bare, with;

	if (!wanted(what))
		return;
	bare = (double)side_ask(&pair, &(struct side){0}) / KIB;
	with = (double)side_ask(&pair, &ours) / KIB;
	row(what, target, "KiB",
		(struct result){.value = with - bare, .known = bare > 0 && with > 0});
}

void rows_memory(void)
{
	heading("Memory");
	bytes_of_a_range();
	resident_row("KiB resident in a program with 100 ranges", "resident", 200);
	resident_row("    of which memory of its own, not the library's file", "resident-own", 0);
}
