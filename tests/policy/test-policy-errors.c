/* SPDX-License-Identifier: MIT */
/* Policies that are wrong: the exact line for each, and that the built-in policy is what is left.
 */
#include "base/text.h"
#include "policy-env.h"
#include "policy/policy.h"
#include "signal/frame.h"
#include "../harness/tap.h"

static char line[1024];
static struct policy parsed;

static const char *error_line(const char *text, size_t length)
{
	struct policy_error error;

	strcpy(line, "no error");
	if (policy_parse(text, length, &fake_env, &parsed, &error) == -EINVAL)
		policy_error_line(&error, line, sizeof(line));
	return line;
}

struct wrong {
	const char *text, *line;
};

/* The lines without what they all begin with. */
static void test_lines(const struct wrong *wrong, const char *prefix)
{
	for (; wrong->text; wrong++) {
		char expected[1024];

		snprintf(expected, sizeof(expected), "%s%s", prefix, wrong->line);
		is_string(error_line(wrong->text, strlen(wrong->text)), expected, wrong->text);
		ok(parsed.rule_count == 1 && parsed.rule->item == 0 && parsed.keys == 0,
			"the built-in policy is left");
	}
}

static void test_words(void)
{
	static const struct wrong wrong[] = {
		{"*=owner,*=zreo", "2, column 11: unknown action 'zreo', did you mean 'zero'?"},
		{"*=ZERO", "1, column 3: unknown action 'ZERO', did you mean 'zero'?"},
		{"*=own", "1, column 3: unknown action 'own', did you mean 'owner'?"},
		{"*=vex", "1, column 3: unknown action 'vex', one of owner, zero, ones, wait, "
			  "reserve, chain, abort"},
		{"*=a=b", "1, column 3: unknown action 'a=b', one of owner, zero, ones, wait, "
			  "reserve, chain, abort"},
		{"*=zero abort",
			"1, column 3: unknown action 'zero abort', one of owner, zero, ones, "
			"wait, reserve, chain, abort"},
		{"onwer:x=zero", "1, column 1: unknown key 'onwer', did you mean 'owner'?"},
		{"*=owner, pth : x = zero",
			"2, column 10: unknown key 'pth', did you mean 'path'?"},
		{"x:y=zero", "1, column 1: unknown key 'x', one of *, owner, path, kind, fs, map, "
			     "cause, program"},
		{"libx.so=zero",
			"1, column 1: unknown key 'libx.so', one of *, owner, path, kind, fs, "
			"map, cause, program"},
		{"kind:memdf=zero", "1, column 6: unknown kind 'memdf', did you mean 'memfd'?"},
		{"kind:dev/*=zero",
			"1, column 6: unknown kind 'dev/*', one of hugetlb, memfd, shm, device, "
			"file, anon"},
		{"map:rx=zero", "1, column 5: unknown map 'rx', one of shared, private, ro, rw"},
		{"map:shard=zero", "1, column 5: unknown map 'shard', did you mean 'shared'?"},
		{"*=zero(pgae)", "1, column 8: unknown argument 'pgae', did you mean 'page'?"},
		{"*=zero(2)", "1, column 8: unknown argument '2', one of page, range"},
		{"*=zero()", "1, column 8: unknown argument, one of page, range"},
		{"*=ones(2)", "1, column 8: unknown argument '2', one of page, range"},
		{"*=oens", "1, column 3: unknown action 'oens', did you mean 'ones'?"},
		{"*=wiat(5)", "1, column 3: unknown action 'wiat', did you mean 'wait'?"},
		{"*=resrve", "1, column 3: unknown action 'resrve', did you mean 'reserve'?"},
		{"cause:moon=zero", "1, column 7: unknown cause 'moon', one of truncated, nospace, "
				    "device, hwpoison, unknown"},
		{"cause:truncate=zero",
			"1, column 7: unknown cause 'truncate', did you mean 'truncated'?"},
		{"*=zero+quite", "1, column 8: unknown option 'quite', did you mean 'quiet'?"},
		{"*=zero+", "1, column 8: unknown option, one of quiet, hangup"},
		{"strct,*=zero", "1, column 1: expected MATCH=ACTION, @NAME or strict, not "
				 "'strct', did you mean 'strict'?"},
		{"compositor", "1, column 1: expected MATCH=ACTION, @NAME or strict, not "
			       "'compositor', did you mean '@compositor'?"},
		{"@compositr", "1, column 2: unknown preset 'compositr', did you mean "
			       "'compositor'?"},
		{"@x", "1, column 2: unknown preset 'x', one of compositor, diagnose"},
		{0},
	};

	test_lines(wrong, "libsigbus: SIGBUS_POLICY: item ");
}

