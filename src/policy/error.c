/* SPDX-License-Identifier: MIT */
/* What is wrong with a policy, in one line. */
#include <errno.h>
#include <string.h>
#include "base/text.h"
#include "policy/parse.h"
#include "policy/policy.h"


#define NEAR_MAX 31 /* no valid word is longer */

const char *policy_words_at(struct policy_words words, size_t i)
{
	const char *at = words.first;

	if (!at)
		return NULL;
	at += i * words.stride;
	if (!words.in_place)
		return *(const char *const *)(const void *)at;
	return *at ? at : NULL;
}

static unsigned char lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Edits (insert, delete, replace, swap two neighbours) from a to b; case does not count. */
static unsigned edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	unsigned rows[3][NEAR_MAX + 1];
	unsigned *before = rows[0], *above = rows[1], *row = rows[2];

	for (size_t j = 0; j <= b_length; j++)
		above[j] = (unsigned)j;
	for (size_t i = 1; i <= a_length; i++) {
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b_length; j++) {
			unsigned char x = lower(a[i - 1]), y = lower(b[j - 1]);

			row[j] = least(above[j - 1] + (x != y), least(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && x == lower(b[j - 2]) && y == lower(a[i - 2]))
				row[j] = least(row[j], before[j - 2] + 1);
		}
		unsigned *spare = before;

		before = above;
		above = row;
		row = spare;
	}
	return above[b_length];
}

/* Near: fewer than half of the letters of the longer word are wrong. */
const char *policy_nearest(struct policy_words words, const char *word, size_t length)
{
	const char *nearest = NULL, *candidate;
	unsigned best = NEAR_MAX + 1;

	for (size_t i = 0; length <= NEAR_MAX && (candidate = policy_words_at(words, i)); i++) {
		size_t size = strnlen(candidate, NEAR_MAX + 1);

		if (size > NEAR_MAX)
			continue;
		unsigned distance = edit_distance(word, length, candidate, size);

		if (distance < best && distance * 2 < (length > size ? length : size)) {
			best = distance;
			nearest = candidate;
		}
	}
	return nearest;
}

/* What people say for a word of the language that no wrong letter explains. */
static const char *other_word(const char *noun, struct span word)
{
	static const struct {
		char noun[8], said[12], meant[12];
	} words[] = {
		{"action", "ignore", "zero"},
		{"action", "null", "zero"},
		{"action", "kill", "abort"},
		{"action", "die", "abort"},
		{"action", "core", "abort"},
		{"action", "default", "chain"},
		{"action", "pass", "chain"},
		{"action", "handler", "owner"},
		{"action", "retry", "wait(60)"},
		{"action", "sleep", "wait(60)"},
		{"key", "file", "path"},
		{"key", "filename", "path"},
		{"key", "lib", "owner"},
		{"key", "library", "owner"},
		{"key", "object", "owner"},
		{"key", "fstype", "fs"},
		{"key", "filesystem", "fs"},
		{"key", "type", "kind"},
		{"key", "prot", "map"},
		{"key", "reason", "cause"},
		{"key", "process", "program"},
		{"key", "comm", "program"},
		{"key", "exe", "program"},
		{"map", "write", "rw"},
		{"map", "writable", "rw"},
		{"map", "read", "ro"},
		{"map", "readonly", "ro"},
		{"cause", "full", "nospace"},
		{"cause", "disk", "device"},
		{"cause", "memory", "hwpoison"},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].noun, noun) == 0 && span_is(word, words[i].said))
			return words[i].meant;
	return NULL;
}

/* As much of the span as size bytes hold, but no part of a UTF-8 character. */
static size_t copy_cut(char *buffer, size_t size, struct span span)
{
	size_t length = span_length(span);

	if (length > size) {
		length = size;
		while (length > size - 4 && ((unsigned char)span.start[length] & 0xc0) == 0x80)
			length--;
	}
	memcpy(buffer, span.start, length);
	return length;
}

/*
 * Who reads the message may not be allowed to read the file, nor what somebody made it include: it
 * says where in the file, and nothing of any text.
 */
static int fail_in_secret(struct parser *parser, const char *at, const char *what)
{
	bool included = parser->source != &parser->value;

	*parser->error = (struct policy_error){
		.in_file = true,
		.item = at || included ? parser->value.item : 0,
		.column = included || !at ? 1 : (uint32_t)(at - parser->value.line) + 1,
		.what = what,
		.reason = included ? "in what is included there" : NULL,
	};
	copy_cut(parser->error->source, sizeof(parser->error->source) - 1, parser->value.name);
	return -EINVAL;
}

