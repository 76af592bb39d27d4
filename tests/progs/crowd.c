/* SPDX-License-Identifier: MIT */
/* Many threads, more than there are buffers for rules about paths, lose pages at the same time. */
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define THREADS 300
#define PAGES 3
#define PAGE 4096L

static pthread_barrier_t barrier;

static void *lose(void *arg)
{
	int fd = memfd_create("crowd", 0);
	volatile char *map = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	close(fd);
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < PAGES; i++)
		map[i * PAGE] = 1;
	return arg;
}

int main(void)
{
	pthread_t thread[THREADS];

	pthread_barrier_init(&barrier, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, lose, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	puts("all live");
	return 0;
}
