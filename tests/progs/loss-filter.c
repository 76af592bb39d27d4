/* SPDX-License-Identifier: MIT */
/*
 * loss-filter ERRNO COMMAND [ARG...]: under a seccomp filter that refuses with that number, as a
 * service manager's or a container's does, every system call but the old and usual ones. ioctl() is
 * refused but for terminals, madvise() with the advices of Linux 5.14 and later.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const int usual[] = {SYS_read, SYS_write, SYS_open, SYS_close, SYS_stat, SYS_fstat,
	SYS_lstat, SYS_poll, SYS_lseek, SYS_mmap, SYS_mprotect, SYS_munmap, SYS_brk,
	SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_pread64, SYS_pwrite64,
	SYS_readv, SYS_writev, SYS_access, SYS_pipe, SYS_mremap, SYS_dup, SYS_dup2, SYS_nanosleep,
	SYS_getpid, SYS_clone, SYS_fork, SYS_vfork, SYS_execve, SYS_exit, SYS_wait4, SYS_kill,
	SYS_uname, SYS_fcntl, SYS_ftruncate, SYS_getcwd, SYS_readlink, SYS_gettimeofday, SYS_getuid,
	SYS_geteuid, SYS_gettid, SYS_futex, SYS_arch_prctl, SYS_set_tid_address,
	SYS_set_robust_list, SYS_clock_gettime, SYS_exit_group, SYS_tgkill, SYS_openat,
	SYS_newfstatat, SYS_readlinkat, SYS_prlimit64, SYS_getrandom, SYS_memfd_create,
	SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_sigaltstack, SYS_setitimer};

#define FIRST_NEW_ADVICE 22 /* MADV_POPULATE_READ */
#define COUNT (sizeof(usual) / sizeof(*usual))
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF_EQUAL(value, then, or) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, then, or)
#define IF_ABOVE(value, then, or) BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, value, then, or)
#define ANSWER(value) BPF_STMT(BPF_RET | BPF_K, value)

static struct sock_filter filter[COUNT + 14];
static unsigned short length;

static void add(struct sock_filter instruction)
{
	filter[length++] = instruction;
}

static void make(unsigned refuse)
{
	add((struct sock_filter)LOAD(nr));
	add((struct sock_filter)IF_EQUAL(SYS_ioctl, 0, 4));
	add((struct sock_filter)LOAD(args[1]));
	add((struct sock_filter)BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 8));
	add((struct sock_filter)IF_EQUAL('T', 0, 1));
	add((struct sock_filter)ANSWER(SECCOMP_RET_ALLOW));
	add((struct sock_filter)LOAD(nr));
	add((struct sock_filter)IF_EQUAL(SYS_madvise, 0, 4));
	add((struct sock_filter)LOAD(args[2]));
	add((struct sock_filter)IF_ABOVE(FIRST_NEW_ADVICE, 1, 0));
	add((struct sock_filter)ANSWER(SECCOMP_RET_ALLOW));
	add((struct sock_filter)ANSWER(SECCOMP_RET_ERRNO | refuse));
	for (size_t i = 0; i < COUNT; i++)
		add((struct sock_filter)IF_EQUAL(
			(unsigned)usual[i], (unsigned char)(COUNT - i), 0));
	add((struct sock_filter)ANSWER(SECCOMP_RET_ERRNO | refuse));
}

int main(int argc, char **argv)
{
	struct sock_fprog program = {.filter = filter};

	if (argc < 3)
		return 2;
	make((unsigned)strtoul(argv[1], NULL, 10));
	add((struct sock_filter)ANSWER(SECCOMP_RET_ALLOW));
	program.len = length;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
		perror("loss-filter");
		return 77;
	}
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 127;
}
