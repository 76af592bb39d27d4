/* SPDX-License-Identifier: MIT */
/* What one would write first: mmap() and munmap() keep a red-black tree behind a mutex. */
#include <dlfcn.h>
#include <pthread.h>
#include <search.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

struct range {
	uintptr_t start, end;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static void *tree;
static __typeof__(mmap) *next_mmap;
static __typeof__(munmap) *next_munmap;

/* Ranges that overlap are equal. */
static int compare(const void *a, const void *b)
{
	const struct range *left = a, *right = b;

	return left->end <= right->start ? -1 : left->start >= right->end;
}

__attribute__((constructor)) static void load(void)
{
	*(void **)(void *)&next_mmap = dlsym(RTLD_NEXT, "mmap");
	*(void **)(void *)&next_munmap = dlsym(RTLD_NEXT, "munmap");
}

static void add(uintptr_t start, size_t size)
{
	struct range *range = malloc(sizeof(*range));

	range->start = start;
	range->end = start + size;
	pthread_mutex_lock(&mutex);
	tsearch(range, &tree, compare);
	pthread_mutex_unlock(&mutex);
}

static void drop(uintptr_t start, size_t size)
{
	struct range wanted = {start, start + size}, **found;
	struct range *range = NULL;

	pthread_mutex_lock(&mutex);
	found = tfind(&wanted, &tree, compare);
	if (found) {
		range = *found;
		tdelete(range, &tree, compare);
	}
	pthread_mutex_unlock(&mutex);
	free(range);
}

void *mmap(void *address, size_t size, int prot, int flags, int fd, off_t offset)
{
	void *at = next_mmap(address, size, prot, flags, fd, offset);

	if (at != MAP_FAILED && !(flags & MAP_ANONYMOUS))
		add((uintptr_t)at, size);
	return at;
}

int munmap(void *address, size_t size)
{
	drop((uintptr_t)address, size);
	return next_munmap(address, size);
}
