/* SPDX-License-Identifier: MIT */
/*
 * For the library that counts its own coverage alone: its counters are put into one file that all
 * processes map. So what is counted does not depend on how a process ends: children that _exit(),
 * exec(), processes under a filter, without descriptors, or killed by a SIGBUS all count.
 *
 * libgcov's own ways of writing the counters are closed (--wrap), but for the one process that is
 * asked to write them.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/mman.h>

extern uint64_t counters_begin[], counters_end[]; /* shared.ld */

void __real___gcov_dump(void);
void __wrap___gcov_dump(void);
void __wrap___gcov_exit(void);
void __wrap___gcov_reset(void);

void __wrap___gcov_dump(void)
{
}

void __wrap___gcov_exit(void)
{
}

void __wrap___gcov_reset(void)
{
}

/* No hook of ours sees these calls. What was counted before is added. */
static void share_counters(void)
{
	size_t size = (size_t)((char *)counters_end - (char *)counters_begin);
	long file = syscall(SYS_openat, AT_FDCWD, COUNTERS, O_RDWR | O_CLOEXEC);
	uint64_t *shared;

	if (file < 0)
		return;
	shared = (uint64_t *)syscall(SYS_mmap, 0, size, 3 /* read, write */, MAP_SHARED, file, 0);
	syscall(SYS_close, file);
	if (shared == (void *)-1)
		return;
	for (size_t i = 0; i < size / sizeof(*shared); i++)
		if (counters_begin[i])
			__atomic_add_fetch(&shared[i], counters_begin[i], __ATOMIC_RELAXED);
	syscall(SYS_mremap, shared, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, counters_begin);
}

__attribute__((constructor(101))) static void start(void)
{
	share_counters();
}

__attribute__((destructor)) static void end(void)
{
	if (getenv("COVERAGE_WRITE"))
		__real___gcov_dump();
}
