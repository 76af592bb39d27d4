/* SPDX-License-Identifier: MIT */
/*
 * Two programs that do the same work in turn, on one processor: A B B A. A round gives one ratio;
 * what changes slowly on the machine is in both halves of it. Both are started anew a few times,
 * because where a process lies in memory makes a difference that stays.
 */
#include "bench.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define GENERATIONS 5
#define ROUNDS 20
#define BATCH_NANOSECONDS 2000000
#define OPERATIONS_MAX (1u << 24)

struct worker {
	pid_t pid;
	int to, from;
	bool failed;
};

/* ---- one of them ---- */

static void set_or_unset(const char *name, const char *value)
{
	if (value)
		setenv(name, value, 1);
	else
		unsetenv(name);
}

static void execute(const struct pair *pair, const struct side *side)
{
	char ranges[16], size[24];

	snprintf(ranges, sizeof(ranges), "%u", pair->ranges);
	snprintf(size, sizeof(size), "%zu", pair->size);
	setenv("SIGBUS_LOG", "off", 1);
	set_or_unset("SIGBUS_POLICY", side->policy);
	set_or_unset("LD_PRELOAD", side->preload);
	execl(built(pair->program ? pair->program : "bench/work"), "work",
		side->work ? side->work : pair->work, ranges, size,
		side->handler ? side->handler : "none", NULL);
	_exit(127);
}

static void stay_on_one_processor(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* Nanoseconds of so many operations. */
static uint64_t ask(struct worker *worker, uint32_t operations)
{
	uint64_t nanoseconds = 0;

	if (operations && write(worker->to, &operations, sizeof(operations)) < 0)
		worker->failed = true;
	if (read(worker->from, &nanoseconds, sizeof(nanoseconds)) != sizeof(nanoseconds))
		worker->failed = true;
	return nanoseconds;
}

static struct worker start(const struct pair *pair, const struct side *side)
{
	struct worker worker = {0};
	int to[2], from[2];

	if (pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0)
		return (struct worker){.failed = true};
	worker.pid = fork();
	if (worker.pid == 0) {
		dup2(to[0], STDIN_FILENO);
		dup2(from[1], STDOUT_FILENO);
		if (strcmp(pair->work, "two-threads"))
			stay_on_one_processor();
		execute(pair, side);
	}
	close(to[0]);
	close(from[1]);
	worker.to = to[1];
	worker.from = from[0];
	worker.failed = worker.pid < 0;
	ask(&worker, 0);
	return worker;
}

static void stop(struct worker *worker)
{
	close(worker->to);
	close(worker->from);
	if (worker->pid > 0)
		waitpid(worker->pid, NULL, 0);
}

/* ---- both ---- */

/* How many operations make a batch that is long enough. It warms up as well. */
static uint32_t calibrate(struct worker *a, struct worker *b)
{
	uint32_t operations = 1;

	while (!a->failed && !b->failed && operations < OPERATIONS_MAX) {
		uint64_t time = ask(a, operations);

		ask(b, operations);
		if (time >= BATCH_NANOSECONDS)
			break;
		operations *= time && BATCH_NANOSECONDS / time < 4 ? 2 : 4;
	}
	return operations;
}

struct samples {
	double ratio[RUNS_MAX], base[RUNS_MAX];
	size_t count;
};

static void run_round(struct worker *a, struct worker *b, uint32_t operations, struct samples *all)
{
	double first = (double)ask(a, operations);
	double ours = (double)ask(b, operations) + (double)ask(b, operations);
	double theirs = first + (double)ask(a, operations);

	if (a->failed || b->failed || theirs <= 0 || all->count == RUNS_MAX)
		return;
	all->ratio[all->count] = ours / theirs;
	all->base[all->count++] = theirs / 2 / operations;
}

static void run_generation(const struct pair *pair, struct samples *all)
{
	struct worker a = start(pair, &pair->a), b = start(pair, &pair->b);
	uint32_t operations = calibrate(&a, &b);

	for (int i = 0; i < ROUNDS && !a.failed && !b.failed; i++)
		run_round(&a, &b, operations, all);
	stop(&a);
	stop(&b);
}

struct result pair_measure(const struct pair *pair)
{
	static struct samples all;
	struct result result;

	all.count = 0;
	for (unsigned i = 0; i < (pair->generations ? pair->generations : GENERATIONS); i++)
		run_generation(pair, &all);
	result = summarize(all.ratio, all.count);
	result.base = summarize(all.base, all.count).value;
	return result;
}

uint64_t side_ask(const struct pair *pair, const struct side *side)
{
	struct worker worker = start(pair, side);
	uint64_t value = ask(&worker, 1);

	stop(&worker);
	return worker.failed ? 0 : value;
}
