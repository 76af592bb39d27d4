/* SPDX-License-Identifier: MIT */
/* The words of SIGBUS_LOG. While there is one thread. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include "base/syscall.h"
#include "base/text.h"
#include "policy/policy.h"
#include "report/report.h"

struct word {
	const char *text;
	size_t length;
};

static bool word_is(struct word word, const char *text)
{
	return word.length == strlen(text) && !memcmp(word.text, text, word.length);
}

static bool word_starts(struct word word, const char *prefix)
{
	size_t length = strlen(prefix);

	return word.length >= length && !memcmp(word.text, prefix, length);
}

/* Cuts the suffix off. */
static bool take_suffix(struct word *word, const char *suffix)
{
	size_t length = strlen(suffix);

	if (word->length < length ||
		memcmp(word->text + word->length - length, suffix, length) != 0)
		return false;
	word->length -= length;
	return true;
}

static const char *use_fd(struct out_target *target, int fd)
{
	target->kind = OUT_FD;
	target->fd = fd;
	return NULL;
}

/* Behind the digits comes a "+" or the end of the text. */
static const char *parse_fd(struct out_target *target, struct word digits)
{
	const char *at = digits.text;
	uint64_t fd;

	if (!text_number(&at, 10, 999999999, &fd) || at != digits.text + digits.length)
		return "no number of a file descriptor in";
	return use_fd(target, (int)fd);
}

/* "word:/x" is no path: a later word must not be a file name today. */
static bool has_prefix(struct word word)
{
	size_t i = 0;

	while (i < word.length && word.text[i] >= 'a' && word.text[i] <= 'z')
		i++;
	return i > 0 && i < word.length && word.text[i] == ':';
}

static bool escapes_are_valid(struct word word)
{
	for (size_t i = 0; i < word.length; i++)
		if (word.text[i] == '%' &&
			(++i == word.length || (word.text[i] != 'p' && word.text[i] != '%')))
			return false;
	return true;
}

static const char *parse_path(struct out_target *target, struct word word)
{
	long length = 0;

	if (!escapes_are_valid(word))
		return "neither %p nor %% behind the % in";
	if (word.length >= PATH_MAX)
		return "path is too long:";
	if (word.text[0] != '/') {
		length = SYS_2(SYS_getcwd, target->path, PATH_MAX);
		if (length <= 1 || target->path[0] != '/')
			return "no current directory for";
		target->path[length - 1] = '/';
	}
	target->directory_length = (size_t)length;
	memcpy(target->path + length, word.text, word.length);
	target->path[(size_t)length + word.length] = '\0';
	target->kind = OUT_PATH;
	return NULL;
}

/* Where JSON can go too. NULL, or what is wrong with the word. */
static const char *parse_stream(struct out_target *target, struct word word)
{
	if (word_is(word, "stderr"))
		return use_fd(target, 2);
	if (word_starts(word, "fd:"))
		return parse_fd(target, (struct word){word.text + 3, word.length - 3});
	if (!memchr(word.text, '/', word.length) || has_prefix(word))
		return "unknown destination";
	return parse_path(target, word);
}

static const char *parse_destination(struct out_target *target, struct word word)
{
	if (word_is(word, "off")) {
		target->kind = OUT_OFF;
		return NULL;
	}
	if (word_is(word, "journal")) {
		target->kind = OUT_SOCKET;
		target->format = OUT_JOURNAL;
		return NULL;
	}
	if (!word_starts(word, "json:"))
		return parse_stream(target, word);
	target->format = OUT_JSON;
	return parse_stream(target, (struct word){word.text + 5, word.length - 5});
}

/* In any order, each once. */
static void parse_suffixes(struct out_target *target, struct word *word)
{
	bool *wanted;

	do {
		wanted = NULL;
		if (!target->start_line && take_suffix(word, "+start"))
			wanted = &target->start_line;
		else if (!target->backtrace && take_suffix(word, "+backtrace"))
			wanted = &target->backtrace;
		else if (!target->all && take_suffix(word, "+all"))
			wanted = &target->all;
		if (wanted)
			*wanted = true;
	} while (wanted);
}

/* The destination that people mean by this word, or NULL. */
static const char *other_word(const char *spec, size_t length)
{
	static const char words[][2][8] = {{"-", "stderr"}, {"stdout", "fd:1"}, {"none", "off"},
		{"null", "off"}, {"syslog", "journal"}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (word_is((struct word){spec, length}, words[i][0]))
			return words[i][1];
	return NULL;
}

/* What was probably meant, as far as the word itself says it; or "". */
static void add_meant(struct text *text, const char *spec)
{
	static const policy_value words[] = {"stderr", "off", "journal", ""};
	const char *comma = strchr(spec, ','), *nearest;
	size_t prefix = strncmp(spec, "json:", 5) ? 0 : 5, length = 0;

	while (spec[length] && spec[length] != ',' && spec[length] != '+')
		length++;
	if (strcmp(spec, "json") == 0) {
		text_add(text, "json:stderr");
	} else if (comma && comma[1] == '+') {
		text_escaped_bytes(text, spec, (size_t)(comma - spec));
		text_escaped(text, comma + 1);
	} else if (!strchr(spec, '/') && spec[prefix] != '.' && strchr(spec + prefix, '.')) {
		text_escaped_bytes(text, spec, prefix);
		text_add(text, "./");
		text_escaped(text, spec + prefix);
	} else {
		nearest = other_word(spec, length);
		if (!nearest)
			nearest = policy_nearest(
				(struct policy_words){words, sizeof(*words), true}, spec, length);
		if (!nearest || (strncmp(spec, nearest, length) == 0 && !nearest[length]))
			return;
		text_add(text, nearest);
		text_escaped(text, spec + length);
	}
}

static void explain_destination(struct text *text, const char *what, const char *spec)
{
	char meant[128] = "";
	struct text likely = {meant, sizeof(meant), 0, false};
	char shown[128];
	struct text word = {shown, sizeof(shown), 0, false};

	text_escaped(&word, spec);
	text_add(text, "SIGBUS_LOG: ");
	text_add(text, what);
	text_add(text, " \"");
	text_add(text, shown);
	text_add(text, word.cut ? "...\"" : "\"");
	text_add(text, "; valid are stderr, off, journal, fd:N, and a path with a \"/\" (%p is the "
		       "process "
		       "id), json: before stderr, fd: or a path, +start, +backtrace and +all behind all");
	add_meant(&likely, spec);
	if (!meant[0] || likely.cut)
		return;
	text_add(text, "; did you mean \"");
	text_add(text, meant);
	text_add(text, "\"?");
}

/* The path is left alone: to clear it would cost each start of a program its pages. */
static void use_stderr(struct out_target *target)
{
	use_fd(target, 2);
	target->format = OUT_TEXT;
	target->start_line = target->backtrace = target->all = false;
}

int out_parse(const char *spec, struct out_target *target, char *error, size_t error_size)
{
	struct text text = {error, error_size, 0, false};
	struct word word = {spec, spec ? strlen(spec) : 0};
	const char *what;

	use_stderr(target);
	parse_suffixes(target, &word);
	what = word.length ? parse_destination(target, word) : NULL;
	if (!what)
		return 0;
	use_stderr(target);
	explain_destination(&text, what, spec);
	return -EINVAL;
}