static void test_seconds(void)
{
#define EXPECTED "1, column 8: expected whole seconds from 1 to 86400"
	static const struct wrong wrong[] = {
		{"*=wait", "1, column 7: no '(SECONDS)' after 'wait'"},
		{"*=wait|zero", "1, column 7: no '(SECONDS)' after 'wait'"},
		{"*=wait(", "1, column 7: no ')' after '('"},
		{"*=wait(5", "1, column 7: no ')' after '('"},
		{"*=wait(+5)", "1, column 7: no ')' after '('"},
		{"*=wait()", EXPECTED},
		{"*=wait( )", "1, column 9: expected whole seconds from 1 to 86400"},
		{"*=wait(-1)", EXPECTED ", not '-1'"},
		{"*=wait(0)", EXPECTED ", not '0'"},
		{"*=wait(1e9)", EXPECTED ", not '1e9'"},
		{"*=wait(1.5)", EXPECTED ", not '1.5'"},
		{"*=wait(10s)", EXPECTED ", not '10s'"},
		{"*=wait(0x10)", EXPECTED ", not '0x10'"},
		{"*=wait(1 2)", EXPECTED ", not '1 2'"},
		{"*=wait(86401)", EXPECTED ", not '86401'"},
		{"*=wait(4294967297)", EXPECTED ", not '4294967297'"},
		{"*=wait(18446744073709551617)", EXPECTED ", not '18446744073709551617'"},
		{"*=reserve(1)", "1, column 10: no argument can follow 'reserve'"},
		{"*=chain(1)", "1, column 8: no argument can follow 'chain'"},
		{0},
	};

	test_lines(wrong, "libsigbus: SIGBUS_POLICY: item ");
}

static void test_forms(void)
{
	static const struct wrong wrong[] = {
		{",", "1, column 1: empty item"},
		{"*=zero,", "2, column 8: empty item"},
		{"*=zero, ,*=owner", "2, column 9: empty item"},
		{"*=zero,\n,*=owner,,", "3, column 18: empty item"},
		{",*=zero", "1, column 1: empty item"},
		{"strict,", "2, column 8: empty item"},
		{"=zero", "1, column 1: empty match, one of *, owner, path, kind, fs, map, cause, "
			  "program"},
		{"*& =zero", "1, column 3: empty match, one of *, owner, path, kind, fs, map, "
			     "cause, program"},
		{"*=", "1, column 3: empty action, one of owner, zero, ones, wait, reserve, chain, "
		       "abort"},
		{"*=owner||zero", "1, column 9: one '|' stands between actions"},
		{"*=owner| +quiet", "1, column 9: empty action, one of owner, zero, ones, wait, "
				    "reserve, chain, abort"},
		{"path: =zero", "1, column 6: empty glob"},
		{"kind:=zero",
			"1, column 6: empty glob, one of hugetlb, memfd, shm, device, file, anon"},
		{"owner=zero", "1, column 6: no ':' and glob after 'owner'"},
		{"*:x=zero", "1, column 2: no glob can follow '*'"},
		{"path:/a|/b=zero",
			"1, column 8: '|' stands between actions, in a glob write '\\|'"},
		{"path:/a[bc=zero", "1, column 8: no ']' after '['"},
		{"path:/a\\=zero", "1, column 1: expected MATCH=ACTION, @NAME or strict, not "
				   "'path:/a\\=zero'"},
		{"path:/a\\\n=zero",
			"1, column 1: expected MATCH=ACTION, @NAME or strict, not 'path:/a\\'"},
		{"*=chain|zero", "1, column 9: nothing can follow 'chain'"},
		{"*=owner|abort|abort", "1, column 15: nothing can follow 'abort'"},
		{"*=owner(1)", "1, column 8: no argument can follow 'owner'"},
		{"*=zero(page", "1, column 7: no ')' after '('"},
		{"*=zero(page)x", "1, column 7: no ')' after '('"},
		{"*&*&*&*&*&*&*&*&*=zero", "1, column 17: more than 8 matches in a rule"},
		{"*=zero|zero|zero|zero|zero|zero|zero|zero|zero",
			"1, column 43: more than 8 actions in a rule"},
		{"*=zero,strict", "2, column 8: only the first item of SIGBUS_POLICY can be "
				  "'strict'"},
		{"@", "1, column 1: no name after '@'"},
		{"*=zero, @ ", "2, column 9: no name after '@'"},
		{0},
	};

	test_lines(wrong, "libsigbus: SIGBUS_POLICY: item ");
}

