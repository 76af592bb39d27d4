/* SPDX-License-Identifier: MIT */
/*
 * fd-closer ROUNDS [close]: loses a page in each round, and lists its descriptors before and after.
 * close: another thread closes all but the first three all the time, as programs do that start
 * others.
 */
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096

static atomic_bool done;

static void list_descriptors(const char *when)
{
	DIR *directory = opendir("/proc/self/fd");
	struct dirent *entry;

	printf("%s:", when);
	while (directory && (entry = readdir(directory)))
		if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(directory))
			printf(" %s", entry->d_name);
	printf("\n");
	if (directory)
		closedir(directory);
}

static void *close_all(void *unused)
{
	while (!atomic_load(&done))
		for (int fd = 3; fd < 16; fd++)
			close(fd);
	return unused;
}

/* Each page in a mapping of its own: so each fault is reported. */
static char *map_pages(int rounds)
{
	int fd = memfd_create("pages", 0);
	char *place = mmap(
		NULL, (size_t)rounds * 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (fd < 0 || ftruncate(fd, PAGE) != 0)
		exit(99);
	for (int i = 0; i < rounds; i++)
		if (mmap(place + (size_t)i * 2 * PAGE, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd,
			    0) == MAP_FAILED)
			exit(99);
	if (ftruncate(fd, 0) != 0)
		exit(99);
	close(fd);
	return place;
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 1, zeroes = 0;
	char *pages = map_pages(rounds);
	pthread_t closer;

	list_descriptors("before");
	if (argc > 2 && pthread_create(&closer, NULL, close_all, NULL) != 0)
		return 99;
	for (int i = 0; i < rounds; i++)
		zeroes += ((volatile char *)pages)[(size_t)i * 2 * PAGE] == 0;
	atomic_store(&done, true);
	if (argc > 2)
		pthread_join(closer, NULL);
	list_descriptors("after");
	printf("zeroes: %d\n", zeroes);
	return 0;
}
