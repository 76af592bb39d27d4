/* SPDX-License-Identifier: MIT */
/*
 * toggle ROUNDS: writes to a page of a file that another process grows and cuts in turns.
 *
 * Chance has no part in it: the other process traces this one, and changes the file at its system
 * calls. A look whether the page can be read finds the file long, a look whether it can be written
 * and a copy find it short. After ROUNDS copies it stays short. Prints the first bytes of the page.
 */
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE 4096
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

static int file;

static void resize(off_t size)
{
	if (ftruncate(file, size) < 0) {
		perror("toggle: ftruncate");
		exit(99);
	}
}

static int victim(void)
{
	char *page = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

	if (page == MAP_FAILED || ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		return 99;
	raise(SIGSTOP);
	page[1] = 'w';
	printf("%02x %02x\n", page[0], page[1]);
	return 0;
}

/* Linux before 6.9 is asked by futex(). */
static int looks(const struct __ptrace_syscall_info *info, unsigned long advice, unsigned long op)
{
	return (info->entry.nr == SYS_madvise && info->entry.args[2] == advice) ||
	       (info->entry.nr == SYS_futex && (info->entry.args[1] & FUTEX_CMD_MASK) == op);
}

/* What the traced process is about to ask. */
static void answer(pid_t process, long *rounds)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, process, (void *)sizeof(info), &info) <= 0 ||
		info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return;
	if (info.entry.nr == SYS_process_vm_writev && *rounds > 0) {
		--*rounds;
		resize(0);
	}
	if (looks(&info, MADV_POPULATE_READ, FUTEX_CMP_REQUEUE))
		resize(*rounds > 0 ? SIZE : 0);
	if (looks(&info, MADV_POPULATE_WRITE, FUTEX_WAKE_OP))
		resize(0);
}

static int status_of(int status)
{
	if (WIFSIGNALED(status)) {
		signal(WTERMSIG(status), SIG_DFL);
		raise(WTERMSIG(status));
	}
	return WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	long rounds = argc > 1 ? atol(argv[1]) : 1;
	int status, signo = 0;
	pid_t process;

	file = memfd_create("toggle", MFD_CLOEXEC);
	setvbuf(stdout, NULL, _IONBF, 0);
	process = fork();
	if (process == 0)
		return victim();
	if (waitpid(process, &status, 0) != process || !WIFSTOPPED(status))
		return 99;
	ptrace(PTRACE_SETOPTIONS, process, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	for (;;) {
		if (ptrace(PTRACE_SYSCALL, process, NULL, (void *)(long)signo) < 0 ||
			waitpid(process, &status, 0) != process)
			return 99;
		if (!WIFSTOPPED(status))
			return status_of(status);
		signo = WSTOPSIG(status);
		if (signo == (SIGTRAP | 0x80)) {
			answer(process, &rounds);
			signo = 0;
		}
	}
}
