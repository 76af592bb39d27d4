/* SPDX-License-Identifier: MIT */
/*
 * The functions that take, show or wait with a signal mask, beside sigprocmask() (sigaction.c).
 *
 * A wait whose mask blocks SIGBUS blocks it for real: a SIGBUS that is sent then does not end the
 * wait. The price is declared: a handler of another signal that runs inside such a wait is not
 * protected.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include "base/base.h"
#include "base/syscall.h"
#include "fault/actions.h"
#include "fault/running.h"
#include "signal/pending.h"
#include "kernel/mask.h"
#include "kernel/next.h"
#include "kernel/process.h"
#include "signal/disposition.h"

#define INVALID_HOW (-1)

/* Where the kernel would answer EFAULT we must not crash: ask it, nothing changes. */
static bool is_readable(const sigset_t *set)
{
	return SYS_4(SYS_rt_sigprocmask, INVALID_HOW, set, NULL, sizeof(uint64_t)) != -EFAULT;
}

/* What a wait with a mask of its own leaves behind it as it was: a handler may wait inside of a wait. */
struct wait {
	sigset_t copy;
	uintptr_t at;
	unsigned watch;
};

/*
 * The mask for a wait, in *set: a translated copy, or what came where there is nothing to translate.
 * False: a raise() of the handler that waits has ended the wait.
 */
static bool wait_begin(struct wait *wait, const sigset_t **set, uintptr_t at)
{
	uint64_t word;

	wait->at = suspended_at;
	wait->watch = running_watch & WATCH_SUSPENDED;
	if (!active || !*set || !is_readable(*set))
		return true;
	word = mask_word(*set);
	memset(&wait->copy, 0, sizeof(wait->copy));
	mask_set_word(&wait->copy, mask_to_kernel(word) | (word & SIGNAL_BIT(SIGBUS)));
	*set = &wait->copy;
	if (unlikely(running_watch & WATCH_HANDLERS) && raise_ends_wait(mask_word(&wait->copy))) {
		errno = EINTR;
		return false;
	}
	if (word & SIGNAL_BIT(SIGBUS))
		return true;
	suspended_at = at;
	running_watch |= WATCH_SUSPENDED;
	return true;
}

static void wait_end(const struct wait *wait)
{
	suspended_at = wait->at;
	running_watch = (running_watch & ~WATCH_SUSPENDED) | wait->watch;
}

/* The call is made with set translated. */
#define WAIT(set, call)                                                                            \
	struct wait wait;                                                                          \
	int result = wait_begin(&wait, &(set), (uintptr_t)__builtin_frame_address(0)) ? (call) : -1; \
                                                                                                   \
	wait_end(&wait);                                                                           \
	return result

EXPORT int sigsuspend(const sigset_t *set)
{
	WAIT(set, next()->sigsuspend(set));
}

extern __typeof__(sigsuspend) __sigsuspend ALIAS(sigsuspend);

EXPORT int ppoll(
	struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *set)
{
	WAIT(set, next()->ppoll(fds, count, timeout, set));
}

/* What _FORTIFY_SOURCE makes of ppoll(). */
EXPORT int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
	const sigset_t *set, size_t size)
{
	WAIT(set, next()->__ppoll_chk(fds, count, timeout, set, size));
}

EXPORT int pselect(int count, fd_set *restrict reads, fd_set *restrict writes,
	fd_set *restrict exceptions, const struct timespec *restrict timeout,
	const sigset_t *restrict set)
{
	const sigset_t *mask = set;

	WAIT(mask, next()->pselect(count, reads, writes, exceptions, timeout, mask));
}

EXPORT int epoll_pwait(
	int fd, struct epoll_event *events, int count, int timeout, const sigset_t *set)
{
	WAIT(set, next()->epoll_pwait(fd, events, count, timeout, set));
}

EXPORT int epoll_pwait2(int fd, struct epoll_event *events, int count,
	const struct timespec *timeout, const sigset_t *set)
{
	WAIT(set, next()->epoll_pwait2(fd, events, count, timeout, set));
}

