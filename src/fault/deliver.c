/* SPDX-License-Identifier: MIT */
/*
 * A SIGBUS that was sent: kill(), raise(), sigqueue(), a forged siginfo. It is no fault: policies
 * have no say, no owner is asked. The program's present action gets it, as from the kernel.
 */
#include <errno.h>
#include <string.h>
#include <time.h>
#include "base/base.h"
#include "base/syscall.h"
#include "fault/deliver.h"
#include "fault/fault.h"
#include "kernel/mask.h"
#include "kernel/process.h"
#include "report/report.h"
#include "rules/fault.h"
#include "signal/disposition.h"
#include "signal/frame.h"

static _Atomic bool keep_real; /* a signalfd reads SIGBUS: it has to be pending as such */

enum { STASH_FREE, STASH_FILLING, STASH_QUEUED };

static int own_pid(void)
{
	return (int)SYS_0(SYS_getpid);
}

static int own_tid(void)
{
	return (int)SYS_0(SYS_gettid);
}

static bool is_thread(int tid)
{
	return SYS_3(SYS_tgkill, own_pid(), tid, 0) == 0;
}

static uint64_t pending(void)
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
static void send_again(int target, int signo, siginfo_t *info)
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
	if (!(pending() & SIGNAL_BIT(shadow_signal)))
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

static void pend(struct jump *jump, uint64_t mask)
{
	siginfo_t *info = jump->info;
	int target = info->si_code == SI_TKILL || info->si_code > 0 ? own_tid() : 0;

	bool as_shadow = !atomic_load(&keep_real) && !(mask & SIGNAL_BIT(SIGBUS));

	if (is_queued_already(target) || (as_shadow && stash_and_queue(info, target)))
		return;
	/*
	 * No room, a signalfd, or SIGBUS is really blocked (a ucontext was edited) and the shadow is
	 * not: SIGBUS itself waits, really blocked. Only the protection is lost.
	 */
	mask_swap(SIG_BLOCK, SIGNAL_BIT(SIGBUS));
	mask_set_word(&jump->uc->uc_sigmask, mask_word(&jump->uc->uc_sigmask) | SIGNAL_BIT(SIGBUS));
	send_again(target, SIGBUS, info);
}

bool sent_unwrap(siginfo_t *info)
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

void sent_unqueue(void)
{
	siginfo_t info;

	for (int i = 0; i < STASH_SLOTS && pending() & SIGNAL_BIT(shadow_signal); i++) {
		int signo = shadow_signal, target = 0;

		if (!take_pending(SIGNAL_BIT(shadow_signal), &info))
			return;
		if (sent_unwrap(&info)) {
			signo = SIGBUS;
			target = info.si_code == SI_TKILL || info.si_code > 0 ? own_tid() : 0;
		}
		send_again(target, signo, &info);
	}
}

void sent_keep_real(void)
{
	uint64_t before = mask_swap(SIG_BLOCK, SIGNAL_BIT(SIGBUS));

	atomic_store(&keep_real, true);
	sent_unqueue();
	/* Only for one that is pending the thread stays blocked, and so unprotected. */
	if (!(before & SIGNAL_BIT(shadow_signal)) || !(pending() & SIGNAL_BIT(SIGBUS)))
		mask_swap(SIG_SETMASK, before);
}

void sent_discard(void)
{
	siginfo_t info;

	while (pending() & (SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(shadow_signal)) &&
		take_pending(SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(shadow_signal), &info))
		if (info.si_signo == shadow_signal)
			sent_unwrap(&info);
}

/* ---- delivery ---- */

static bool is_own(const siginfo_t *info)
{
	/* Only the process itself can forge a positive si_code. */
	return info->si_code > 0 || info->si_pid == own_pid();
}

/*
 * raise() in a handler that we called is its way to say no. With SA_NODEFER the signal would act at
 * once and the handler never go on: it is left behind on the stack.
 */
static void decline(struct call *call)
{
	call->declined = true;
	if (call->handler && call->handler->flags & SA_NODEFER)
		__builtin_longjmp(call->unwind, 1);
}

static void report(const struct jump *jump, const char *action, uintptr_t handler)
{
	struct fault fault = {.info = jump->info,
		.uc = jump->uc,
		.sent = true,
		.pc = frame_pc(jump->uc),
		.action = action,
		.page = &page_unknown,
		.handler = handler,
		.count = 1};

	report_count(&fault);
	if (out_wanted())
		report_fault(&fault);
}

/* The same siginfo once more, with the default action: taken at sigreturn, at the same place. */
static void die(int signo, struct jump *jump)
{
	if (signo == SIGBUS)
		report(jump, "default", 0);
	mask_swap(SIG_BLOCK, SIGNAL_BIT(signo));
	disposition_die(signo);
	mask_set_word(&jump->uc->uc_sigmask, mask_word(&jump->uc->uc_sigmask) & ~SIGNAL_BIT(signo));
	send_again(own_tid(), signo, jump->info);
}

void sent_deliver(int signo, struct jump *jump)
{
	/* The mask at delivery; the frame's mask is another one inside sigsuspend() and ppoll(). */
	uint64_t mask = mask_swap(SIG_BLOCK, ~SYNCHRONOUS);
	struct chain_target target = {.signo = signo, .mask = mask};
	struct call *call = call_live();

	/* The kernel has blocked the shadow for its handler: it was not, or it would not have come. */
	if (jump->signo == (uintptr_t)shadow_signal)
		target.mask = mask &= ~SIGNAL_BIT(shadow_signal);
	if (signo == SIGBUS && call && is_own(jump->info)) {
		decline(call);
		return;
	}
	if (signo == SIGBUS && mask & (SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(shadow_signal))) {
		pend(jump, mask);
		return;
	}
	target.disposition = disposition_now(signo);
	if (target.disposition->handler == SIG_IGN)
		return;
	if (target.disposition->handler == SIG_DFL)
		die(signo, jump);
	else
		jump->handler = chain_jump(&target, jump);
}
