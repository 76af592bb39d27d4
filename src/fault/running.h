/* SPDX-License-Identifier: MIT */
/*
 * Which handlers of the program run in this thread because of us, and which were left.
 *
 * A record is made before a handler is run. It ends in one of the ways in which a handler is left, and
 * each of them is noticed: it returns (to our restorer, or to our call), it leaves by longjmp() or a
 * switch of contexts (hooks/departures.c), an exception goes through our frame (the restorer's
 * personality routine); and with the thread, for it lies in the thread's own memory.
 *
 * What remains is a departure that nothing shows (assembly). So no record is believed for its own sake:
 * code is inside of a handler only if its stack pointer is below the frame that the handler was given,
 * on the same stack, with the frame's words still there. A stale record can at most make a call look
 * as if it was made outside of a handler. tests/model/handlers.pml has these steps.
 */
#ifndef SIGBUS_RUNNING_H
#define SIGBUS_RUNNING_H

#include <signal.h>
#include "kernel/process.h"
#include "owner/owner.h"
#include "rules/fault.h"
#include "signal/disposition.h"
#include "signal/frame.h"

enum running_how {
	RUNNING_JUMPED, /* as the kernel would have run it: what it does is its own business */
	RUNNING_ASKED,  /* the same way, but its return decides about the fault */
	RUNNING_CALLED  /* from a frame of ours: a callback of the C API */
};

struct running {
	/* Where it runs: its stack pointers are below frame. */
	uintptr_t frame, word;		 /* and what the frame begins with */
	uintptr_t interrupted;		 /* the stack pointer of what it interrupted */
	uintptr_t stack_start, stack_size; /* the alternate stack at that time */
#if defined(__aarch64__)
	uintptr_t record; /* the end of the kernel's frame */
#endif
	int pid;			 /* void in any other process: a vfork() child has our memory */
	enum running_how how;

	const struct disposition *handler; /* NULL: a callback */
	unsigned owner;			   /* its object, 0: none */
	bool own_range;	   /* the fault is in a range of that object, or nobody's */
	bool was_program;  /* it was the program's action when it was run */
	bool raised;	   /* it has raised SIGBUS (RUNNING_JUMPED: and that is pending) ... */
	bool raise_waits;  /* ... while that was blocked */
	bool installed;	   /* its object has set an action since */
	bool foreign;	   /* what was set last was set by another object */
	const struct disposition *shown;  /* what was set last: a query shows it */
	const struct disposition *placed; /* what takes effect with the end of the handler */
	const struct disposition *second; /* of its own object: asked next, should it decline */
	uintptr_t placed_by;

	struct fault fault; /* what it runs for; info, uc and page are void */
	struct callback callback; /* where handler is NULL */
};

/* The stack pointer of the caller, nearly. */
#define STACK_POINTER() ((uintptr_t)__builtin_frame_address(0))

/*
 * The innermost handler that code at this stack pointer is inside of; NULL: none, or not proved. It
 * ends the records that it finds to be left. [H]
 */
struct running *running_find(uintptr_t sp);
static inline struct running *running_now(uintptr_t sp)
{
	return likely(!(running_watch & WATCH_HANDLERS)) ? NULL : running_find(sp);
}
/* The one that it interrupted, if that is still running, too. [H] */
struct running *running_outer(const struct running *running);
/*
 * The last one was run for the same fault, with the same stack pointer: below the end of its alternate
 * stack, where no code is inside of it, a handler meets what it needs itself. [H]
 */
bool running_meets_again(const struct fault *fault);

/* A new record on top, zero but for where it runs; fault and what follows are as they were. [H] */
struct running *running_begin(uintptr_t frame, const ucontext_t *uc, enum running_how how);
void running_start(struct running *running); /* it is complete: [H] from here on it counts */
/*
 * Takes the record of that frame off, to be read before another one is made. NULL: there is none, the
 * handler was left and is resumed. [H]
 */
struct running *running_end(uintptr_t frame);
bool running_is_intact(const struct running *running); /* [H] its frame, at both of its ends */

/*
 * Who made a call that returns there: a handler whose last instruction is the call (a tail call) has left
 * our restorer as the caller.
 */
uintptr_t running_caller_find(uintptr_t caller);
static inline uintptr_t running_caller(uintptr_t caller)
{
	return likely(!(running_watch & WATCH_HANDLERS)) ? caller : running_caller_find(caller);
}

unsigned running_owner(void); /* of the handler that runs here, as far as known; 0: of none */

/* The thread is about to leave for another stack pointer; 0: an unknown one. */
void running_leave(uintptr_t target);

/* What follows from the end of a record (statement.c). [H] */
void running_departed(struct running *running);

#endif
