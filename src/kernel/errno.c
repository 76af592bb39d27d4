/* SPDX-License-Identifier: MIT */
/*
 * What errno is made of, for the library alone: its programs of tests and tools have the C library's.
 * Hidden, so no other object is bound to it, and the loader has no name to find.
 */
#include <errno.h>
#include "kernel/next.h"

HIDDEN int *__errno_location(void)
{
	static int nowhere; /* while the loader is asked */

	return real.__errno_location ? real.__errno_location() : &nowhere;
}
