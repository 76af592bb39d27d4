/* SPDX-License-Identifier: MIT */
/*
 * A library with a sigaction() of its own in front of libsigbus, as sanitizers have: it hands on what
 * others install, and takes SIGBUS itself whenever somebody has changed it.
 */
#include <dlfcn.h>
#include <signal.h>
#include <unistd.h>

typedef int sigaction_function(int, const struct sigaction *, struct sigaction *);

static void handle_sigbus(int signo)
{
	(void)signo;
	_exit(99);
}

int sigaction(int signo, const struct sigaction *action, struct sigaction *old)
{
	struct sigaction own = {.sa_handler = handle_sigbus};
	sigaction_function *next = (sigaction_function *)dlsym(RTLD_NEXT, "sigaction");
	int result = next(signo, action, old);

	if (result == 0 && signo == SIGBUS && action)
		next(SIGBUS, &own, NULL);
	return result;
}
