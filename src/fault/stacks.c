/* SPDX-License-Identifier: MIT */
/*
 * Stacks of our own: see stacks.h.
 *
 * The kernel puts its frame on an alternate stack of any size that holds it. Our work needs more
 * room below, which may be other data of the program. So there it is done on one of a few stacks of
 * ours, and only the handler of the program runs where the kernel has put it.
 *
 * Meanwhile the thread has no alternate stack: the kernel would take it for unused, as no stack pointer
 * is on it, and put the next frame over this one. While that is being changed, signals are blocked.
 */
#include <errno.h>
#include <sys/mman.h>
#include "base/syscall.h"
#include "fault/fault.h"
#include "fault/running.h"
#include "fault/stacks.h"
#include "kernel/mask.h"
#include "kernel/process.h"

#define STACK_SIZE ((uintptr_t)64 << 10) /* its lowest page stays closed */
#define NAP_NANOSECONDS 1000000
#define NAPS_MAX 1000

static uintptr_t area; /* 0: none */
static _Atomic uint32_t opened; /* a bit each: it has memory */

_Static_assert(offsetof(struct taken_stack, mask) == STACK_ASIDE, "as in entry-*.S");
__thread struct taken_stack stack_taken __attribute__((tls_model("initial-exec")));
const uint64_t stack_blocks = ~SYNCHRONOUS;

/* From the start on: an address that mmap() finds later may be one that another thread waits for. */
void stacks_init(void)
{
	long address = SYS_6(SYS_mmap, 0, STACKS * STACK_SIZE, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	area = is_error(address) ? 0 : (uintptr_t)address;
}

static uintptr_t stack_start(int number)
{
	return area + (uintptr_t)number * STACK_SIZE;
}

static bool open_stack(int number)
{
	if (atomic_load(&opened) & 1u << number)
		return true;
	if (SYS_3(SYS_mprotect, stack_start(number) + PAGE_SIZE, STACK_SIZE - PAGE_SIZE,
		    PROT_READ | PROT_WRITE) < 0)
		return false;
	atomic_fetch_or(&opened, 1u << number);
	return true;
}

/* The exchange pairs with the store in stack_put(), behind which nobody is on that stack. */
static int take_any(void)
{
	for (int i = 0; i < STACKS; i++) {
		if (atomic_exchange(&process_state->stack_busy[i], 1))
			continue;
		if (open_stack(i))
			return i;
		atomic_store(&process_state->stack_busy[i], 0);
	}
	return -1;
}

uintptr_t stack_take(void)
{
	int number = -1;

	for (int naps = 0; area && naps < NAPS_MAX && number < 0; naps++) {
		if (naps)
			sys_nap(NAP_NANOSECONDS);
		number = take_any();
	}
	if (number < 0)
		return 0;
	stack_taken.number = number;
	return stack_start(number + 1);
}

void stack_enter(void)
{
	stack_t none = {.ss_flags = SS_DISABLE};

	SYS_2(SYS_sigaltstack, &none, &stack_taken.alternate);
	running_watch |= WATCH_OUR_STACK;
	mask_swap(SIG_SETMASK, stack_taken.mask);
}

/* The mask is now what the handler of the program is to have, or the fault's. */
void stack_leave(void)
{
	stack_taken.mask = mask_swap(SIG_BLOCK, stack_blocks);
	running_watch &= ~WATCH_OUR_STACK;
}

void stack_put(void)
{
	atomic_store(&process_state->stack_busy[stack_taken.number], 0);
	SYS_2(SYS_sigaltstack, &stack_taken.alternate, NULL);
}

/* By a signal's handler that came while we napped there. */
void stack_left(uintptr_t target)
{
	if (target - stack_start(stack_taken.number) < STACK_SIZE)
		return;
	running_watch &= ~WATCH_OUR_STACK;
	stack_put();
}

/* As it would be without us. */
void stack_lacks(int signo, struct jump *jump)
{
	const struct disposition *now = disposition_now(SIGBUS);

	(void)signo;
	jump->handler = NULL;
	counter_add(&counters()->lost, 1);
	if (!jump->info) /* a handler has returned: its fault comes again, if it was not answered */
		return;
	if (now->handler == SIG_DFL || now->handler == SIG_IGN) {
		disposition_die(SIGBUS, jump->info, jump->uc);
		stack_taken.mask |= SIGNAL_BIT(SIGBUS); /* it comes with the return */
		return;
	}
	jump->signo = SIGBUS;
	jump->handler = now->handler;
}
