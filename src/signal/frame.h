/* SPDX-License-Identifier: MIT */
/*
 * What is different from one architecture to the next in a signal frame. All [H].
 *
 * Each frame-*.h has: the registers of the interrupted code and whether a handler moved them; what
 * the access was; is this a fault, or a siginfo that was made up; moving the frame to another
 * stack.
 */
#ifndef SIGBUS_FRAME_H
#define SIGBUS_FRAME_H

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ucontext.h>
#include "base/base.h"
#include "kernel/kernel.h"

/* A frame is not further above the stack pointer, unless it was left by siglongjmp(). */
#define STACK_NEAR ((uintptr_t)1 << 20)
#define KERNEL_SIGINFO_SIZE 128

static inline bool stack_holds(const stack_t *stack, uintptr_t address)
{
	return address - (uintptr_t)stack->ss_sp < stack->ss_size;
}

/* Made by entry-*.S, which knows the layout: what came, and what to do after sigbus_dispatch(). */
struct jump {
	uintptr_t frame; /* the kernel's signal frame, perhaps moved */
	siginfo_t *info;
	ucontext_t *uc;
	uintptr_t signo;
	void *handler; /* NULL: return from the signal */
#if defined(__aarch64__)
	uintptr_t record, restorer; /* x29, the end of the frame, and x30 */
#endif
};

/* A shadow stack holds the return addresses of this thread, too: no frame can be left behind on it. */
static inline bool has_shadow_stack(void)
{
	uintptr_t shadow = 0;

#if defined(__x86_64__)
	__asm__ volatile("rdsspq %0" : "+r"(shadow)); /* does nothing where there is none */
#endif
	return shadow;
}

#if defined(__i386__) || (defined(__x86_64__) && defined(__LP64__))
#include "signal/frame-x86.h"
#elif defined(__aarch64__) && defined(__LP64__) && defined(__AARCH64EL__)
#include "signal/frame-aarch64.h"
#else
#error "libsigbus knows the signal frames of x86-64, i386 and aarch64 (little endian) only"
#endif

#endif
