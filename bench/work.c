/* SPDX-License-Identifier: MIT */
#include "work.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct order order;

static uint64_t time_of(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t processor_time(void)
{
	return time_of(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t wall_time(void)
{
	return time_of(CLOCK_MONOTONIC);
}

void fail(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

int make_file(size_t size)
{
	int fd = memfd_create("bench", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
		fail("memfd_create");
	return fd;
}

void touch(const volatile char *page)
{
	(void)*page;
}

/* Neighbours in the file are not neighbours in memory: each stays a mapping of its own. */
static void map_ranges(unsigned count)
{
	int fd = count ? make_file(PAGE) : -1;

	while (count--)
		if (mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED)
			fail("mmap");
}

static const struct work *find(const char *name)
{
	for (const struct work *const *group = works; *group; group++)
		for (const struct work *work = *group; work->name; work++)
			if (!strcmp(work->name, name))
				return work;
	errno = EINVAL;
	fail(name);
}

static void answer(uint64_t nanoseconds)
{
	if (write(STDOUT_FILENO, &nanoseconds, sizeof(nanoseconds)) != sizeof(nanoseconds))
		exit(1);
}

int main(int count, char **arguments)
{
	const struct work *work;
	uint32_t operations;

	if (count != 5) {
		fprintf(stderr, "usage: work NAME RANGES SIZE HANDLER\n");
		return 2;
	}
	order = (struct order){.ranges = (unsigned)atoi(arguments[2]),
		.size = strtoul(arguments[3], NULL, 10),
		.handler = arguments[4]};
	work = find(arguments[1]);
	map_ranges(order.ranges);
	if (work->set_up)
		work->set_up();
	answer(0);
	while (read(STDIN_FILENO, &operations, sizeof(operations)) == sizeof(operations))
		answer(work->run(operations));
	return 0;
}
