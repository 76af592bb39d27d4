/* SPDX-License-Identifier: MIT */
/*
 * What has to come of a sequence: an interpreter of its steps. The bare part is the kernel's and the
 * C library's rules about one signal; it is held against them by the test. The rest is the rules
 * about owners, numbered as in README: R1 to R8 and H1 to H4. It is written from those sentences
 * and shares no line with the library.
 *
 * Where the sentences do not say what has to happen, FACT_SILENT is noted.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <signal.h>
#include "model.h"

enum { BUS = 1, USR1 = 2 }; /* of a mask */
#define ASKED_MAX 16
#define MODEL_STACK (256 * 1024)
#define NOBODY OBJECTS

struct action {
	int what, flags, mask;
};

struct frame; /* of a fault that is being answered */

/* A handler that runs: what the program knows of it, and what the library has to. */
struct running {
	struct running *outer;
	struct level *interrupted;
	int page;    /* -1: it is for a sent signal */
	bool moved;  /* the program counter */
	bool left;   /* by swapcontext() */
	/* rules */
	struct action handler;
	int owner;
	bool called, was_disposition, raised;
	bool installed; /* something, since it runs (H1) */
	bool installed_own; /* ... a handler of its own object */
	bool stack_changed; /* the alternate one, in the handler */
	bool placed;    /* X of the table's second row, by whom: */
	bool placed_by_other, other_installed;
	struct action x, before;
	struct frame *frame;
};

struct level {
	struct level *outer;
	struct running *running;
	int mask;
	bool on_alternate;
};

struct lane {
	struct level *level;
	struct running *running;
	int mask;
	bool pending, alternate, on_alternate, in_coroutine;
	bool between; /* a signal comes between a handler's return and the access that it returns to */
	int number;
};

enum content { LOST, HEALED, REPLACED };

struct frame {
	int page;
	bool told;
	int asked[ASKED_MAX], asked_count;
};

static const struct sequence *sequence;
static enum rules rules;
static struct outcome *outcome;
static size_t used;
static int entries, changers;
static struct action current, saved[OBJECTS];
static struct { bool has; struct action newest; } list[OBJECTS];
static enum content content[PAGES];
static struct lane lanes[2], *lane;

/* What the running code is being unwound to; the functions return true meanwhile. */
static bool dead;
static struct level *target;
static struct frame *target_frame;

static ucontext_t main_context, coroutine_context;
static char *coroutine_stack;
static struct lane main_saved, coroutine_saved;
static int coroutine_page;
static enum { IDLE, RUNNING, SUSPENDED } coroutine;

static bool run_script(int number);
static bool perform(const struct step *step);
static bool touch(int page);

/* ---- the trace, as steps.c writes it ---- */

static void put(const char *text)
{
	while (*text && used < TRACE_BYTES - 1)
		outcome->trace[used++] = *text++;
}

static void put_char(char c)
{
	put((char[]){c, 0});
}

static void put_page(int page)
{
	put_char("aabbccnn"[page]);
	put_char("01010101"[page]);
}

static void put_handler(int what)
{
	if (what >= WHAT_DFL) {
		put(what == WHAT_DFL ? "D" : "I");
		return;
	}
	put_char((char)('a' + what / LETTERS));
	put_char((char)('A' + what % LETTERS));
}

static void put_action(const struct action *action)
{
	put_handler(action->what);
	put(action->flags & ONSTACK ? "o" : "");
	put(action->flags & NODEFER ? "n" : "");
	put(action->flags & RESETHAND ? "r" : "");
	put(action->mask & USR1 ? "U" : "");
	put(action->mask & BUS ? "B" : "");
}

static void note(uint32_t fact)
{
	outcome->facts |= fact;
}

/* ---- ends ---- */

static bool die(int status)
{
	outcome->status = status;
	dead = true;
	return true;
}

static bool die_of_signal(void)
{
	return die(SIGBUS);
}

/* ---- small questions ---- */

static bool is_handler(const struct action *action)
{
	return action->what < WHAT_DFL;
}

static bool is_equal(const struct action *one, const struct action *other)
{
	return one->what == other->what && one->flags == other->flags && one->mask == other->mask;
}

static bool is_blocked(void)
{
	return lane->mask & BUS;
}

