/* SPDX-License-Identifier: MIT */
/* Globs: each form, what is literal, agreement with fnmatch(3), and time. */
#include <fnmatch.h>
#include <stdlib.h>
#include <time.h>

#include "base/text.h"
#include "base/glob.h"
#include "policy/policy.h"
#include "../harness/tap.h"

static bool matches(const char *glob, const char *text)
{
	struct glob_sketch of_glob = {0};
	struct sketch of_text = text_sketch(text);
	bool result = glob_match(glob, strlen(glob), text);
	const char *what;

	if (!glob_check(glob, strlen(glob), &what))
		of_glob = glob_sketch(glob, strlen(glob));
	if (result && !sketch_fits(&of_glob, &of_text))
		ok(false, "'%s' matches '%s', but its sketch does not", glob, text);
	return result;
}

static void test_forms(void)
{
	static const struct {
		const char *glob, *text;
		bool matches;
	} cases[] = {
		{"", "", true},
		{"", "a", false},
		{"a", "", false},
		{"abc", "abc", true},
		{"abc", "abcd", false},
		{"abcd", "abc", false},
		{"abc", "ABC", false},
		{"*", "", true},
		{"*", "/any/thing", true},
		{"/dev/*", "/dev/dri/card0", true},
		{"/dev/*", "/dev", false},
		{"*.so.0*", "libwayland-server.so.0.21.0", true},
		{"a*b*c", "aXbYbZc", true},
		{"a*b*c", "aXcYb", false},
		{"**a**", "bab", true},
		{"*a", "aab", false},
		{"*ab", "aaab", true},
		{"?", "/", true},
		{"?", "", false},
		{"a?c", "abc", true},
		{"??", "a", false},
		{"?*?", "a", false},
		{"?*?", "ab", true},
		{"?", "\xff", true},
		{"[abc]", "b", true},
		{"[abc]", "d", false},
		{"[abc]", "", false},
		{"[a-c]x", "bx", true},
		{"[a-c]x", "dx", false},
		{"[c-a]", "b", false},
		{"[!a-c]", "d", true},
		{"[!a-c]", "b", false},
		{"[^a-c]", "d", true},
		{"[^a-c]", "b", false},
		{"[!a]", "", false},
		{"[]]", "]", true},
		{"[!]]", "]", false},
		{"[!]]", "a", true},
		{"[]-a]", "_", true},
		{"[a-]", "-", true},
		{"[-a]", "-", true},
		{"[a\\]b]", "]", true},
		{"[a\\]b]", "\\", false},
		{"[\\!a]", "!", true},
		{"[*?]", "*", true},
		{"[*?]", "x", false},
		{"[\x80-\xff]", "\xc3", true},
		{"[\x80-\xff]", "a", false},
		{"*[0-9]", "card12", true},
		{"\\*", "*", true},
		{"\\*", "x", false},
		{"\\?\\[\\]", "?[]", true},
		{"\\,\\&\\=\\|\\\\", ",&=|\\", true},
		{"a\\bc", "abc", true},
		{"*\\*", "ab*", true},
		{"*\\*", "ab", false},
		{"[", "[", true},
		{"[ab", "[ab", true},
		{"[ab", "a", false},
		{"a\\", "a\\", true},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ok(matches(cases[i].glob, cases[i].text) == cases[i].matches, "'%s' %s '%s'",
			cases[i].glob, cases[i].matches ? "matches" : "does not match",
			cases[i].text);
}

static void test_length(void)
{
	ok(glob_match("abcdef", 3, "abc"), "a glob ends at its length");
	ok(!glob_match("abc*", 3, "abcd"), "what is behind the length is not looked at");
	ok(!glob_match("[abc]", 4, "a"), "a class does not end behind the length");
}

/* A text of up to max letters; a class now and then if classes is set. */
static void random_text(char *text, int max, const char *letters, bool classes)
{
	static const char *const class[] = {
		"[ab]", "[!a]", "[a-c]", "[^b-c]", "[]a]", "\\*", "\\b"};
	int length = rand() % (max + 1);

	*text = '\0';
	for (int i = 0; i < length; i++) {
		if (classes && rand() % 4 == 0)
			strcat(text, class[rand() % 7]);
		else
			strncat(text, &letters[(size_t)rand() % strlen(letters)], 1);
	}
}

static void test_fnmatch(void)
{
	char glob[64], text[64];
	int wrong = 0, matched = 0;

	srand(1);
	for (int i = 0; i < 300000; i++) {
		random_text(glob, 8, "ab**?]", true);
		random_text(text, 8, "abc*]", false);
		bool expected = !fnmatch(glob, text, 0);

		matched += expected;
		if (matches(glob, text) != expected && ++wrong < 10)
			printf("# '%s' '%s': fnmatch says %d\n", glob, text, expected);
	}
	ok(!wrong && matched > 10000, "300000 random globs agree with fnmatch(3)");
}

/* 4096 bytes, each pair "*" and a letter: what takes 2^n steps, and never ends, where
 * each star is tried again. */
static void test_time(void)
{
	static char glob[GLOB_MAX], text[GLOB_MAX];

	for (size_t i = 0; i < sizeof(glob); i++)
		glob[i] = i % 2 ? 'a' : '*';
	glob[sizeof(glob) - 1] = 'b';
	memset(text, 'a', sizeof(text) - 1);
	ok(!glob_match(glob, sizeof(glob), text), "the worst glob does not match, and says so");
}

/* What the list "a" has, each in brackets. */
static const char *split(const char *list)
{
	static char text[64];
	const char *glob;
	size_t length;

	text[0] = '\0';
	while (glob_next(&list, &glob, &length))
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "[%.*s]", (int)length, glob);
	return text;
}

static void test_list(void)
{
	ok(!strcmp(split("a,b c, d\t,,*"), "[a][b c][d][*]"), "a list: %s", split("a,b c, d\t,,*"));
	ok(!strcmp(split(""), "") && !strcmp(split(" ,, "), ""), "a list of nothing");
	ok(glob_list_match("x, b*", "a", "bc") && !glob_list_match("x, b*", "a", "c"),
		"one of a list matches one of two texts");
	ok(glob_list_match("", "a", "a") && glob_list_match(" , ", "a", "a"),
		"a list without globs matches");
}

static void test_check(void)
{
	static const struct {
		const char *glob, *what;
		int at;
	} cases[] = {
		{"a*[b]\\[", NULL, 0},
		{"[]]", NULL, 0},
		{"[\\]]", NULL, 0},
		{"ab[cd", "no ']' after '['", 2},
		{"[a][]", "no ']' after '['", 3},
		{"[!]", "no ']' after '['", 0},
		{"[a\\]", "no ']' after '['", 0},
		{"a\\", "nothing after '\\'", 1},
		{"a\\\\", NULL, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *glob = cases[i].glob, *what = NULL;
		const char *at = glob_check(glob, strlen(glob), &what);

		if (cases[i].what)
			ok(at == glob + cases[i].at && !strcmp(what, cases[i].what),
				"'%s' is wrong at %d", glob, cases[i].at);
		else
			ok(!at, "'%s' is right", glob);
	}
}

int main(void)
{
	test_forms();
	test_length();
	test_fnmatch();
	test_time();
	test_list();
	test_check();
	return tap_done();
}
