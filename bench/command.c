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

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void execute(const char *const *arguments, const char *preload)
{
	int null = open("/dev/null", O_RDWR);

	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	if (preload)
		setenv("LD_PRELOAD", preload, 1);
	else
		unsetenv("LD_PRELOAD");
	execvp(arguments[0], (char *const *)arguments);
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

/* Nanoseconds, or 0: it failed. */
static double run(const struct command *command, const char *preload)
{
	double start = now();
	pid_t pid = fork();
	int status;

	if (pid == 0)
		execute(command->arguments, preload);
	if (pid < 0)
		return 0;
	if (command->until)
		return run_server(pid, command->until, start);
	if (waitpid(pid, &status, 0) != pid || status != 0)
		return 0;
	return now() - start;
}

struct result command_measure(const struct command *command)
{
	static double ratio[RUNS_MAX], base[RUNS_MAX];
	size_t count = 0;
	struct result result;

	for (unsigned i = 0; i < command->rounds && i < RUNS_MAX; i++) {
		double a = run(command, command->preload_a), b = run(command, command->preload_b);
		double c = run(command, command->preload_b), d = run(command, command->preload_a);

		if (!a || !b || !c || !d)
			return (struct result){0};
		ratio[count] = (b + c) / (a + d);
		base[count++] = (a + d) / 2;
	}
	result = summarize(ratio, count);
	result.base = summarize(base, count).value;
	return result;
}

bool command_exists(const char *name)
{
	char line[256];

	snprintf(line, sizeof(line), "command -v %s >/dev/null", name);
	return system(line) == 0;
}