static void test_files(void)
{
	static const struct fake_file files[] = {
		{"compositor", "# first\n\nonwer:x=zero\n", 0},
		{"second", "*=owner\n  *=owner, kind:shm=zreo", 0},
		{"self", "*=owner\n@self", 0},
		{"strict", "strict\n*=zero\n", 0},
		{"commas", "*=zero,,*=owner\n", 0},
		{"backslash", "path:a=zero\npath:b\\ \npath:c\\", 0},
		{"comment", "path:/tmp/#1=zero\n", 0},
		{0},
	};
	static const struct wrong wrong[] = {
		{"@compositor", "@compositor: line 3, column 1: unknown key 'onwer', did you mean "
				"'owner'?"},
		{"*=chain,@second",
			"@second: line 2, column 21: unknown action 'zreo', did you mean 'zero'?"},
		{"@self", "@self: line 2, column 1: an included text cannot include '@self'"},
		{"@strict", "@strict: line 1, column 1: only the first item of SIGBUS_POLICY can "
			    "be 'strict'"},
		{"@commas", "@commas: line 1, column 8: empty item"},
		{"@backslash", "@backslash: line 2, column 1: expected MATCH=ACTION, @NAME or "
			       "strict, not 'path:b\\ '"},
		{"@comment", "@comment: line 1, column 1: expected MATCH=ACTION, @NAME or "
			     "strict, not 'path:/tmp/'"},
		{0},
	};

	fake_files = files;
	test_lines(wrong, "libsigbus: ");
	fake_files = NULL;
}

static void test_load(void)
{
	static const struct {
		int error;
		const char *reason;
	} reasons[] = {
		{ENOENT, "not found"},
		{ENOTDIR, "not found"},
		{EACCES, "permission denied"},
		{EPERM, "permission denied"},
		{EISDIR, "is a directory"},
		{EOPNOTSUPP, "not a regular file"},
		{EFBIG, "larger than 1 MiB"},
		{ENAMETOOLONG, "name too long"},
		{ELOOP, "too many symbolic links"},
		{EMFILE, "too many open files"},
		{ENFILE, "too many open files"},
		{ENOMEM, "no memory"},
		{EIO, "read error"},
		{EDOM, "cannot be opened"},
	};
	struct fake_file files[] = {{"/dir/f", NULL, 0}, {0}};

	fake_files = files;
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		char expected[256];

		files[0].error = -reasons[i].error;
		snprintf(expected, sizeof(expected),
			"libsigbus: SIGBUS_POLICY: item 1, column 1: cannot read '@/dir/f': %s",
			reasons[i].reason);
		is_string(error_line("@/dir/f", 7), expected, reasons[i].reason);
	}
	fake_files = NULL;
}

/* text after "*=", and the word that the line shows. */
static void shows(const char *word, const char *shown, const char *name)
{
	char text[512], expected[512];

	snprintf(text, sizeof(text), "*=%s", word);
	snprintf(expected, sizeof(expected),
		"libsigbus: SIGBUS_POLICY: item 1, column 3: unknown action '%s', "
		"one of owner, zero, ones, wait, reserve, chain, abort",
		shown);
	is_string(error_line(text, strlen(text)), expected, name);
}

