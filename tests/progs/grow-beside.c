/* SPDX-License-Identifier: MIT */
/*
 * grow-beside ROUNDS: a private mapping of a file of which a page was replaced grows again and again,
 * beside a thread that maps page after page and writes to each: it gets any place that is free for a
 * moment, and nobody else may use that afterwards. A page that it cannot write ends the process.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096
#define PAGES_MAX 20000

static atomic_bool stopping;
static _Atomic unsigned long mapped;
static char *pages[PAGES_MAX];

static void need(int condition, const char *what)
{
	if (!condition) {
		perror(what);
		exit(99);
	}
}

static void *map_pages(void *unused)
{
	(void)unused;
	while (!atomic_load(&stopping)) {
		int count;

		for (count = 0; count < PAGES_MAX && !atomic_load(&stopping); count++) {
			pages[count] = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			need(pages[count] != MAP_FAILED, "mmap");
			*(volatile char *)pages[count] = 1;
			atomic_fetch_add(&mapped, 1);
		}
		for (int i = 0; i < count; i++) {
			*(volatile char *)pages[i] = 2;
			munmap(pages[i], PAGE);
		}
	}
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 0, moved = 0;
	pthread_t thread;

	if (!rounds)
		return 2;
	need(pthread_create(&thread, NULL, map_pages, NULL) == 0, "thread");
	while (atomic_load(&mapped) < 1000)
		usleep(100);
	for (unsigned long i = 0; i < rounds; i++) {
		int fd = memfd_create("grow", MFD_CLOEXEC);
		char *start, *grown;

		need(fd >= 0 && ftruncate(fd, 8 * PAGE) == 0, "memfd");
		start = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
		need(start != MAP_FAILED && ftruncate(fd, 4 * PAGE) == 0, "map");
		need(*(volatile char *)(start + 7 * PAGE) == 0, "read");
		grown = mremap(start, 8 * PAGE, 16 * PAGE, MREMAP_MAYMOVE);
		need(grown != MAP_FAILED, "mremap");
		moved += grown != start;
		munmap(grown, 16 * PAGE);
		close(fd);
	}
	atomic_store(&stopping, 1);
	pthread_join(thread, NULL);
	printf("grown %lu\n", rounds);
	fprintf(stderr, "moved %lu, mapped %lu\n", moved, atomic_load(&mapped));
	return 0;
}
