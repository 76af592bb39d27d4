/* SPDX-License-Identifier: MIT */
/*
 * stack-use [-e | -l] [-n] [-f FILE] CASE...: how much of a thread's alternate stack a SIGBUS takes,
 * apart from the kernel's own frame.
 *
 * The alternate stack is painted, a child takes the signal on it, and what is not painted any more
 * was used. Below it lies a page that nobody may touch. By default the stack is as long as programs
 * are told to make it at least: AT_MINSIGSTKSZ and 2 KiB. -e: the frame as it is, and 2 KiB.
 * -l: a stack that is large, so that the work is done on it. -n: no descriptor is free.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE ((size_t)4096)
#define PAGES 4
#define ROOM 2048
#define STACK_MAX (64 * PAGE)
#define PAINT 0xa5

static unsigned char *stack; /* of STACK_MAX bytes, behind a page that faults */
static size_t stack_size = STACK_MAX;
static const char *file;
static int no_descriptors;
static uintptr_t *frame; /* where the kernel's signal frame began: shared with the children */

_Noreturn static void die(const char *what)
{
	perror(what);
	exit(99);
}

static void *map(size_t size, int flags)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0);

	if (memory == MAP_FAILED)
		die("mmap");
	return memory;
}

/* ---- the stack ---- */

static void use_stack(void)
{
	stack_t alternate = {.ss_sp = stack, .ss_size = stack_size};

	memset(stack, PAINT, STACK_MAX);
	if (sigaltstack(&alternate, NULL) != 0)
		die("sigaltstack");
}

static void note_frame(int signo, siginfo_t *info, void *uc)
{
	(void)signo, (void)info;
	*frame = (uintptr_t)uc - sizeof(void *); /* the return address */
}

static void handle(int signo, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK | flags};

	action.sa_sigaction = handler;
	if (sigaction(signo, &action, NULL) != 0)
		die("sigaction");
}

static size_t used(void)
{
	unsigned char *at = stack;

	while (at < stack + STACK_MAX && *at == PAINT)
		at++;
	return (uintptr_t)at < *frame ? *frame - (uintptr_t)at : 0;
}

/* The hard limit stays as it is. */
static void use_up_descriptors(void)
{
	struct rlimit limit;
	int fd = dup(0);

	close(fd);
	if (fd < 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0)
		die("descriptors");
	limit.rlim_cur = (rlim_t)fd;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		die("setrlimit");
}

/* ---- cases ---- */

static char *lost; /* PAGES pages of a file that has become empty */

enum how { SEEN, UNSEEN, PRIVATE };
static char *map_file(enum how how)
{
	int fd = file ? open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : memfd_create("pages", 0);
	char *pages;

	if (fd < 0 || ftruncate(fd, PAGES * PAGE) != 0)
		die(file ? file : "memfd");
	if (how == UNSEEN) /* by any hook */
		pages = (char *)syscall(
			SYS_mmap, NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0L);
	else
		pages = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
			how == PRIVATE ? MAP_PRIVATE : MAP_SHARED, fd, 0);
	if (pages == MAP_FAILED || ftruncate(fd, 0) != 0)
		die("pages");
	return pages;
}

static void do_read(void)
{
	*(volatile char *)lost;
}

static void do_write(void)
{
	*(volatile char *)lost = 1;
}

static void do_protected(void)
{
	mprotect(lost, PAGES * PAGE, PROT_READ);
	*(volatile char *)lost;
}

static void do_unseen(void)
{
	lost = map_file(UNSEEN);
	*(volatile char *)lost;
}

static void do_private(void)
{
	lost = map_file(PRIVATE);
	*(volatile char *)lost;
}

/* Its neighbours are lost, one is a guard page where the kernel has them. */
static void do_guarded(void)
{
	madvise(lost + 2 * PAGE, PAGE, 102 /* MADV_GUARD_INSTALL */);
	*(volatile char *)lost;
}

static void do_raise(void)
{
	raise(SIGBUS);
}

static void leave(int signo, siginfo_t *info, void *uc)
{
	(void)signo, (void)info, (void)uc;
	_exit(0);
}

static void repair(int signo, siginfo_t *info, void *uc)
{
	uintptr_t page = (uintptr_t)info->si_addr & ~(PAGE - 1);

	(void)signo, (void)uc;
	syscall(SYS_mmap, page, PAGE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0L);
}

static void do_handled(void)
{
	handle(SIGBUS, repair, 0);
	*(volatile char *)lost;
}

static void do_once(void)
{
	handle(SIGBUS, repair, SA_RESETHAND);
	*(volatile char *)lost;
}

static void do_raise_handled(void)
{
	handle(SIGBUS, leave, 0);
	raise(SIGBUS);
	_exit(1);
}

static void do_raise_blocked(void)
{
	sigset_t set;

	handle(SIGBUS, leave, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGBUS);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGBUS);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	_exit(1);
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{"read", do_read},
	{"write", do_write},
	{"protected", do_protected},
	{"unseen", do_unseen},
	{"private", do_private},
	{"guarded", do_guarded},
	{"handled", do_handled},
	{"once", do_once},
	{"raise", do_raise},
	{"raise-handled", do_raise_handled},
	{"raise-blocked", do_raise_blocked},
};

static void (*find_case(const char *name))(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (!strcmp(cases[i].name, name))
			return cases[i].run;
	fprintf(stderr, "stack-use: %s: no such case\n", name);
	exit(99);
}

/* The child's stack is the same memory: what it used is seen even if it was killed. */
static void run(const char *name)
{
	void (*run_case)(void) = find_case(name);
	int status;
	pid_t child;

	use_stack();
	fflush(stdout);
	child = fork();
	if (child == 0) {
		lost = map_file(SEEN);
		if (no_descriptors)
			use_up_descriptors();
		run_case();
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		die("fork");
	printf("%s used %zu, ", name, used());
	if (WIFSIGNALED(status))
		printf("signal %d\n", WTERMSIG(status));
	else
		printf("status %d\n", WEXITSTATUS(status));
}

int main(int argc, char **argv)
{
	int option, exact = 0, large = 0;
	char *memory = map(PAGE + STACK_MAX, MAP_SHARED);

	while ((option = getopt(argc, argv, "elnf:")) != -1) {
		if (option == 'e')
			exact = 1;
		else if (option == 'l')
			large = 1;
		else if (option == 'n')
			no_descriptors = 1;
		else if (option == 'f')
			file = optarg;
		else
			return 99;
	}
	frame = map(PAGE, MAP_SHARED);
	stack = (unsigned char *)memory + PAGE;
	if (mprotect(memory, PAGE, PROT_NONE) != 0)
		die("mprotect");
	stack_size = large ? STACK_MAX : getauxval(AT_MINSIGSTKSZ) + ROOM;
	use_stack();
	handle(SIGUSR1, note_frame, 0);
	raise(SIGUSR1);
	if (exact) {
		stack_size = (uintptr_t)stack + stack_size - *frame + ROOM;
		use_stack();
		raise(SIGUSR1);
	}
	printf("frame %zu, stack %zu\n", (size_t)((uintptr_t)stack + stack_size - *frame),
		stack_size);
	for (; optind < argc; optind++)
		run(argv[optind]);
	return 0;
}
