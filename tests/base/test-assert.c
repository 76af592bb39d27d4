/* SPDX-License-Identifier: MIT */
/* An invariant that does not hold: one line, SIGABRT, also with all signals blocked. */
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIGBUS_ASSERT
#include "base/assert.h"
#include "../harness/tap.h"

static int fail_in_child(int out, bool holds)
{
	int status;

	if (fork() == 0) {
		sigset_t all;

		sigfillset(&all);
		sigprocmask(SIG_SETMASK, &all, NULL);
		signal(SIGABRT, SIG_IGN);
		dup2(out, 2);
		invariant(holds);
		_exit(0);
	}
	wait(&status);
	return status;
}

int main(void)
{
	char line[256] = "";
	int pipe_[2], status;

	if (pipe(pipe_) != 0)
		return 1;
	ok(fail_in_child(pipe_[1], true) == 0, "one that holds says nothing");
	status = fail_in_child(pipe_[1], false);
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "one that does not ends by SIGABRT");
	ok(read(pipe_[0], line, sizeof(line) - 1) > 0 && !strncmp(line, "libsigbus: ", 11) &&
			strstr(line, ": not true: holds\n"),
		"and says where and what");
	return tap_done();
}
