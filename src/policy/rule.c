/* SPDX-License-Identifier: MIT */
/* One rule: MATCH&MATCH=ACTION|ACTION+quiet+hangup. */
#include <errno.h>
#include <string.h>
#include "base/glob.h"
#include "base/text.h"
#include "policy/parse.h"
#include "policy/policy.h"
#include "table/record.h"


#define STRING_(x) #x
#define STRING(x) STRING_(x)
#define VARIABLES_MAX 64 /* memory for each */
#define RUNTIME_DIR_MAX 1024 /* bytes of $XDG_RUNTIME_DIR */
#define BETWEEN_ACTIONS "'|' stands between actions"
#define BETWEEN_MATCHES "'&' stands between matches"
#define EXPECTED_SECONDS "expected whole seconds from 1 to " STRING(WAIT_SECONDS_MAX)

static const policy_value strict_word[] = {"strict", ""};
static const policy_value option_words[] = {"quiet", "hangup", ""};

static struct policy_words column_of(const struct policy_word *table)
{
	return (struct policy_words){table->word, sizeof(*table), true};
}

/* The first unescaped c, or the end. */
static const char *find_unescaped(const char *p, const char *end, char c)
{
	while (p < end && *p != c)
		p += *p == '\\' && p + 1 < end ? 2 : 1;
	return p;
}

static const char *find_byte(const char *p, const char *end, char c)
{
	const char *found = memchr(p, c, (size_t)(end - p));

	return found ? found : end;
}

/* The row of a word, or -1. */
static int find_word(struct policy_words words, struct span span)
{
	const char *word;

	for (int i = 0; (word = policy_words_at(words, (size_t)i)); i++) {
		if (span_is(span, word))
			return i;
	}
	return -1;
}

static bool some_value_matches(const policy_value *values, struct span glob)
{
	for (; **values; values++) {
		if (glob_match(glob.start, span_length(glob), *values))
			return true;
	}
	return false;
}

/* Types that people look for; any other can be asked for, too. */
static const policy_value file_systems[] = {"tmpfs", "ext4", "ext3", "xfs", "btrfs", "nfs", "nfs4",
	"fuse", "overlay", "cifs", "9p", "vfat", "zfs", "f2fs", "hugetlbfs", ""};

/* The match in which this word would be right, as "fs:", or NULL. */
static const char *key_of_value(struct span value)
{
	static const char prefixes[KEY_COUNT][8] = {
		[KEY_KIND] = "kind:", [KEY_MAP] = "map:", [KEY_CAUSE] = "cause:"};

	if (find_word(list_of(file_systems), value) >= 0)
		return "fs:";
	for (int key = 0; key < KEY_COUNT; key++)
		if (*prefixes[key] && find_word(list_of(policy_keys[key].values), value) >= 0)
			return prefixes[key];
	return NULL;
}

static int fail_value(struct parser *parser, const struct policy_word *key, struct span value)
{
	const char *prefix = key_of_value(value);

	policy_fail_unknown(parser, key->word, value, list_of(key->values));
	return prefix ? policy_meant(parser, prefix, value) : -EINVAL;
}

/* A match whose key is none: a path, or a value, without its key. */
static int fail_key(struct parser *parser, struct span match, struct span word)
{
	const char *prefix = *match.start == '/' ? "path:" : key_of_value(match);

	policy_fail_unknown(parser, "key", word, column_of(policy_keys));
	if (*match.start == '"' || *match.start == '\'')
		return policy_because(parser, "quotes are the shell's, and no part of a policy");
	return prefix ? policy_meant(parser, prefix, match) : -EINVAL;
}

static int check_glob(struct parser *parser, const struct policy_word *key, struct span glob)
{
	const char *what, *at;

	if (span_empty(glob))
		return policy_fail_empty(parser, glob.start, "empty glob", list_of(key->values));
	if (span_length(glob) > GLOB_MAX)
		return policy_fail(
			parser, glob.start, "glob longer than " STRING(GLOB_MAX) " bytes");
	at = glob_check(glob.start, span_length(glob), &what);
	if (at)
		return policy_fail(parser, at, what);
	at = find_unescaped(glob.start, glob.end, '|');
	if (at < glob.end)
		return policy_fail(parser, at, "'|' stands between actions, in a glob write '\\|'");
	if (key->values && !some_value_matches(key->values, glob))
		return fail_value(parser, key, glob);
	return 0;
}

