/* SPDX-License-Identifier: MIT */
/* sigvec() and the second names of other functions: what they return and show. */
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

static int calls;

static void handler(int signo)
{
	(void)signo;
	calls++;
}

/* Only old programs can be linked with it; whichever definition such a one would get. */
static sigvec_function find_sigvec(void)
{
	void *found = dlsym(RTLD_DEFAULT, "sigvec");

	return (sigvec_function)(found ? found : dlvsym(RTLD_DEFAULT, "sigvec", sizeof(long) == 4 ? "GLIBC_2.0" : "GLIBC_2.2.5"));
}

static void show(const char *what, int result, const struct sigvec *vector)
{
	printf("%s: %d, %s, mask %x, flags %x\n", what, result,
		vector->handler == handler ? "handler" : vector->handler ? "other" : "default",
		(unsigned)vector->mask, (unsigned)vector->flags);
}

int main(void)
{
	sigvec_function sigvec = find_sigvec();
	sigaction_function second = (sigaction_function)dlsym(RTLD_DEFAULT, "__sigaction");

	for (int i = 0; i < 3; i++) {
		int signo = (int[]){SIGBUS, SIGUSR1, 65}[i];

		for (int flags = 0; flags < 8; flags++) {
			struct sigvec new = {handler, 0x440, flags}, old = {0};
			struct sigaction seen = {0};

			show("set", sigvec(signo, &new, &old), &old);
			show("query", sigvec(signo, NULL, &old), &old);
			printf("sigaction: %d, flags %x, mask %lx\n", second(signo, NULL, &seen),
				(unsigned)seen.sa_flags, *(unsigned long *)&seen.sa_mask);
		}
		if (signo < 65)
			raise(signo);
	}
	printf("%d calls\n", calls);
	return 0;
}
