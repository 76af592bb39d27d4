/* SPDX-License-Identifier: MIT */
/*
 * The functions by which a thread leaves a handler without returning from it. Where no handler runs
 * in the thread because of us, they only jump on.
 *
 * The stack pointer that a jmp_buf goes back to is mangled, with a secret of the process. It is
 * learned at start from a setjmp() of our own, and checked with another one. Should that fail, every
 * longjmp() in a handler counts as leaving it.
 */
#include <setjmp.h>
#include <string.h>
#include <ucontext.h>
#include "fault/running.h"
#include "hooks/departures.h"
#include "kernel/next.h"
#include "kernel/process.h"
#include "signal/frame.h"

#if defined(__x86_64__)
#define SAVED_SP 6
#define ROTATED 17
#elif defined(__i386__)
#define SAVED_SP 4
#define ROTATED 9
#else
#define SAVED_SP 13
#define ROTATED 0
#endif

static uintptr_t secret;
static bool is_known;

static uintptr_t saved_sp(const struct __jmp_buf_tag *buffer)
{
	uintptr_t mangled;

	memcpy(&mangled, &buffer->__jmpbuf[SAVED_SP], sizeof(mangled));
#if ROTATED
	mangled = mangled >> ROTATED | mangled << (8 * sizeof(mangled) - ROTATED);
#endif
	return mangled ^ secret;
}

/* In the same function, so that the stack pointer is the same. */
#define SAVE_HERE(buffer, sp)                                  \
	do {                                                   \
		real.__sigsetjmp(buffer, 0); /* nobody jumps */ \
		__asm__ volatile(COPY_SP : "=r"(sp));          \
	} while (0)
#if defined(__x86_64__)
#define COPY_SP "movq %%rsp, %0"
#elif defined(__i386__)
#define COPY_SP "movl %%esp, %0"
#else
#define COPY_SP "mov %0, sp"
#endif

static APART ONCE void learn(void)
{
	jmp_buf buffer;
	uintptr_t sp;

	SAVE_HERE(buffer, sp);
	secret = 0;
	secret = saved_sp(buffer) ^ sp;
}

static APART ONCE bool check(void)
{
	volatile char deeper[256];
	jmp_buf buffer;
	uintptr_t sp;

	deeper[0] = 1; /* another stack pointer than in learn() */
	SAVE_HERE(buffer, sp);
	return deeper[0] && saved_sp(buffer) == sp;
}

void departures_init(void)
{
	learn();
	is_known = check();
}

static __attribute__((noinline)) void leave(const struct __jmp_buf_tag *buffer)
{
	running_leave(is_known ? saved_sp(buffer) : 0);
}

#define JUMP(name)                                                                   \
	EXPORT void name(struct __jmp_buf_tag buffer[1], int value)                  \
	{                                                                            \
		if (unlikely(running_watch))                                         \
			leave(buffer);                                               \
		next()->name(buffer, value);                                         \
		__builtin_unreachable();                                             \
	}

JUMP(longjmp)
JUMP(_longjmp)
JUMP(siglongjmp)
JUMP(__longjmp_chk)

EXPORT int setcontext(const ucontext_t *to)
{
	if (unlikely(running_watch))
		running_leave(frame_sp(to));
	return next()->setcontext(to);
}

/* Apart, so that the other way is a jump that keeps nothing. */
static APART int swap_noticed(ucontext_t *restrict from, const ucontext_t *restrict to)
{
	if (running_watch)
		running_leave(frame_sp(to));
	return next()->swapcontext(from, to);
}

EXPORT int swapcontext(ucontext_t *restrict from, const ucontext_t *restrict to)
{
	if (unlikely(running_watch || !real_resolved))
		return swap_noticed(from, to);
	return real.swapcontext(from, to);
}