static const char runtime_directory[] = "$XDG_RUNTIME_DIR/";

static bool has_variable(struct span glob)
{
	size_t length = sizeof(runtime_directory) - 1;

	return span_length(glob) >= length && !memcmp(glob.start, runtime_directory, length);
}

/*
 * A path that begins with the directory of this user's session. What it is named is no pattern; where
 * it is not known the glob stays as it is, and no path is like that.
 */
static struct span expand(struct parser *parser, struct span glob)
{
	static const char special[] = "*?[]\\";
	const struct policy_env *env = parser->env;
	size_t length = sizeof(runtime_directory) - 1, size = 0;
	const char *value = env->runtime_directory;
	char *text;

	if (!has_variable(glob))
		return glob;
	if (!value || *value != '/' || strlen(value) > RUNTIME_DIR_MAX)
		return glob;
	text = env->allocate(2 * strlen(value) + span_length(glob));
	if (!text)
		return glob;
	for (; *value; value++) {
		if (strchr(special, *value))
			text[size++] = '\\';
		text[size++] = *value;
	}
	glob.start += text[size - 1] == '/' ? length : length - 1;
	memcpy(text + size, glob.start, span_length(glob));
	return (struct span){text, text + size + span_length(glob)};
}

/* A match has come in: counted, or stored. */
static void add_match(struct parser *parser, const struct rule *rule, int key, struct span glob)
{
	parser->keys |= 1u << key;
	if (parser->match && key == KEY_PATH)
		glob = expand(parser, glob);
	if (parser->match)
		parser->match[parser->matches] =
			(struct match){(intptr_t)glob.start - (intptr_t)rule->text, (uint16_t)span_length(glob), (uint8_t)key,
				glob_sketch(glob.start, span_length(glob))};
	parser->matches++;
}

static int parse_match(struct parser *parser, const struct rule *rule, struct span text)
{
	const char *colon = find_byte(text.start, text.end, ':');
	struct span word = span_trim(text.start, colon), glob;
	int result, key = find_word(column_of(policy_keys), word);

	if (span_empty(text))
		return policy_fail_empty(parser, text.start, "empty match", column_of(policy_keys));
	if (key < 0)
		return fail_key(parser, text, word);
	if (key == KEY_ANY && colon < text.end)
		return policy_fail_word(parser, colon, "no glob can follow", word);
	if (key == KEY_ANY) {
		add_match(parser, rule, key, word);
		return 0;
	}
	if (colon == text.end)
		return policy_fail_word(parser, text.end, "no ':' and glob after", word);
	glob = span_trim(colon + 1, text.end);
	if (has_variable(glob) && ++parser->variables > VARIABLES_MAX)
		return policy_fail(parser, glob.start,
			"$XDG_RUNTIME_DIR more than " STRING(VARIABLES_MAX) " times");
	result = check_glob(parser, &policy_keys[key], glob);
	if (!result)
		add_match(parser, rule, key, glob);
	return result;
}

static int parse_matches(struct parser *parser, struct rule *rule, struct span text)
{
	const char *end, *start = text.start;
	int result;

	do {
		end = find_unescaped(start, text.end, '&');
		struct span match = span_trim(start, end);

		if (span_empty(match) && end < text.end && start > text.start)
			return policy_fail(parser, end, "one " BETWEEN_MATCHES);
		if (rule->match_count == RULE_MATCHES_MAX)
			return policy_fail(parser, match.start,
				"more than " STRING(RULE_MATCHES_MAX) " matches in a rule");
		result = parse_match(parser, rule, match);
		if (result)
			return result;
		rule->match_count++;
		start = end + 1;
	} while (end < text.end);
	return 0;
}

/* Behind the word comes at least a ")". */
static int parse_seconds(struct parser *parser, struct span word, uint32_t *seconds)
{
	const char *at = word.start;
	uint64_t value;

	if (text_number(&at, 10, WAIT_SECONDS_MAX, &value) && at == word.end && value >= 1) {
		*seconds = (uint32_t)value;
		return 0;
	}
	if (span_empty(word))
		return policy_fail(parser, word.start, EXPECTED_SECONDS);
	return policy_fail_word(parser, word.start, EXPECTED_SECONDS ", not", word);
}

