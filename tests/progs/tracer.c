/* SPDX-License-Identifier: MIT */
/*
 * tracer PROGRAM...: runs it and prints the last SIGBUS that was about to be delivered to it, and
 * how it ended, as a debugger sees both. The program counter is told from the program's entry
 * point.
 */
#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
	int seen;
	long pc;
	siginfo_t info;
} last;

static unsigned long entry_point(pid_t pid)
{
	char path[64];
	Elf64_auxv_t entry;
	unsigned long found = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/auxv", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (!found && read(fd, &entry, sizeof(entry)) == sizeof(entry))
		if (entry.a_type == AT_ENTRY)
			found = entry.a_un.a_val;
	close(fd);
	return found;
}

static unsigned long program_counter(pid_t pid)
{
	struct user_regs_struct regs;

	ptrace(PTRACE_GETREGS, pid, NULL, &regs);
	return regs.rip;
}

static void note(pid_t pid)
{
	ptrace(PTRACE_GETSIGINFO, pid, NULL, &last.info);
	last.seen++;
	last.pc = (long)(program_counter(pid) - entry_point(pid));
}

static void print_end(int status)
{
	if (last.seen && last.info.si_code > 0)
		printf("signal 7 code %d address %p pc entry%+ld\n", last.info.si_code,
			last.info.si_addr, last.pc);
	else if (last.seen)
		printf("signal 7 code %d from %s\n", last.info.si_code,
			last.info.si_uid == getuid() ? "us" : "another user");
	if (WIFSIGNALED(status))
		printf("killed by %d%s\n", WTERMSIG(status), WCOREDUMP(status) ? ", core" : "");
	else
		printf("exited %d\n", WEXITSTATUS(status));
}

int main(int argc, char **argv)
{
	pid_t pid = fork();
	int status, deliver = 0;

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		execvp(argv[argc > 1 ? 1 : 0], argv + 1);
		_exit(127);
	}
	waitpid(pid, &status, 0); /* the exec */
	while (WIFSTOPPED(status)) {
		ptrace(PTRACE_CONT, pid, NULL, (void *)(long)deliver);
		if (waitpid(pid, &status, 0) < 0)
			return 1;
		/* SIGTRAP: another exec. */
		deliver = WIFSTOPPED(status) && WSTOPSIG(status) != SIGTRAP ? WSTOPSIG(status) : 0;
		if (deliver == SIGBUS)
			note(pid);
	}
	print_end(status);
	return 0;
}