#if __SIZEOF_LONG__ == 4
EXPORT int __ppoll64(
	struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *set)
{
	WAIT(set, next()->__ppoll64(fds, count, timeout, set));
}

EXPORT int __pselect64(int count, fd_set *reads, fd_set *writes, fd_set *exceptions,
	const struct timespec *timeout, const sigset_t *set)
{
	WAIT(set, next()->__pselect64(count, reads, writes, exceptions, timeout, set));
}

EXPORT int __epoll_pwait2_time64(int fd, struct epoll_event *events, int count,
	const struct timespec *timeout, const sigset_t *set)
{
	WAIT(set, next()->__epoll_pwait2_time64(fd, events, count, timeout, set));
}
#endif

/* ---- sigwait and friends: a pending SIGBUS waits as a shadow signal ---- */

typedef int (*wait_function)(const sigset_t *, siginfo_t *, const struct timespec *);

static int wait_without_sigbus(wait_function next, const sigset_t *set, siginfo_t *info,
	const struct timespec *timeout, bool blocks)
{
	sigset_t copy;
	int result, saved_errno;

	memset(&copy, 0, sizeof(copy));
	mask_set_word(&copy, mask_word(set) & ~SIGNAL_BIT(SIGBUS));
	if (blocks)
		mask_swap(SIG_BLOCK, SIGNAL_BIT(SIGBUS));
	result = next(&copy, info, timeout);
	saved_errno = errno;
	if (blocks)
		mask_swap(SIG_UNBLOCK, SIGNAL_BIT(SIGBUS));
	errno = saved_errno;
	return result;
}

/* The C library shows a raise() and a kill() alike. */
static int unwrap(int signo, siginfo_t *info)
{
	if (signo != shadow_signal || !pending_unwrap(info))
		return signo;
	if (info->si_code == SI_TKILL)
		info->si_code = SI_USER;
	return SIGBUS;
}

static int taken_raise(siginfo_t *info)
{
	if (info) {
		memset(info, 0, sizeof(*info));
		info->si_signo = SIGBUS;
		info->si_code = SI_USER;
		info->si_pid = process_pid();
		info->si_uid = (uid_t)SYS_0(SYS_getuid);
	}
	return SIGBUS;
}

static int wait_for(
	wait_function next, const sigset_t *set, siginfo_t *info, const struct timespec *timeout)
{
	siginfo_t own;
	sigset_t copy;
	uint64_t mask;
	bool blocked, ignored;

	if (!active || !is_readable(set))
		return next(set, info, timeout);
	mask = mask_swap(SIG_BLOCK, 0);
	blocked = mask & SIGNAL_BIT(shadow_signal);
	/* What is ignored and not blocked is never pending, so nobody gets it. */
	ignored = !blocked && disposition_now(SIGBUS)->handler == SIG_IGN;
	if (ignored || !(mask_word(set) & SIGNAL_BIT(SIGBUS)))
		return wait_without_sigbus(next, set, info, timeout,
			(blocked || ignored) && !(mask & SIGNAL_BIT(SIGBUS)));
	if (unlikely(running_watch & WATCH_HANDLERS) && raise_take())
		return taken_raise(info);
	memset(&copy, 0, sizeof(copy));
	mask_set_word(&copy, mask_word(set) | SIGNAL_BIT(shadow_signal));
	if (!info)
		info = &own; /* the kernel fills in the caller's, where there is one */
	return unwrap(next(&copy, info, timeout), info);
}

EXPORT int sigtimedwait(const sigset_t *restrict set, siginfo_t *restrict info,
	const struct timespec *restrict timeout)
{
	return wait_for(next()->sigtimedwait, set, info, timeout);
}

#if __SIZEOF_LONG__ == 4
EXPORT int __sigtimedwait64(const sigset_t *set, siginfo_t *info, const struct timespec *timeout)
{
	return wait_for(next()->__sigtimedwait64, set, info, timeout);
}
#endif

