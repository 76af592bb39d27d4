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
#include "internal.h"
#include "syscall.h"

int shadow_signal = 64;

static uint64_t neighbours; /* blocked together with the shadow only by masks like sigfillset()'s */

void mask_init(void)
{
	neighbours = SIGNAL_BIT(shadow_signal - 1) | SIGNAL_BIT(shadow_signal - 2) | SIGNAL_BIT(40);
}

uint64_t mask_to_kernel(uint64_t mask)
{
	uint64_t blocked = mask & SIGNAL_BIT(SIGBUS);

	mask &= ~(SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(shadow_signal));
	return blocked ? mask | SIGNAL_BIT(shadow_signal) : mask;
}

/* The program's own bit of the shadow signal is not kept: a full mask reads back as full. */
uint64_t mask_from_kernel(uint64_t mask)
{
	uint64_t shadow = SIGNAL_BIT(shadow_signal);

	if (mask & shadow)
		mask |= SIGNAL_BIT(SIGBUS);
	mask &= ~shadow;
	return (mask & neighbours) == neighbours ? mask | shadow : mask;
}

uint64_t mask_swap(int how, uint64_t mask)
{
	uint64_t old = 0;

	SYS_4(SYS_rt_sigprocmask, how, &mask, &old, sizeof(mask));
	return old;
}

uint64_t mask_word(const sigset_t *set)
{
	return ((const uint64_t *)set)[0];
}

void mask_set_word(sigset_t *set, uint64_t word)
{
	((uint64_t *)set)[0] = word;
}
