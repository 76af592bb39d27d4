/* SPDX-License-Identifier: MIT */
/*
 * The virtual blocked bit of SIGBUS.
 *
 * A fault while SIGBUS is blocked kills, whatever handler there is. So SIGBUS is never blocked for
 * real: where a program blocks it, the shadow signal is blocked instead, and where the program reads
 * a mask, it finds SIGBUS. The kernel then saves, restores and inherits the virtual bit by itself,
 * over siglongjmp(), sigreturn, swapcontext() and pthread_create() too, with no state of ours.
 */
#include <errno.h>
#include <string.h>
#include "base/base.h"
#include "base/syscall.h"
#include "kernel/mask.h"

int shadow_signal;

uint64_t mask_neighbours;

/* Three real-time signals that nobody blocks alone: two beside the shadow, and one far from it. */
void mask_init(void)
{
	mask_neighbours =
		SIGNAL_BIT(shadow_signal - 1) | SIGNAL_BIT(shadow_signal - 2) | SIGNAL_BIT(40);
}

uint64_t mask_swap(int how, uint64_t mask)
{
	uint64_t old = 0;

	SYS_4(SYS_rt_sigprocmask, how, &mask, &old, sizeof(mask));
	return old;
}
