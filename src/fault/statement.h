/* SPDX-License-Identifier: MIT */
/*
 * What the program says about SIGBUS by sigaction(), and what that means: outside of a handler a
 * statement of the object that makes it, inside of one perhaps that the handler declines its fault.
 * libsigbus(7) has the rules, by the numbers that are used here.
 */
#ifndef SIGBUS_STATEMENT_H
#define SIGBUS_STATEMENT_H

#include "fault/running.h"
#include "signal/disposition.h"

/* sigaction() of SIGBUS or the shadow signal by code at caller; new NULL: a query. The old action. */
const struct disposition *statement_make(int signo, const struct disposition *new, uintptr_t caller);
/* SA_RESETHAND: the kernel's reset when the handler starts. [H] */
void statement_reset(int signo, const struct disposition *handler);
/* The action in force for code in that handler; NULL: for code outside of any. [H] */
const struct disposition *statement_in_force(const struct running *running);
/* The handler ended its fault, or left: what it set counts as if set outside of it. [H] */
void statement_answered(const struct running *running);
/* The handler declined, nobody before the program's action answered: its owner has given up. [H] */
void statement_gave_up(const struct given_up *given_up);

#endif
