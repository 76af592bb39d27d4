/* SPDX-License-Identifier: MIT */
/* What the programs of cases with lost pages share: the pages are mapped by a raw system call, so
 * they are nobody's, and the handler is chained to. */
#ifndef SIG_CASES_H
#define SIG_CASES_H

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOST ((char *)(sizeof(long) == 8 ? 0x200000000 : 0x20000000))
#ifdef SYS_mmap2
#undef SYS_mmap
#define SYS_mmap SYS_mmap2
#endif
#define PAGE 4096
#define PAGES 16
#define BUS_BIT 0x40

static inline uint64_t mask_now(void)
{
	sigset_t set;

	sigprocmask(SIG_BLOCK, NULL, &set);
	return *(uint64_t *)&set;
}

static inline void set_mask(uint64_t mask)
{
	sigset_t set;

	sigemptyset(&set);
	memcpy(&set, &mask, sizeof(mask));
	sigprocmask(SIG_SETMASK, &set, NULL);
}

static inline void install(void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction action = {.sa_flags = SA_SIGINFO | flags};

	action.sa_sigaction = handler;
	sigaction(SIGBUS, &action, NULL);
}

static char alternate[65536];

static inline void use_alternate(size_t size, int flags)
{
	stack_t stack = {.ss_sp = alternate, .ss_size = size, .ss_flags = flags};

	sigaltstack(&stack, NULL);
}

static inline void touch(int page)
{
	*(volatile char *)(LOST + page * PAGE);
}

static inline void repair(const siginfo_t *info)
{
	mmap(info->si_addr, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

static inline const char *stack_of(const void *here)
{
	uintptr_t offset = (uintptr_t)here - (uintptr_t)alternate;

	return offset < sizeof(alternate) ? "alternate" : "own";
}

struct a_case {
	const char *name;
	void (*run)(void);
};

static inline void map_lost_pages(void)
{
	int fd = memfd_create("sig-cases", MFD_CLOEXEC);

	if (ftruncate(fd, PAGES * PAGE) < 0 ||
		syscall(SYS_mmap, LOST, PAGES * PAGE, PROT_READ, MAP_SHARED | MAP_FIXED_NOREPLACE,
			fd, 0) != (long)LOST ||
		ftruncate(fd, 0) < 0)
		_exit(99);
}

/* Each in a child of its own. */
static inline void run_cases(const struct a_case *cases, size_t count)
{
	struct rlimit none = {0, 0};
	int status;

	setrlimit(RLIMIT_CORE, &none);
	setvbuf(stdout, NULL, _IOLBF, 4096);
	map_lost_pages();
	for (size_t i = 0; i < count; i++) {
		pid_t pid;

		printf("%s:\n", cases[i].name);
		pid = fork();
		if (pid == 0) {
			cases[i].run();
			_exit(1);
		}
		waitpid(pid, &status, 0);
		printf("end %x\n", status);
	}
}

#endif
