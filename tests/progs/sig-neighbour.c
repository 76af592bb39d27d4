/* SPDX-License-Identifier: MIT */
/*
 * sig-neighbour handler|default|displaced|displaced-raw|unload LIBRARY: what has to work beside
 * other libraries, and beside code that goes past us.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096

struct kernel_action {
	void *handler;
	uint64_t flags;
	void *restorer;
	uint64_t mask;
};

static void tell(const char *name, const siginfo_t *info)
{
	printf("%s: code %d\n", name, info->si_code);
	if (info->si_code > 0)
		mmap((void *)((uintptr_t)info->si_addr & ~(uintptr_t)(PAGE - 1)), PAGE, PROT_READ,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

static void first(int signo, siginfo_t *info, void *uc)
{
	(void)signo, (void)uc;
	tell("first", info);
}

static void second(int signo, siginfo_t *info, void *uc)
{
	(void)signo, (void)uc;
	tell("second", info);
}

static const char *name_of(void *handler)
{
	if (handler == (void *)SIG_DFL)
		return "default";
	return handler == (void *)first ? "first" : handler == (void *)second ? "second" : "other";
}

static void install(void (*handler)(int, siginfo_t *, void *))
{
	struct sigaction action = {.sa_flags = SA_SIGINFO}, old;

	action.sa_sigaction = handler;
	sigaction(SIGBUS, &action, &old);
	printf("installed %s, before %s\n", name_of((void *)handler),
		name_of((void *)old.sa_sigaction));
}

static void query(void)
{
	struct sigaction now;

	sigaction(SIGBUS, NULL, &now);
	printf("query: %s flags %x mask %" PRIx64 "\n", name_of((void *)now.sa_sigaction),
		(unsigned)now.sa_flags, *(uint64_t *)&now.sa_mask);
}

static void fault(void)
{
	int fd = memfd_create("neighbour", MFD_CLOEXEC);
	char *map;

	if (ftruncate(fd, PAGE) < 0)
		exit(99);
	map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED || ftruncate(fd, 0) < 0)
		exit(99);
	printf("read %d\n", *(volatile char *)map);
	munmap(map, PAGE);
	close(fd);
}

static struct kernel_action kernel_view(void)
{
	struct kernel_action action;

	syscall(SYS_rt_sigaction, SIGBUS, NULL, &action, sizeof(uint64_t));
	return action;
}

/* With the restorer that the C library has given to the kernel. */
static void install_raw(void (*handler)(int, siginfo_t *, void *))
{
	struct kernel_action action = kernel_view();

	action.handler = (void *)handler;
	action.flags = SA_SIGINFO | SA_RESTART | (action.flags & 0x04000000);
	action.mask = 1 << (SIGUSR1 - 1);
	syscall(SYS_rt_sigaction, SIGBUS, &action, NULL, sizeof(uint64_t));
}

static void displaced(void)
{
	install(first);
	fault();
	install_raw(second);
	fault();
	query();
	fault();
	raise(SIGBUS);
	install(first);
	fault();
	install_raw(second);
	install(first);
	fault();
}

/* Who is in the kernel's table: not the program's handler, once we have noticed. */
static void displaced_raw(void)
{
	install(first);
	install_raw(second);
	printf("kernel: %s\n", name_of(kernel_view().handler));
	query();
	printf("kernel: %s\n", name_of(kernel_view().handler));
}

/* The library has a handler for the pages that it maps; they are lost. */
static void unload(const char *path)
{
	void *library = dlopen(path, RTLD_NOW);
	volatile char **pages = library ? dlsym(library, "pages") : NULL;
	volatile char *second_page;

	if (!pages) {
		printf("%s\n", dlerror());
		exit(98);
	}
	install(first);
	printf("read %d\n", *pages[0]);
	second_page = pages[1];
	dlclose(library);
	printf("unloaded: %d\n", dlopen(path, RTLD_NOW | RTLD_NOLOAD) == NULL);
	printf("read %d\n", *second_page);
	raise(SIGBUS);
	query();
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	setvbuf(stdout, NULL, _IOLBF, 4096);
	if (strcmp(what, "displaced") == 0) {
		displaced();
	} else if (strcmp(what, "displaced-raw") == 0) {
		displaced_raw();
	} else if (strcmp(what, "unload") == 0) {
		unload(argv[2]);
	} else {
		if (strcmp(what, "default") == 0)
			signal(SIGBUS, SIG_DFL);
		else
			install(first);
		query();
		fault();
		raise(SIGBUS);
	}
	return 0;
}
