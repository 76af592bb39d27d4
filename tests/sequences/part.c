/* SPDX-License-Identifier: MIT */
/*
 * One of the objects of a sequence: it maps its own pages and has three handlers. PART is its
 * number; the first is the program itself.
 */
#include <string.h>
#include <sys/mman.h>
#include "steps.h"

#ifndef PART
#define PART 0
#endif

static void (*entered)(int object, int letter, siginfo_t *info, void *context);
static struct sigaction saved;

static void on_a(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	entered(PART, 0, info, context);
	__asm__ volatile("" : : : "memory"); /* no tail call: it is this object's code that runs */
}

static void on_b(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	entered(PART, 1, info, context);
	__asm__ volatile("" : : : "memory");
}

static void on_c(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	entered(PART, 2, info, context);
	__asm__ volatile("" : : : "memory");
}

static void (*const handlers[LETTERS])(int, siginfo_t *, void *) = {on_a, on_b, on_c};

static int part_install_action(const struct sigaction *action, struct sigaction *old)
{
	volatile int result = sigaction(SIGBUS, action, old);

	saved = *old;
	return result;
}

static int part_install(int letter, int flags, int mask, struct sigaction *old)
{
	struct sigaction action = {.sa_sigaction = handlers[letter], .sa_flags = SA_SIGINFO};

	sigemptyset(&action.sa_mask);
	if (mask)
		sigaddset(&action.sa_mask, mask == MASK_USR1 ? SIGUSR1 : SIGBUS);
	if (flags & ONSTACK)
		action.sa_flags |= SA_ONSTACK;
	if (flags & NODEFER)
		action.sa_flags |= SA_NODEFER;
	if (flags & RESETHAND)
		action.sa_flags |= SA_RESETHAND;
	return part_install_action(&action, old);
}

static int part_restore(struct sigaction *old)
{
	volatile int result = sigaction(SIGBUS, &saved, old);

	return result;
}

static void *part_map(int fd)
{
	void *volatile page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return page;
}

extern const struct object part;
const struct object part = {
	.install = part_install,
	.install_action = part_install_action,
	.restore = part_restore,
	.handler = {on_a, on_b, on_c},
	.map = part_map,
	.entered = &entered,
};
