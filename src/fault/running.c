/* SPDX-License-Identifier: MIT */
/* The records of the handlers that run in this thread: see running.h. All [H]. */
#include "fault/running.h"
#include "base/assert.h"
#include "base/syscall.h"
#include "fault/fault.h"
#include "fault/per-thread.h"
#include "fault/stacks.h"
#include "kernel/kernel.h"
#include "kernel/process.h"

/* Handlers in handlers. With one more, the outermost is forgotten: calls in it are then outside. */
#define DEPTH RUNNING_DEPTH
#define UNFINISHED 0 /* as a pid: a signal came in while the record was being made */


static struct running *records(void)
{
	_Static_assert(sizeof(struct per_thread) <= THREAD_MEMORY, "room");
	return per_thread()->records;
}

static unsigned depth(void)
{
	return running_watch & WATCH_HANDLERS;
}

static struct running *top(void)
{
	return depth() ? &records()[depth() - 1] : NULL;
}

static void pop(void)
{
	invariant(depth() > 0 && depth() <= DEPTH);
	running_watch--;
}

static bool is_alternate(const struct running *running, uintptr_t sp)
{
	return sp - running->stack_start < running->stack_size;
}

static bool is_on_its_stack(const struct running *running, uintptr_t sp)
{
	return is_alternate(running, sp) == is_alternate(running, running->frame);
}

/* In the restorer, the handler's return address is off the stack, and the record is there still. */
static bool is_below(const struct running *running, uintptr_t sp)
{
	uintptr_t end = running->frame + sizeof(uintptr_t);

	return sp <= end && end - sp <= STACK_NEAR;
}

static bool reads(uintptr_t address, uintptr_t expected)
{
	return probe(address & PAGE_MASK, false) == 0 && *(const uintptr_t *)address == expected;
}

/* Read only with the stack pointer below it: then it is mapped, if it is the same stack. */
static bool is_inside(const struct running *running, uintptr_t sp)
{
	return is_on_its_stack(running, sp) && is_below(running, sp) &&
	       reads(running->frame, running->word);
}

bool running_is_intact(const struct running *running)
{
	struct jump jump = {.frame = running->frame};

	if (running->how == RUNNING_CALLED || !reads(running->frame, running->word))
		return false;
	frame_parts(&jump);
	return probe((uintptr_t)jump.uc & PAGE_MASK, false) == 0 &&
	       probe((uintptr_t)&jump.uc->uc_sigmask & PAGE_MASK, false) == 0 &&
	       frame_sp(jump.uc) == running->interrupted && frame_pc(jump.uc) == running->fault.pc;
}

/*
 * A record of another process: of a vfork() child that is gone, or, in such a child and in a fork
 * child, of the parent. The first and the last are dropped; the child that shares our memory must
 * leave them.
 */
static bool drop_foreign(const struct running *running, int pid)
{
	if (running->pid == pid)
		return false;
	if (running->pid != UNFINISHED && atomic_load(&process_state->pid) == pid)
		pop();
	return true;
}

/* Its place is read while it is free: no copy, for the stack may be small. */
static void end_as_left(void)
{
	struct running *left = top();

	pop();
	running_departed(left);
}

struct running *running_find(uintptr_t sp) /* FIND */
{
	int pid = process_pid();
	struct running *running;

	while ((running = top())) {
		unsigned before = depth();

		if (drop_foreign(running, pid)) {
			if (depth() == before)
				return NULL;
			continue;
		}
		if (is_inside(running, sp))
			return running;
		/* On another stack nothing can be told: perhaps a signal's handler on top of it. */
		if (!is_on_its_stack(running, sp) || sp < running->frame)
			return NULL;
		end_as_left();
	}
	return NULL;
}

struct running *running_outer(const struct running *running)
{
	struct running *outer = (struct running *)running - 1;

	if (running == records() || outer->pid != running->pid ||
		!is_on_its_stack(outer, running->interrupted) ||
		!is_below(outer, running->interrupted))
		return NULL;
	return outer;
}