static struct running *inside(void)
{
	return lane->running && !lane->running->left ? lane->running : NULL;
}

static int range_owner(int page)
{
	return page / 2;
}

static bool can_be_had(int page)
{
	return content[page] != LOST;
}

static bool is_one_object(void)
{
	return (changers & (changers - 1)) == 0;
}

/* ---- what a handler's calls mean ---- */

/* The table's second row, and R1 for it. ended: the handler answered. */
static void settle(struct running *running, bool ended)
{
	bool own_range = running->page >= 0 && (range_owner(running->page) == running->owner ||
						       range_owner(running->page) == NOBODY);

	if (rules == RULES_BARE || running->left || !running->placed)
		return;
	running->placed = false;
	if (running->placed_by_other) {
		if (ended)
			note(FACT_SILENT); /* R1 or R3? */
		return;
	}
	if (ended || (own_range && !running->called))
		list[running->owner].has = false;
}

/* Left by longjmp() or swapcontext(): it answered. */
static void depart(struct running *from, const struct running *to)
{
	for (; from && from != to; from = from->outer) {
		settle(from, true);
		from->left = true;
	}
}

/*
 * A called handler that was the program's action has put SIG_DFL or the like in its place, and may
 * yet be taken at its word or not: who looks meanwhile, and is not that handler, may see either.
 */
static void look_at_action(const struct running *inside_of)
{
	if (rules == RULES_BARE)
		return;
	for (int i = 0; i < 2; i++)
		for (const struct running *at = lanes[i].running; at; at = at->outer)
			if (!at->left && at->called && at->placed && at->was_disposition && at != inside_of)
				note(FACT_SILENT);
}

static struct action visible(void)
{
	const struct running *running = inside();

	look_at_action(running);
	if (rules != RULES_BARE && running && running->called && running->installed &&
		running->was_disposition && !is_equal(&current, &running->x))
		note(FACT_SILENT); /* another thread has set something since */

	/* A query inside shows X, also where X is not the program's disposition (R2). */
	if (rules != RULES_BARE && running && running->called && !running->was_disposition &&
		(running->placed || running->installed))
		return running->x;
	return current;
}

/* Does an owner get back what another object installs? */
static void look_at_foreign(int object, int owner, const struct action *x)
{
	if (owner != NOBODY && owner != object &&
		(!list[owner].has || !is_equal(&list[owner].newest, x)))
		note(FACT_SILENT);
}

static void install_outside(int object, const struct action *x)
{
	int owner = is_handler(x) ? x->what / LETTERS : NOBODY;

	look_at_action(NULL);
	for (struct running *at = lanes[!lane->number].running; at; at = at->outer)
		at->other_installed = true;
	current = *x;
	if (rules == RULES_BARE)
		return;
	if (owner == object) {
		list[object].has = true;
		list[object].newest = *x;
		return;
	}
	list[object].has = false;
	look_at_foreign(object, owner, x);
}

static void install_inside(struct running *running, int object, const struct action *x)
{
	int owner = is_handler(x) ? x->what / LETTERS : NOBODY;
	bool own_range = running->page >= 0 && (range_owner(running->page) == running->owner ||
						       range_owner(running->page) == NOBODY);

	look_at_foreign(object, owner, x);
	if (object != running->owner && owner == running->owner)
		note(FACT_SILENT);
	running->installed |= object == running->owner; /* H1: another object's does not count */
	running->x = *x;
	if (running->was_disposition)
		current = *x;
	if (object == running->owner && owner == object) {
		running->placed = false;
		running->installed_own = true;
		list[object].has = true;
		list[object].newest = *x;
		return;
	}
	if (running->called && (running->installed_own || (x->what == WHAT_IGN && lane->pending)))
		note(FACT_SILENT); /* what is "as it was before" the handler? */
	running->placed = true;
	running->placed_by_other = object != running->owner;
	/* Nothing can answer before chain any more: it has given up, and other threads see it. */
	if (!running->placed_by_other && !running->called && own_range)
		list[running->owner].has = false;
}

static void change_action(int object, const struct action *x)
{
	struct running *running = inside();
	bool own = is_handler(x) && x->what / LETTERS == object;

	if (rules == RULES_BARE || !running) {
		install_outside(object, x);
	} else if (object != running->owner && own) { /* R3 */
		if (running->placed)
			note(FACT_SILENT);
		running->other_installed = true;
		install_outside(object, x);
	} else {
		if (running->other_installed)
			note(FACT_SILENT);
		install_inside(running, object, x);
	}
}

