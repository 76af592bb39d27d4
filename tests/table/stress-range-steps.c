/* SPDX-License-Identifier: MIT */
/*
 * The range table with writers that interrupt each other, at each instruction of an operation, by
 * single-stepping it. Argument: how many points, default 300.
 */
#include "api/api.h"
#include "base/base.h"
#include "policy/policy.h"
#include "signal/frame.h"
#include "stress-env.h"
#include "table/table.h"

#include <ucontext.h>

#define PAGES 1400
#define BASE ((IS_WIDE ? 50 : 2) * GIB - 300 * PAGE_SIZE) /* a GiB ends and blocks end in the record */

enum kind { CUT, RESTORED, INSERT, FLAG, LOOKUP };
struct operation {
	enum kind kind;
	unsigned from, to;
};

static const struct operation outer[] = {
	{CUT, 500, 520},
	{CUT, 0, 20},
	{CUT, 1180, 1200},
	{RESTORED, 500, 520},
	{INSERT, 1300, 1340},
	{FLAG, 90, 540},
};
static const struct operation inner[] = {
	{LOOKUP, 0, 0},
	{CUT, 520, 525},
	{CUT, 495, 500},
	{CUT, 100, 110},
	{CUT, 600, 1100},
	{RESTORED, 600, 640},
	{FLAG, 530, 540},
	{INSERT, 1342, 1345},
};

static volatile bool there[PAGES], flagged[PAGES], in_work[PAGES];
static volatile bool step_on, step_done, step_bad;
static volatile long step_left;
static const struct operation *step_inner;

static void set_flag(struct range_hit hit, void *data)
{
	(void)data;
	if (!range_set_flags(hit, RANGE_PROTECTED, 0))
		step_bad = true;
}

static void mark(const struct operation *operation, volatile bool *what, bool value)
{
	for (unsigned i = operation->from; i < operation->to; i++)
		what[i] = value;
}

static void operate(const struct operation *operation)
{
	uintptr_t start = BASE + operation->from * PAGE_SIZE;
	unsigned pages = operation->to - operation->from;
	struct range_cut cut;

	if (operation->kind == CUT || operation->kind == RESTORED) {
		cut = range_cut(start, pages * PAGE_SIZE);
		if (cut.lost)
			step_bad = true;
		if (operation->kind == CUT)
			range_cut_free(cut);
		else
			range_cut_restore(cut);
	}
	if (operation->kind == INSERT && insert(start, pages, 1, 1))
		step_bad = true;
	if (operation->kind == FLAG)
		range_each(start, pages * PAGE_SIZE, set_flag, NULL);
}

/* What is not being worked on is there, or is not there, at any time. */
static void check_pages(void)
{
	for (unsigned i = 0; i < PAGES; i++) {
		struct range_hit hit;

		if (in_work[i])
			continue;
		hit = range_lookup(BASE + i * PAGE_SIZE);
		if (!hit.range == there[i] || hit.unsettled ||
			(there[i] && flagged[i] && !(state_flags(hit.state) & RANGE_PROTECTED)))
			step_bad = true;
	}
}

static void apply(const struct operation *operation)
{
	if (operation->kind == CUT)
		mark(operation, there, false);
	if (operation->kind == INSERT)
		mark(operation, there, true);
	if (operation->kind == FLAG)
		mark(operation, flagged, true);
}

#if defined(__x86_64__) || defined(__i386__)
#define TRAP_FLAG 0x100

/* Who holds a lock word has all signals blocked: then only a lookup comes in, of another thread. */
static bool is_blocked(void)
{
	return holding && step_inner->kind != LOOKUP;
}

static void on_trap(int signo, siginfo_t *info, void *context)
{
	greg_t *flags = &((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL];

	(void)signo;
	(void)info;
	*flags |= TRAP_FLAG;
	if (step_on && (step_left-- > 0 || is_blocked()))
		return;
	*flags &= ~TRAP_FLAG;
	if (!step_on)
		return;
	step_done = true;
	check_pages();
	operate(step_inner);
}

/* False: the operation had fewer instructions. */
static bool interrupt_at(const struct operation *first, const struct operation *second, long at)
{
	mark(&(struct operation){.to = PAGES}, there, false);
	mark(&(struct operation){.to = PAGES}, flagged, false);
	mark(&(struct operation){.to = 1200}, there, true);
	mark(first, in_work, first->kind != FLAG);
	insert(BASE, 1200, 1, 1);
	step_inner = second;
	step_left = at;
	step_done = false;
	step_on = true;
	raise(SIGTRAP);
	operate(first);
	step_on = false;
	if (!step_done)
		operate(second);
	apply(first);
	apply(second);
	mark(first, in_work, false);
	check_pages();
	drop(BASE, PAGES);
	return step_done;
}

/* Random points, the same each time: each costs as many traps as there are instructions before it. */
static void test_each_instruction(unsigned long wanted)
{
	struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
	unsigned long points = 0;

	sigaction(SIGTRAP, &action, NULL);
	srandom(1);
	while (points < wanted && !step_bad) {
		unsigned i = random() % COUNT(outer), j = random() % COUNT(inner);
		long at = random() % (random() % 4 ? 500 : 2500);

		points += interrupt_at(&outer[i], &inner[j], at);
		if (step_bad)
			printf("# operation %u interrupted by %u at instruction %ld\n", i, j, at);
	}
	printf("# %lu points\n", points);
	ok(!step_bad, "an operation interrupted at any instruction by another");
}
#else
static void test_each_instruction(unsigned long wanted)
{
	(void)wanted;
	puts("ok 1 - an operation interrupted at any instruction # SKIP needs x86");
	tap_count++;
}
#endif

int main(int argc, char **argv)
{
	start_table();
	test_each_instruction(argc > 1 ? strtoul(argv[1], NULL, 10) : 300);
	return tap_done();
}
