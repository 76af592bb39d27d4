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

static _Atomic bool keep_real; /* a signalfd reads SIGBUS: it has to be pending as such */

enum { STASH_FREE, STASH_FILLING, STASH_QUEUED };

static bool is_thread(int tid)
{
	return SYS_3(SYS_tgkill, own_pid(), tid, 0) == 0;
}

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
		return SYS_4(SYS_rt_tgsigqueueinfo, own_pid(), target, signo, info);
	/* By thread id: with the process id the kernel refuses other threads than the first. */
	return SYS_3(SYS_rt_sigqueueinfo, own_tid(), signo, info);
}

/* Where a filter refuses that, or a limit: without what its siginfo said. */
void pending_send_again(int target, int signo, siginfo_t *info)
{
	if (queue_to(target, signo, info) == 0)
		return;
	if (target)
		SYS_3(SYS_tgkill, own_pid(), target, signo);
	else
		SYS_2(SYS_kill, own_pid(), signo);
}

/* What a slot says counts while the kernel has it too: thread ids come again. */
static bool is_queued_already(int target)
{
	if (!(pending_signals() & SIGNAL_BIT(shadow_signal)))
		return false;
	for (int i = 0; i < STASH_SLOTS; i++)
		if (atomic_load(&process_state->stash[i].state) == STASH_QUEUED &&
			atomic_load(&process_state->stash[i].target) == target)
			return true;
	return false;
}

/* A thread that ended takes what was pending for it along, and leaves its slot. */
static bool try_take(struct stash *stash)
{
	int state = atomic_load(&stash->state), target = atomic_load(&stash->target);

	if (state == STASH_FILLING || (state == STASH_QUEUED && (!target || is_thread(target))))
		return false;
	return atomic_compare_exchange_strong(&stash->state, &state, STASH_FILLING);
}

static struct stash *stash_take(void)
{
	for (int i = 0; i < STASH_SLOTS; i++)
		if (try_take(&process_state->stash[i]))
			return &process_state->stash[i];
	return NULL;
}

static bool stash_and_queue(const siginfo_t *info, int target)
{
	struct stash *stash = stash_take();
	siginfo_t wrapper;

	if (!stash)
		return false;
	stash->info = *info;
	atomic_store(&stash->target, target);
	atomic_store(&stash->state, STASH_QUEUED);
	memset(&wrapper, 0, sizeof(wrapper));
	wrapper.si_signo = shadow_signal;
	wrapper.si_code = SI_QUEUE;
	wrapper.si_pid = own_pid();
	wrapper.si_value.sival_ptr = stash;
	if (queue_to(target, shadow_signal, &wrapper) == 0)
		return true;
	atomic_store(&stash->state, STASH_FREE);
	return false;
}

bool pending_add(const siginfo_t *info, uint64_t mask)
{
	int target = pending_target(info);
	bool as_shadow = !atomic_load(&keep_real) && !(mask & SIGNAL_BIT(SIGBUS));

	return is_queued_already(target) || (as_shadow && stash_and_queue(info, target));
}

bool pending_unwrap(siginfo_t *info)
{
	struct stash *stash = info->si_value.sival_ptr;

	if (info->si_code != SI_QUEUE || info->si_pid != own_pid() ||
		stash < process_state->stash || stash >= process_state->stash + STASH_SLOTS ||
		atomic_load(&stash->state) != STASH_QUEUED)
		return false;
	memcpy(info, &stash->info, KERNEL_SIGINFO_SIZE);
	atomic_store(&stash->state, STASH_FREE);
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

	for (int i = 0; i < STASH_SLOTS && pending_signals() & SIGNAL_BIT(shadow_signal); i++) {
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