EXPORT int sigwaitinfo(const sigset_t *restrict set, siginfo_t *restrict info)
{
	return wait_for(next()->sigtimedwait, set, info, NULL);
}

EXPORT int sigwait(const sigset_t *restrict set, int *restrict signo)
{
	siginfo_t info;
	int result;

	do
		result = wait_for(next()->sigtimedwait, set, &info, NULL);
	while (result < 0 && errno == EINTR);
	if (result < 0)
		return errno;
	*signo = result;
	return 0;
}

EXPORT int sigpending(sigset_t *set)
{
	int result = next()->sigpending(set);
	uint64_t word;

	if (!active || result != 0)
		return result;
	word = mask_word(set);
	if (word & SIGNAL_BIT(shadow_signal) ||
		(unlikely(running_watch & WATCH_HANDLERS) && raise_is_pending()))
		word |= SIGNAL_BIT(SIGBUS);
	mask_set_word(set, word & ~SIGNAL_BIT(shadow_signal));
	return 0;
}

/* read() has to say SIGBUS: from now on one that is pending is one, and no shadow signal. */
EXPORT int signalfd(int fd, const sigset_t *set, int flags)
{
	if (active && is_readable(set) && mask_word(set) & SIGNAL_BIT(SIGBUS))
		pending_keep_real();
	return next()->signalfd(fd, set, flags);
}

/* ---- threads ---- */

EXPORT int pthread_attr_setsigmask_np(pthread_attr_t *attributes, const sigset_t *set)
{
	sigset_t copy;

	if (!active || !set)
		return next()->pthread_attr_setsigmask_np(attributes, set);
	copy = *set;
	mask_set_word(&copy, mask_to_kernel(mask_word(set)));
	return next()->pthread_attr_setsigmask_np(attributes, &copy);
}

EXPORT int pthread_attr_getsigmask_np(const pthread_attr_t *attributes, sigset_t *set)
{
	int result = next()->pthread_attr_getsigmask_np(attributes, set);

	if (active && result == 0)
		mask_set_word(set, mask_from_kernel(mask_word(set)));
	return result;
}

/* ---- BSD: masks of 32 signals in an int ---- */

static int swap_int(int how, int mask)
{
	sigset_t new = {0}, old;

	mask_set_word(&new, (uint32_t)mask);
	if (sigprocmask(how, &new, &old) < 0)
		return -1;
	return (int)mask_word(&old);
}

EXPORT int sigblock(int mask)
{
	return swap_int(SIG_BLOCK, mask);
}

EXPORT int sigsetmask(int mask)
{
	return swap_int(SIG_SETMASK, mask);
}

EXPORT int siggetmask(void)
{
	return swap_int(SIG_BLOCK, 0);
}

static int pause_with(int mask)
{
	sigset_t set = {0};

	mask_set_word(&set, (uint32_t)mask);
	return sigsuspend(&set);
}

#define SIGRTMIN_OF_LIBC 34 /* those before are its own */

static int pause_without(int signo)
{
	sigset_t set;

	if (signo < 1 || signo >= NSIG || (signo > SIGSYS && signo < SIGRTMIN_OF_LIBC)) {
		errno = EINVAL;
		return -1;
	}
	if (sigprocmask(SIG_BLOCK, NULL, &set) < 0)
		return -1;
	mask_set_word(&set, mask_word(&set) & ~SIGNAL_BIT(signo));
	return sigsuspend(&set);
}

/* The header's name for X/Open programs; the plain name takes a mask. */
EXPORT int __xpg_sigpause(int signo)
{
	return pause_without(signo);
}

#undef sigpause
EXPORT int sigpause_with_mask(int mask) __asm__("sigpause");
int sigpause_with_mask(int mask)
{
	return pause_with(mask);
}

EXPORT int __sigpause(int signo_or_mask, int is_signo)
{
	return is_signo ? pause_without(signo_or_mask) : pause_with(signo_or_mask);
}
