/* SPDX-License-Identifier: MIT */
/*
 * A server of shared memory in miniature, as libwayland-server is one: a client hands over a file, the
 * server maps it, and reads what the client draws. The client may take the memory away at any time. The
 * server then reads zeroes, tells that client, and serves the others: without a signal handler, which a
 * library cannot install in somebody else's process.
 *
 *   shm-pool FILE SIZE    reads all of FILE, cuts it down to SIZE bytes as a client would, reads again
 */
#define SIGBUS_OPTIONAL
#include <sigbus/sigbus.h>

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct pool {
	const unsigned char *memory;
	size_t size;
	struct sigbus_owner *owner; /* NULL: such a client is fatal, as ever */
	bool client_is_wrong;
};

static int page_lost(const struct sigbus_fault *fault, void *data)
{
	(void)fault, (void)data;
	return SIGBUS_ZERO;
}

static bool pool_create(struct pool *pool, int fd)
{
	struct stat status;
	void *memory;

	if (fstat(fd, &status) < 0)
		return false;
	*pool = (struct pool){.size = (size_t)status.st_size};
	memory = mmap(NULL, pool->size, PROT_READ, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return false;
	pool->memory = memory;
	if (sigbus_owner_create("shm-pool", page_lost, NULL, &pool->owner) == 0 &&
		sigbus_range_add(pool->owner, memory, pool->size) != 0) {
		sigbus_owner_destroy(pool->owner);
		pool->owner = NULL;
	}
	return true;
}

static void pool_destroy(struct pool *pool)
{
	if (pool->owner)
		sigbus_owner_destroy(pool->owner);
	munmap((void *)pool->memory, pool->size);
}

/* A frame: between begin and end the memory is read by whoever draws, here by one loop. */
static unsigned long draw(struct pool *pool)
{
	struct sigbus_access access;
	unsigned long sum = 0;

	sigbus_access_begin(&access, pool->memory, pool->size);
	for (size_t i = 0; i < pool->size; i++)
		sum += pool->memory[i];
	if (sigbus_access_end(&access) == -EFAULT && !pool->client_is_wrong) {
		pool->client_is_wrong = true;
		printf("to the client: error accessing SHM buffer\n");
	}
	return sum;
}

int main(int argc, char **argv)
{
	int fd = argc == 3 ? open(argv[1], O_RDWR | O_CLOEXEC) : -1;
	struct pool pool;

	if (fd < 0 || !pool_create(&pool, fd)) {
		fprintf(stderr, "usage: shm-pool FILE SIZE\n");
		return 2;
	}
	printf("drawn: %lu\n", draw(&pool));
	if (ftruncate(fd, atol(argv[2])) < 0)
		return 1;
	printf("drawn: %lu\n", draw(&pool));
	printf("drawn: %lu\n", draw(&pool));
	pool_destroy(&pool);
	close(fd);
	return 0;
}
