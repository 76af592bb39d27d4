/* SPDX-License-Identifier: MIT */
/*
 * The rooms made ready as src/start does it, for unit tests of those that need more than themselves;
 * without a policy, and nothing of ours is called by anybody but the test.
 */
#ifndef SIGBUS_TESTS_ROOMS_H
#define SIGBUS_TESTS_ROOMS_H

#include <stdlib.h>
#include "kernel/kernel.h"
#include "kernel/mask.h"
#include "kernel/next.h"
#include "kernel/process.h"
#include "memory/memory.h"
#include "memory/repair.h"
#include "owner/owner.h"
#include "tap.h"
#include "table/table.h"

int __libc_allocate_rtsig(int high);

static inline void start_rooms(void)
{
	real_init();
	program_name = "unit-test";
	program_path = "unit-test.file";
	shadow_signal = __libc_allocate_rtsig(0);
	if (process_init(range_forked) != 0 || shadow_signal < 0) {
		puts("Bail out! the rooms cannot be made ready");
		exit(1);
	}
	mask_init();
	track_init(arena_allocate);
	probe_init();
	anchor_init();
}

#endif
