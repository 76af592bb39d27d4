/* SPDX-License-Identifier: MIT */
/*
 * A child that shares the memory touches a lost page, or unmaps a part of a range and ends at once. The
 * parent then touches its own lost pages and unmaps all.
 *
 *	borrowed fault|unmap
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGES 16
#define SIZE (PAGES * (size_t)4096)

static char *memory;
static _Alignas(16) char stack[65536];

static int child(void *what)
{
	if (!strcmp(what, "unmap"))
		return munmap(memory + 4 * 4096, 4 * 4096);
	return *(volatile char *)memory;
}

int main(int argc, char **argv)
{
	int fd = memfd_create("borrowed", 0), status = 0, pid;

	if (argc != 2 || ftruncate(fd, SIZE) < 0)
		return 2;
	memory = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
	if (ftruncate(fd, 0) < 0)
		return 2;
	pid = clone(child, stack + sizeof(stack), CLONE_VM | SIGCHLD, argv[1]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 2;
	printf("child: %s %d\n", WIFSIGNALED(status) ? "signal" : "status",
		WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	fflush(stdout);
	printf("parent: %d %d\n", *(volatile char *)memory, *(volatile char *)(memory + SIZE - 1));
	printf("munmap: %d\n", munmap(memory, SIZE));
	return 0;
}
