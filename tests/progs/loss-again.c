/* SPDX-License-Identifier: MIT */
/*
 * loss-again COMMAND [ARG...]: in which each second openat2() is answered with EAGAIN, as by a kernel
 * that cannot say without waiting because somebody has just mounted something. The status is the
 * command's; 77: this kernel cannot do that.
 */
#include "filter.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void answer(int listener)
{
	static unsigned asked;
	struct seccomp_notif call = {0};
	struct seccomp_notif_resp reply = {0};

	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0)
		return;
	reply.id = call.id;
	if (asked++ % 2)
		reply.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	else
		reply.error = -EAGAIN;
	ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &reply);
}

int main(int argc, char **argv)
{
	/* By this descriptor this process answers for its child. */
	int listener = filter_call(
		SYS_openat2, SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);
	int status;
	struct pollfd poller[2] = {{listener, POLLIN, 0}, {-1, POLLIN, 0}};
	pid_t child = listener < 0 || argc < 2 ? -1 : fork();

	if (child == 0) {
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	poller[1].fd = child < 0 ? -1 : (int)syscall(SYS_pidfd_open, child, 0);
	if (poller[1].fd < 0) {
		perror("loss-again");
		return 77;
	}
	while (poll(poller, 2, -1) > 0 && !poller[1].revents)
		answer(listener);
	waitpid(child, &status, 0);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