/* ---- the kernel: signals ---- */

static bool enter_handler(struct running *running)
{
	if (running->page < 0) {
		put("s-6");
	} else {
		put_page(running->page);
	}
	put(lane->mask & BUS ? "B" : "");
	put(lane->mask & USR1 ? "U" : "");
	put(lane->on_alternate ? "@" : "");
	if (++entries >= ENTRIES_MAX) {
		put("#");
		return die(EXIT_ENTRIES << 8);
	}
	put(" ");
	lane->running = running;
	if (entries < SCRIPTS && run_script(entries))
		return true;
	lane->running = running->outer;
	put("}");
	return false;
}

/* The kernel's reset at entry, which is the owner's own statement (R7). */
static void reset_at_entry(const struct action *handler)
{
	int owner = handler->what / LETTERS;

	if (!(handler->flags & RESETHAND))
		return;
	if (is_equal(&current, handler))
		current.what = WHAT_DFL;
	if (rules == RULES_BARE)
		return;
	if (list[owner].has && !is_equal(&list[owner].newest, handler))
		note(FACT_SILENT);
	list[owner].has = false;
}

/* Runs a handler and returns from it as sigreturn does. */
static bool run_handler(struct running *running)
{
	const struct action handler = running->handler;
	int mask = lane->mask;
	bool alternate = lane->alternate, on_alternate = lane->on_alternate;

	running->outer = lane->running;
	running->interrupted = lane->level;
	running->owner = handler.what / LETTERS;
	running->was_disposition = is_equal(&current, &handler);
	reset_at_entry(&handler);
	running->before = current;
	if (handler.flags & ONSTACK && alternate)
		lane->on_alternate = true;
	lane->mask |= handler.mask | (handler.flags & NODEFER ? 0 : BUS);
	put("{");
	put_handler(handler.what);
	put(lane->number ? "'" : "");
	if (enter_handler(running))
		return true;
	running->stack_changed = lane->alternate != alternate;
	lane->mask = mask;
	lane->on_alternate = on_alternate;
	if (!(lane->alternate && on_alternate))
		lane->alternate = alternate;
	return false;
}

static bool deliver_pending(void)
{
	while (lane->pending && !is_blocked()) {
		struct running running = {.page = -1, .handler = current};

		look_at_action(NULL);
		lane->pending = false;
		for (struct running *at = lane->running; at; at = at->outer)
			at->raised &= at->called; /* it is delivered */
		if (current.what == WHAT_DFL)
			return die_of_signal();
		if (current.what == WHAT_IGN)
			continue;
		if (run_handler(&running))
			return true;
		settle(&running, !(running.raised && lane->pending));
	}
	return false;
}

/* What that signal's handler meets may wipe what is remembered of the fault. */
static bool deliver_between(void)
{
	bool before = lane->between, unwinding;

	lane->between = true;
	unwinding = deliver_pending();
	lane->between = before;
	return unwinding;
}

static bool set_mask(int mask)
{
	lane->mask = mask;
	return deliver_pending();
}

/* ---- faults ---- */

static bool was_asked(const struct frame *frame, int what)
{
	for (int i = 0; i < frame->asked_count; i++)
		if (frame->asked[i] == what)
			return true;
	return false;
}

static bool is_running(int owner)
{
	for (struct running *at = lane->running; at; at = at->outer)
		if (!at->left && at->owner == owner)
			return true;
	return false;
}

/* May the owner's handler be asked for this fault? */
static bool may_ask(const struct frame *frame, const struct action *handler, int owner, bool jumps)
{
	if (was_asked(frame, handler->what))
		return false;
	if (is_blocked() && is_running(owner)) /* R4 */
		return false;
	for (struct running *at = lane->running; at; at = at->outer) {
		if (at->left || at->handler.what != handler->what)
			continue;
		if (at->installed && (at->placed || at->x.what != handler->what)) /* H1 */
			return false;
		if (at->installed)
			note(FACT_SILENT); /* itself: is that again, or X? */
		if (at->page == frame->page && !jumps) /* R4 */
			return false;
	}
	for (struct running *at = lanes[!lane->number].running; at; at = at->outer) {
		if (at->left || at->owner != owner || !at->placed || at->placed_by_other)
			continue;
		/* What that handler has begun is not decided yet. */
		if (is_one_object() && !at->called)
			return false;
		note(FACT_SILENT);
	}
	return true;
}