static int parse_extent(
	struct parser *parser, const policy_value *extents, struct span word, uint8_t *extent)
{
	int row = find_word(list_of(extents), word);

	if (row < 0)
		return policy_fail_unknown(parser, "argument", word, list_of(extents));
	*extent = (uint8_t)(row + 1);
	return 0;
}

/* text: "(VALUE)" or nothing. */
static int parse_argument(struct parser *parser, const struct policy_word *word, struct span text,
	struct action *action)
{
	struct span value;

	if (span_empty(text))
		return word->seconds ? policy_fail_word(parser, text.start, "no '(SECONDS)' after",
					       span_of(word->word))
				     : 0;
	if (!word->values && !word->seconds)
		return policy_fail_word(
			parser, text.start, "no argument can follow", span_of(word->word));
	if (text.end[-1] != ')')
		return policy_fail(parser, text.start, "no ')' after '('");
	value = span_trim(text.start + 1, text.end - 1);
	return word->seconds ? parse_seconds(parser, value, &action->seconds)
			     : parse_extent(parser, word->values, value, &action->extent);
}

/* An action has come in: counted, or stored. */
static void add_action(struct parser *parser, struct action action)
{
	parser->action_kinds |= 1u << action.kind;
	if (parser->action)
		parser->action[parser->actions] = action;
	parser->actions++;
}

static struct span until(struct span text, const char *ends)
{
	const char *end = text.start;

	while (end < text.end && !strchr(ends, *end))
		end++;
	return span_trim(text.start, end);
}

/* An action that is none, or has something behind it that is not written so. */
static int fail_action(struct parser *parser, struct span word)
{
	struct span first = until(word, " \t&#+"), rest = span_trim(first.end, word.end);
	char meant[32];
	struct text text = {meant, sizeof(meant), 0, false};
	bool is_option;

	policy_fail_unknown(parser, "action", word, column_of(policy_actions));
	if (!span_empty(rest) && *rest.start == '&')
		return policy_because(parser, BETWEEN_ACTIONS);
	if (!span_empty(rest) && *rest.start == '#')
		return policy_because(parser, "a comment can only be in a file");
	if (find_word(column_of(policy_actions), first) < 0 || span_empty(rest))
		return -EINVAL;
	is_option = find_word(list_of(option_words), rest) >= 0;
	if (!is_option && (*rest.start < '0' || *rest.start > '9'))
		return -EINVAL;
	text_bytes(&text, first.start, span_length(first));
	text_add(&text, is_option ? "+" : "(");
	text_bytes(&text, rest.start, span_length(rest));
	text_add(&text, is_option ? "" : ")");
	return policy_meant(parser, "", span_of(meant));
}

/* *last: the action before, NULL for the first; becomes this one. */
static int parse_action(struct parser *parser, struct span text, const struct policy_word **last)
{
	const char *open = find_byte(text.start, text.end, '(');
	struct span word = span_trim(text.start, open);
	int result, kind = find_word(column_of(policy_actions), word);
	struct action action = {.kind = (uint8_t)kind};

	if (span_empty(text))
		return policy_fail_empty(parser, text.start, "empty action", column_of(policy_actions));
	if (kind < 0)
		return fail_action(parser, word);
	if (*last && (*last)->final)
		return policy_fail_word(
			parser, text.start, "nothing can follow", span_of((*last)->word));
	*last = &policy_actions[kind];
	result = parse_argument(parser, *last, (struct span){open, text.end}, &action);
	if (!result)
		add_action(parser, action);
	return result;
}

static int parse_actions(struct parser *parser, struct rule *rule, struct span text)
{
	const struct policy_word *last = NULL;
	const char *end = find_byte(text.start, text.end, ';'), *start = text.start;
	int result;

	if (end < text.end)
		return policy_fail(parser, end, "rules are separated by ',', not by ';'");
	do {
		end = find_byte(start, text.end, '|');
		struct span action = span_trim(start, end);

		if (span_empty(action) && end < text.end && start > text.start)
			return policy_fail(parser, end, "one " BETWEEN_ACTIONS);
		if (rule->action_count == RULE_ACTIONS_MAX)
			return policy_fail(parser, action.start,
				"more than " STRING(RULE_ACTIONS_MAX) " actions in a rule");
		result = parse_action(parser, action, &last);
		if (result)
			return result;
		rule->action_count++;
		start = end + 1;
	} while (end < text.end);
	return 0;
}

