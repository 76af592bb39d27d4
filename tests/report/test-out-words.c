/* SPDX-License-Identifier: MIT */
/* The words of SIGBUS_LOG. */
#include <errno.h>

#include "kernel/process.h"
#include "report/report.h"
#include "../harness/tap.h"

static struct process_state state;
struct process_state *process_state = &state;

static char error[512];

static void test_words(void)
{
	static const struct {
		const char *spec;
		bool wanted, start;
	} cases[] = {
		{NULL, true, false},
		{"", true, false},
		{"stderr", true, false},
		{"stderr+start", true, true},
		{"off", false, false},
		{"fd:2+start", true, true},
		{"/tmp/x", true, false},
		{"/tmp/c++", true, false},
		{"./x+start", true, true},
		{"dir/x%p%%", true, false},
		{"journal", true, false},
		{"journal+start", true, true},
		{"json:/tmp/x", true, false},
		{"json:./x+start", true, true},
		{"json:stderr", true, false},
		{"json:fd:2", true, false},
		{"stderr+backtrace", true, false},
		{"/tmp/x+start+backtrace", true, true},
		{"/tmp/x+backtrace+start", true, true},
		{"/tmp/x+all", true, false},
		{"stderr+all+start", true, true},
	};
	static const char *const wrong[] = {"Stderr", "stderr+star", "stderr+start+start",
		"fd:", "fd:x", "fd:-1", "fd:99999999999999999999", "journal:", "journal:/x", "json",
		"json:", "json:off", "json:journal", "json:json:/tmp/x", "json:file", "file",
		"/tmp/%d", "/tmp/%", "+start+backtrace+start"};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ok(out_open(cases[i].spec, error, sizeof(error)) == 0 &&
				out_wanted() == cases[i].wanted &&
				out_start_line_wanted() == cases[i].start,
			"SIGBUS_LOG=%s is valid", cases[i].spec ? cases[i].spec : "(not set)");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ok(out_open(wrong[i], error, sizeof(error)) == -EINVAL && out_wanted() &&
				!out_start_line_wanted(),
			"SIGBUS_LOG=%s is not", wrong[i]);
}

static void test_error(void)
{
	static char longer[5000] = "/";

	out_open("st\nderr", error, sizeof(error));
	is_string(error,
		"SIGBUS_LOG: unknown destination \"st\\x0aderr\"; valid are stderr, off, journal, "
		"fd:N, and a path with a \"/\" (%p is the process id), json: before stderr, fd: or "
		"a path, +start, +backtrace and +all behind all; did you mean \"stderr\"?",
		"the error names the word and what is valid");
	memset(longer + 1, 'x', sizeof(longer) - 2);
	ok(out_open(longer, error, sizeof(error)) == -EINVAL && strstr(error, "too long"),
		"a path that is too long");
}

int main(void)
{
	test_words();
	test_error();
	return tap_done();
}
