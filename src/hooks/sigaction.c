/* SPDX-License-Identifier: MIT */
/*
 * The signal functions that the linker finds here first.
 *
 * signal(), sigset() and their kin do not call the exported sigaction() inside the C library: each has
 * to be here. For SIGBUS they are built on disposition_set() and the virtual mask, as the C library
 * builds them on the kernel's; for other signals only SIGBUS in a mask is translated.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include "base/base.h"
#include "base/syscall.h"
#include "fault/actions.h"
#include "fault/fault.h"
#include "fault/running.h"
#include "fault/statement.h"
#include "kernel/mask.h"
#include "kernel/next.h"
#include "kernel/process.h"
#include "owner/owner.h"
#include "signal/disposition.h"

#define CALLER ((uintptr_t)__builtin_return_address(0))

#define SA_EXPOSE_TAGBITS_ 0x800
/* The kernel clears what it does not know. */
#define KNOWN_FLAGS                                                                                \
	((uint64_t)(uint32_t)(SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_ONSTACK | SA_RESTART | \
			      SA_NODEFER | SA_RESETHAND | SA_EXPOSE_TAGBITS_))
#define UNBLOCKABLE (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))

static _Atomic bool interrupts; /* siginterrupt(SIGBUS, 1): it sticks for later signal() calls */

static bool is_ours(int signo)
{
	return active && (signo == SIGBUS || signo == shadow_signal);
}

static const struct disposition *from_sigaction(const struct sigaction *action)
{
	uint64_t flags = (uint32_t)action->sa_flags & KNOWN_FLAGS;

	flags |= ((uint32_t)action->sa_flags & SA_RESTORER_) | disposition_restorer_flag();
	return disposition_intern((void *)action->sa_sigaction, flags,
		mask_word(&action->sa_mask) & ~UNBLOCKABLE);
}

static void to_sigaction(const struct disposition *disposition, struct sigaction *action)
{
	memset(&action->sa_mask, 0, sizeof(action->sa_mask));
	mask_set_word(&action->sa_mask, disposition->mask);
	action->sa_sigaction = (void (*)(int, siginfo_t *, void *))disposition->handler;
	action->sa_flags = (int)disposition->flags;
	action->sa_restorer = disposition_restorer(disposition);
}

/* The child of vfork() shares our memory, but not the kernel's table of handlers: only that changes. */
static int set_borrowed(int signo, const struct sigaction *new, struct sigaction *old)
{
	int result = next()->sigaction(signo, new, old);

	if (result == 0 && old && (void *)old->sa_sigaction == (void *)sigbus_entry)
		to_sigaction(disposition_now(signo), old);
	return result;
}

static int set_ours(int signo, const struct sigaction *new, struct sigaction *old, uintptr_t caller)
{
	const struct disposition *wanted = NULL, *before;

	if (process_is_borrowed())
		return set_borrowed(signo, new, old);
	if (new) {
		wanted = from_sigaction(new);
		if (!wanted) {
			errno = ENOMEM;
			return -1;
		}
	}
	before = statement_make(signo, wanted, caller);
	if (old)
		to_sigaction(before, old);
	return 0;
}

/* What the C library keeps for itself: cancellation and setuid() in all threads. */
static bool is_internal(int signo)
{
	return signo == 32 || signo == 33;
}

/* Another signal's handler that blocks SIGBUS blocks the shadow. */
static int set_other(int signo, const struct sigaction *new, struct sigaction *old)
{
	struct sigaction copy;
	int result;

	/* The C library does not look at the action for a signal that it refuses. */
	if (new && signo > 0 && signo < NSIG && !is_internal(signo)) {
		copy = *new;
		mask_set_word(&copy.sa_mask, mask_to_kernel(mask_word(&new->sa_mask)));
		new = &copy;
	}
	result = next()->sigaction(signo, new, old);
	if (result == 0 && old)
		mask_set_word(&old->sa_mask, mask_from_kernel(mask_word(&old->sa_mask)));
	return result;
}

/* Dormant, or another object's sigaction() calls ours. */
static APART int set_indirectly(
	int signo, const struct sigaction *new, struct sigaction *old, uintptr_t caller)
{
	if (!active)
		return next()->sigaction(signo, new, old);
	if (!is_ours(signo))
		return set_other(signo, new, old);
	if (new)
		caller = interposer_caller(caller, (void *)new->sa_sigaction, disposition_now(signo)->handler);
	return set_ours(signo, new, old, caller);
}

EXPORT int sigaction(int signo, const struct sigaction *restrict new, struct sigaction *restrict old)
{
	if (unlikely(!is_called_directly))
		return set_indirectly(signo, new, old, CALLER);
	return signo == SIGBUS || signo == shadow_signal ? set_ours(signo, new, old, CALLER)
							 : set_other(signo, new, old);
}

extern __typeof__(sigaction) __sigaction ALIAS(sigaction);

/* ---- the older ways to install ---- */

static sighandler_t install(int signo, sighandler_t handler, int flags, uint64_t mask, uintptr_t caller)
{
	struct sigaction new = {.sa_flags = flags}, old;

	new.sa_handler = handler;
	mask_set_word(&new.sa_mask, mask);
	return set_ours(signo, &new, &old, caller) == 0 ? old.sa_handler : SIG_ERR;
}

