/* SPDX-License-Identifier: MIT */
/*
 * loss-again COMMAND [ARG...]: in which each second openat2() is answered with EAGAIN, as by a kernel
 * that cannot say without waiting because somebody has just mounted something. The status is the
 * command's; 77: this kernel cannot do that.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The descriptor by which this process answers for its child. */
static int filter_openat2(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(filter) / sizeof(*filter), filter};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
		&program);
}

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
	int listener = filter_openat2(), status;
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