enum answer { DECLINED, OVER, UNWINDING };

/* L4: before the handler runs, which may not return; once a fault. */
static void tell(struct frame *frame)
{
	outcome->told += !frame->told;
	frame->told = true;
}

static void remember_asked(struct frame *frame, int what)
{
	if (frame->asked_count < ASKED_MAX)
		frame->asked[frame->asked_count++] = what;
}

static bool is_newest(const struct running *running)
{
	bool of_range = range_owner(running->page) != NOBODY;
	const struct action *newest = of_range ? &list[running->owner].newest : &current;

	return (!of_range || list[running->owner].has) && is_equal(newest, &running->x);
}

/*
 * Calls an owner's handler. A handler that was left ends what is remembered of the fault (R8):
 * if the code returns nevertheless, the access starts anew.
 */
static enum answer call(struct frame *frame, const struct action *handler, bool *skipped, bool *anew,
	bool *replaced, struct running *running)
{
	int mask = lane->mask;
	bool alternate = lane->alternate, on_alternate = lane->on_alternate;
	struct level *level = lane->level;
	struct running *outer = lane->running;

	*running = (struct running){
		.page = frame->page, .handler = *handler, .called = true, .frame = frame};
	remember_asked(frame, handler->what);
	tell(frame);
	if (run_handler(running)) {
		if (target_frame != frame || dead)
			return UNWINDING;
		/* raise() with SIG_DFL in force (R5): it does not come back. */
		target_frame = NULL;
		lane->mask = mask;
		lane->alternate = alternate;
		lane->on_alternate = on_alternate;
		lane->level = level;
		lane->running = outer;
		return DECLINED;
	}
	/* Before the rule goes on or after the fault: to what is in force then, on which stack? */
	if (lane->pending && !is_blocked() && (running->placed || alternate || running->stack_changed))
		note(FACT_SILENT);
	if (deliver_between())
		return UNWINDING;
	*skipped = running->moved;
	if (running->left) {
		*anew = true;
		return OVER;
	}
	if (running->moved || can_be_had(frame->page)) {
		settle(running, true);
		return OVER;
	}
	*replaced = running->installed && !running->placed; /* the table's first row */
	if (*replaced && !is_newest(running))
		note(FACT_SILENT); /* X is next, but is nobody's any more */
	return DECLINED;
}

/* The end of a fault that a called handler declined: the table's second row. */
static void decide(struct running *declined, bool answered)
{
	if (!declined->called || !declined->placed)
		return;
	declined->placed = false;
	if (declined->other_installed)
		note(FACT_SILENT);
	if (answered) {
		if (declined->was_disposition)
			current = declined->before;
	} else if (declined->was_disposition && !declined->placed_by_other) {
		list[declined->owner].has = false;
	}
}

static enum rules rule_for(int page)
{
	if (rules != RULES_MIXED)
		return rules;
	return range_owner(page) == 1 ? RULES_ZERO : range_owner(page) == 2 ? RULES_CHAIN : RULES_OWNER;
}