static bool set_option(struct policy_options *options, struct span word)
{
	switch (find_word(list_of(option_words), word)) {
	case 0:
		return options->quiet = true;
	case 1:
		return options->hangup = true;
	}
	return false;
}

/* text: "+quiet", "+hangup", both or nothing. */
static int parse_options(struct parser *parser, struct policy_options *options, struct span text)
{
	const char *end;

	for (; !span_empty(text); text.start = end) {
		struct span word;

		end = find_byte(text.start + 1, text.end, '+');
		word = span_trim(text.start + 1, end);
		if (!set_option(options, word))
			return policy_fail_unknown(parser, "option", word, list_of(option_words));
	}
	return 0;
}

/* A preset's name has no "+", a file's may. */
int policy_take_options(struct parser *parser, struct span *name, struct policy_options *options)
{
	const char *plus = find_byte(name->start, name->end, '+');

	if (!memchr(name->start, '/', span_length(*name))) {
		struct span text = {plus, name->end};

		*name = span_trim(name->start, plus);
		return parse_options(parser, options, text);
	}
	while ((plus = memrchr(name->start, '+', span_length(*name))) != NULL &&
		set_option(options, span_trim(plus + 1, name->end)))
		*name = span_trim(name->start, plus);
	return 0;
}

/* The item before this one is no include: it has an "=". */
static bool follows_rule(const struct parser *parser, struct span item)
{
	const char *start = parser->source->text.start, *p = item.start;

	while (p > start && p[-1] != '@' && p[-1] != '=')
		p--;
	return p > start && p[-1] == '=';
}

/* An item without "=": a preset without "@", actions without a match, or a match without actions. */
static int fail_no_rule(struct parser *parser, struct span item)
{
	const struct policy_env *env = parser->env;
	struct policy_words presets = env->presets ? env->presets() : (struct policy_words){0};
	int key = find_word(column_of(policy_keys), until(item, ":"));
	const char *preset;

	policy_fail_word(parser, item.start, "expected MATCH=ACTION, @NAME or strict, not", item);
	if (key > KEY_ANY && parser->source->next && parser->source->before == ',')
		return policy_because(parser, policy_keys[key].values
						      ? BETWEEN_MATCHES
						      : "a comma in a glob is written '\\,'");
	if (find_word(column_of(policy_actions), until(item, "|(+")) >= 0 && follows_rule(parser, item))
		return policy_because(parser, BETWEEN_ACTIONS ", ',' between rules");
	if (find_word(column_of(policy_actions), until(item, "|(+")) >= 0)
		return policy_meant(parser, "*=", item);
	if (*item.start == '/')
		return policy_meant(parser, "@", item);
	if (env->file)
		return -EINVAL;
	parser->error->nearest =
		policy_nearest(list_of(strict_word), item.start, span_length(item));
	preset = policy_nearest(presets, item.start, span_length(item));
	return preset ? policy_meant(parser, "@", span_of(preset)) : -EINVAL;
}

int policy_parse_rule(struct parser *parser, struct span item)
{
	const char *equals = find_unescaped(item.start, item.end, '=');
	struct rule rule = {
		.text = item.start,
		.text_length = (uint32_t)span_length(item),
		.item = parser->value.item,
		.line = parser->source->in_file ? parser->source->item : 0,
		.match = parser->match ? parser->match + parser->matches : NULL,
		.action = parser->action ? parser->action + parser->actions : NULL,
	};
	struct policy_options options = parser->options;
	const char *plus;
	int result;

	if (equals == item.end)
		return fail_no_rule(parser, item);
	plus = find_byte(equals + 1, item.end, '+');
	result = parse_matches(parser, &rule, span_trim(item.start, equals));
	if (!result)
		result = parse_actions(parser, &rule, span_trim(equals + 1, plus));
	if (!result)
		result = parse_options(parser, &options, (struct span){plus, item.end});
	if (result)
		return result;
	rule.quiet = options.quiet;
	rule.hangup = options.hangup;
	if (parser->rule)
		parser->rule[parser->rules] = rule;
	parser->rules++;
	return 0;
}
