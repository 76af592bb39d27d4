/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes the policy parser and the matcher. The input is the value of SIGBUS_POLICY, and "@self"
 * and "@file" in it are the same bytes as a file.
 *
 * fuzz.h says how it is run.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FUZZ_SEEDS "policy"
#define FUZZ_COUNT 200000
#define FUZZ_BYTES ",&=|:*?[]\\@#+() \n!-"
#include "base/glob.h"
#include "base/text.h"
#include "fuzz.h"
#include "memory/repair.h"
#include "policy/policy.h"
#include "rules/rules.h"

#define BLOCKS_MAX (POLICY_INCLUDES_MAX + 8 + 64) /* the last ones: $XDG_RUNTIME_DIR */

static const char *input;
static size_t input_length;
static void *blocks[BLOCKS_MAX];
static unsigned block_count;

/* Each text and array is a block of its own, so that the sanitizer sees its ends. */
static void *allocate(size_t size)
{
	CHECK(block_count < BLOCKS_MAX);
	return blocks[block_count++] = calloc(1, size);
}

static int load(const char *name, const char **text, size_t *length)
{
	char *copy;

	if (strcmp(name, "self") && strcmp(name, "file"))
		return strlen(name) % 2 ? -ENOENT : -EACCES;
	copy = allocate(input_length);
	memcpy(copy, input, input_length);
	*text = copy;
	*length = input_length;
	return 0;
}

static struct policy_words presets(void)
{
	static const char *const names[] = {"self", "file", NULL};

	return (struct policy_words){names, sizeof(names[0]), false};
}

static const char *const facts[FACT_NAMES_MAX] = {"libwayland-server.so.0", "memfd"};

/* What the sketches rule out cannot match. */
static void check_sketch(const char *glob, size_t length, const char *text)
{
	struct glob_sketch of_glob = glob_sketch(glob, length);
	struct sketch of_text = text_sketch(text);

	CHECK(sketch_fits(&of_glob, &of_text) || !glob_match(glob, length, text));
}

static void check_action(const struct action *action)
{
	CHECK(action->kind < ACTION_COUNT && action->extent <= EXTENT_RANGE);
	CHECK(policy_actions[action->kind].seconds == (action->seconds > 0) &&
		action->seconds <= WAIT_SECONDS_MAX);
}

static void check_match(const struct rule *rule, const struct match *match)
{
	const char *glob = match_glob(rule, match), *what;

	CHECK(match->key < KEY_COUNT);
	CHECK(match->glob_length > 0 && match->glob_length <= GLOB_MAX);
	CHECK(!glob_check(glob, match->glob_length, &what));
	CHECK(!memchr(glob, '\n', match->glob_length));
	check_sketch(glob, match->glob_length, facts[0]);
	check_sketch(glob, match->glob_length, facts[1]);
}

static void check_rule(const struct rule *rule)
{
	CHECK(rule->match_count > 0 && rule->match_count <= RULE_MATCHES_MAX);
	CHECK(rule->action_count > 0 && rule->action_count <= RULE_ACTIONS_MAX);
	for (unsigned i = 0; i < rule->match_count; i++)
		check_match(rule, &rule->match[i]);
	for (unsigned i = 0; i < rule->action_count; i++) {
		const struct action *action = &rule->action[i];

		check_action(action);
		CHECK(!policy_actions[action->kind].final || i + 1 == rule->action_count);
	}
	CHECK(memchr(rule->text, '=', rule->text_length));
}

static const char *fact(void *context, enum policy_key key, unsigned i)
{
	const struct policy *policy = context;

	CHECK(policy->keys & 1u << key);
	CHECK(i < FACT_NAMES_MAX);
	return facts[i];
}

static void check_policy(struct policy *policy)
{
	const struct rule *last = &policy->rule[policy->rule_count - 1], *found;
	struct policy_names names;

	for (uint32_t i = 0; i < policy->rule_count; i++)
		check_rule(&policy->rule[i]);
	CHECK(last->item == 0 && last->match[0].key == KEY_ANY && last->match_count == 1);
	found = policy_match(policy, fact, policy, &names);
	CHECK(found >= policy->rule && found <= last);
}

static void check_error(const struct policy_error *error)
{
	char line[2048];
	size_t length = policy_error_line(error, line, sizeof(line));

	CHECK(length == strlen(line) && length + 1 < sizeof(line));
	CHECK(!strncmp(line, "libsigbus: ", 11) && error->what);
	CHECK(!error->item || (error->column > 0 && error->column <= input_length + 1));
	for (size_t i = 0; i < length; i++)
		CHECK((unsigned char)line[i] >= ' ' && line[i] != 0x7f);
}

/* The input as glob and text, parted at its first newline. */
static void check_glob(void)
{
	const char *newline = memchr(input, '\n', input_length);
	size_t length = newline ? (size_t)(newline - input) : input_length;
	char *text = allocate(input_length - length + 1);
	const char *what;

	memcpy(text, input + length, input_length - length);
	glob_match(input, length, text);
	if (!glob_check(input, length, &what))
		check_sketch(input, length, text);
	CHECK(glob_match("*", 1, text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct policy_env env = {.allocate = allocate, .load = load, .presets = presets, .runtime_directory = "/run/[x]*\\/"};
	struct policy policy;
	struct policy_error error;

	block_count = 0;
	input = size ? allocate(size) : "";
	input_length = size;
	if (size)
		memcpy(blocks[0], data, size);
	if (policy_parse(input, size, &env, &policy, &error))
		check_error(&error);
	check_policy(&policy);
	if (size < 2 * GLOB_MAX)
		check_glob();
	while (block_count > 0)
		free(blocks[--block_count]);
	return 0;
}