/* One round of answering a fault, from the access to the return to it. True: unwinding. */
static bool answer(struct frame *frame, bool *chained, bool *skipped, bool *anew)
{
	enum rules rule = rule_for(frame->page);
	bool asks = rule == RULES_OWNER || rule == RULES_ZERO;
	int owner = range_owner(frame->page);
	struct running declined = {0}, running = {.page = frame->page};

	while (asks && !*chained) {
		struct action handler;
		bool jumps, replaced = false;
		int who = owner;

		if (can_be_had(frame->page)) /* R6 */
			return false;
		if (owner == NOBODY) {
			look_at_action(NULL);
			if (!is_handler(&current))
				break;
			handler = current;
			who = handler.what / LETTERS;
		} else {
			if (!list[owner].has)
				break;
			handler = list[owner].newest;
		}
		jumps = rule == RULES_OWNER && is_equal(&handler, &current) && !is_blocked();
		if (!may_ask(frame, &handler, who, jumps))
			break;
		if (jumps) {
			remember_asked(frame, handler.what);
			break;
		}
		if (declined.placed)
			note(FACT_SILENT);
		switch (call(frame, &handler, skipped, anew, &replaced, &declined)) {
		case OVER:
			return false;
		case UNWINDING:
			return true;
		case DECLINED:
			break;
		}
		if (!replaced)
			break;
	}
	if (asks && can_be_had(frame->page)) {
		decide(&declined, true);
		return false;
	}
	if (rule == RULES_ZERO) {
		decide(&declined, true);
		tell(frame);
		content[frame->page] = REPLACED;
		return false;
	}
	if (asks && *chained && owner != NOBODY && list[owner].has &&
		!was_asked(frame, list[owner].newest.what) && !is_equal(&list[owner].newest, &current))
		note(FACT_SILENT);
	decide(&declined, false);
	look_at_action(NULL);
	*chained = true;
	if (is_blocked() || !is_handler(&current))
		return die_of_signal();
	running.handler = current;
	if (run_handler(&running))
		return true;
	settle(&running, running.moved || can_be_had(frame->page));
	*skipped = running.moved;
	*anew = running.left;
	return deliver_between();
}

static bool access_page(int page)
{
	struct frame frame = {.page = page};
	bool chained = false, skipped = false, anew = false;

	if (rules != RULES_BARE && lane->between && !can_be_had(page))
		note(FACT_SILENT);
	while (!can_be_had(page)) {
		if (answer(&frame, &chained, &skipped, &anew))
			return true;
		if (skipped) {
			put("k");
			return false;
		}
		if (anew) {
			frame.asked_count = 0;
			frame.told = false;
			chained = anew = false;
		}
	}
	put(content[page] == REPLACED ? "0" : "A");
	return false;
}

/* ---- levels ---- */

static void level_begin(struct level *level)
{
	*level = (struct level){lane->level, lane->running, lane->mask, lane->on_alternate};
	lane->level = level;
}

/* True: unwinding goes on. */
static bool level_end(struct level *level, bool unwinding)
{
	lane->level = level->outer;
	if (unwinding) {
		if (dead || target != level)
			return true;
		target = NULL;
		lane->on_alternate = level->on_alternate;
		put("j");
	}
	lane->running = level->running;
	return false;
}

static bool jump_to(struct level *level, int flags)
{
	/* The C library restores the mask first, still on the handler's stack. */
	if (!(flags & NO_MASK)) {
		if (rules != RULES_BARE && lane->pending && !(level->mask & BUS))
			note(FACT_SILENT); /* before the jump or behind it? */
		if (set_mask(level->mask))
			return true;
	}
	depart(lane->running, level->running);
	target = level;
	return true;
}

static bool jump(const struct step *step)
{
	struct level *level = lane->running ? lane->running->interrupted : NULL;

	if (!lane->running || (step->op == OP_JUMP_OUT && !level)) {
		put("j-");
		return false;
	}
	while (step->op == OP_JUMP_OUT && level->outer)
		level = level->outer;
	return jump_to(level, step->flags);
}

/* ---- steps ---- */

static bool touch(int page)
{
	struct level level;

	put("t");
	put_page(page);
	put("=");
	if (!inside() && is_blocked())
		note(FACT_BLOCKED);
	level_begin(&level);
	if (level_end(&level, access_page(page)))
		return true;
	put(" ");
	return false;
}

static bool install(const struct step *step)
{
	struct action old = visible();
	struct action x = {.what = step->what};

	if (changers & ~(1 << step->object))
		note(FACT_OBJECTS);
	changers |= 1 << step->object;
	if (step->what == WHAT_OLD) {
		x = saved[step->object];
	} else {
		saved[step->object] = old;
		if (step->what < WHAT_DFL && step->what / LETTERS == step->object) {
			x.flags = step->flags;
			x.mask = step->mask == MASK_USR1 ? USR1 : step->mask == MASK_BUS ? BUS : 0;
		}
	}
	change_action(step->object, &x);
	if (x.what == WHAT_IGN)
		lanes[0].pending = lanes[1].pending = false;
	put("i");
	put_action(&old);
	put(" ");
	return false;
}

