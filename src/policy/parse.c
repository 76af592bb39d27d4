/* SPDX-License-Identifier: MIT */
/*
 * Policy texts -> items. The texts are read twice by the same code: once to find the errors and to
 * count, once to fill arrays of exactly that size. Each byte is looked at a constant number of
 * times, and the number of included texts is bounded, so the time is linear.
 */
#include <errno.h>
#include <string.h>

#include "policy/parse.h"
#include "policy/policy.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* An odd number of "\" stands before p. */
static bool is_escaped(const char *start, const char *p)
{
	bool escaped = false;

	while (p > start && *--p == '\\')
		escaped = !escaped;
	return escaped;
}

struct span span_trim(const char *start, const char *end)
{
	while (start < end && is_blank(*start))
		start++;
	while (start < end && is_blank(end[-1]) && !is_escaped(start, end - 1))
		end--;
	return (struct span){start, end};
}

/* The first byte that ends an item, or the end. A newline cannot be escaped. */
static const char *find_item_end(const char *p, const char *end, bool in_file)
{
	for (; p < end; p++) {
		if (*p == ',' || *p == '\n' || (*p == '#' && in_file))
			return p;
		if (*p == '\\' && p + 1 < end && p[1] != '\n')
			p++;
	}
	return p;
}

static int parse_strict(struct parser *parser, struct span item)
{
	if (parser->source->in_file || parser->source->item != 1)
		return policy_fail_word(
			parser, item.start, "only the first item of SIGBUS_POLICY can be", item);
	parser->strict = true;
	return 0;
}

/* name: as written, unescaped into buffer. */
static bool unescape(struct span name, char *buffer, size_t size)
{
	size_t length = 0;

	for (const char *p = name.start; p < name.end; p++) {
		if (*p == '\\' && p + 1 < name.end)
			p++;
		if (length + 1 == size)
			return false;
		buffer[length++] = *p;
	}
	buffer[length] = '\0';
	return true;
}

static int load_text(struct parser *parser, struct span name, struct span *text)
{
	char path[4096];
	size_t length;
	int result;

	if (!unescape(name, path, sizeof(path)))
		return -ENAMETOOLONG;
	result = parser->env->load(path, &text->start, &length);
	if (!result)
		text->end = text->start + length;
	return result;
}

static const char *load_reason(int error)
{
	static const struct {
		int error;
		char reason[64];
	} reasons[] = {
		{ENOENT, "not found"},
		{ENOTDIR, "not found"},
		{EACCES, "permission denied"},
		{EPERM, "permission denied"},
		{EKEYREJECTED, "others than root can write it, or a directory that leads to it"},
		{EMLINK, "a symbolic link leads to it"},
		{EINVAL, "in secure mode the name of a file begins with '/'"},
		{EISDIR, "is a directory"},
		{EOPNOTSUPP, "not a regular file"},
		{EFBIG, "larger than 1 MiB"},
		{ENAMETOOLONG, "name too long"},
		{ELOOP, "too many symbolic links"},
		{EMFILE, "too many open files"},
		{ENFILE, "too many open files"},
		{ENOMEM, "no memory"},
		{EIO, "read error"},
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].error == -error)
			return reasons[i].reason;
	}
	return "cannot be opened";
}

/* A file of that name in the current directory was meant, then. */
static bool is_file_here(struct parser *parser, struct span name)
{
	char path[256];
	const char *text;
	size_t length;

	memcpy(path, "./", 2);
	return unescape(name, path + 2, sizeof(path) - 2) &&
	       parser->env->load(path, &text, &length) == 0;
}

/* item: "@NAME", name: NAME. */
static int fail_load(struct parser *parser, struct span item, struct span name, int error)
{
	struct policy_words presets = {0};
	int result;

	if (parser->env->presets)
		presets = parser->env->presets();
	if (error == -ENOENT && !memchr(name.start, '/', span_length(name))) {
		bool is_here = is_file_here(parser, name);

		policy_fail_unknown(parser,
			is_here || memchr(name.start, '.', span_length(name))
				? "preset (files are named with a '/')"
				: "preset",
			name, presets);
		return is_here ? policy_meant(parser, "@./", name) : -EINVAL;
	}
	result = policy_fail_word(parser, item.start, "cannot read", item);
	parser->error->reason = load_reason(error);
	return result;
}

static const struct preset *find_compiled(struct parser *parser, struct span name)
{
	const struct preset *preset = NULL;
	char word[POLICY_WORD_MAX];

	if (parser->env->compiled && unescape(name, word, sizeof(word)))
		preset = parser->env->compiled(word);
	return preset && preset->rule_count ? preset : NULL;
}

static int parse_text(struct parser *parser, struct source *source);

