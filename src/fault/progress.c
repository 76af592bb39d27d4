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

static uint64_t version_now(const struct fault *fault)
{
	return atomic_load(&process_state->lock[state_lock(fault->range.state)].word);
}

static bool is_same(const struct fault *fault)
{
	struct progress *last = progress_of_thread();

	return last->fault.address == fault->address && last->fault.pc == fault->pc &&
	       last->fault.range.state == fault->range.state && last->fault.rule == fault->rule &&
	       last->version == version_now(fault) && last->registers == registers_hash(fault->uc);
}

static void remember(const struct fault *fault)
{
	struct progress *last = progress_of_thread();

	last->fault = *fault;
	last->code = fault->info->si_code;
	last->registers = registers_hash(fault->uc);
	last->version = version_now(fault);
}

void progress_note(const struct fault *fault, uint32_t step)
{
	struct progress *last = progress_of_thread();

	if (!is_same(fault)) {
		last->spared = 0;
		remember(fault);
	}
	last->fault.declined_count = fault->declined_count;
	if (fault->declined_count)
		memcpy(last->fault.declined, fault->declined, sizeof(fault->declined));
	last->statements = disposition_statements();
	last->step = step;
	last->again = false;
}

void progress_again(const struct fault *fault, uint32_t step)
{
	struct progress *last = progress_of_thread();

	remember(fault);
	progress_note(fault, step);
	last->again = true;
}

uintptr_t progress_registers(void)
{
	struct progress *last = progress_of_thread();

	return last->registers;
}

void progress_forget(void)
{
	struct progress *last = progress_of_thread();

	last->fault.address = 0;
	last->spared = 0;
}

void progress_go_back(const struct fault *fault, uint32_t step)
{
	struct progress *last = progress_of_thread();

	if (last->fault.address == fault->address && last->fault.pc == fault->pc)
		return;
	last->spared = 0;
	remember(fault);
	last->statements = disposition_statements();
	last->step = step;
	last->again = false;
}

static bool is_chain(const struct rule *rule, uint32_t step)
{
	return !rule || step >= rule->action_count || rule->action[step].kind == ACTION_CHAIN;
}

static void take_over(struct fault *fault)
{
	struct progress *last = progress_of_thread();

	fault->told = last->fault.told;
	fault->declined_by = last->fault.declined_by;
	fault->counted = last->fault.counted;
	fault->noted = last->fault.noted;
	fault->tallied = last->fault.tallied;
}

/* What the program has said since may make somebody else the one to ask: then from the first step on. */
uint32_t progress_first_step(struct fault *fault)
{
	struct progress *last = progress_of_thread();

	if (!last->fault.address || !is_same(fault))
		return 0;
	fault->declined_count = last->fault.declined_count;
	memcpy(fault->declined, last->fault.declined, sizeof(fault->declined));
	if (last->statements != disposition_statements())
		return 0;
	if (last->again) {
		take_over(fault);
		return last->step;
	}
	return is_chain(fault->rule, last->step) ? last->step : last->step + 1;
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
	uint32_t step = last->step;

	if (last->spared == SPARED_MAX && is_same(fault))
		return false;
	progress_note(fault, step);
	last->spared++;
	return true;
}

const struct fault *progress_last(int *code)
{
	struct progress *last = progress_of_thread();

	*code = last->code;
	return last->fault.address ? &last->fault : NULL;
}