static void test_quoting(void)
{
	shows("a\x1b[31mb\x7f\x01", "a\\x1b[31mb\\x7f\\x01", "control bytes are shown as hex");
	shows("\"a\\x\"", "\"a\\x\"", "quotes and backslashes as they are");
	shows("\xc3\xa9t\xc3\xa9", "\xc3\xa9t\xc3\xa9", "UTF-8 as it is");
	shows("a\xff\xc3", "a\\xff\\xc3", "other bytes as hex");
	shows("123456789012345678901234567890123456789012345678",
		"123456789012345678901234567890123456789012345678", "48 bytes are whole");
	shows("1234567890123456789012345678901234567890123456789",
		"123456789012345678901234567890123456789012345678...", "more is cut");
	shows("12345678901234567890123456789012345678901234567\xc3\xa9",
		"12345678901234567890123456789012345678901234567...", "not within a character");
}

static void test_limits(void)
{
	static char text[POLICY_TEXT_MAX + 2];
	static const struct fake_file files[] = {{"a", "*=zero", 0}, {0}};
	const char *many = "@a,@a,@a,@a,@a,@a,@a,@a,@a,@a,@a,@a,@a,@a,@a,@a,@a";

	memset(text, ' ', sizeof(text));
	memcpy(text, "*=zero", 6);
	is_string(error_line(text, POLICY_TEXT_MAX), "no error", "1 MiB is right");
	is_string(error_line(text, POLICY_TEXT_MAX + 1),
		"libsigbus: SIGBUS_POLICY: larger than 1 MiB", "one byte more is not");
	is_string(error_line("*=zero\0,", 8),
		"libsigbus: SIGBUS_POLICY: not a text: it holds a NUL byte", "NUL byte");
	fake_files = files;
	is_string(error_line(many, 47), "no error", "16 included texts");
	is_string(error_line(many, 50),
		"libsigbus: SIGBUS_POLICY: item 17, column 49: too many included texts", "17");
	memset(text, 'x', sizeof(text));
	memcpy(text, "@", 1);
	error_line(text, 5000);
	ok(strstr(line, "...': name too long"), "a name of 5000 bytes");
	memcpy(text, "path:", 5);
	memcpy(text + 5 + GLOB_MAX, "=zero", 5);
	is_string(error_line(text, 5 + GLOB_MAX + 5), "no error", "a glob of 4096 bytes");
	text[5 + GLOB_MAX] = 'x';
	memcpy(text + 6 + GLOB_MAX, "=zero", 5);
	is_string(error_line(text, 6 + GLOB_MAX + 5),
		"libsigbus: SIGBUS_POLICY: item 1, column 6: glob longer than 4096 bytes", "4097");
}

static void test_strict(void)
{
	error_line("strict,*=zreo", 13);
	ok(parsed.strict, "strict counts, whatever is wrong behind it");
	error_line("*=zreo,strict", 13);
	ok(!parsed.strict, "but only where it may stand");
}

/* Cut at every size, always terminated, never written behind the end. */
static void test_small_buffer(void)
{
	struct policy_error error;
	char small[128], whole[128];
	bool right = true;
	size_t length;

	policy_parse("*=zreo", 6, &fake_env, &parsed, &error);
	length = policy_error_line(&error, whole, sizeof(whole));
	right = length == strlen(whole);
	for (size_t size = 1; size <= length + 1; size++) {
		memset(small, '#', sizeof(small));
		right &= policy_error_line(&error, small, size) == size - 1;
		right &= !memcmp(small, whole, size - 1) && !small[size - 1];
		right &= small[size] == '#';
	}
	ok(right, "a line is cut to the buffer");
}

int main(void)
{
	test_words();
	test_seconds();
	test_forms();
	test_files();
	test_load();
	test_quoting();
	test_limits();
	test_strict();
	test_small_buffer();
	return tap_done();
}
