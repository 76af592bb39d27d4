/* SPDX-License-Identifier: MIT */
/*
 * A thread with an alternate stack, and handlers with and without SA_ONSTACK: where they run, where
 * a signal inside of them runs, and what the interrupted code has in its registers afterwards.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ucontext.h>
#include <unistd.h>

#define PAGE 4096

static char alternate[16 * PAGE];
static char *lost;
static bool nests;

static bool is_on_alternate(const volatile void *address)
{
	return (const volatile char *)address - alternate >= 0 &&
	       (size_t)((const volatile char *)address - alternate) < sizeof(alternate);
}

static void on_user(int signo)
{
	volatile int here = signo;

	printf("inside: signal %d, alternate stack %d\n", signo, is_on_alternate(&here));
}

static void on_sigbus(int signo, siginfo_t *info, void *context)
{
	const ucontext_t *uc = context;
	volatile int here = signo;

	printf("signal %d code %d offset %td: alternate stack %d, frame %d, siginfo %d, flags %d\n",
		signo, info->si_code, (char *)info->si_addr - lost, is_on_alternate(&here),
		is_on_alternate(context), is_on_alternate(info), uc->uc_stack.ss_flags);
	if (nests)
		raise(SIGUSR1);
	mmap(lost, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	*lost = 'r';
}

static void lose_page(void)
{
	int fd = memfd_create("alt-stack", MFD_CLOEXEC);

	if (ftruncate(fd, PAGE) < 0)
		exit(99);
	lost = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (lost == MAP_FAILED || ftruncate(fd, 0) < 0)
		exit(99);
	close(fd);
}

/* Many values live at once: in all kinds of registers. */
static __attribute__((noinline)) double touch(long a, long b, long c, long d, double e, double f)
{
	long before = (a ^ b) + (c ^ d);
	double product = e * f;
	char byte = *(volatile char *)lost;

	return (double)(before + (a ^ c) + (b ^ d)) + product * f + e + byte;
}

static void handle(int flags, bool nested)
{
	struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | flags};

	sigaction(SIGBUS, &action, NULL);
	nests = nested;
	lose_page();
	printf("touched: %.2f\n", touch(4711, 815, 1234567, 42, 1.5, 0.25));
}

int main(void)
{
	stack_t stack = {.ss_sp = alternate, .ss_size = sizeof(alternate)};
	struct sigaction action = {.sa_handler = on_user, .sa_flags = SA_ONSTACK};

	setvbuf(stdout, NULL, _IONBF, 0);
	sigaltstack(&stack, NULL);
	sigaction(SIGUSR1, &action, NULL);
	handle(0, false);
	handle(0, true);
	handle(SA_ONSTACK, false);
	handle(SA_ONSTACK, true);
	handle(SA_NODEFER, true);
	return 0;
}
