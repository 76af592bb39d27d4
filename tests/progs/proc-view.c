/* SPDX-License-Identifier: MIT */
/*
 * proc-view: which signals this program was started with as ignored, blocked and pending, and
 * whether the library is loaded; once as the kernel tells it, once as the C library does.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_kernel_view(void)
{
	static const char *const wanted[] = {"SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt"};
	FILE *status = fopen("/proc/self/status", "r");
	char line[256];

	while (status && fgets(line, sizeof(line), status))
		for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
			if (strncmp(line, wanted[i], strlen(wanted[i])) == 0)
				printf("%s %s", wanted[i], line + strlen(wanted[i]) + 2);
	if (status)
		fclose(status);
}

static void print_own_view(void)
{
	sigset_t blocked, pending;
	struct sigaction action;

	sigprocmask(SIG_BLOCK, NULL, &blocked);
	sigpending(&pending);
	sigaction(SIGBUS, NULL, &action);
	printf("blocked %" PRIx64 " pending %" PRIx64 " action %s\n", *(uint64_t *)&blocked, *(uint64_t *)&pending,
		action.sa_handler == SIG_DFL   ? "default"
		: action.sa_handler == SIG_IGN ? "ignored"
					       : "handler");
}

int main(int argc, char **argv)
{
	if (argc > 1)
		printf("arguments %d, last %s\n", argc - 1, argv[argc - 1]);
	if (!getenv("LD_PRELOAD"))
		print_kernel_view();
	print_own_view();
	return 5;
}