int policy_fail(struct parser *parser, const char *at, const char *what)
{
	const struct source *source = parser->source;
	struct policy_error *error = parser->error;

	if (parser->env->file)
		return fail_in_secret(parser, at, what);

	*error = (struct policy_error){
		.in_file = source->in_file,
		.item = at ? source->item : 0,
		.column = at ? (uint32_t)(at - source->line) + 1 : 0,
		.what = what,
	};
	copy_cut(error->source, sizeof(error->source) - 1, source->name);
	return -EINVAL;
}

int policy_fail_word(struct parser *parser, const char *at, const char *what, struct span word)
{
	struct policy_error *error = parser->error;
	int result = policy_fail(parser, at, what);

	error->word_cut = true;
	if (parser->env->file)
		return result;
	error->word_length = (uint8_t)copy_cut(error->word, sizeof(error->word), word);
	error->word_cut = error->word_length < span_length(word);
	return result;
}

int policy_fail_unknown(
	struct parser *parser, const char *noun, struct span word, struct policy_words valid)
{
	int result = policy_fail_word(parser, word.start, "unknown", word);

	parser->error->noun = noun;
	parser->error->valid = valid;
	if (!parser->env->file)
		parser->error->nearest = other_word(noun, word);
	if (!parser->env->file && !parser->error->nearest)
		parser->error->nearest = policy_nearest(valid, word.start, span_length(word));
	return result;
}

int policy_meant(struct parser *parser, const char *prefix, struct span word)
{
	struct policy_error *error = parser->error;
	size_t length = strlen(prefix);

	/* Half of it would be wrong again; and a file of secure mode is not quoted. */
	if (!parser->env->file && length + span_length(word) < sizeof(error->meant)) {
		memcpy(error->meant, prefix, length);
		memcpy(error->meant + length, word.start, span_length(word));
	}
	return -EINVAL;
}

int policy_because(struct parser *parser, const char *reason)
{
	parser->error->reason = reason;
	parser->error->nearest = NULL;
	parser->error->valid = (struct policy_words){0};
	return -EINVAL;
}

int policy_fail_empty(
	struct parser *parser, const char *at, const char *what, struct policy_words valid)
{
	int result = policy_fail(parser, at, what);

	parser->error->valid = valid;
	return result;
}

/* A word of the user's: as reports escape it, but "\" and '"' as they were written. */
static void add_foreign(struct text *line, const char *bytes, size_t length)
{
	const char *end = bytes + length;

	while (bytes < end) {
		const char *p = bytes;

		while (p < end && *p != '\\' && *p != '"')
			p++;
		text_escaped_bytes(line, bytes, (size_t)(p - bytes));
		text_bytes(line, p, p < end);
		bytes = p + (p < end);
	}
}

static void add_place(struct text *line, const struct policy_error *error)
{
	text_add(line, "libsigbus: ");
	add_foreign(line, error->source, strnlen(error->source, sizeof(error->source)));
	if (!error->item)
		return;
	text_add(line, error->in_file ? ": line " : ": item ");
	text_decimal(line, error->item);
	text_add(line, ", column ");
	text_decimal(line, error->column);
}

static void add_word(struct text *line, const struct policy_error *error)
{
	if (!error->word_length && !error->word_cut)
		return;
	text_add(line, " '");
	add_foreign(line, error->word, error->word_length);
	text_add(line, error->word_cut ? "...'" : "'");
}

static void add_help(struct text *line, const struct policy_error *error)
{
	const char *word, *meant = error->meant[0] ? error->meant : error->nearest;

	if (meant) {
		text_add(line, ", did you mean '");
		add_foreign(line, meant, strlen(meant)); /* a preset's, perhaps */
		text_add(line, "'?");
		return;
	}
	for (size_t i = 0; (word = policy_words_at(error->valid, i)); i++) {
		text_add(line, i ? ", " : ", one of ");
		add_foreign(line, word, strlen(word));
	}
}

size_t policy_error_line(const struct policy_error *error, char *buffer, size_t size)
{
	struct text line = {.buffer = buffer, .size = size};

	add_place(&line, error);
	text_add(&line, ": ");
	text_add(&line, error->what);
	if (error->noun) {
		text_add(&line, " ");
		text_add(&line, error->noun);
	}
	add_word(&line, error);
	if (error->reason) {
		text_add(&line, ": ");
		text_add(&line, error->reason);
	}
	add_help(&line, error);
	return line.length;
}
