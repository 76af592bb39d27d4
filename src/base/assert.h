/* SPDX-License-Identifier: MIT */
/*
 * Invariants, checked where the library is built with -DSIGBUS_ASSERT (unit tests, fuzzers, the library
 * of tests/sanitize); in all other builds the condition is not even evaluated. [H]
 *
 * A failure writes one line to file descriptor 2 by a raw system call and ends the process with
 * SIGABRT, also inside of a signal handler and with all signals blocked.
 */
#ifndef SIGBUS_ASSERT_H
#define SIGBUS_ASSERT_H

#include "base/base.h"

#ifdef SIGBUS_ASSERT
#define INVARIANT_TEXT_(x) #x
#define INVARIANT_TEXT(x) INVARIANT_TEXT_(x)
#define invariant(condition)                                                                       \
	((condition) ? (void)0                                                                     \
		     : invariant_failed("libsigbus: " __FILE__ ":" INVARIANT_TEXT(__LINE__)       \
				": not true: " #condition "\n"))
void invariant_failed(const char *line) __attribute__((cold, noreturn));
#else
/* sizeof: names that only an invariant uses are used in every build. */
#define invariant(condition) ((void)sizeof(!(condition)))
#endif

#endif
