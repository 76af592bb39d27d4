/* SPDX-License-Identifier: MIT */
/* What calls about signals cost, and C++ exceptions. */
#include "bench.h"

#include <unistd.h>

static void signal_row(const char *work, const char *what, double target)
{
	if (wanted(what))
		row(what, target, "",
			pair_measure(&(struct pair){.work = work, .b = {.preload = our_library}}));
}

void rows_signal(void)
{
	const char *what = "C++ throw and catch", *library = built("bench/throw.so");

	heading("Signals and exceptions, against the bare calls");
	signal_row("sigaction", "sigaction(SIGBUS)", 1.6);
	signal_row("sigprocmask", "sigprocmask", 1.12);
	signal_row("pthread_sigmask", "pthread_sigmask", 1.12);
	if (!wanted(what))
		return;
	if (access(library, R_OK) != 0) {
		row_missing(what, 1.0, "", "there is no C++ compiler");
		return;
	}
	/* Equal, within what such a measurement can tell. */
	row(what, 1.005, "",
		pair_measure(&(struct pair){.work = "throw",
			.a = {.handler = library},
			.b = {.preload = our_library, .handler = library}}));
}
