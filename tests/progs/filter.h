/* SPDX-License-Identifier: MIT */
/* System call filters of this thread and of what it starts: see seccomp(2). */
#ifndef SIGBUS_TESTS_FILTER_H
#define SIGBUS_TESTS_FILTER_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A listener's descriptor if the flags ask for one, else 0; -1, errno: there is no filter. */
static inline int filter_install(const struct sock_fprog *program, unsigned flags)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, program);
}

/* The same for one system call, which gets this answer (SECCOMP_RET_*). */
static inline int filter_call(unsigned number, unsigned answer, unsigned flags)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, answer),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(filter) / sizeof(*filter), filter};

	return filter_install(&program, flags);
}

#endif
