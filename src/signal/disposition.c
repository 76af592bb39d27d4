/* SPDX-License-Identifier: MIT */
/*
 * The virtual disposition of SIGBUS: what the program believes to have installed.
 *
 * The kernel's disposition is our handler, always; the program's calls exchange one atomic pointer
 * to an immutable record. So there is no lock, the old action comes out linearised, and a handler
 * that interrupts sigaction() finds the action before or after it, nothing between.
 *
 * The shadow signal (see mask.c) has a virtual disposition of its own in the same way: a program
 * may use that signal for itself.
 */
#include <errno.h>
#include <string.h>
#include "base/syscall.h"
#include "kernel/mask.h"
#include "kernel/next.h"
#include "kernel/process.h"
#include "owner/owner.h"
#include "signal/disposition.h"
#include "signal/frame.h"
#include "signal/handlers.h"

/* Linux' struct for rt_sigaction, which is not the C library's. */
struct kernel_sigaction {
	void *handler;
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

#define INTERN_BUCKETS 4096 /* JIT compilers install thousands of handlers */

LARGE static _Atomic(const struct disposition *) interned[INTERN_BUCKETS];
static _Atomic(const struct disposition *) current[2]; /* SIGBUS, shadow */
static void *entry; /* of our handler, and what it returns to: what the kernel has */
static void (*restorer)(void);
static struct kernel_sigaction library; /* as the C library installs: its restorer, learned once */
static _Atomic uint64_t real_flags;
static _Atomic int dying; /* the process that is about to die of a signal: a vfork() child has our memory */

static const struct disposition *find(const struct disposition *head, const struct disposition *wanted)
{
	while (head && (head->handler != wanted->handler || head->flags != wanted->flags ||
			       head->mask != wanted->mask))
		head = head->next;
	return head;
}

const struct disposition *disposition_intern(void *handler, uint64_t flags, uint64_t mask)
{
	struct disposition wanted = {.handler = handler, .flags = flags, .mask = mask};
	uint64_t hash = ((uint64_t)(uintptr_t)handler ^ flags ^ mask << 1) * 0x9e3779b97f4a7c15;
	_Atomic(const struct disposition *) *bucket = &interned[(hash >> 40) % INTERN_BUCKETS];
	const struct disposition *head = atomic_load(bucket);
	const struct disposition *known = find(head, &wanted);
	struct disposition *fresh;

	if (known)
		return known;
	fresh = arena_allocate(sizeof(*fresh));
	if (!fresh)
		return NULL;
	do {
		known = find(head, &wanted);
		if (known)
			return known;
		fresh->next = head;
		fresh->handler = handler;
		fresh->flags = flags;
		fresh->mask = mask;
	} while (!atomic_compare_exchange_weak(bucket, &head, fresh));
	return fresh;
}

static long kernel_action(int signo, const struct kernel_sigaction *new, struct kernel_sigaction *old)
{
	return SYS_4(SYS_rt_sigaction, signo, new, old, sizeof(uint64_t));
}

/*
 * Without SA_NODEFER two shadow signals that are unblocked at once come one after the other, as the
 * signals that they stand for would. SIGBUS has to have it: our handler may meet a lost page too.
 */
static int flags_of(int signo)
{
	return SA_SIGINFO | SA_ONSTACK | (signo == SIGBUS ? SA_NODEFER : 0);
}

/* SA_RESTART is decided by the kernel before any handler runs: the real flag follows the virtual. */
static uint64_t flags_for(int signo, const struct disposition *disposition)
{
	uint64_t flags = (uint64_t)flags_of(signo) | SA_RESTORER_;
	bool is_handler = disposition->handler != SIG_DFL && disposition->handler != SIG_IGN;

	if (!is_handler || (disposition->flags & SA_RESTART))
		flags |= SA_RESTART;
	return flags;
}

/*
 * The kernel blocks the shadow for our handler as it blocks SIGBUS for one of the program's: what is
 * sent meanwhile waits, and as a rule the mask is that of the program's handler already.
 */
static long install(int signo, uint64_t flags)
{
	struct kernel_sigaction action = {.handler = entry,
		.flags = flags,
		.restorer = restorer,
		.mask = SIGNAL_BIT(shadow_signal)};

	return kernel_action(signo, &action, NULL);
}

/*
 * The kernel gets the flags of what is current. Of two threads that come here at once the later system call
 * decides, and nothing tells which that was: so who finds that another call has begun since its own makes
 * one more. current is stored before, and real_flags between the call and the look at current; so a
 * thread that has changed current meanwhile and found real_flags as it wants them is seen here.
 */
static void follow_restart(int signo)
{
	static _Atomic uint32_t calls;
	bool again = false;
	uint64_t flags;
	uint32_t call;

	while (signo == SIGBUS && ((flags = flags_for(SIGBUS, disposition_now(SIGBUS))) !=
					     atomic_load(&real_flags) ||
					  again)) {
		call = atomic_fetch_add(&calls, 1) + 1;
		if (install(SIGBUS, flags) < 0)
			return;
		atomic_store(&real_flags, flags);
		again = atomic_load(&calls) != call;
	}
}

static bool is_ours(const struct kernel_sigaction *action)
{
	return action->handler == entry &&
	       action->restorer == restorer;
}

bool disposition_is_ours(const struct disposition *disposition)
{
	return disposition->handler == entry;
}

/* By us, not by the program: the process is about to die, or to execute another program. */
static bool is_our_doing(const struct kernel_sigaction *found)
{
	if (found->handler == SIG_IGN && atomic_load(&process_state->showing_ignored) &&
		disposition_now(SIGBUS)->handler == SIG_IGN)
		return true;
	return found->handler == SIG_DFL && atomic_load(&dying) &&
	       atomic_load(&dying) == process_pid();
}

/* dlmopen(), RTLD_DEEPBIND and raw system calls go past us: take what they put in our place. */
void disposition_adopt(int signo)
{
	struct kernel_sigaction found;
	const struct disposition *disposition;

	if (kernel_action(signo, NULL, &found) < 0 || is_ours(&found) ||
		(signo == SIGBUS && is_our_doing(&found)))
		return;
	if (found.handler != entry) {
		disposition = disposition_intern(found.handler, found.flags, found.mask);
		if (!disposition)
			return;
		atomic_store(&current[signo != SIGBUS], disposition);
		if (signo == SIGBUS)
			handlers_update(disposition, NULL, (uintptr_t)found.handler);
	}
	install(signo, signo == SIGBUS ? atomic_load(&real_flags)
				       : flags_for(signo, disposition_now(signo)));
	follow_restart(signo);
}

_Atomic(const struct disposition *) const *disposition_inspect(void)
{
	return &current[0];
}

const struct disposition *disposition_now(int signo)
{
	return atomic_load(&current[signo != SIGBUS]);
}

bool disposition_replace(int signo, const struct disposition *old, const struct disposition *new)
{
	if (!atomic_compare_exchange_strong(&current[signo != SIGBUS], &old, new))
		return false;
	follow_restart(signo);
	return true;
}

_Atomic uint32_t statements_count;

/* Relaxed: two counters of which a thread compares what it has seen before; see disposition_statements(). */
void disposition_count(const struct disposition *disposition)
{
	atomic_fetch_add_explicit(&statements_count, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&((struct disposition *)disposition)->installed, 1, memory_order_relaxed);
}

const struct disposition *disposition_exchange(int signo, const struct disposition *new)
{
	/* What it points to was written before: disposition_now() reads the pointer, then its fields. */
	const struct disposition *old = atomic_exchange(&current[signo != SIGBUS], new);

	disposition_count(new);
	follow_restart(signo);
	return old;
}

bool disposition_set(int signo, const struct disposition *new, const struct disposition **old)
{
	disposition_adopt(signo);
	/* Ours is what a raw query shows: who puts it back wants what is there already. */
	if (!new || new->handler == entry) {
		*old = disposition_now(signo);
		return false;
	}
	*old = disposition_exchange(signo, new);
	return true;
}

/*
 * The default action and a return to the instruction would not be final: the page may be back by
 * then. So the siginfo is queued to the thread itself, and taken when the return unblocks it. A
 * filter may refuse that; then the fault comes again.
 */
static void die_of_queued(int signo, siginfo_t *info, ucontext_t *uc, int pid)
{
	struct kernel_sigaction fatal = library;

	mask_swap(SIG_BLOCK, SIGNAL_BIT(signo));
	fatal.handler = SIG_DFL;
	fatal.flags = disposition_restorer_flag();
	if (signo == SIGBUS)
		atomic_store(&dying, pid);
	kernel_action(signo, &fatal, NULL);
	mask_set_word(&uc->uc_sigmask, mask_word(&uc->uc_sigmask) & ~SIGNAL_BIT(signo));
	if (info->si_code > 0 && frame_is_emulated(uc))
		return;
	if (SYS_4(SYS_rt_tgsigqueueinfo, pid, SYS_0(SYS_gettid), signo, info) < 0 &&
		info->si_code <= 0)
		SYS_3(SYS_tgkill, pid, SYS_0(SYS_gettid), signo);
}

/*
 * The first process of a name space ends by a fault that it has blocked only. Should the page be
 * back by then, it lives, with everything armed, and this thread unprotected until it unblocks SIGBUS.
 */
void disposition_die(int signo, siginfo_t *info, ucontext_t *uc)
{
	int pid = process_pid();

	if (pid == 1 && signo == SIGBUS && info->si_code > 0)
		mask_set_word(&uc->uc_sigmask, mask_word(&uc->uc_sigmask) | SIGNAL_BIT(SIGBUS));
	else
		die_of_queued(signo, info, uc, pid);
}

uint64_t disposition_restorer_flag(void)
{
	return library.flags & SA_RESTORER_;
}

void (*disposition_restorer(const struct disposition *disposition))(void)
{
	return disposition->flags & SA_RESTORER_ ? library.restorer : NULL;
}

bool disposition_show_ignored(void)
{
	struct kernel_sigaction ignored = library, found;

	if (disposition_now(SIGBUS)->handler != SIG_IGN ||
		kernel_action(SIGBUS, NULL, &found) < 0 ||
		(!is_ours(&found) && !is_our_doing(&found)))
		return false;
	if (!process_is_borrowed()) /* a vfork() child has a table of actions of its own */
		atomic_fetch_add(&process_state->showing_ignored, 1);
	ignored.handler = SIG_IGN;
	ignored.flags = disposition_restorer_flag();
	kernel_action(SIGBUS, &ignored, NULL);
	return true;
}

/* The last one of several takes it back. */
void disposition_hide_ignored(void)
{
	if (process_is_borrowed() || atomic_fetch_sub(&process_state->showing_ignored, 1) == 1)
		install(SIGBUS, atomic_load(&real_flags));
}

/* A handler that is there already (another preload's) becomes the program's. */
static bool adopt_first(int signo)
{
	struct kernel_sigaction found;
	const struct disposition *disposition;

	if (kernel_action(signo, NULL, &found) < 0)
		return false;
	disposition = disposition_intern(found.handler, found.flags, found.mask);
	atomic_store(&current[signo != SIGBUS], disposition);
	return disposition;
}

/* Installs through the C library once, to learn its restorer: a query goes on showing that one. */
static int take(int signo)
{
	struct sigaction action = {.sa_sigaction = entry,
		.sa_flags = flags_of(signo) | SA_RESTART};
	struct sigaction replaced;

	if (real.sigaction(signo, &action, &replaced) != 0 || kernel_action(signo, NULL, &library) < 0)
		return -EINVAL;
	if (library.handler == entry)
		return install(signo, (uint64_t)library.flags | SA_RESTORER_) < 0 ? -EINVAL : 0;
	/* Another copy of us was here first, and took ours for the program's. */
	real.sigaction(signo, &replaced, NULL);
	return -EBUSY;
}

/* What may be lacking is asked for before anything is installed: it would stay, and we be inactive. */
int disposition_init(void *our_handler, void (*our_restorer)(void))
{
	const struct disposition *found;

	entry = our_handler;
	restorer = our_restorer;
	if (!adopt_first(shadow_signal) || !adopt_first(SIGBUS))
		return -ENOMEM;
	if (take(shadow_signal) < 0 || take(SIGBUS) < 0)
		return -EBUSY;
	atomic_store(&real_flags, library.flags | SA_RESTORER_);
	found = disposition_now(SIGBUS);
	follow_restart(SIGBUS);
	handlers_update(found, NULL, (uintptr_t)found->handler);
	return 0;
}
