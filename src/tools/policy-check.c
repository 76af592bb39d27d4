/* SPDX-License-Identifier: MIT */
/* What sigbus-run asks: is this policy right, what can be in one, is this a place for reports. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "policy/policy.h"
#include "report/report.h"


static void *allocate(size_t size)
{
	return calloc(1, size);
}

static int check(const char *text)
{
	const struct policy_env env = {
		.allocate = allocate, .load = policy_load, .presets = policy_presets};
	struct policy_error error;
	struct policy parsed;
	char line[1024];

	if (!policy_parse(text, strlen(text), &env, &parsed, &error))
		return 0;
	policy_error_line(&error, line, sizeof(line));
	fprintf(stderr, "%s\n", line);
	return 2;
}

static int check_log(const char *spec)
{
	static struct out_target target;
	char line[1024];

	if (out_parse(spec, &target, line, sizeof(line)) == 0)
		return 0;
	fprintf(stderr, "%s\n", line);
	return 2;
}

static void list_keys(void)
{
	printf("keys:\n");
	for (const struct policy_word *key = policy_keys; key->word; key++) {
		char word[64];

		snprintf(word, sizeof(word), "%s%s", key->word, key == policy_keys ? "" : ":GLOB");
		printf("  %-16s %s", word, key->help);
		for (size_t i = 0; key->values && key->values[i]; i++)
			printf("%s%s", i ? ", " : ": ", key->values[i]);
		printf("\n");
	}
}

static void list_actions(void)
{
	printf("actions:\n");
	for (const struct policy_word *action = policy_actions; action->word; action++) {
		char word[64];

		snprintf(word, sizeof(word), "%s%s", action->word,
			action->seconds ? "(SECONDS)" : "");
		printf("  %-16s %s", word, action->help);
		for (size_t i = 0; action->values && action->values[i]; i++)
			printf("%s%s(%s)", i ? ", " : "; also ", action->word, action->values[i]);
		printf("\n");
	}
}

/* The text of the first line, if it is a comment. */
static int comment(const char *name, const char **start)
{
	const char *text, *end;
	size_t length;

	if (policy_load(name, &text, &length) || !length || *text != '#')
		return 0;
	*start = text + 1 + strspn(text + 1, " \t");
	end = memchr(text, '\n', length);
	return (int)((end ? end : text + length) - *start);
}

static void list_presets(void)
{
	const struct policy_words presets = policy_presets();
	const char *name;

	printf("presets:\n");
	for (size_t i = 0; (name = policy_words_at(presets, i)); i++) {
		const char *text = "";
		int length = comment(name, &text);

		printf("  @%-15s %.*s\n", name, length, text);
	}
}

static int list(void)
{
	list_actions();
	list_keys();
	list_presets();
	return fflush(stdout) ? 1 : 0;
}

int main(int argc, char **argv)
{
	const char *dir = getenv("SIGBUS_PRESET_DIR"); /* for the build tree */

	policy_file_init(dir ? dir : PRESET_DIR, allocate);
	if (argc == 3 && !strcmp(argv[1], "--policy"))
		return check(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "--log"))
		return check_log(argv[2]);
	if (argc == 2 && !strcmp(argv[1], "--list"))
		return list();
	fprintf(stderr, "usage: policy-check --policy TEXT | --log WORDS | --list\n");
	return 2;
}
