/* SPDX-License-Identifier: MIT */
/* What a thread remembers of its last fault: see progress.h. All [H]. */
#include "fault/progress.h"
#include <string.h>
#include "fault/per-thread.h"
#include "kernel/process.h"
#include "policy/policy.h"
#include "signal/frame.h"

#define SPARED_MAX 2

static inline struct progress *progress_of_thread(void)
{
	return &per_thread()->progress;
}

/* The word of repairs: another value says that something was replaced in a range with that lock. */
static uint64_t version_now(const struct fault *fault)
{
	return atomic_load(&process_state->lock[state_lock(fault->range.state)].word);
}

static bool is_same(const struct fault *fault)
{
	const struct progress *last = progress_of_thread();

	return last->fault.address == fault->address && last->fault.pc == fault->pc &&
	       last->fault.range.state == fault->range.state && last->fault.rule == fault->rule &&
	       last->version == version_now(fault) && last->fault.registers == fault->registers;
}

static void remember(const struct fault *fault)
{
	struct progress *last = progress_of_thread();

	last->fault = *fault;
	last->version = version_now(fault);
	last->statements = disposition_statements();
	last->again = false;
}

void progress_note(const struct fault *fault)
{
	struct progress *last = progress_of_thread();

	if (!is_same(fault)) {
		last->spared = 0;
		remember(fault);
		return;
	}
	last->fault.declined_count = fault->declined_count;
	memcpy(last->fault.declined, fault->declined, sizeof(fault->declined));
	last->fault.step = fault->step;
	last->statements = disposition_statements();
	last->again = false;
}

void progress_again(const struct fault *fault)
{
	struct progress *last = progress_of_thread();

	if (!is_same(fault))
		last->spared = 0;
	remember(fault);
	last->again = true;
}

void progress_forget(void)
{
	struct progress *last = progress_of_thread();

	last->fault.address = 0;
	last->spared = 0;
}

void progress_go_back(const struct fault *fault)
{
	struct progress *last = progress_of_thread();

	if (last->fault.address == fault->address && last->fault.pc == fault->pc)
		return;
	last->spared = 0;
	remember(fault);
}

/*
 * The same fault again goes on behind the step that was tried last, fault->step of it; where that step was
 * not finished (again: its handler had no frame), with that step itself. chain is tried again and again.
 * If the program has set another action since, somebody else may be the one to ask: then the rule begins
 * anew, and only who has declined is remembered.
 */
void progress_first_step(struct fault *fault)
{
	const struct progress *last = progress_of_thread();
	const struct fault *before = &last->fault;

	if (!before->address || !is_same(fault))
		return;
	fault->declined_count = before->declined_count;
	memcpy(fault->declined, before->declined, sizeof(fault->declined));
	if (last->statements != disposition_statements())
		return;
	fault->step = before->step;
	if (!last->again) {
		fault->step += !step_is_chain(fault->rule, before->step);
		return;
	}
	fault->told = before->told;
	fault->declined_by = before->declined_by;
	fault->counted = before->counted;
	fault->noted = before->noted;
	fault->tallied = before->tallied;
}

static void add(struct fault *fault, const struct disposition *handler, uint32_t installed)
{
	if (fault->declined_count < DECLINED_MAX)
		fault->declined[fault->declined_count++] =
			(struct declined){.handler = handler, .installed = installed};
}

void progress_declined(struct fault *fault, const struct disposition *handler)
{
	add(fault, handler, atomic_load(&handler->installed));
}

bool progress_matters(const struct fault *fault)
{
	struct progress *last = progress_of_thread();

	for (uint32_t i = 0; i < fault->declined_count; i++)
		if (fault->declined[i].installed != WAS_CHAINED)
			return true;
	return last->statements != disposition_statements();
}

/* The same function with other flags is the same handler. */
static const struct declined *find(const struct fault *fault, const struct disposition *handler)
{
	for (uint32_t i = fault->declined_count; i > 0; i--)
		if (fault->declined[i - 1].handler->handler == handler->handler)
			return &fault->declined[i - 1];
	return NULL;
}

void progress_chained(struct fault *fault, const struct disposition *handler)
{
	if (!find(fault, handler))
		add(fault, handler, WAS_CHAINED);
}

bool progress_has_had(const struct fault *fault, const struct disposition *handler)
{
	return find(fault, handler);
}

bool progress_is_skipped(const struct fault *fault, const struct disposition *handler)
{
	const struct declined *declined = find(fault, handler);

	return declined && declined->handler == handler &&
	       declined->installed == atomic_load(&handler->installed);
}

bool progress_spares(const struct fault *fault)
{
	struct progress *last = progress_of_thread();

	if (last->spared == SPARED_MAX && is_same(fault))
		return false;
	progress_note(fault);
	last->spared++;
	return true;
}

const struct fault *progress_last(void)
{
	const struct progress *last = progress_of_thread();

	return last->fault.address ? &last->fault : NULL;
}
