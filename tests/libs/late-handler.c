/* SPDX-License-Identifier: MIT */
/*
 * A library that takes SIGBUS for itself when somebody else has a handler already, as plugins and
 * crash reporters do that come later.
 */
#include <pthread.h>
#include <signal.h>
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

static void wait_for_handler(void)
{
	struct timespec time = {0, 10000000};
	struct sigaction now;

	do
		nanosleep(&time, NULL);
	while (sigaction(SIGBUS, NULL, &now) == 0 && now.sa_handler == SIG_DFL);
}

static void *install_late(void *unused)
{
	struct sigaction action = {.sa_sigaction = handle_sigbus, .sa_flags = SA_SIGINFO};

	(void)unused;
	sigemptyset(&action.sa_mask);
	wait_for_handler();
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
