/* SPDX-License-Identifier: MIT */
/*
 * Text into a bounded buffer, for the signal handler: no stdio, no locale.
 *
 * Invariant: length < size, and buffer[length] is '\0' after each call. What does not fit is cut,
 * and then nothing more is added: a line never goes on behind a gap.
 */
#include <string.h>
#include <time.h>
#include "base/assert.h"
#include "base/syscall.h"
#include "base/text.h"

void text_bytes(struct text *text, const char *bytes, size_t length)
{
	size_t room = text->cut || !text->size ? 0 : text->size - 1 - text->length;

	invariant(!text->size || text->length < text->size);
	if (length > room) {
		text->cut = true;
		length = room;
	}
	if (!text->size)
		return;
	memcpy(text->buffer + text->length, bytes, length);
	text->length += length;
	text->buffer[text->length] = '\0';
}

/* All of it or nothing: half an escape or half a character would garble the line. */
static void add_unit(struct text *text, const char *bytes, size_t length)
{
	if (text->size - text->length <= length)
		text->cut = true;
	text_bytes(text, bytes, text->cut ? 0 : length);
}

bool text_number(const char **at, unsigned base, uint64_t most, uint64_t *value)
{
	const char *start = *at;

	for (*value = 0;; (*at)++) {
		unsigned digit = **at >= '0' && **at <= '9'   ? (unsigned)(**at - '0')
				 : **at >= 'a' && **at <= 'f' ? (unsigned)(**at - 'a') + 10
							      : base;

		if (digit >= base)
			return *at > start;
		if (__builtin_mul_overflow(*value, base, value) ||
			__builtin_add_overflow(*value, digit, value) || *value > most)
			return false;
	}
}

void text_add(struct text *text, const char *string)
{
	text_bytes(text, string, strlen(string));
}

static void add_number(struct text *text, uint64_t value, unsigned base)
{
	char digits[20];
	size_t i = sizeof(digits);

	do {
		digits[--i] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	text_bytes(text, digits + i, sizeof(digits) - i);
}

void text_decimal(struct text *text, int64_t value)
{
	if (value < 0)
		text_add(text, "-");
	add_number(text, value < 0 ? -(uint64_t)value : (uint64_t)value, 10);
}

void text_hex(struct text *text, uint64_t value)
{
	text_add(text, "0x");
	add_number(text, value, 16);
}

void text_hex_digits(struct text *text, uint64_t value)
{
	add_number(text, value, 16);
}

/*
 * Valid UTF-8, but not to be shown: controls of a terminal, line separators, and what is invisible
 * or turns the direction of writing.
 */
static bool is_hidden(uint32_t code)
{
	static const struct {
		uint32_t first, last;
	} hidden[] = {
		{0x00, 0x1f},
		{0x7f, 0x9f},
		{0xad, 0xad},
		{0x61c, 0x61c},
		{0x180e, 0x180e},
		{0x200b, 0x200f},
		{0x2028, 0x202e},
		{0x2060, 0x206f},
		{0xfe00, 0xfe0f},
		{0xfeff, 0xfeff},
		{0xfff9, 0xfffb},
		{0xe0000, 0xe0fff},
	};

	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
		if (code >= hidden[i].first && code <= hidden[i].last)
			return true;
	return code == '\\' || code == '"';
}

static bool is_code(uint32_t code, size_t length)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};

	return code >= least[length] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
}

/* Bytes of the UTF-8 character at bytes, 0: it is none. */
static size_t decode(const unsigned char *bytes, size_t length, uint32_t *code)
{
	size_t need = bytes[0] < 0x80	? 1
		      : bytes[0] < 0xc2 ? 0
		      : bytes[0] < 0xe0 ? 2
		      : bytes[0] < 0xf0 ? 3
		      : bytes[0] < 0xf5 ? 4
					: 0;

	if (!need || need > length)
		return 0;
	*code = need == 1 ? bytes[0] : bytes[0] & (0x7fu >> need);
	for (size_t i = 1; i < need; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (bytes[i] & 0x3f);
	}
	return is_code(*code, need) ? need : 0;
}

static void add_escape(struct text *text, unsigned char byte)
{
	const char *digits = "0123456789abcdef";
	char escape[4] = {'\\', 'x', digits[byte >> 4], digits[byte & 15]};

	add_unit(text, escape, sizeof(escape));
}

void text_escaped_bytes(struct text *text, const char *bytes, size_t length)
{
	const unsigned char *at = (const unsigned char *)bytes;

	while (length > 0 && !text->cut) {
		uint32_t code;
		size_t unit = decode(at, length, &code);

		if (unit && !is_hidden(code)) {
			add_unit(text, (const char *)at, unit);
		} else {
			unit = 1;
			add_escape(text, *at);
		}
		at += unit;
		length -= unit;
	}
}

void text_escaped(struct text *text, const char *string)
{
	text_escaped_bytes(text, string, strlen(string));
}

static void add_padded(struct text *text, int64_t value, int64_t least)
{
	for (; least > 1 && value < least; least /= 10)
		text_add(text, "0");
	text_decimal(text, value);
}

/* Day 0 is 1970-01-01. Years begin in March here, so the leap day is the last one of its year. */
static void add_date(struct text *text, int64_t day)
{
	int64_t since = day + 719468, era = since / 146097, of_era = since % 146097;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * of_year + 2) / 153;

	add_padded(text, year + era * 400 + (month >= 10), 1000);
	text_add(text, "-");
	add_padded(text, month < 10 ? month + 3 : month - 9, 10);
	text_add(text, "-");
	add_padded(text, of_year - (153 * month + 2) / 5 + 1, 10);
}

void text_time(struct text *text, int64_t seconds, int64_t microseconds)
{
	int64_t of_day = seconds % 86400;

	add_date(text, seconds / 86400);
	text_add(text, "T");
	add_padded(text, of_day / 3600, 10);
	text_add(text, ":");
	add_padded(text, of_day / 60 % 60, 10);
	text_add(text, ":");
	add_padded(text, of_day % 60, 10);
	text_add(text, ".");
	add_padded(text, microseconds, 100000);
	text_add(text, "Z");
}

void text_now(struct text *text)
{
	int64_t now[2] = {0, 0}; /* struct timespec */

	SYS_2(SYS_clock_gettime, CLOCK_REALTIME, now);
	text_time(text, now[0], now[1] / 1000);
}
