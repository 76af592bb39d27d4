/* SPDX-License-Identifier: MIT */
/*
 * Linked with -z initfirst, preloaded behind libsigbus: its constructor runs before that of
 * libsigbus, and calls what libsigbus hooks.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void handle(int signo)
{
	(void)signo;
}

__attribute__((constructor)) static void install(void)
{
	struct sigaction action = {.sa_handler = handle}, usr2;
	sigset_t none, blocked;

	sigemptyset(&none);
	if (signal(SIGUSR1, handle) == SIG_ERR || sigaction(SIGUSR2, &action, NULL) != 0 ||
		sigaction(SIGUSR2, NULL, &usr2) != 0 || usr2.sa_handler != handle ||
		sigprocmask(SIG_BLOCK, &none, &blocked) != 0 || kill(getpid(), 0) != 0)
		abort();
	puts("constructed");
	fflush(stdout);
}
