/* SPDX-License-Identifier: MIT */
/* Two commands that run in turn: whole programs. */
#include "bench.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE 1e10 /* nanoseconds */
#define BLOCKS 8

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void set_or_unset(const char *name, const char *value)
{
	if (value)
		setenv(name, value, 1);
	else
		unsetenv(name);
}

static void execute(const struct command *command, const char *preload)
{
	int null = open("/dev/null", O_RDWR);

	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	set_or_unset("SIGBUS_POLICY", command->policy);
	set_or_unset("SIGBUS_ONLY", command->only);
	set_or_unset("LD_PRELOAD", preload);
	execvp(command->arguments[0], (char *const *)command->arguments);
	_exit(127);
}

/* A server never ends: it is there when its file is. */
static double wait_for_file(const char *file, double start)
{
	const struct timespec pause = {.tv_nsec = 50000};
	double time = 0;

	while (access(file, F_OK) != 0 && time < PATIENCE) {
		nanosleep(&pause, NULL);
		time = now() - start;
	}
	return time < PATIENCE ? time : 0;
}

static double run_server(pid_t pid, const char *file, double start)
{
	double time = wait_for_file(file, start);

	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	unlink(file);
	return time;
}

static double nanoseconds(struct timeval time)
{
	return (double)time.tv_sec * 1e9 + (double)time.tv_usec * 1e3;
}

/* Nanoseconds, or 0: it failed. */
static double run(const struct command *command, const char *preload)
{
	double start = now();
	pid_t pid = fork();
	struct rusage usage;
	int status;

	if (pid == 0)
		execute(command, preload);
	if (pid < 0)
		return 0;
	if (command->until)
		return run_server(pid, command->until, start);
	if (wait4(pid, &status, 0, &usage) != pid || status != 0)
		return 0;
	return command->processor_time ? nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime)
				       : now() - start;
}

/* 0: none yet. */
static double least(double one, double other)
{
	return one && one < other ? one : other;
}

struct result command_measure(const struct command *command)
{
	static double ratio[RUNS_MAX], base[RUNS_MAX];
	double least_base = 0, least_ours = 0, block_base[BLOCKS] = {0}, block_ours[BLOCKS] = {0};
	size_t count = 0;
	struct result result;

	for (unsigned i = 0; i < command->rounds && i < RUNS_MAX; i++) {
		double a = run(command, command->preload_a), b = run(command, command->preload_b);
		double c = run(command, command->preload_b), d = run(command, command->preload_a);

		if (!a || !b || !c || !d)
			return (struct result){0};
		least_base = least(least_base, least(a, d));
		least_ours = least(least_ours, least(b, c));
		block_base[i % BLOCKS] = least(block_base[i % BLOCKS], least(a, d));
		block_ours[i % BLOCKS] = least(block_ours[i % BLOCKS], least(b, c));
		ratio[count] = (b + c) / (a + d);
		base[count++] = (a + d) / 2;
	}
	result = summarize(ratio, count);
	result.base = summarize(base, count).value;
	if (command->processor_time && count) {
		/* The least of a few rounds each: what the least of all rounds is worth. */
		count = count < BLOCKS ? count : BLOCKS;
		for (size_t i = 0; i < count; i++)
			ratio[i] = block_ours[i] / block_base[i];
		result = summarize(ratio, count);
		result.value = least_ours / least_base;
		result.base = least_base;
	}
	return result;
}

bool command_exists(const char *name)
{
	char line[256];

	snprintf(line, sizeof(line), "command -v %s >/dev/null", name);
	return system(line) == 0;
}
