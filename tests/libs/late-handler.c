/* SPDX-License-Identifier: MIT */
/*
 * A library that takes SIGBUS for itself when the program has run for a while, as plugins and crash
 * reporters do. LATE_HANDLER_MS is the time, 1000 by default.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LATE_HANDLER_STATUS 99

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

static void *install_late(void *unused)
{
	struct sigaction action = {.sa_sigaction = handle_sigbus, .sa_flags = SA_SIGINFO};
	const char *delay = getenv("LATE_HANDLER_MS");
	long milliseconds = delay ? strtol(delay, NULL, 10) : 1000;
	struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};

	(void)unused;
	sigemptyset(&action.sa_mask);
	while (nanosleep(&time, &time) < 0)
		;
	if (sigaction(SIGBUS, &action, NULL) < 0)
		_exit(1);
	say("late-handler: installed\n");
	return NULL;
}

/* All signals stay blocked in the thread: the program's are not ours to take. */
__attribute__((constructor)) static void start_thread(void)
{
	sigset_t all, old;
	pthread_t thread;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (pthread_create(&thread, NULL, install_late, NULL) != 0)
		_exit(1);
	pthread_detach(thread);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}
