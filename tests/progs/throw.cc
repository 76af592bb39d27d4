// SPDX-License-Identifier: MIT
// A handler that throws, as code built with -fnon-call-exceptions may: nine times at the same depth,
// and then a deeper call that gives the action up.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <sys/mman.h>
#include <unistd.h>

static void lose_it(int signo)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signo);
	sigprocmask(SIG_UNBLOCK, &set, nullptr); // the exception goes past the kernel's return
	throw signo;
}

__attribute__((noinline)) static bool touch()
{
	int fd = memfd_create("lost", 0);

	if (ftruncate(fd, 4096) != 0)
		exit(99);
	void *page = mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fd, 0);
	if (ftruncate(fd, 0) != 0)
		exit(99);
	close(fd);
	try {
		return *static_cast<volatile char *>(page);
	} catch (int) {
		return true;
	}
}

__attribute__((noinline)) static void (*deeper())(int)
{
	char large[20000];

	__asm__ volatile("" : : "r"(large) : "memory");
	signal(SIGBUS, SIG_IGN);
	auto before = signal(SIGBUS, SIG_DFL);
	__asm__ volatile("" : : "r"(large) : "memory");
	return before;
}

int main()
{
	int caught = 0;

	signal(SIGBUS, lose_it);
	for (int i = 0; i < 9; i++)
		caught += touch();
	printf("caught %d, %s\n", caught, deeper() == SIG_IGN ? "outside" : "inside");
}
