/* SPDX-License-Identifier: MIT */
/*
 * loading reopen LIBRARY...: loads each one at the place of the one before; it loses a page
 * loading late LIBRARY: with SIGBUS blocked loads it by dlopen() and then loses a page
 * loading lock: locks all memory, without privileges, with room for 8 MiB
 */
#include <dlfcn.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

static sigjmp_buf before;

static void leave(int signo)
{
	siglongjmp(before, signo);
}

static void reopen(const char *path)
{
	void *library = dlopen(path, RTLD_NOW);
	char *(*lose)(void);

	if (!library)
		return;
	*(void **)&lose = dlsym(library, "plugin_lose");
	*(volatile char *)lose() = 1;
	printf("%p\n", *(void **)&lose);
	dlclose(library);
}

static void show_signals(void)
{
	struct sigaction action;
	sigset_t blocked;

	sigprocmask(SIG_BLOCK, NULL, &blocked);
	sigaction(SIGBUS, NULL, &action);
	printf("blocked: %d, 64 blocked: %d, own handler: %d, SIGRTMAX: %d\n",
		sigismember(&blocked, SIGBUS), sigismember(&blocked, 64),
		action.sa_handler == leave, SIGRTMAX);
}

static void late(const char *path)
{
	sigset_t bus;
	char *map;
	int fd = memfd_create("late", 0);

	signal(SIGBUS, leave);
	sigemptyset(&bus);
	sigaddset(&bus, SIGBUS);
	sigprocmask(SIG_BLOCK, &bus, NULL);
	puts(*path && dlopen(path, RTLD_NOW) ? "loaded" : "not loaded");
	show_signals();
	sigprocmask(SIG_UNBLOCK, &bus, NULL);
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	puts(sigsetjmp(before, 1) ? "own handler ran" : *map ? "?" : "no fault");
}

static void lock(void)
{
	struct rlimit limit = {8 << 20, 8 << 20};
	int result = setrlimit(RLIMIT_MEMLOCK, &limit);

	if (result == 0 && setresuid(65534, 65534, 65534) == 0)
		result = mlockall(MCL_CURRENT);
	puts(result == 0 ? "locked" : strerror(errno));
}

int main(int argc, char **argv)
{
	setbuf(stdout, NULL);
	if (!strcmp(argv[1], "lock"))
		lock();
	else if (!strcmp(argv[1], "late"))
		late(argv[2]);
	for (int i = 2; i < argc && !strcmp(argv[1], "reopen"); i++)
		reopen(argv[i]);
	return 0;
}