/* sigset() installs what signal() refuses. */
static sighandler_t install_valid(
	int signo, sighandler_t handler, int flags, uint64_t mask, uintptr_t caller)
{
	if (handler != SIG_ERR)
		return install(signo, handler, flags, mask, caller);
	errno = EINVAL;
	return SIG_ERR;
}

EXPORT sighandler_t signal(int signo, sighandler_t handler)
{
	int flags = atomic_load(&interrupts) && signo == SIGBUS ? 0 : SA_RESTART;

	return is_ours(signo) ? install_valid(signo, handler, flags, SIGNAL_BIT(signo), CALLER)
			      : next()->signal(signo, handler);
}

extern __typeof__(signal) bsd_signal ALIAS(signal);
extern __typeof__(signal) ssignal ALIAS(signal);

EXPORT sighandler_t sysv_signal(int signo, sighandler_t handler)
{
	return is_ours(signo) ? install_valid(signo, handler, (int)(SA_RESETHAND | SA_NODEFER), 0, CALLER)
			      : next()->sysv_signal(signo, handler);
}

extern __typeof__(sysv_signal) __sysv_signal ALIAS(sysv_signal);

/* ---- System V: sigset and friends ---- */

static uint64_t block_virtually(int how, int signo, uint64_t *before)
{
	uint64_t bits = signo == SIGBUS && how == SIG_UNBLOCK
				? SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(shadow_signal)
				: mask_to_kernel(SIGNAL_BIT(signo));

	*before = mask_from_kernel(mask_swap(how, bits));
	if (unlikely(running_watch))
		raise_unblocked();
	return *before & SIGNAL_BIT(signo);
}

EXPORT sighandler_t sigset(int signo, sighandler_t handler)
{
	uint64_t before;
	sighandler_t old;

	if (!active || signo != SIGBUS)
		return next()->sigset(signo, handler);
	if (handler == SIG_HOLD) {
		struct sigaction action;

		if (block_virtually(SIG_BLOCK, signo, &before))
			return SIG_HOLD;
		set_ours(signo, NULL, &action, CALLER);
		return action.sa_handler;
	}
	old = install(signo, handler, 0, 0, CALLER);
	return block_virtually(SIG_UNBLOCK, signo, &before) ? SIG_HOLD : old;
}

EXPORT int sigignore(int signo)
{
	if (!is_ours(signo))
		return next()->sigignore(signo);
	return install(signo, SIG_IGN, 0, 0, CALLER) == SIG_ERR ? -1 : 0;
}

EXPORT int sighold(int signo)
{
	uint64_t before;

	if (!is_ours(signo))
		return next()->sighold(signo);
	if (signo == SIGBUS) /* the shadow's bit is not the program's */
		block_virtually(SIG_BLOCK, signo, &before);
	return 0;
}

EXPORT int sigrelse(int signo)
{
	uint64_t before;

	if (!is_ours(signo))
		return next()->sigrelse(signo);
	if (signo == SIGBUS)
		block_virtually(SIG_UNBLOCK, signo, &before);
	return 0;
}

EXPORT int siginterrupt(int signo, int interrupt)
{
	struct sigaction action;

	if (!is_ours(signo))
		return next()->siginterrupt(signo, interrupt);
	if (signo == SIGBUS)
		atomic_store(&interrupts, interrupt != 0);
	set_ours(signo, NULL, &action, CALLER);
	action.sa_flags = interrupt ? action.sa_flags & ~SA_RESTART : action.sa_flags | SA_RESTART;
	return set_ours(signo, &action, NULL, CALLER);
}

/* ---- masks ---- */

static int change_mask(int (*next)(int, const sigset_t *, sigset_t *), int how, const sigset_t *new,
	sigset_t *old)
{
	sigset_t copy;
	int result;

	if (new) {
		uint64_t word = mask_word(new);

		/* Only the kernel's part is read: what was handed in may be no longer than that. */
		memset(&copy, 0, sizeof(copy));
		mask_set_word(&copy, mask_to_kernel(word));
		/* Unblocking ends a real block too, which a signalfd or an edited ucontext may have made. */
		if (how == SIG_UNBLOCK && word & SIGNAL_BIT(SIGBUS))
			mask_set_word(&copy, mask_word(&copy) | SIGNAL_BIT(SIGBUS));
	}
	result = next(how, new ? &copy : NULL, old);
	if (result == 0 && old)
		mask_set_word(old, mask_from_kernel(mask_word(old)));
	if (unlikely(running_watch) && result == 0 && new)
		raise_unblocked();
	return result;
}

EXPORT int sigprocmask(int how, const sigset_t *restrict new, sigset_t *restrict old)
{
	return active ? change_mask(next()->sigprocmask, how, new, old) : next()->sigprocmask(how, new, old);
}

EXPORT int pthread_sigmask(int how, const sigset_t *restrict new, sigset_t *restrict old)
{
	return active ? change_mask(next()->pthread_sigmask, how, new, old)
		      : next()->pthread_sigmask(how, new, old);
}

static bool is_asked(void)
{
	const struct running *running = running_now(STACK_POINTER());

	return running && running->how != RUNNING_JUMPED;
}

/* In a handler that we called this is its way to decline; it must reach this thread. */
EXPORT int kill(pid_t pid, int signo)
{
	if (active && signo == SIGBUS && is_asked() && pid == process_pid()) {
		SYS_3(SYS_tgkill, pid, SYS_0(SYS_gettid), signo);
		return 0;
	}
	return next()->kill(pid, signo);
}