static int parse_include(struct parser *parser, struct span item)
{
	struct span name = span_trim(item.start + 1, item.end), *text;
	struct source source = {.name = item, .in_file = true};
	const struct preset *preset;
	struct policy_options options = {false, false};
	int result;

	if (parser->source != &parser->value)
		return policy_fail_word(
			parser, item.start, "an included text cannot include", item);
	result = policy_take_options(parser, &name, &options);
	if (result)
		return result;
	if (span_empty(name))
		return policy_fail(parser, item.start, "no name after '@'");
	if (parser->includes == POLICY_INCLUDES_MAX)
		return policy_fail(parser, item.start, "too many included texts");
	text = &parser->included[parser->includes++];
	parser->options = options;
	preset = find_compiled(parser, name);
	if (preset) {
		policy_add_compiled(parser, preset);
	} else {
		result = text->start ? 0 : load_text(parser, name, text);
		if (result)
			return fail_load(parser, item, name, result);
		source.text = *text;
		result = parse_text(parser, &source);
	}
	parser->options = (struct policy_options){false, false};
	return result;
}

static int parse_item(struct parser *parser, struct span item)
{
	if (*item.start == '@')
		return parse_include(parser, item);
	if (span_is(item, "strict"))
		return parse_strict(parser, item);
	return policy_parse_rule(parser, item);
}

/* Both ends of SIGBUS_POLICY are like commas, those of a file like newlines. */
static char edge(const struct source *source)
{
	return source->in_file ? '\n' : ',';
}

struct span policy_next_item(struct source *source)
{
	const char *start = source->next, *end = source->text.end;
	const char *p = find_item_end(start, end, source->in_file);
	struct span item = span_trim(start, p);

	if (source->in_file && source->before == '\n') {
		source->item++;
		source->line = start;
	}
	if (p < end && *p == '#')
		p = memchr(p, '\n', (size_t)(end - p));
	source->next = p && p < end ? p + 1 : NULL;
	source->before = source->next ? *p : edge(source);
	return item;
}

static int parse_items(struct parser *parser, struct source *source)
{
	while (source->next) {
		bool comma = source->before == ',';
		struct span item = policy_next_item(source);
		/* A line may be empty, or end with a comma. */
		bool lacks = span_empty(item) && comma && source->before == ',';
		int result = 0;

		source->item += !source->in_file && (lacks || !span_empty(item));
		if (lacks)
			result = policy_fail(parser, item.start, "empty item");
		else if (!span_empty(item))
			result = parse_item(parser, item);
		if (result)
			return result;
	}
	return 0;
}

static int parse_text(struct parser *parser, struct source *source)
{
	struct source *outer = parser->source;
	size_t length = span_length(source->text);
	int result;

	parser->source = source;
	source->next = source->line = source->text.start;
	source->item = 0;
	source->before = edge(source);
	if (length > POLICY_TEXT_MAX)
		result = policy_fail(parser, NULL, "larger than 1 MiB");
	else if (length && memchr(source->text.start, '\0', length))
		result = policy_fail(parser, NULL, "not a text: it holds a NUL byte");
	else
		result = parse_items(parser, source);
	parser->source = outer;
	return result;
}

/* The arrays for what was counted. */
static int allocate_arrays(struct parser *parser)
{
	parser->rule = parser->env->allocate((parser->rules + 1) * sizeof(struct rule));
	parser->match = parser->env->allocate(parser->matches * sizeof(struct match));
	parser->action = parser->env->allocate(parser->actions * sizeof(struct action));
	if (parser->rule && parser->match && parser->action)
		return 0;
	parser->source = &parser->value;
	policy_fail(parser, NULL, "no memory");
	return -ENOMEM;
}

/* Once more from the start, this time to store. */
static void fill_arrays(struct parser *parser, struct policy *policy)
{
	parser->variables = parser->includes = parser->rules = parser->matches = parser->actions = 0;
	parse_text(parser, &parser->value);
	parser->rule[parser->rules] = *policy->rule;
	policy->rule = parser->rule;
	policy->rule_count = parser->rules + 1;
	policy->keys = parser->keys;
	policy->actions = parser->action_kinds;
}

int policy_parse(const char *text, size_t length, const struct policy_env *env,
	struct policy *policy, struct policy_error *error)
{
	struct parser parser = {
		.env = env,
		.error = error,
		.value = {.text = {text, text + length},
			.name = span_of(env->file ? env->file : "SIGBUS_POLICY"),
			.in_file = env->file},
	};
	struct span words = span_trim(text, text + length);
	int result = 0;

	policy_builtin(policy);
	if (!span_empty(words))
		result = parse_text(&parser, &parser.value);
	policy->strict = parser.strict;
	if (!result && parser.rules)
		result = allocate_arrays(&parser);
	if (!result && parser.rules)
		fill_arrays(&parser, policy);
	return result;
}
