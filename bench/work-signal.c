/* SPDX-License-Identifier: MIT */
/* Calls about signals, and C++ exceptions. */
#include "work-list.h"

#include <dlfcn.h>
#include <signal.h>
#include <string.h>

static sigset_t one_signal;

static void set_up(void)
{
	sigemptyset(&one_signal);
	sigaddset(&one_signal, SIGUSR1);
}

static void handler_a(int signo)
{
	(void)signo;
}

static void handler_b(int signo)
{
	(void)signo;
}

static uint64_t run_sigaction(unsigned count)
{
	struct sigaction a = {.sa_handler = handler_a}, b = {.sa_handler = handler_b}, old;
	uint64_t start = processor_time();

	for (; count > 1; count -= 2) {
		sigaction(SIGBUS, &a, &old);
		sigaction(SIGBUS, &b, NULL);
	}
	return processor_time() - start;
}

static uint64_t run_sigprocmask(unsigned count)
{
	uint64_t start = processor_time();
	sigset_t old;

	for (; count > 1; count -= 2) {
		sigprocmask(SIG_BLOCK, &one_signal, &old);
		sigprocmask(SIG_SETMASK, &old, NULL);
	}
	return processor_time() - start;
}

static uint64_t run_pthread_sigmask(unsigned count)
{
	uint64_t start = processor_time();
	sigset_t old;

	for (; count > 1; count -= 2) {
		pthread_sigmask(SIG_BLOCK, &one_signal, &old);
		pthread_sigmask(SIG_SETMASK, &old, NULL);
	}
	return processor_time() - start;
}

/* ---- C++: in a library of its own ---- */

static void (*throw_and_catch)(unsigned count);

static void load_throw(void)
{
	void *library = dlopen(order.handler, RTLD_NOW);

	if (library)
		*(void **)(void *)&throw_and_catch = dlsym(library, "throw_and_catch");
	if (!throw_and_catch)
		fail(order.handler);
}

static uint64_t run_throw(unsigned count)
{
	uint64_t start = processor_time();

	throw_and_catch(count);
	return processor_time() - start;
}

const struct work signal_works[] = {
	{"sigaction", NULL, run_sigaction},
	{"sigprocmask", set_up, run_sigprocmask},
	{"pthread_sigmask", set_up, run_pthread_sigmask},
	{"throw", load_throw, run_throw},
	{0},
};
