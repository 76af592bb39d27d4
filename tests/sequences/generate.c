/* SPDX-License-Identifier: MIT */
#include <string.h>
#include "generate.h"

/* ---- chance ---- */

static uint64_t state;

static uint64_t next(void) /* splitmix64 */
{
	uint64_t z = state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static unsigned below(unsigned end)
{
	return (unsigned)(next() % end);
}

static bool one_in(unsigned n)
{
	return below(n) == 0;
}

static unsigned weighted(const uint8_t *weights, unsigned count)
{
	unsigned sum = 0, at, i = 0;

	for (unsigned k = 0; k < count; k++)
		sum += weights[k];
	at = below(sum);
	while (at >= weights[i])
		at -= weights[i++];
	return i;
}

/* How often what comes up in the main script, and in a handler. */
static const uint8_t in_main[OPS] = {[OP_INSTALL] = 24,
	[OP_QUERY] = 4,
	[OP_TOUCH] = 26,
	[OP_HEAL] = 2,
	[OP_LOSE] = 3,
	[OP_RAISE] = 8,
	[OP_SENT] = 5,
	[OP_BLOCK] = 3,
	[OP_UNBLOCK] = 3,
	[OP_PENDING] = 2,
	[OP_ALT_ON] = 6,
	[OP_ALT_OFF] = 2,
	[OP_START] = 6,
	[OP_RESUME] = 5,
	[OP_BOUNCE] = 1};
static const uint8_t in_handler[OPS] = {[OP_INSTALL] = 24,
	[OP_QUERY] = 4,
	[OP_TOUCH] = 14,
	[OP_HEAL] = 10,
	[OP_LOSE] = 2,
	[OP_RAISE] = 14,
	[OP_SENT] = 5,
	[OP_JUMP] = 14,
	[OP_JUMP_OUT] = 4,
	[OP_BLOCK] = 3,
	[OP_UNBLOCK] = 6,
	[OP_PENDING] = 2,
	[OP_ALT_ON] = 2,
	[OP_ALT_OFF] = 2,
	[OP_START] = 2,
	[OP_YIELD] = 6,
	[OP_RESUME] = 2,
	[OP_BOUNCE] = 4,
	[OP_SKIP] = 8,
	[OP_EXIT] = 2};
static const uint8_t scripts[SCRIPTS] = {32, 36, 18, 8, 6};
static const uint8_t first[OPS] = {[OP_TOUCH] = 12, [OP_RAISE] = 2, [OP_START] = 2};

#define PLOTS 4 /* one in so many sequences has one */

static uint8_t random_page(int objects)
{
	if (objects == 1)
		return (uint8_t)((uint8_t[]){0, 0, 0, 1, 1, 6, 7}[below(7)]);
	if (one_in(4))
		return (uint8_t)(PAGES - 1 - below(2)); /* nobody's */
	return (uint8_t)below((unsigned)objects * 2);
}

static uint8_t random_what(const struct step *step, int objects)
{
	static const uint8_t kinds[] = {65, 14, 7, 8, 6};

	switch (weighted(kinds, sizeof(kinds))) {
	case 0:
		return (uint8_t)(step->object * LETTERS + below(LETTERS));
	case 1:
		return WHAT_DFL;
	case 2:
		return WHAT_IGN;
	case 3:
		return WHAT_OLD;
	default:
		return (uint8_t)below((unsigned)objects * LETTERS);
	}
}

static struct step random_step(uint8_t op, uint8_t script, int objects)
{
	struct step step = {.op = op, .script = script};

	switch ((enum op)op) {
	case OP_INSTALL:
		step.object = (uint8_t)below((unsigned)objects);
		step.what = random_what(&step, objects);
		for (unsigned flag = ONSTACK; flag <= RESETHAND; flag *= 2)
			if (one_in(flag == RESETHAND ? 6 : 3))
				step.flags |= flag;
		if (one_in(4))
			step.mask = (uint8_t)below(MASKS);
		if (step.what >= WHAT_DFL || step.what / LETTERS != step.object)
			step.flags = step.mask = 0;
		break;
	case OP_TOUCH:
	case OP_HEAL:
	case OP_LOSE:
	case OP_START:
		step.page = random_page(objects);
		break;
	case OP_JUMP:
	case OP_JUMP_OUT:
		step.flags = one_in(8) ? NO_MASK : 0;
		break;
	default:
		break;
	}
	step.other = op != OP_SENT && op != OP_START && op != OP_RESUME && op != OP_YIELD &&
		     op < OP_EXIT && one_in(10);
	return step;
}

static void insert(struct sequence *sequence, unsigned at, struct step step)
{
	memmove(&sequence->step[at + 1], &sequence->step[at],
		(sequence->count - at) * sizeof(struct step));
	sequence->step[at] = step;
	sequence->count++;
}

/* Steps stand in the order of their scripts. */
static void sort(struct sequence *sequence)
{
	for (unsigned i = 1; i < sequence->count; i++)
		for (unsigned k = i; k > 0 && sequence->step[k].script < sequence->step[k - 1].script; k--) {
			struct step swapped = sequence->step[k];

			sequence->step[k] = sequence->step[k - 1];
			sequence->step[k - 1] = swapped;
		}
}

static struct step step_of(uint8_t op, uint8_t script, int objects, uint8_t object)
{
	struct step step = random_step(op, script, objects);

	step.object = object;
	step.other = 0;
	if (op == OP_INSTALL && step.what < WHAT_DFL)
		step.what = (uint8_t)(object * LETTERS + step.what % LETTERS);
	return step;
}

/*
 * What the rules are about, and chance seldom puts together: the handler of a page's object installs
 * something, meets another page or ends its fault, and then somebody looks at what has come of it.
 */
static void add_plot(struct sequence *sequence, int objects)
{
	static const uint8_t ends[] = {OP_TOUCH, OP_HEAL, OP_SKIP, OP_JUMP};
	uint8_t object = sequence->step[0].object, page = (uint8_t)(object * 2);
	struct step said = step_of(OP_INSTALL, 1, objects, object);
	struct step end = step_of(ends[below(sizeof(ends))], 1, objects, object);
	struct step look = step_of(one_in(2) ? OP_TOUCH : OP_QUERY, 0, objects, object);

	sequence->step[0] = step_of(OP_INSTALL, 0, objects, object);
	sequence->step[1].page = page;
	end.page = (uint8_t)(end.op == OP_TOUCH ? page + 1 : page);
	look.page = (uint8_t)(page + 1);
	if (one_in(2))
		said.what = WHAT_DFL;
	insert(sequence, 2, said);
	insert(sequence, 3, end);
	insert(sequence, 4, look);
	if (objects > 1 && one_in(3)) /* it is not the program's action any more */
		insert(sequence, 1, step_of(OP_INSTALL, 0, objects, (uint8_t)((object + 1) % objects)));
	else if (one_in(4))
		insert(sequence, 1, step_of(OP_BLOCK, 0, objects, object));
}

void generate(struct sequence *sequence, uint64_t seed, uint64_t number, int objects)
{
	unsigned count;

	state = seed;
	state = next() + number;
	next();
	count = 2 + below(STEPS_MAX - 1);
	if (objects == OBJECTS) /* two have more to do with each other */
		objects -= (int)below(2);
	memset(sequence, 0, sizeof(*sequence));
	insert(sequence, 0, random_step(OP_INSTALL, 0, objects));
	insert(sequence, 1, random_step((uint8_t)weighted(first, OPS), 0, objects));
	if (one_in(PLOTS))
		add_plot(sequence, objects);
	while (sequence->count < count) {
		uint8_t script = (uint8_t)weighted(scripts, SCRIPTS);
		uint8_t op = (uint8_t)weighted(script ? in_handler : in_main, OPS);

		insert(sequence, below(sequence->count + 1u), random_step(op, script, objects));
	}
	sort(sequence);
}

/* ---- shrinking ---- */

static bool is_simpler(const struct sequence *one, const struct sequence *other)
{
	return memcmp(one, other, sizeof(*one)) != 0;
}

/* Handlers are counted: without the steps of one script, those of the later ones move up. */
static void close_gap(struct sequence *sequence)
{
	for (unsigned script = 1; script < SCRIPTS - 1; script++) {
		bool used = false;

		for (unsigned i = 0; i < sequence->count; i++)
			used |= sequence->step[i].script == script;
		for (unsigned i = 0; !used && i < sequence->count; i++)
			if (sequence->step[i].script > script)
				sequence->step[i].script--;
	}
}

static void simplify(struct sequence *sequence, unsigned step, unsigned way)
{
	struct step *at = &sequence->step[step];

	switch (way) {
	case 0:
		memmove(at, at + 1, (sequence->count - step - 1u) * sizeof(*at));
		memset(&sequence->step[--sequence->count], 0, sizeof(*at));
		break;
	case 1:
		memmove(at, at + 1, (sequence->count - step - 1u) * sizeof(*at));
		memset(&sequence->step[--sequence->count], 0, sizeof(*at));
		close_gap(sequence);
		break;
	case 2:
		at->other = 0;
		break;
	case 3:
		at->mask = 0;
		break;
	case 4:
	case 5:
	case 6:
		at->flags &= (uint8_t) ~(1 << (way - 4));
		break;
	case 7:
		if (at->page & 1)
			at->page--;
		break;
	case 8:
		at->page = 0;
		break;
	case 9:
		if (at->op == OP_START || at->op == OP_RAISE || at->op == OP_UNBLOCK)
			at->op = OP_TOUCH;
		break;
	case 10:
		if (at->op == OP_INSTALL && at->what < WHAT_DFL)
			at->what = (uint8_t)(at->what / LETTERS * LETTERS);
		break;
	case 11:
		if (at->op == OP_INSTALL && at->what > WHAT_DFL)
			at->what = WHAT_DFL;
		break;
	case 12:
		if (at->op == OP_JUMP_OUT)
			at->op = OP_JUMP;
		break;
	case 13:
		if (at->op == OP_INSTALL && at->object) {
			at->object--;
			if (at->what >= LETTERS && at->what < WHAT_DFL)
				at->what = (uint8_t)(at->what - LETTERS);
		}
		break;
	}
}
#define WAYS 14

void shrink(struct sequence *sequence, bool (*differs)(const struct sequence *, void *), void *data)
{
	bool again = true;

	while (again) {
		again = false;
		for (unsigned way = 0; way < WAYS; way++)
			for (unsigned step = 0; step < sequence->count; step++) {
				struct sequence tried = *sequence;

				simplify(&tried, step, way);
				if (!is_simpler(&tried, sequence) || !differs(&tried, data))
					continue;
				*sequence = tried;
				again = true;
				step--;
			}
	}
}

/* ---- printing ---- */

static const char *const what_names[WHATS] = {
	"aA", "aB", "aC", "bA", "bB", "bC", "cA", "cB", "cC", "DFL", "IGN", "OLD"};
static const char *const page_names[PAGES] = {"a0", "a1", "b0", "b1", "c0", "c1", "n0", "n1"};
static const char *const mask_names[MASKS] = {"NONE", "USR1", "BUS"};
static const char *const op_names[OPS] = {[OP_INSTALL] = "install",
	[OP_QUERY] = "query",
	[OP_TOUCH] = "touch",
	[OP_HEAL] = "heal",
	[OP_LOSE] = "lose",
	[OP_RAISE] = "raise_bus",
	[OP_SENT] = "sent",
	[OP_JUMP] = "jump",
	[OP_JUMP_OUT] = "jump_out",
	[OP_BLOCK] = "block",
	[OP_UNBLOCK] = "unblock",
	[OP_PENDING] = "pending",
	[OP_ALT_ON] = "alt_on",
	[OP_ALT_OFF] = "alt_off",
	[OP_START] = "start",
	[OP_YIELD] = "yield",
	[OP_RESUME] = "resume",
	[OP_BOUNCE] = "bounce",
	[OP_SKIP] = "skip",
	[OP_EXIT] = "leave"};

static void print_flags(FILE *file, const struct step *step)
{
	static const char *const names[] = {"ONSTACK", "NODEFER", "RESETHAND"};
	const char *between = "";

	for (unsigned i = 0; i < 3; i++)
		if (step->flags & 1 << i) {
			fprintf(file, "%s%s", between, names[i]);
			between = " | ";
		}
	if (!step->flags)
		fputs("0", file);
}

static void print_step(FILE *file, const struct step *step)
{
	fprintf(file, "%s(", op_names[step->op]);
	switch ((enum op)step->op) {
	case OP_INSTALL:
		fprintf(file, "%c, %s, ", 'a' + step->object, what_names[step->what]);
		print_flags(file, step);
		fprintf(file, ", %s", mask_names[step->mask]);
		break;
	case OP_TOUCH:
	case OP_HEAL:
	case OP_LOSE:
	case OP_START:
		fputs(page_names[step->page], file);
		break;
	case OP_JUMP:
	case OP_JUMP_OUT:
		fputs(step->flags & NO_MASK ? "NO_MASK" : "0", file);
		break;
	default:
		break;
	}
	fputs(")", file);
}

void print_line(FILE *file, const struct sequence *sequence)
{
	unsigned script = 0;

	for (unsigned i = 0; i < sequence->count; i++) {
		const struct step *step = &sequence->step[i];

		for (; script < step->script; script++)
			fprintf(file, "/ ");
		if (step->other)
			fputs("other ", file);
		print_step(file, step);
		fputs(i + 1u < sequence->count ? "; " : "", file);
	}
}

void print_program(FILE *file, const struct sequence *sequence, const char *title)
{
	fprintf(file, "/*\n");
	for (const char *at = title; *at; at += strcspn(at, "\n"), at += *at == '\n')
		fprintf(file, " * %.*s\n", (int)strcspn(at, "\n"), at);
	fprintf(file, " *\n * cc -D_GNU_SOURCE= -I tests/sequences THIS.c tests/sequences/once.c \\\n"
		      " *     tests/sequences/steps.c tests/sequences/part.c\n"
		      " * ./a.out _build/tests/sequences (where part-b.so and part-c.so are)\n */\n"
		      "#include \"steps.h\"\n\nvoid script(int number)\n{\n\tswitch (number) {\n");
	for (unsigned script = 0; script < SCRIPTS; script++) {
		bool begun = false;

		for (unsigned i = 0; i < sequence->count; i++) {
			const struct step *step = &sequence->step[i];

			if (step->script != script)
				continue;
			if (!begun && !script)
				fprintf(file, "\tcase 0: /* the program */\n");
			else if (!begun)
				fprintf(file, "\tcase %u: /* entry %u into a handler */\n", script, script);
			begun = true;
			fputs("\t\t", file);
			if (step->other)
				fprintf(file, "other(%u)", SCRIPTS + i);
			else
				print_step(file, step);
			fputs(";\n", file);
		}
		if (begun)
			fprintf(file, "\t\tbreak;\n");
	}
	for (unsigned i = 0; i < sequence->count; i++) {
		if (!sequence->step[i].other)
			continue;
		fprintf(file, "\tcase %u: /* in the other thread */\n\t\t", SCRIPTS + i);
		print_step(file, &sequence->step[i]);
		fprintf(file, ";\n\t\tbreak;\n");
	}
	fprintf(file, "\t}\n}\n");
}
