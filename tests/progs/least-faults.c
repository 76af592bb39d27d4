/* SPDX-License-Identifier: MIT */
/*
 * least-faults RUNS PROGRAM: how many page faults the program has at least, in so many runs. Where the
 * loader puts what it loads decides about some.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* A function of its own, for vfork() returns twice: a fork() would have faults of its own. */
static long faults_of(char **arguments)
{
	struct rusage usage;
	int status;
	pid_t pid = vfork();

	if (pid == 0) {
		execv(arguments[0], arguments);
		_exit(127);
	}
	return pid > 0 && wait4(pid, &status, 0, &usage) == pid && status == 0 ? usage.ru_minflt : -1;
}

int main(int count, char **arguments)
{
	long least = -1;

	for (int i = count > 2 ? atoi(arguments[1]) : 0; i > 0; i--) {
		long faults = faults_of(arguments + 2);

		if (faults < 0)
			return 1;
		if (least < 0 || faults < least)
			least = faults;
	}
	printf("%ld\n", least);
	return least < 0;
}
