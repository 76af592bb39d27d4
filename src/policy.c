/* SPDX-License-Identifier: MIT */
/* The words of the policy language, and which rule a fault falls under. */
#include <string.h>

#include "internal.h"

static const char *const kinds[] = {"hugetlb", "memfd", "shm", "device", "file", "anon", NULL};
static const char *const maps[] = {"shared", "private", "ro", "rw", NULL};

const struct policy_word policy_keys[] = {
	[KEY_ANY] = {"*", NULL, "every fault", false},
	[KEY_OWNER] = {"owner", NULL, "the shared object that mapped the memory, or the program",
		false},
	[KEY_PATH] = {"path", NULL, "the file, as /proc/PID/maps names it", false},
	[KEY_KIND] = {"kind", kinds, "what kind of memory it is", false},
	[KEY_PROGRAM] = {"program", NULL, "the base name of the program", false},
	[KEY_MAP] = {"map", maps, "how it is mapped", false},
	[KEY_COUNT] = {NULL, NULL, NULL, false},
};

static const char *const extents[] = {"page", "range", NULL};

const struct policy_word policy_actions[] = {
	[ACTION_OWNER] = {"owner", NULL, "run the handler of the memory's owner", false},
	[ACTION_ZERO] = {"zero", extents, "put zero pages in place of the lost ones", false},
	[ACTION_ONES] = {"ones", extents, "the same with 0xff bytes", false},
	[ACTION_WAIT] = {"wait", NULL, "try again until the page can be had", false},
	[ACTION_RESERVE] = {"reserve", NULL, "make sure of the blocks when the file is mapped", false},
	[ACTION_CHAIN] = {"chain", NULL, "run the program's present handler; never declines", true},
	[ACTION_ABORT] = {"abort", NULL, "end the program, whatever handlers it has", true},
	[ACTION_COUNT] = {NULL, NULL, NULL, false},
};

const char *action_name(enum action_kind kind)
{
	return policy_actions[kind].word;
}

void policy_builtin(struct policy *policy)
{
	static const struct match any = {.glob = "*", .glob_length = 1, .key = KEY_ANY};
	static const struct action actions[] = {{.kind = ACTION_OWNER}, {.kind = ACTION_CHAIN}};
	static struct rule rule = {
		.text = "*=owner|chain",
		.text_length = sizeof("*=owner|chain") - 1,
		.match_count = 1,
		.action_count = 2,
		.match = &any,
		.action = actions,
	};

	*policy = (struct policy){.rule = &rule, .rule_count = 1};
}

static bool match_holds(const struct match *match, policy_fact fact, void *context)
{
	const char *name;

	if (match->key == KEY_ANY)
		return true;
	for (unsigned i = 0; (name = fact(context, match->key, i)); i++) {
		if (glob_match(match->glob, match->glob_length, name))
			return true;
	}
	return false;
}

static bool rule_holds(const struct rule *rule, policy_fact fact, void *context)
{
	for (unsigned i = 0; i < rule->match_count; i++) {
		if (!match_holds(&rule->match[i], fact, context))
			return false;
	}
	return true;
}

const struct rule *policy_match(const struct policy *policy, policy_fact fact, void *context)
{
	const struct rule *rule = policy->rule;
	const struct rule *last = rule + policy->rule_count - 1;

	while (rule < last && !rule_holds(rule, fact, context))
		rule++;
	return rule;
}
