/* SPDX-License-Identifier: MIT */
/*
 * The second name of sigaction(), and what BSD's sigvec() leaves, which only programs that were linked
 * long ago can call: there is no hook for that one.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

struct sigvec {
	void (*handler)(int);
	int mask, flags;
};
typedef int (*sigvec_function)(int, const struct sigvec *, struct sigvec *);
typedef int (*sigaction_function)(int, const struct sigaction *, struct sigaction *);

static void show_blocked(int signo)
{
	char line[256];
	FILE *status = fopen("/proc/thread-self/status", "r");

	(void)signo;
	while (status && fgets(line, sizeof(line), status))
		if (!strncmp(line, "SigBlk", 6))
			fputs(line, stdout);
	if (status)
		fclose(status);
}

static int other_signal(void)
{
	sigvec_function sigvec = (sigvec_function)dlvsym(
		RTLD_DEFAULT, "sigvec", sizeof(long) == 4 ? "GLIBC_2.0" : "GLIBC_2.2.5");
	struct sigvec vector = {show_blocked, 1 << (SIGBUS - 1), 0};

	if (dlsym(RTLD_DEFAULT, "sigvec"))
		printf("somebody has a sigvec() of his own\n");
	if (!sigvec)
		return 77;
	sigvec(SIGUSR1, &vector, NULL);
	raise(SIGUSR1);
	return 0;
}

int main(int argc, char **argv)
{
	sigaction_function second = (sigaction_function)dlsym(RTLD_DEFAULT, "__sigaction");

	(void)argv;
	if (argc > 1)
		return other_signal();
	for (int i = 0; i < 3; i++) {
		int signo = (int[]){SIGBUS, SIGUSR1, 65}[i];

		for (int flags = 0; flags < 4; flags++) {
			struct sigaction new = {.sa_handler = show_blocked}, seen = {0};
			int set, query;

			new.sa_flags = (flags & 1 ? SA_ONSTACK : 0) | (flags & 2 ? SA_RESTART : 0);
			sigaddset(&new.sa_mask, SIGBUS);
			set = second(signo, &new, NULL);
			query = second(signo, NULL, &seen);
			printf("%d, %d: flags %x, mask %lx\n", set, query, (unsigned)seen.sa_flags,
				*(unsigned long *)&seen.sa_mask);
		}
	}
	return 0;
}
