/* SPDX-License-Identifier: MIT */
/*
 * Room signal: what the program believes about SIGBUS (its disposition, what is pending), and what the
 * kernel has instead. It never reports. Calls base, kernel and owner; fault, hooks, memory and start
 * may call it.
 */
#ifndef SIGBUS_DISPOSITION_H
#define SIGBUS_DISPOSITION_H

#include <signal.h>
#include <stdatomic.h>
#include "kernel/mask.h"

/* Immutable and interned: equal actions are the same pointer. */
struct disposition {
	const struct disposition *next; /* in the intern table */
	void *handler;
	uint64_t flags, mask; /* as the program gave them; the mask has SIGBUS, not the shadow */
	_Atomic bool leaves;  /* the handler was seen to leave by siglongjmp() */
};

#define SYNCHRONOUS                                                                                \
	(SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(SIGILL) | SIGNAL_BIT(SIGTRAP) |     \
		SIGNAL_BIT(SIGFPE) | SIGNAL_BIT(SIGSYS))
#define SA_RESTORER_ ((uint64_t)0x04000000) /* the kernel's, not in the C library's headers */

int disposition_init(void *our_handler); /* 0, or -errno: nothing was installed */
/* NULL: no memory. [H] */
const struct disposition *disposition_intern(void *handler, uint64_t flags, uint64_t mask);
/* What a query sigaction(signo, NULL, &old) would say: signo is SIGBUS or shadow_signal. [H] */
const struct disposition *disposition_now(int signo);
bool disposition_replace(int signo, const struct disposition *old, const struct disposition *new); /* [H] */
/* sigaction() for SIGBUS and the shadow signal. new may be NULL. Returns the old one. [H] */
const struct disposition *disposition_set(int signo, const struct disposition *new, uintptr_t caller);
/* Gives the kernel's disposition up, so that the next fault, or the queued signal, is fatal. [H] */
void disposition_die(int signo);
bool disposition_show_ignored(void);
/* SA_RESTORER_ where the C library sets it: elsewhere the kernel has a restorer of its own. */
uint64_t disposition_restorer_flag(void);
/* As the kernel shows it with the action: the C library's, if the action was set by it. */
void (*disposition_restorer(const struct disposition *disposition))(void);
void disposition_rearm(void); /* [H] after a death that did not happen */
extern _Atomic bool disposition_disarmed;

#endif
