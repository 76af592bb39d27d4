/* SPDX-License-Identifier: MIT */
/* Mapping and unmapping, touching nothing. */
#include "work-list.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static int file;

static void make_files(void)
{
	file = make_file(order.size);
}

static void pairs(unsigned count, int flags, int fd)
{
	while (count--) {
		void *at = mmap(NULL, order.size, PROT_READ | PROT_WRITE, flags, fd, 0);

		if (at == MAP_FAILED || munmap(at, order.size) != 0)
			fail("mmap");
	}
}

static uint64_t run_file(unsigned count)
{
	uint64_t start = processor_time();

	pairs(count, MAP_SHARED, file);
	return processor_time() - start;
}

static uint64_t run_anonymous(unsigned count)
{
	uint64_t start = processor_time();

	pairs(count, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	return processor_time() - start;
}

/* ---- two threads at once ---- */

static pthread_barrier_t barrier;

static void *map_in_thread(void *count)
{
	pthread_barrier_wait(&barrier);
	pairs(*(unsigned *)count, MAP_SHARED, file);
	return NULL;
}

static uint64_t run_two(unsigned count)
{
	pthread_t threads[2];
	uint64_t start;

	pthread_barrier_init(&barrier, NULL, 3);
	for (int i = 0; i < 2; i++)
		if (pthread_create(&threads[i], NULL, map_in_thread, &count) != 0)
			fail("pthread_create");
	start = wall_time();
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	return wall_time() - start;
}

/* ---- memory: the answer is bytes ---- */

static uint64_t bytes_of(const char *field)
{
	FILE *file = fopen("/proc/self/smaps_rollup", "r");
	char line[256];
	uint64_t sum = 0;

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, field, strlen(field)))
			sum += strtoull(strchr(line, ':') + 1, NULL, 10) * 1024;
	if (file)
		fclose(file);
	return sum;
}

static uint64_t run_resident(unsigned count)
{
	(void)count;
	return bytes_of("Rss:");
}

static uint64_t run_resident_own(unsigned count)
{
	(void)count;
	return bytes_of("Private_Dirty:");
}

const struct work map_works[] = {
	{"file-pair", make_files, run_file},
	{"anonymous-pair", NULL, run_anonymous},
	{"two-threads", make_files, run_two},
	{"resident", NULL, run_resident},
	{"resident-own", NULL, run_resident_own},
	{0},
};
