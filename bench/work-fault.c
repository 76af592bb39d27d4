/* SPDX-License-Identifier: MIT */
/* Touching lost pages. Without us, and for chain, a plain handler replaces them one by one. */
#include "work-list.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGES 256 /* touched one by one: of one mapping, then of the next */

static int lost_file;

static void replace_page(int signo, siginfo_t *info, void *context)
{
	void *page = (void *)((uintptr_t)info->si_addr & ~(PAGE - 1));

	(void)signo, (void)context;
	if (mmap(page, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		    0) == MAP_FAILED)
		_exit(1);
}

/* none, plain, mask (blocks another signal too) or open (blocks nothing). */
static void install_handler(void)
{
	struct sigaction action = {.sa_sigaction = replace_page, .sa_flags = SA_SIGINFO};

	if (!strcmp(order.handler, "none"))
		return;
	sigemptyset(&action.sa_mask);
	if (!strcmp(order.handler, "mask"))
		sigaddset(&action.sa_mask, SIGUSR1);
	if (!strcmp(order.handler, "open"))
		action.sa_flags |= SA_NODEFER;
	if (sigaction(SIGBUS, &action, NULL) != 0)
		fail("sigaction");
}

static void set_up(void)
{
	lost_file = make_file(0);
	install_handler();
}

static char *map_lost(size_t size, int prot)
{
	void *at = mmap(NULL, size, prot, MAP_SHARED, lost_file, 0);

	if (at == MAP_FAILED)
		fail("mmap");
	return at;
}

/* Past all hooks. */
static char *map_unseen(size_t size, int prot)
{
	long at = syscall(SYS_mmap, NULL, size, prot, MAP_SHARED, lost_file, 0);

	if (at == -1)
		fail("mmap");
	return (char *)at;
}

static uint64_t touch_pages(char *start, unsigned count)
{
	uint64_t began = processor_time();

	for (unsigned i = 0; i < count; i++)
		touch(start + i * PAGE);
	return processor_time() - began;
}

static uint64_t write_pages(char *start, unsigned count)
{
	uint64_t began = processor_time();

	for (unsigned i = 0; i < count; i++)
		*(volatile char *)(start + i * PAGE) = 1;
	return processor_time() - began;
}

/* Only the touching is timed. */
static uint64_t fault_one_by_one(
	unsigned faults, char *(*map)(size_t, int), uint64_t (*access)(char *, unsigned))
{
	uint64_t sum = 0;

	while (faults) {
		unsigned count = faults < PAGES ? faults : PAGES;
		char *lost = map(PAGES * PAGE, PROT_READ | PROT_WRITE);

		sum += access(lost, count);
		munmap(lost, PAGES * PAGE);
		faults -= count;
	}
	return sum;
}

static uint64_t run_read(unsigned faults)
{
	return fault_one_by_one(faults, map_lost, touch_pages);
}

static uint64_t run_write(unsigned faults)
{
	return fault_one_by_one(faults, map_lost, write_pages);
}

static uint64_t run_unseen(unsigned faults)
{
	return fault_one_by_one(faults, map_unseen, touch_pages);
}

static uint64_t read_extents(unsigned count, int prot)
{
	uint64_t sum = 0;

	while (count--) {
		char *lost = map_lost(order.size, prot);

		sum += touch_pages(lost, (unsigned)(order.size / PAGE));
		munmap(lost, order.size);
	}
	return sum;
}

static uint64_t run_extent(unsigned count)
{
	return read_extents(count, PROT_READ | PROT_WRITE);
}

static uint64_t run_extent_readonly(unsigned count)
{
	return read_extents(count, PROT_READ);
}

const struct work fault_works[] = {
	{"fault", set_up, run_read},
	{"fault-write", set_up, run_write},
	{"fault-unseen", set_up, run_unseen},
	{"extent", set_up, run_extent},
	{"extent-readonly", set_up, run_extent_readonly},
	{0},
};
