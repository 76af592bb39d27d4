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
#include "signal/pending.h"
#include "fault/fault.h"
#include "kernel/mask.h"
#include "kernel/next.h"
#include "kernel/process.h"
#include "owner/owner.h"
#include "signal/disposition.h"
#include "signal/handlers.h"

/* Linux' struct for rt_sigaction, which is not the C library's. */
struct kernel_sigaction {
	void *handler;
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

#define INTERN_BUCKETS 64

static _Atomic(const struct disposition *) interned[INTERN_BUCKETS];
static _Atomic(const struct disposition *) current[2]; /* SIGBUS, shadow */
static void *entry; /* of our handler: what the kernel has */
static struct kernel_sigaction ours; /* with the C library's restorer, learned once */
static _Atomic uint64_t real_flags;
_Atomic bool disposition_disarmed;

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
	uintptr_t hash = ((uintptr_t)handler >> 4) ^ flags ^ (flags >> 26) ^ mask;
	_Atomic(const struct disposition *) *bucket = &interned[hash % INTERN_BUCKETS];
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
	uint64_t flags = (uint64_t)flags_of(signo) | disposition_restorer_flag();
	bool is_handler = disposition->handler != SIG_DFL && disposition->handler != SIG_IGN;

	if (!is_handler || (disposition->flags & SA_RESTART))
		flags |= SA_RESTART;
	return flags;
}

static void install(int signo, uint64_t flags)
{
	struct kernel_sigaction action = ours;

	action.flags = flags;
	kernel_action(signo, &action, NULL);
}

static void follow_restart(int signo, const struct disposition *disposition)
{
	uint64_t flags = flags_for(SIGBUS, disposition);

	if (signo != SIGBUS || flags == atomic_load(&real_flags))
		return;
	atomic_store(&real_flags, flags);
	install(SIGBUS, flags);
}

/* dlmopen(), RTLD_DEEPBIND and raw system calls go past us: take what they put in our place. */
static void adopt_displaced(int signo)
{
	struct kernel_sigaction found;
	const struct disposition *disposition;

	if (kernel_action(signo, NULL, &found) < 0 || found.handler == entry)
		return;
	if (signo == SIGBUS && atomic_load(&disposition_disarmed)) {
		disposition_rearm();
		return;
	}
	disposition = disposition_intern(found.handler, found.flags, found.mask);
	if (!disposition)
		return;
	atomic_store(&current[signo != SIGBUS], disposition);
	if (signo == SIGBUS)
		handlers_update(disposition, NULL, (uintptr_t)found.handler);
	install(signo, signo == SIGBUS ? atomic_load(&real_flags) : flags_for(signo, disposition));
	follow_restart(signo, disposition);
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
	follow_restart(signo, new);
	return true;
}

const struct disposition *disposition_set(int signo, const struct disposition *new, uintptr_t caller)
{
	const struct disposition *old;

	/* Inside our call of an owner's handler: part of how it answers this one fault. */
	if (signo == SIGBUS && call_live()) {
		old = call_placed() ? call_placed() : disposition_now(SIGBUS);
		if (new)
			call_place(new);
		return old;
	}
	adopt_displaced(signo);
	/* Ours is what a raw query shows: who puts it back wants what is there already. */
	if (!new || new->handler == entry)
		return disposition_now(signo);
	old = atomic_exchange(&current[signo != SIGBUS], new);
	follow_restart(signo, new);
	if (new->handler == SIG_IGN && signo == SIGBUS)
		pending_discard();
	if (signo == SIGBUS && !chained_handler_is_live())
		handlers_update(new, old, caller);
	return old;
}

/* async-signal-safe; the caller returns from the signal handler right after it. */
void disposition_die(int signo)
{
	struct kernel_sigaction fatal = ours;

	fatal.handler = SIG_DFL;
	fatal.flags = disposition_restorer_flag();
	if (signo == SIGBUS)
		atomic_store(&disposition_disarmed, true);
	kernel_action(signo, &fatal, NULL);
}

void disposition_rearm(void)
{
	atomic_store(&disposition_disarmed, false);
	install(SIGBUS, atomic_load(&real_flags));
}

uint64_t disposition_restorer_flag(void)
{
	return ours.flags & SA_RESTORER_;
}

void (*disposition_restorer(const struct disposition *disposition))(void)
{
	return disposition->flags & SA_RESTORER_ ? ours.restorer : NULL;
}

/* For a program that is about to be executed. False: there is nothing to take back. */
bool disposition_show_ignored(void)
{
	struct kernel_sigaction ignored = ours, found;

	if (disposition_now(SIGBUS)->handler != SIG_IGN ||
		kernel_action(SIGBUS, NULL, &found) < 0 || found.handler != entry)
		return false;
	ignored.handler = SIG_IGN;
	return kernel_action(SIGBUS, &ignored, NULL) == 0;
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

/*
 * Installs through the C library once, so that the kernel has its restorer: debuggers and unwinders
 * know that one.
 */
static int take(int signo)
{
	struct sigaction action = {.sa_sigaction = entry,
		.sa_flags = flags_of(signo) | SA_RESTART};
	struct sigaction replaced;

	if (real.sigaction(signo, &action, &replaced) != 0 || kernel_action(signo, NULL, &ours) < 0)
		return -EINVAL;
	if (ours.handler == entry)
		return 0;
	/* Another copy of us was here first, and took ours for the program's. */
	real.sigaction(signo, &replaced, NULL);
	return -EBUSY;
}

/* What may be lacking is asked for before anything is installed: it would stay, and we be inactive. */
int disposition_init(void *our_handler)
{
	const struct disposition *found;

	entry = our_handler;
	if (!adopt_first(shadow_signal) || !adopt_first(SIGBUS))
		return -ENOMEM;
	if (take(shadow_signal) < 0 || take(SIGBUS) < 0)
		return -EBUSY;
	atomic_store(&real_flags, ours.flags);
	found = disposition_now(SIGBUS);
	follow_restart(SIGBUS, found);
	handlers_update(found, NULL, (uintptr_t)found->handler);
	return 0;
}