/* R5, for a handler that is called. */
static bool act_on_raise(struct running *running)
{
	if (visible().what != WHAT_DFL)
		return false;
	if (running->moved || (running->placed && can_be_had(running->page)))
		note(FACT_SILENT); /* it has ended its fault, and then raises: R1 or R5? */
	target_frame = running->frame;
	return true;
}

static bool raise_now(void)
{
	struct running *running = inside();

	if (running) /* one that is delivered at once, to a handler again, is no declining */
		running->raised |= running->called || is_blocked();
	if (rules != RULES_BARE && running && running->called) {
		if (lane->pending)
			note(FACT_SILENT);
		return !is_blocked() && act_on_raise(running);
	}
	if (!is_blocked() && current.what == WHAT_IGN)
		return false;
	lane->pending = true;
	return deliver_pending();
}

static bool raise_bus(void)
{
	struct level level;
	bool unwinding;

	if (visible().what == WHAT_IGN && lane->running)
		note(FACT_IGNORED);
	put("r");
	level_begin(&level);
	unwinding = raise_now();
	if (!unwinding)
		put("0");
	if (level_end(&level, unwinding))
		return true;
	put(" ");
	return false;
}

static bool unblock(void)
{
	struct running *running = inside();
	struct level level;
	bool was = is_blocked(), unwinding;

	put("<");
	level_begin(&level);
	unwinding = set_mask(lane->mask & ~BUS);
	if (!unwinding && rules != RULES_BARE && running && running->called && running->raised && was)
		unwinding = act_on_raise(running);
	if (!unwinding)
		put(was ? "uB" : "u.");
	if (level_end(&level, unwinding))
		return true;
	put(" ");
	return false;
}

static bool block(void)
{
	put(is_blocked() ? "bB " : "b. ");
	lane->mask |= BUS;
	return false;
}

static bool has_noted_raise(void)
{
	struct running *running = inside();

	return rules != RULES_BARE && running && running->called && running->raised;
}

static bool pending(void)
{
	if (has_noted_raise())
		note(FACT_SILENT);
	put(lane->pending ? "p1 " : "p0 ");
	return false;
}

static bool change_stack(bool on)
{
	put(on ? "+" : "-");
	if (lane->on_alternate && lane->alternate) {
		put("1 ");
	} else {
		lane->alternate = on;
		put("0 ");
	}
	return false;
}

static bool sent(void)
{
	struct level level;
	bool unwinding = false;

	if (lane->number) {
		put("s- ");
		return false;
	}
	put("s<");
	level_begin(&level);
	if (is_blocked() || current.what != WHAT_IGN) {
		lane->pending = true;
		unwinding = deliver_pending();
	}
	if (level_end(&level, unwinding))
		return true;
	put("> ");
	return false;
}

static bool skip(void)
{
	if (!lane->running || lane->running->page < 0) {
		put("k- ");
		return false;
	}
	lane->running->moved = true;
	put("k ");
	return false;
}

static bool other(const struct step *step)
{
	if (lane->number) {
		put("2- ");
		return false;
	}
	put("2<");
	lane = &lanes[1];
	if (perform(step))
		return true;
	lane = &lanes[0];
	put("> ");
	return false;
}

/* ---- coroutines ---- */

/* A handler for a sent signal that came before an access: is what was known of that fault over? */
static void look_at_switch(void)
{
	if (rules != RULES_BARE && inside() && inside()->page < 0)
		note(FACT_SILENT);
}

static bool may_switch(void)
{
	look_at_switch();
	if (has_noted_raise())
		note(FACT_SILENT);
	return !lane->number && !lane->on_alternate && !lane->pending;
}

/* The mask, the stack and where the code is; signals and the alternate stack are the thread's. */
static void swap(struct lane *from, const struct lane *to)
{
	*from = *lane;
	lane->level = to->level;
	lane->running = to->running;
	lane->mask = to->mask;
	lane->on_alternate = to->on_alternate;
	lane->in_coroutine = to->in_coroutine;
}

static void run_coroutine(void)
{
	touch(coroutine_page);
	while (!dead && lane->pending)
		unblock();
	if (!dead) {
		coroutine = IDLE;
		put("c}");
		swap(&coroutine_saved, &main_saved);
	}
}

