/* SPDX-License-Identifier: MIT */
/*
 * A library that takes SIGBUS for itself as soon as somebody else has installed a handler, as plugins
 * and crash reporters do that come later. It has to come before libsigbus in LD_PRELOAD, or the
 * sigaction() of others does not pass here.
 *
 * The moment matters: libwayland installs its handler once, at its first access to a pool, but wlroots
 * (since 0.17) before each access, and takes it back afterwards. Right after the call both have lost.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define LATE_HANDLER_STATUS 99

typedef int sigaction_function(int, const struct sigaction *, struct sigaction *);

static void say(const char *text)
{
	if (write(STDERR_FILENO, text, strlen(text)) < 0)
		_exit(1);
}

static void handle_sigbus(int signal, siginfo_t *info, void *ucontext)
{
	(void)signal, (void)info, (void)ucontext;
	say("late-handler: a SIGBUS that is not ours\n");
	_exit(LATE_HANDLER_STATUS);
}

static sigaction_function *next_sigaction(void)
{
	static _Atomic(sigaction_function *) next;
	sigaction_function *function = atomic_load(&next);

	if (!function) {
		function = (sigaction_function *)dlsym(RTLD_NEXT, "sigaction");
		atomic_store(&next, function);
	}
	return function;
}

static void take_sigbus(void)
{
	static atomic_bool said;
	struct sigaction action = {.sa_sigaction = handle_sigbus, .sa_flags = SA_SIGINFO};

	sigemptyset(&action.sa_mask);
	if (next_sigaction()(SIGBUS, &action, NULL) < 0)
		_exit(1);
	if (!atomic_exchange(&said, true))
		say("late-handler: installed\n");
}

int sigaction(int signal, const struct sigaction *action, struct sigaction *old)
{
	int result = next_sigaction()(signal, action, old);

	if (result == 0 && signal == SIGBUS && action && action->sa_handler != SIG_DFL &&
		action->sa_handler != SIG_IGN)
		take_sigbus();
	return result;
}
