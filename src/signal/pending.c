/* SPDX-License-Identifier: MIT */
/*
 * SIGBUS that was sent while virtually blocked, and waits: where its siginfo is kept, and how it comes
 * back. Nothing is delivered here (fault/deliver.c does that), nothing is reported.
 */
#include <string.h>
#include <time.h>
#include "base/base.h"
#include "base/syscall.h"
#include "kernel/mask.h"
#include "kernel/process.h"
#include "signal/frame.h"
#include "signal/pending.h"

#define UNQUEUE_MAX 1024 /* signals */

static _Atomic bool keep_real; /* a signalfd reads SIGBUS: it has to be pending as such */

static uint64_t pending_signals(void)
{
	uint64_t signals = 0;

	SYS_2(SYS_rt_sigpending, &signals, sizeof(signals));
	return signals;
}

/* ---- pending while virtually blocked ---- */

/*
 * A SIGBUS that comes while the shadow signal is blocked waits as a queued shadow signal. That is
 * blocked just where SIGBUS virtually is, so the kernel delivers it at the unblock, whatever does
 * the unblocking; and SIGBUS itself stays unblocked, so the thread stays protected meanwhile.
 */
static long queue_to(int target, int signo, siginfo_t *info)
{
	if (target)
		return SYS_4(SYS_rt_tgsigqueueinfo, process_pid(), target, signo, info);
	/* By thread id: with the process id the kernel refuses other threads than the first. */
	return SYS_3(SYS_rt_sigqueueinfo, own_tid(), signo, info);
}

/* Where a filter refuses that, or a limit: without what its siginfo said. */
void pending_send_again(int target, int signo, siginfo_t *info)
{
	if (queue_to(target, signo, info) == 0)
		return;
	if (target)
		SYS_3(SYS_tgkill, process_pid(), target, signo);
	else
		SYS_2(SYS_kill, process_pid(), signo);
}

/* One is pending for that thread, or for the process: as a standard signal it is not so twice. */
static _Atomic bool *is_pending_for(int target)
{
	static __thread _Atomic bool here __attribute__((tls_model("initial-exec")));

	return target ? &here : &process_state->is_pending;
}

/* A fork child, and who has missed that it was taken, have what is noted, but nothing pending. */
static bool is_queued_already(int target)
{
	return atomic_load(is_pending_for(target)) && pending_signals() & SIGNAL_BIT(shadow_signal);
}

/*
 * The siginfo is queued as it is, but for a mark in the upper half of si_errno, which the kernel keeps
 * and nobody else uses.
 */
#define MARK 0x51b50000
#define MARK_USER 0x8000 /* it was sent by kill(): of such a siginfo the kernel may keep nothing, silently */
#define MARK_ERRNO 0x7fff

/* Noted before it is queued: where the kernel delivers at once, pending_unwrap() takes the note back. */
static bool queue_as_shadow(const siginfo_t *info, int target)
{
	siginfo_t marked = *info;

	marked.si_signo = shadow_signal;
	marked.si_errno = MARK | (info->si_errno & MARK_ERRNO);
	if (info->si_code == SI_USER) {
		marked.si_errno |= MARK_USER;
		marked.si_code = SI_QUEUE;
	}
	atomic_store(is_pending_for(target), true);
	if (queue_to(target, shadow_signal, &marked) == 0)
		return true;
	atomic_store(is_pending_for(target), false);
	return false;
}

bool pending_add(const siginfo_t *info, uint64_t mask)
{
	int target = pending_target(info);
	bool as_shadow = !atomic_load(&keep_real) && !(mask & SIGNAL_BIT(SIGBUS));

	return is_queued_already(target) || (as_shadow && queue_as_shadow(info, target));
}

bool pending_unwrap(siginfo_t *info)
{
	if ((info->si_errno & ~0xffff) != MARK)
		return false;
	info->si_signo = SIGBUS;
	if (info->si_errno & MARK_USER)
		info->si_code = SI_USER;
	info->si_errno &= MARK_ERRNO;
	atomic_store(is_pending_for(pending_target(info)), false);
	return true;
}

/* ---- taking pending ones back ---- */

static bool take_pending(uint64_t signals, siginfo_t *info)
{
	static const struct timespec now;

	return SYS_4(SYS_rt_sigtimedwait, &signals, info, &now, sizeof(signals)) > 0;
}

void pending_unqueue(void)
{
	siginfo_t info;

	/* At most two of them, but perhaps behind others that are the program's own. */
	for (int i = 0; i < UNQUEUE_MAX && (is_queued_already(own_tid()) || is_queued_already(0)); i++) {
		int signo = shadow_signal, target = 0;

		if (!take_pending(SIGNAL_BIT(shadow_signal), &info))
			return;
		if (pending_unwrap(&info)) {
			signo = SIGBUS;
			target = pending_target(&info);
		}
		pending_send_again(target, signo, &info);
	}
}

void pending_keep_real(void)
{
	uint64_t before = mask_swap(SIG_BLOCK, SIGNAL_BIT(SIGBUS));

	atomic_store(&keep_real, true);
	pending_unqueue();
	/* Only for one that is pending the thread stays blocked, and so unprotected. */
	if (!(before & SIGNAL_BIT(shadow_signal)) || !(pending_signals() & SIGNAL_BIT(SIGBUS)))
		mask_swap(SIG_SETMASK, before);
}

void pending_discard(void)
{
	siginfo_t info;

	while (pending_signals() & (SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(shadow_signal)) &&
		take_pending(SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(shadow_signal), &info))
		if (info.si_signo == shadow_signal)
			pending_unwrap(&info);
}
