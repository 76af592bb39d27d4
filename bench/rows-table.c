/* SPDX-License-Identifier: MIT */
/* The range table alone, linked into bench: how long a lookup takes, and how many bytes a range. */
#include "base/base.h"
#include "table/table.h"
#include "bench.h"
#include "../tests/table/lock-alone.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOOKUPS 200000
#define ROUNDS 41
#define BASE ((uintptr_t)1 << 40)

static size_t allocated;

static void *allocate(size_t size)
{
	allocated += size;
	return calloc(1, size);
}

static void wait_for_nobody(unsigned lock)
{
	(void)lock;
}

/* So many ranges, each with a hole behind it. */
static bool fill(unsigned count, size_t size, size_t hole)
{
	static const struct range_env env = {
		.allocate = allocate, .wait = wait_for_nobody, .release = range_cut_free,
		LOCK_ALONE};
	struct range_attributes attributes = {.lock = -1};

	range_init(&env);
	for (unsigned i = 0; i < count; i++)
		if (range_insert(BASE + i * (size + hole), size, &attributes) != 0)
			return false;
	return true;
}

static uint32_t random_number(void)
{
	static uint64_t seed = 88172645463325252u;

	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 20);
}

static double nanoseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double time_lookups(const uintptr_t *addresses)
{
	uint64_t found = 0;
	double start = nanoseconds();

	for (unsigned i = 0; i < LOOKUPS; i++)
		found |= range_lookup(addresses[i]).geometry;
	return found ? (nanoseconds() - start) / LOOKUPS : 0;
}

static struct result measure_lookups(unsigned ranges)
{
	static uintptr_t addresses[LOOKUPS];
	double values[ROUNDS];

	if (!fill(ranges, PAGE_SIZE, PAGE_SIZE))
		return (struct result){0};
	for (unsigned i = 0; i < LOOKUPS; i++)
		addresses[i] = BASE + random_number() % ranges * 2 * PAGE_SIZE;
	for (unsigned i = 0; i < ROUNDS; i++)
		values[i] = time_lookups(addresses);
	return summarize(values, ROUNDS);
}

static struct result measure_bytes(const struct layout *layout)
{
	struct result result = {.known = fill(layout->ranges, layout->size, layout->hole)};

	result.value = result.low = result.high = (double)allocated / layout->ranges;
	return result;
}

/* A table is never emptied again: each has a process of its own. */
static struct result in_child(const struct layout *layout, bool bytes)
{
	struct result result = {0};
	int pipes[2];
	pid_t pid;

	if (pipe(pipes) < 0)
		return result;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		result = bytes ? measure_bytes(layout) : measure_lookups(layout->ranges);
		_exit(write(pipes[1], &result, sizeof(result)) != sizeof(result));
	}
	close(pipes[1]);
	if (pid < 0 || read(pipes[0], &result, sizeof(result)) != sizeof(result))
		result.known = false;
	close(pipes[0]);
	waitpid(pid, NULL, 0);
	return result;
}

struct result table_bytes(const struct layout *layout)
{
	return in_child(layout, true);
}

void rows_table(void)
{
	static const struct {
		const char *what;
		double target;
		struct layout layout;
	} lookups[] = {{"lookup, 10 ranges", 0, {.ranges = 10}},
		{"lookup, 60000 ranges", 10, {.ranges = 60000}},
		{"lookup, 1000000 ranges", 80, {.ranges = 1000000}}};

	heading("The range table alone");
	for (size_t i = 0; i < LENGTH(lookups); i++)
		if (wanted(lookups[i].what))
			row(lookups[i].what, lookups[i].target, "ns",
				in_child(&lookups[i].layout, false));
}
