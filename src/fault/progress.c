/* SPDX-License-Identifier: MIT */
/* What a thread remembers of its last fault: see progress.h. All [H]. */
#include "fault/progress.h"
#include "kernel/process.h"
#include "policy/policy.h"
#include "signal/frame.h"

#define DECLINED_MAX 4
#define SPARED_MAX 2

struct declined {
	const struct disposition *handler;
	uint32_t installed; /* of it, at that time */
};

struct progress {
	struct fault fault; /* address 0: none */
	int code;
	uintptr_t registers;
	uint64_t version;
	uint32_t step, spared, declined_count;
	struct declined declined[DECLINED_MAX];
};
TLS struct progress last;

static uint64_t version_now(const struct fault *fault)
{
	return atomic_load(&process_state->lock[state_lock(fault->range.state)].word);
}

static bool is_same(const struct fault *fault)
{
	return last.fault.address == fault->address && last.fault.pc == fault->pc &&
	       last.fault.range.state == fault->range.state && last.fault.rule == fault->rule &&
	       last.version == version_now(fault) && last.registers == registers_hash(fault->uc);
}

static void remember(const struct fault *fault)
{
	last.fault = *fault;
	last.code = fault->info->si_code;
	last.registers = registers_hash(fault->uc);
	last.version = version_now(fault);
}

static void start_over(void)
{
	last.spared = last.declined_count = 0;
}

void progress_note(const struct fault *fault, uint32_t step)
{
	if (!is_same(fault)) {
		start_over();
		remember(fault);
	}
	last.step = step;
}

uintptr_t progress_registers(void)
{
	return last.registers;
}

void progress_forget(void)
{
	last.fault.address = 0;
	start_over();
}

static bool is_chain(const struct rule *rule, uint32_t step)
{
	return !rule || step >= rule->action_count || rule->action[step].kind == ACTION_CHAIN;
}

uint32_t progress_first_step(const struct fault *fault)
{
	if (!last.fault.address || !is_same(fault))
		return 0;
	return is_chain(fault->rule, last.step) ? last.step : last.step + 1;
}

/* What happened in the handler may have changed the version: it is the same fault all the same. */
static bool is_about(const struct fault *fault)
{
	return last.fault.address == fault->address && last.fault.pc == fault->pc;
}

void progress_declined(
	const struct fault *fault, uint32_t step, const struct disposition *handler)
{
	struct declined *slot;

	if (!is_about(fault))
		start_over();
	remember(fault);
	last.step = step;
	if (last.declined_count == DECLINED_MAX)
		return;
	slot = &last.declined[last.declined_count++];
	slot->handler = handler;
	slot->installed = atomic_load(&handler->installed);
}

static const struct declined *find(const struct fault *fault, const struct disposition *handler)
{
	if (!is_about(fault))
		return NULL;
	for (uint32_t i = last.declined_count; i > 0; i--)
		if (last.declined[i - 1].handler->handler == handler->handler)
			return &last.declined[i - 1];
	return NULL;
}

bool progress_has_declined(const struct fault *fault, const struct disposition *handler)
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
	uint32_t step = last.step;

	if (last.spared == SPARED_MAX && is_same(fault))
		return false;
	progress_note(fault, step);
	last.spared++;
	return true;
}

const struct fault *progress_last(int *code)
{
	*code = last.code;
	return last.fault.address ? &last.fault : NULL;
}
