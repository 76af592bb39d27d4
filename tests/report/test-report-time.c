/* SPDX-License-Identifier: MIT */
/* The time in a report. */
#include "base/text.h"
#include "../harness/tap.h"

static char buffer[64];

static void test_time(void)
{
	static const struct {
		int64_t seconds;
		const char *time;
	} cases[] = {
		{0, "1970-01-01T00:00:00.000042Z"},
		{951782399, "2000-02-28T23:59:59.000042Z"},
		{951782400, "2000-02-29T00:00:00.000042Z"},
		{951868800, "2000-03-01T00:00:00.000042Z"},
		{1735689599, "2024-12-31T23:59:59.000042Z"},
		{4107542400, "2100-03-01T00:00:00.000042Z"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct text text = {buffer, sizeof(buffer), 0, false};

		text_time(&text, cases[i].seconds, 42);
		is_string(buffer, cases[i].time, cases[i].time);
	}
}

int main(void)
{
	test_time();
	return tap_done();
}
