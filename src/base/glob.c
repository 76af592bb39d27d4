/* SPDX-License-Identifier: MIT */
/* Globs over bytes: * (also over "/"), ?, [...], and "\" before a byte that is meant literally. */
#include <string.h>
#include "base/glob.h"


static bool is_escape(const char *p, const char *end)
{
	return *p == '\\' && p + 1 < end;
}

/* p is at the first byte of a class, behind "[" and "!"; returns its "]", or NULL. */
static const char *class_end(const char *p, const char *end)
{
	const char *first = p;

	for (; p < end; p++) {
		if (is_escape(p, end))
			p++;
		else if (*p == ']' && p != first)
			return p;
	}
	return NULL;
}

/* p is behind a "["; returns the first byte of the class proper. */
static const char *class_start(const char *p, const char *end, bool *negated)
{
	*negated = p < end && (*p == '!' || *p == '^');
	return *negated ? p + 1 : p;
}

/* One byte of a class, unescaped; moves *p behind it. */
static unsigned char class_byte(const char **p, const char *end)
{
	if (is_escape(*p, end))
		++*p;
	return (unsigned char)*(*p)++;
}

static bool class_holds(const char *p, const char *end, unsigned char byte)
{
	bool found = false;

	while (p < end) {
		unsigned char low = class_byte(&p, end), high = low;

		if (p + 1 < end && *p == '-') {
			p++;
			high = class_byte(&p, end);
		}
		found |= low <= byte && byte <= high;
	}
	return found;
}

/* What follows the element at glob (not a "*") if that takes byte, else NULL. */
static const char *element_match(const char *glob, const char *end, char byte)
{
	if (glob == end)
		return NULL;
	if (*glob == '?')
		return glob + 1;
	if (*glob == '[') {
		bool negated;
		const char *start = class_start(glob + 1, end, &negated);
		const char *close = class_end(start, end);

		if (close)
			return class_holds(start, close, (unsigned char)byte) != negated ? close + 1
											 : NULL;
	}
	if (is_escape(glob, end))
		glob++;
	return *glob == byte ? glob + 1 : NULL;
}

static bool is_plain(char c)
{
	return c != '*' && c != '?' && c != '[' && c != '\\';
}

/* The first place from text on where what follows a "*" can begin, or the end of the text. */
static const char *next_try(const char *glob, const char *text)
{
	if (is_plain(*glob))
		while (*text && *text != *glob)
			text++;
	return text;
}

/*
 * Only the last "*" is ever tried again: where an earlier one could take more, the later one can
 * take it too. So there is nothing to recurse into.
 */
bool glob_match(const char *glob, size_t glob_length, const char *text)
{
	const char *end = glob + glob_length, *star = NULL, *retry = NULL, *next;

	for (;;) {
		if (glob < end && *glob == '*') {
			star = ++glob;
			retry = text;
			if (star == end)
				return true;
		} else if (!*text) {
			return glob == end;
		} else if ((next = element_match(glob, end, *text))) {
			glob = next;
			text++;
		} else if (star) {
			glob = star;
			text = retry = next_try(star, retry + 1);
		} else {
			return false;
		}
	}
}

const char *glob_check(const char *glob, size_t glob_length, const char **what)
{
	const char *end = glob + glob_length;

	for (const char *p = glob; p < end; p++) {
		if (*p == '\\') {
			if (p + 1 == end) {
				*what = "nothing after '\\'";
				return p;
			}
			p++;
		} else if (*p == '[') {
			bool negated;
			const char *close = class_end(class_start(p + 1, end, &negated), end);

			if (!close) {
				*what = "no ']' after '['";
				return p;
			}
			p = close;
		}
	}
	return NULL;
}

#define END_BYTES 8

static uint64_t mask_of(unsigned bytes)
{
	return bytes < END_BYTES ? ((uint64_t)1 << (8 * bytes)) - 1 : ~(uint64_t)0;
}

/* What stands for any byte at glob, as one element: behind it, or NULL if it is a plain byte. */
static const char *skip_special(const char *glob, const char *end)
{
	bool negated;

	if (*glob == '*' || *glob == '?')
		return glob + 1;
	if (*glob != '[')
		return NULL;
	return class_end(class_start(glob + 1, end, &negated), end) + 1;
}

static uint64_t pair_bit(unsigned char first, unsigned char second)
{
	return (uint64_t)1 << ((first * 31u + second) & 63);
}

/* run: how many plain bytes are in front of this one, up to END_BYTES. */
static void add_plain(struct sketch *sketch, unsigned char byte, unsigned run)
{
	if (run > 0)
		sketch->pairs |= pair_bit((unsigned char)sketch->tail, byte);
	sketch->tail = sketch->tail << 8 | byte;
}

struct glob_sketch glob_sketch(const char *glob, size_t glob_length)
{
	struct glob_sketch sketch = {0};
	const char *end = glob + glob_length, *next;
	unsigned head = 0, run = 0;
	bool at_head = true;

	while (glob < end) {
		if ((next = skip_special(glob, end))) {
			glob = next;
			at_head = false;
			run = 0;
			continue;
		}
		unsigned char byte = class_byte(&glob, end);

		if (at_head && head < END_BYTES)
			sketch.plain.head |= (uint64_t)byte << (8 * head++);
		add_plain(&sketch.plain, byte, run);
		run += run < END_BYTES;
	}
	sketch.head_mask = mask_of(head);
	sketch.tail_mask = mask_of(run);
	return sketch;
}

struct sketch text_sketch(const char *text)
{
	const unsigned char *bytes = (const unsigned char *)text;
	struct sketch sketch = {0};
	size_t i;

	for (i = 0; bytes[i]; i++) {
		if (i < END_BYTES)
			sketch.head |= (uint64_t)bytes[i] << (8 * i);
		add_plain(&sketch, bytes[i], i > 0);
	}
	return sketch;
}

bool glob_next(const char **list, const char **glob, size_t *length)
{
	const char *from = *list, *end;

	while (*from == ',' || *from == ' ' || *from == '\t')
		from++;
	for (end = from; *end && *end != ','; end++)
		;
	*list = end;
	*glob = from;
	while (end > from && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*length = (size_t)(end - from);
	return *length > 0;
}

bool glob_list_match(const char *list, const char *text, const char *other)
{
	const char *glob;
	size_t length;

	if (!glob_next(&list, &glob, &length))
		return true;
	do {
		if (glob_match(glob, length, text) || glob_match(glob, length, other))
			return true;
	} while (glob_next(&list, &glob, &length));
	return false;
}
