/* SPDX-License-Identifier: MIT */
/* Text: numbers, what is escaped, and what happens at the end of the buffer. */
#include <limits.h>
#include <stdint.h>

#include "base/text.h"
#include "../harness/tap.h"

static char buffer[256];

static struct text new_text(size_t size)
{
	memset(buffer, '~', sizeof(buffer));
	return (struct text){.buffer = buffer, .size = size};
}

static void test_numbers(void)
{
	struct text text = new_text(sizeof(buffer));

	text_decimal(&text, 0);
	text_add(&text, " ");
	text_decimal(&text, -1);
	text_add(&text, " ");
	text_decimal(&text, INT64_MAX);
	text_add(&text, " ");
	text_decimal(&text, INT64_MIN);
	is_string(buffer, "0 -1 9223372036854775807 -9223372036854775808", "decimal numbers");
	text = new_text(sizeof(buffer));
	text_hex(&text, 0);
	text_add(&text, " ");
	text_hex(&text, UINT64_MAX);
	text_add(&text, " ");
	text_hex_digits(&text, 0x7f0012345000);
	is_string(buffer, "0x0 0xffffffffffffffff 7f0012345000", "hexadecimal numbers");
}

static void test_escapes(void)
{
	static const struct {
		const char *raw, *shown, *name;
	} cases[] = {
		{"/dev/shm/a b", "/dev/shm/a b", "plain text is left alone"},
		{"a\nlibsigbus: b", "a\\x0alibsigbus: b", "a newline can't begin a line"},
		{"\x1b[2J\r\t\x7f", "\\x1b[2J\\x0d\\x09\\x7f", "control bytes and DEL"},
		{"a\\x0a\"", "a\\x5cx0a\\x22", "backslash and quote"},
		{"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
			"valid UTF-8 is left alone"},
		{"\xff\xfe\xe9t\xe9", "\\xff\\xfe\\xe9t\\xe9", "bytes that are not UTF-8"},
		{"\xc0\xaf\xe0\x80\xaf\xf0\x80\x80\xaf",
			"\\xc0\\xaf\\xe0\\x80\\xaf\\xf0\\x80\\x80\\xaf", "longer than needed"},
		{"\xed\xa0\x80\xf4\x90\x80\x80", "\\xed\\xa0\\x80\\xf4\\x90\\x80\\x80",
			"surrogates and codes that are too high"},
		{"\xe2\x82", "\\xe2\\x82", "a character that is cut off"},
		{"\xc2\x9b"
		 "31m",
			"\\xc2\\x9b31m", "C1 controls"},
		{"\xe2\x80\xa8\xe2\x80\xae\xe2\x81\xa6\xef\xbb\xbf",
			"\\xe2\\x80\\xa8\\xe2\\x80\\xae\\xe2\\x81\\xa6\\xef\\xbb\\xbf",
			"line separators and changes of direction"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct text text = new_text(sizeof(buffer));

		text_escaped(&text, cases[i].raw);
		is_string(buffer, cases[i].shown, cases[i].name);
	}
}

static void test_end(void)
{
	struct text text = new_text(8);

	text_add(&text, "1234567");
	ok(!text.cut && text.length == 7, "what just fits is not cut");
	text_add(&text, "8");
	ok(text.cut && buffer[7] == '\0' && buffer[8] == '~', "what does not fit is cut");
	text = new_text(8);
	text_add(&text, "123456789");
	is_string(buffer, "1234567", "the rest of a string is cut");
	text = new_text(8);
	text_escaped(&text, "12345\n7");
	is_string(buffer, "12345", "an escape is not cut in two, and nothing comes behind the gap");
	text = new_text(8);
	text_escaped(&text, "12345\xe2\x82\xac");
	is_string(buffer, "12345", "nor is a character");
	text_add(&text, "x");
	is_string(buffer, "12345", "nothing is added after a cut");
	text = new_text(0);
	text_add(&text, "x");
	text_escaped(&text, "\n");
	ok(text.length == 0 && buffer[0] == '~', "a buffer of no size is not touched");
}

static void test_bytes(void)
{
	struct text text = new_text(sizeof(buffer));

	text_escaped_bytes(&text, "a\0b", 3);
	is_string(buffer, "a\\x00b", "a zero byte");
}

static bool reads(const char *digits, unsigned base, uint64_t most, uint64_t value, const char *behind)
{
	uint64_t found;

	return text_number(&digits, base, most, &found) && found == value && !strcmp(digits, behind);
}

static void test_reading(void)
{
	const char *text = "18446744073709551616";
	uint64_t value;

	ok(reads("0", 10, 9, 0, "") && reads("007:9", 10, 7, 7, ":9"), "digits are read up to what is none");
	ok(reads("12ab", 10, 12, 12, "ab") && reads("ffg", 16, 255, 255, "g"), "as many as the base has");
	ok(reads("18446744073709551615", 10, UINT64_MAX, UINT64_MAX, ""), "the greatest number");
	ok(!text_number(&text, 10, UINT64_MAX, &value), "one that is too great is none");
	ok(!reads("8", 10, 7, 8, "") && !reads("", 10, 7, 0, "") && !reads("-1", 10, 7, 0, "") &&
			!reads(":", 16, 99, 10, "") && !reads("G", 16, 99, 16, ""),
		"nor is one above the limit, or what does not begin with a digit");
}

int main(void)
{
	test_numbers();
	test_reading();
	test_escapes();
	test_end();
	test_bytes();
	return tap_done();
}
