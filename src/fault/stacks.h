/* SPDX-License-Identifier: MIT */
/*
 * Stacks of our own, for threads whose alternate stack is just large enough for the kernel's frame.
 */
#ifndef SIGBUS_STACKS_H
#define SIGBUS_STACKS_H

#include <signal.h>
#include "base/base.h"
#include "signal/frame.h"

/* By entry-*.S, which goes to our stack and back; what that needs of a stack is here, in the thread. */
#define STACK_ASIDE 512
struct taken_stack {
	_Alignas(16) unsigned char aside[STACK_ASIDE];
	uint64_t mask; /* of the thread, when its signals were blocked */
	int number;
	stack_t alternate;
};
extern HIDDEN __thread struct taken_stack stack_taken __attribute__((tls_model("initial-exec")));
extern HIDDEN const uint64_t stack_blocks; /* the signals that are blocked meanwhile */

ONCE void stacks_init(void);
HIDDEN uintptr_t stack_take(void); /* [H] its end; 0: all are in use, and were so for a second */
HIDDEN void stack_put(void); /* [H] */
HIDDEN void stack_lacks(int signo, struct jump *jump); /* [H] */
/* On the stack that was taken. [H] */
HIDDEN void stack_enter(void);
HIDDEN void stack_leave(void); /* [H] */
/* The thread leaves for another stack pointer; if it was on a stack of ours, that is free again. */
void stack_left(uintptr_t target);

#endif
