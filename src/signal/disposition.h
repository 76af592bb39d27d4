/* SPDX-License-Identifier: MIT */
/*
 * Room signal: what the program believes about SIGBUS (its disposition, what is pending), and what the
 * kernel has instead. It never reports. Calls base, kernel, table and owner.
 */
#ifndef SIGBUS_DISPOSITION_H
#define SIGBUS_DISPOSITION_H

#include <signal.h>
#include <stdatomic.h>
#include <sys/ucontext.h>
#include "kernel/mask.h"

/* Immutable and interned: equal actions are the same pointer. */
struct disposition {
	const struct disposition *next; /* in the intern table */
	void *handler;
	uint64_t flags, mask; /* as the program gave them; the mask has SIGBUS, not the shadow */
	_Atomic uint32_t installed; /* how often, so far */
	_Atomic uint32_t owner;	    /* who answers for it: see owner_note(); 0: nobody known */
};

#define SA_RESTORER_ ((uint64_t)0x04000000) /* the kernel's, not in the C library's headers */

int disposition_init(void *our_handler, void (*our_restorer)(void)); /* 0, or -errno: nothing was installed */
bool disposition_is_ours(const struct disposition *disposition); /* our handler, as a raw query shows it */
/* NULL: no memory. [H] */
const struct disposition *disposition_intern(void *handler, uint64_t flags, uint64_t mask);
/* What a query sigaction(signo, NULL, &old) would say: signo is SIGBUS or shadow_signal. [H] */
const struct disposition *disposition_now(int signo);
bool disposition_replace(int signo, const struct disposition *old, const struct disposition *new); /* [H] */
/*
 * As sigaction() by code that is in no handler: *old is the action before. False: a query, or one that
 * changes nothing.
 */
bool disposition_set(int signo, const struct disposition *new, const struct disposition **old);
/* Makes it the program's action and returns the one before. [H] */
const struct disposition *disposition_exchange(int signo, const struct disposition *new);
/* What others put into the kernel past our hooks becomes the program's action, and ours comes back. */
void disposition_adopt(int signo);
extern HIDDEN _Atomic uint32_t statements_count; /* of changes that the program has made so far */
/* Only compared with a value of before, in the same thread or for a hint: it orders nothing. */
static inline uint32_t disposition_statements(void)
{
	return atomic_load_explicit(&statements_count, memory_order_relaxed);
}
void disposition_count(const struct disposition *disposition); /* it was installed */
/*
 * The process dies of this signal with the handler's return, at the interrupted instruction, and of
 * nothing else. In process 1, which no queued signal kills, only of the same fault again. [H]
 */
void disposition_die(int signo, siginfo_t *info, ucontext_t *uc);
/* The kernel ignores SIGBUS, for a program that is about to be executed; several threads may say so. */
bool disposition_show_ignored(void); /* false: there is nothing to take back */
void disposition_hide_ignored(void);
/* SA_RESTORER_ where the C library sets it: elsewhere the kernel has a restorer of its own. */
uint64_t disposition_restorer_flag(void);
/* As the kernel shows it with the action: the C library's, if the action was set by it. */
void (*disposition_restorer(const struct disposition *disposition))(void);

#endif
