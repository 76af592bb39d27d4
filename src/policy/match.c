/* SPDX-License-Identifier: MIT */
/* The words of the policy language, and which rule a fault falls under. */
#include <string.h>
#include "base/assert.h"
#include "base/glob.h"
#include "policy/policy.h"

struct policy policy; /* set by start/init.c before it sets active */

static const policy_value kinds[] = {"hugetlb", "memfd", "shm", "device", "file", "anon", ""};
static const policy_value maps[] = {"shared", "private", "ro", "rw", ""};
static const policy_value causes[] = {"truncated", "nospace", "device", "hwpoison", "unknown", ""};

const struct policy_word policy_keys[] = {
	[KEY_ANY] = {.word = "*", .help = "every fault"},
	[KEY_OWNER] = {.word = "owner",
		.help = "the shared object that mapped the memory, or the program"},
	[KEY_PATH] = {.word = "path", .help = "the file, as /proc/PID/maps names it"},
	[KEY_KIND] = {.word = "kind", .values = kinds, .help = "what kind of memory it is"},
	[KEY_FS] = {.word = "fs",
		.help = "the type of the file system: tmpfs, ext4, nfs, fuse ..."},
	[KEY_MAP] = {.word = "map", .values = maps, .help = "how it is mapped"},
	[KEY_CAUSE] = {.word = "cause", .values = causes, .help = "why the page is lost"},
	[KEY_PROGRAM] = {.word = "program", .help = "the base name of the program"},
	[KEY_COUNT] = {.word = ""},
};

static const policy_value extents[] = {"page", "range", ""};

const struct policy_word policy_actions[] = {
	[ACTION_OWNER] = {.word = "owner", .help = "run the handler of the memory's owner"},
	[ACTION_ZERO] = {.word = "zero",
		.values = extents,
		.help = "put zero pages in place of the lost ones"},
	[ACTION_ONES] = {.word = "ones",
		.values = extents,
		.help = "put pages of 0xff bytes in place of the lost ones"},
	[ACTION_WAIT] = {.word = "wait",
		.seconds = true,
		.help = "try again until the page is back, at most for so long"},
	[ACTION_RESERVE] = {.word = "reserve",
		.help = "make sure of the file's blocks when it is mapped; later always declines"},
	[ACTION_CHAIN] = {.word = "chain",
		.help = "run the program's present handler; never declines",
		.final = true},
	[ACTION_ABORT] = {.word = "abort",
		.help = "end the program, whatever handlers it has",
		.final = true},
	[ACTION_COUNT] = {.word = ""},
};

const char *action_name(enum action_kind kind)
{
	return policy_actions[kind].word;
}

bool policy_rule_has(const struct rule *rule, enum action_kind kind)
{
	for (uint32_t i = 0; i < rule->action_count; i++)
		if (rule->action[i].kind == kind)
			return true;
	return false;
}

void policy_builtin(struct policy *policy)
{
	static const struct action actions[] = {{.kind = ACTION_OWNER}, {.kind = ACTION_CHAIN}};
	static const struct match any = {.glob_length = 1, .key = KEY_ANY};
	static struct rule rule;

	rule = (struct rule){
		.text = "*=owner|chain",
		.text_length = sizeof("*=owner|chain") - 1,
		.match_count = 1,
		.action_count = 2,
		.match = &any,
		.action = actions,
	};
	*policy = (struct policy){.rule = &rule, .rule_count = 1};
}

/* One question, to be asked with whatever is known so far. */
struct question {
	policy_fact fact;
	void *context;
	struct policy_names *names;
};

/* Of one key. The table has none for KEY_ANY, which is the first. */
struct key_names {
	struct policy_name *name;
	uint8_t *count;
	bool *complete;
};

static struct key_names names_of(const struct question *question, enum policy_key key)
{
	struct policy_names *names = question->names;

	return (struct key_names){
		names->name[key - 1], &names->count[key - 1], &names->complete[key - 1]};
}

static bool ask_name(const struct question *question, enum policy_key key)
{
	struct key_names known = names_of(question, key);
	unsigned i = *known.count;
	const char *text = question->fact(question->context, key, i);

	*known.complete = !text || i + 1 == FACT_NAMES_MAX;
	/* Most objects have one name twice. */
	if (!text || (i > 0 && strcmp(text, known.name[0].text) == 0))
		return false;
	known.name[i] = (struct policy_name){text, text_sketch(text)};
	++*known.count;
	return true;
}

static bool match_holds(
	const struct rule *rule, const struct match *match, const struct question *question)
{
	struct key_names known;
	unsigned i = 0;

	if (match->key == KEY_ANY)
		return true;
	known = names_of(question, match->key);
	do {
		for (; i < *known.count; i++) {
			if (sketch_fits(&match->sketch, &known.name[i].sketch) &&
				glob_match(match_glob(rule, match), match->glob_length, known.name[i].text))
				return true;
		}
	} while (!*known.complete && ask_name(question, match->key));
	return false;
}

static bool rule_holds(const struct rule *rule, const struct question *question)
{
	for (unsigned i = 0; i < rule->match_count; i++) {
		if (!match_holds(rule, &rule->match[i], question))
			return false;
	}
	return true;
}

const struct rule *policy_match(
	const struct policy *policy, policy_fact fact, void *context, struct policy_names *names)
{
	struct question question = {fact, context, names};
	const struct rule *rule = policy->rule;
	const struct rule *last = rule + policy->rule_count - 1;

	invariant(policy->rule_count > 0 && last->item == 0);
	memset(names->count, 0, sizeof(names->count));
	memset(names->complete, 0, sizeof(names->complete));
	while (rule < last && !rule_holds(rule, &question))
		rule++;
	return rule;
}
