/* SPDX-License-Identifier: MIT */
/* The one limit of the test suite, for what nobody would end: see tests/harness/limit. */
#ifndef SIGBUS_TESTS_LIMIT_H
#define SIGBUS_TESTS_LIMIT_H

#include <stdlib.h>

/* In seconds, as for alarm(); 0, which is none there, for who runs a program by hand. */
static inline unsigned hang_limit(void)
{
	const char *limit = getenv("SIGBUS_TEST_LIMIT");

	return limit ? (unsigned)atoi(limit) : 0;
}

#endif