static bool start(int page)
{
	if (!may_switch() || coroutine != IDLE) {
		put("c- ");
		return false;
	}
	put("c{");
	coroutine_page = page;
	coroutine = RUNNING;
	depart(lane->running, NULL);
	main_saved = *lane;
	lane->level = NULL;
	lane->running = NULL;
	lane->in_coroutine = true;
	getcontext(&coroutine_context);
	coroutine_context.uc_stack.ss_sp = coroutine_stack;
	coroutine_context.uc_stack.ss_size = MODEL_STACK;
	coroutine_context.uc_link = &main_context;
	makecontext(&coroutine_context, run_coroutine, 0);
	swapcontext(&main_context, &coroutine_context);
	if (dead)
		return true;
	put(" ");
	return false;
}

static bool yield(void)
{
	if (!may_switch() || !lane->in_coroutine || coroutine != RUNNING) {
		put("y- ");
		return false;
	}
	put("y");
	coroutine = SUSPENDED;
	depart(lane->running, NULL);
	swap(&coroutine_saved, &main_saved);
	swapcontext(&coroutine_context, &main_context);
	coroutine = RUNNING;
	put("Y ");
	return false;
}

static bool resume(void)
{
	if (!may_switch() || lane->in_coroutine || coroutine != SUSPENDED) {
		put("w- ");
		return false;
	}
	put("w{");
	depart(lane->running, NULL);
	swap(&main_saved, &coroutine_saved);
	swapcontext(&main_context, &coroutine_context);
	if (dead)
		return true;
	put(" ");
	return false;
}

static bool bounce(void)
{
	if (has_noted_raise())
		note(FACT_SILENT);
	put("B ");
	look_at_switch();
	depart(lane->running, NULL);
	return false;
}

/* ---- running ---- */

static bool grow(int page, bool on)
{
	put(on ? "h " : "l ");
	if (content[page] != REPLACED)
		content[page] = on ? HEALED : LOST;
	return false;
}

static bool perform(const struct step *step)
{
	struct action shown;

	switch ((enum op)step->op) {
	case OP_INSTALL:
		return install(step);
	case OP_QUERY:
		shown = visible();
		put("?");
		put_action(&shown);
		put(" ");
		return false;
	case OP_TOUCH:
		return touch(step->page);
	case OP_HEAL:
		return grow(step->page, true);
	case OP_LOSE:
		return grow(step->page, false);
	case OP_RAISE:
		return raise_bus();
	case OP_SENT:
		return sent();
	case OP_JUMP:
	case OP_JUMP_OUT:
		return jump(step);
	case OP_BLOCK:
		return block();
	case OP_UNBLOCK:
		return unblock();
	case OP_PENDING:
		return pending();
	case OP_ALT_ON:
		return change_stack(true);
	case OP_ALT_OFF:
		return change_stack(false);
	case OP_START:
		return start(step->page);
	case OP_YIELD:
		return yield();
	case OP_RESUME:
		return resume();
	case OP_BOUNCE:
		return bounce();
	case OP_SKIP:
		return skip();
	case OP_EXIT:
		put("x");
		return die(EXIT_STEP << 8);
	case OPS:
		break;
	}
	return false;
}

static bool run_script(int number)
{
	for (int i = 0; i < sequence->count; i++)
		if (sequence->step[i].script == number &&
			(sequence->step[i].other ? other(&sequence->step[i]) : perform(&sequence->step[i])))
			return true;
	return false;
}

void model_run(const struct sequence *what, enum rules by, struct outcome *into)
{
	sequence = what;
	rules = by;
	outcome = into;
	memset(outcome, 0, sizeof(*outcome));
	used = 0;
	entries = changers = 0;
	current = (struct action){.what = WHAT_DFL};
	memset(list, 0, sizeof(list));
	memset(content, 0, sizeof(content));
	memset(lanes, 0, sizeof(lanes));
	for (int i = 0; i < OBJECTS; i++)
		saved[i] = current;
	lanes[1].number = 1;
	lane = &lanes[0];
	dead = false;
	target = NULL;
	target_frame = NULL;
	coroutine = IDLE;
	if (!coroutine_stack)
		coroutine_stack = mmap(NULL, MODEL_STACK, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!run_script(0)) {
		put(".");
		outcome->status = 0;
	}
}
