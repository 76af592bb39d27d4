/* SPDX-License-Identifier: MIT */
/* A sequence that stands alone: runs script() in a child, and shows what it saw and how it ended. */
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "steps.h"

int main(int argc, char **argv)
{
	static const struct rlimit no_core = {1, 1};
	struct outcome *outcome = mmap(NULL, sizeof(*outcome), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child;

	setrlimit(RLIMIT_CORE, &no_core);
	steps_begin(argc > 1 ? argv[1] : NULL, outcome->trace, &outcome->facts);
	child = fork();
	if (child == 0)
		steps_run(1);
	waitpid(child, &outcome->status, 0);
	printf("%s %s %d\n", outcome->trace, WIFSIGNALED(outcome->status) ? "signal" : "exit",
		WIFSIGNALED(outcome->status) ? WTERMSIG(outcome->status) : WEXITSTATUS(outcome->status));
	return 0;
}