bool running_meets_again(const struct fault *fault)
{
	const struct running *running = top();

	return running && running->pid == process_pid() && running->interrupted == frame_sp(fault->uc) &&
	       running->fault.pc == fault->pc && running->fault.address == fault->address;
}

uintptr_t running_caller_find(uintptr_t caller)
{
	const struct running *running = is_restorer(caller) ? top() : NULL;

	return running && running->handler ? (uintptr_t)running->handler->handler : caller;
}

unsigned running_owner(void)
{
	return top() ? top()->owner : 0;
}

struct running *running_begin(uintptr_t frame, const ucontext_t *uc, enum running_how how) /* BEGIN */
{
	struct running *running;

	running_now(frame_sp(uc)); /* what was left is ended first */
	if (depth() == DEPTH) {
		memmove(records(), records() + 1, (DEPTH - 1) * sizeof(struct running));
		pop();
	}
	/*
	 * Counted first, so that a handler that comes in between makes its records above. It reads pid:
	 * the fences keep that store before the count, and the one in running_start() behind all else.
	 */
	running = &records()[depth()];
	running->pid = UNFINISHED;
	atomic_signal_fence(memory_order_seq_cst);
	running_watch++;
	atomic_signal_fence(memory_order_seq_cst);
	memset(running, 0, offsetof(struct running, fault));
	running->frame = frame;
	running->word = *(const uintptr_t *)frame;
	running->interrupted = frame_sp(uc);
	running->stack_start = (uintptr_t)uc->uc_stack.ss_sp;
	running->stack_size = uc->uc_stack.ss_size;
	running->how = how;
	return running;
}

void running_start(struct running *running) /* START */
{
	/* What came in between has ended its own records: this one is the innermost again. */
	invariant(running == top() && running->pid == UNFINISHED);
	invariant(running->handler || running->callback.function);
	atomic_signal_fence(memory_order_seq_cst);
	running->pid = process_pid();
}

struct running *running_end(uintptr_t frame) /* END */
{
	unsigned at = depth();

	while (at && records()[at - 1].frame != frame)
		at--;
	if (!at)
		return NULL;
	while (depth() > at)
		end_as_left();
	pop();
	return &records()[at - 1];
}

/*
 * From the innermost one on: the thread stays in a handler if the target is between the stack pointer
 * that it has in it and the handler's frame.
 */
void running_leave(uintptr_t target) /* LEAVE */
{
	int pid = process_pid();
	uintptr_t sp = STACK_POINTER();
	struct running *running;

	if (running_watch & WATCH_OUR_STACK)
		stack_left(target);
	if (suspended_at - target >= STACK_NEAR)
		running_watch &= ~WATCH_SUSPENDED;
	while ((running = top())) {
		uintptr_t interrupted = running->interrupted;
		unsigned before = depth();

		if (running->pid == UNFINISHED) {
			pop();
			continue;
		}
		if (drop_foreign(running, pid)) {
			if (depth() == before)
				return;
			continue;
		}
		if (sp <= target && target < running->frame && is_inside(running, sp))
			return;
		end_as_left();
		sp = interrupted;
	}
}

/* By the restorer's personality routine: frames are unwound from the innermost one on. */
static void unwound(void)
{
	uintptr_t sp = STACK_POINTER();

	if (running_now(sp))
		end_as_left();
}

/* See <unwind.h>, which is of a library that we must not need. */
#define UNWIND_CLEANUP_PHASE 2
#define UNWIND_CONTINUE 8

HIDDEN int sigbus_unwound(int version, int actions, uint64_t class, void *exception, void *context);
int sigbus_unwound(int version, int actions, uint64_t class, void *exception, void *context)
{
	(void)version, (void)class, (void)exception, (void)context;
	if (actions & UNWIND_CLEANUP_PHASE && running_watch)
		unwound();
	return UNWIND_CONTINUE;
}
