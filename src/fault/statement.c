/* SPDX-License-Identifier: MIT */
/* sigaction(SIGBUS), outside and inside of handlers: see statement.h. All [H]. */
#include "fault/statement.h"
#include "fault/actions.h"
#include "fault/fault.h"
#include "fault/progress.h"
#include "report/report.h"
#include "signal/handlers.h"
#include "signal/pending.h"

/* It becomes the program's action. What is pending is gone with SIG_IGN, as without us. */
static const struct disposition *put_in_force(const struct disposition *new)
{
	const struct disposition *old = disposition_exchange(SIGBUS, new);

	if (new->handler == SIG_IGN)
		pending_discard();
	return old;
}

static const struct disposition *make_outside(const struct disposition *new, uintptr_t caller)
{
	const struct disposition *old = put_in_force(new);

	handlers_update(new, old, caller);
	return old;
}

/* ---- inside of a handler ---- */

const struct disposition *statement_in_force(const struct running *running)
{
	return running && running->shown ? running->shown : disposition_now(SIGBUS);
}

/* A second stage: the handler is replaced, whatever becomes of the fault. */
static void replace_itself(struct running *running, const struct disposition *new, unsigned owner)
{
	if (running->how == RUNNING_JUMPED || running->was_program)
		put_in_force(new);
	else
		disposition_count(new);
	handlers_add(owner, new);
	running->shown = running->how == RUNNING_JUMPED ? NULL : new;
	running->second = new;
	running->placed = NULL;
}

/*
 * SIG_DFL, SIG_IGN or another object's code. The program's own action, run as the kernel would have
 * run it, changes what the program has at once. With SIG_DFL or SIG_IGN its object's handler ends at once,
 * too: either the handler ends what it runs for, and that is a statement of its object, or the process
 * dies; and another thread may fault meanwhile. With another object's code that is known with the end
 * of the handler, unless the fault is its object's own.
 */
static void cede_at_once(struct running *running, const struct disposition *new, uintptr_t caller)
{
	bool is_code = new->handler != SIG_DFL && new->handler != SIG_IGN;

	if (!running->foreign && !(is_code && (running->fault.sent || !running->own_range))) {
		running->placed = NULL;
		make_outside(new, caller);
		return;
	}
	put_in_force(new);
	running->placed = new;
	running->placed_by = caller;
}

static void cede(struct running *running, const struct disposition *new, uintptr_t caller)
{
	running->second = NULL;
	if (running->how == RUNNING_JUMPED) {
		cede_at_once(running, new, caller);
		return;
	}
	running->shown = running->placed = new;
	running->placed_by = caller;
}

static void make_inside(struct running *running, const struct disposition *new, uintptr_t caller)
{
	const struct disposition *before = statement_in_force(running);
	unsigned who, whose = 0;
	bool own;

	caller = running_caller(caller);
	who = owner_of_statement(caller, before, new);
	own = !who || !running->owner || who == running->owner;
	if (new->handler != SIG_DFL && new->handler != SIG_IGN)
		whose = owner_of_handler(new->handler, who);
	if (!own && whose == who) { /* R3: it happens to come from here */
		make_outside(new, caller);
		return;
	}
	running->foreign = !own;
	running->installed |= own;
	if (own && whose == running->owner && whose)
		replace_itself(running, new, whose);
	else
		cede(running, new, caller);
}

static APART const struct disposition *make_in(
	struct running *running, const struct disposition *new, uintptr_t caller)
{
	const struct disposition *old;

	disposition_adopt(SIGBUS);
	old = statement_in_force(running);
	if (new && !disposition_is_ours(new))
		make_inside(running, new, caller);
	return old;
}

const struct disposition *statement_make(int signo, const struct disposition *new, uintptr_t caller)
{
	struct running *running = signo == SIGBUS ? running_now(STACK_POINTER()) : NULL;
	const struct disposition *old;

	if (unlikely(running) && running->handler) /* a callback of the C API is no handler */
		return make_in(running, new, caller);
	if (!disposition_set(signo, new, &old) || signo != SIGBUS)
		return old;
	if (new->handler == SIG_IGN)
		pending_discard();
	handlers_update(new, old, caller);
	return old;
}

/* The kernel resets the handler only, flags and mask stay. R7: it is its object's no more. */
void statement_reset(int signo, const struct disposition *handler)
{
	const struct disposition *reset = disposition_intern(SIG_DFL, handler->flags, handler->mask);

	if (reset)
		disposition_replace(signo, handler, reset);
	if (signo == SIGBUS)
		handlers_end(atomic_load(&handler->owner));
}

/* ---- the end of a handler ---- */

/* R1, R2. */
void statement_answered(const struct running *running)
{
	const struct disposition *old = NULL;

	if (!running->placed)
		return;
	if (running->how == RUNNING_JUMPED) { /* in force since it was set */
		handlers_update(running->placed, NULL, running->placed_by);
	} else if (running->was_program) {
		old = put_in_force(running->placed);
		handlers_update(running->placed, old, running->placed_by);
	} else {
		handlers_end(owner_of_statement(running->placed_by, NULL, running->placed));
	}
}

void statement_gave_up(const struct given_up *given_up)
{
	if (!given_up->placed || !given_up->was_program)
		return;
	put_in_force(given_up->placed);
	if (!given_up->foreign)
		handlers_end(given_up->owner);
}

/* R1, R8: a handler that left has answered, and what is remembered of its fault is over. */
void running_departed(struct running *running)
{
	statement_answered(running);
	if (running->how != RUNNING_JUMPED)
		report_answered(&running->fault);
	if (!running->handler) { /* a callback returns as a rule: its fault is told afterwards */
		callback_end(&running->callback);
		tell_again(&running->fault, OUTCOME_OWNER, NULL);
	}
	progress_forget();
}
