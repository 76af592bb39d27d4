/* SPDX-License-Identifier: MIT */
/*
 * A library that takes SIGBUS for itself later than others, and again when it has lost it, as plugins
 * and crash reporters do: whenever an event loop goes round. libwayland, which installs its handler once,
 * has lost it for good then; wlroots (since 0.17) installs its own for each access, and puts this one
 * back afterwards. It comes first in LD_PRELOAD.
 */
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
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

static void take_sigbus(void)
{
	static atomic_bool said;
	struct sigaction action = {.sa_sigaction = handle_sigbus, .sa_flags = SA_SIGINFO}, now;
	int saved_errno = errno;

	sigemptyset(&action.sa_mask);
	if (sigaction(SIGBUS, NULL, &now) < 0 ||
		(now.sa_sigaction != handle_sigbus && sigaction(SIGBUS, &action, NULL) < 0))
		_exit(1);
	if (!atomic_exchange(&said, true))
		say("late-handler: installed\n");
	errno = saved_errno;
}

/* The C library's function of this name; it is looked for once. */
#define NEXT(name)                                                                                 \
	static _Atomic(void *) known;                                                              \
	__typeof__(name) *next;                                                                    \
                                                                                                   \
	if (!atomic_load(&known))                                                                  \
		atomic_store(&known, dlsym(RTLD_NEXT, #name));                                     \
	*(void **)&next = atomic_load(&known)

int epoll_wait(int epoll, struct epoll_event *events, int count, int timeout)
{
	NEXT(epoll_wait);
	int result = next(epoll, events, count, timeout);

	take_sigbus();
	return result;
}

int poll(struct pollfd *descriptors, nfds_t count, int timeout)
{
	NEXT(poll);
	int result = next(descriptors, count, timeout);

	take_sigbus();
	return result;
}

int ppoll(struct pollfd *descriptors, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
	NEXT(ppoll);
	int result = next(descriptors, count, timeout, mask);

	take_sigbus();
	return result;
}
