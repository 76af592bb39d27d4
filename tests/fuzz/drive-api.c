/* SPDX-License-Identifier: MIT */
/*
 * drive-api [OPERATIONS [SEED [THREADS]]]: drives the C API at random, in a process with the library,
 * under the policy *=owner|zero. Threads make owners, give them ranges of files that are truncated and
 * grow, read and write those, copy, bracket and remove them, destroy owners while their faults are
 * answered, fork children that go on, and call with wrong arguments. The same seed makes the same
 * operations in each thread.
 *
 * What must hold: no thread dies; a callback is called for its own owner's pages only, and never after
 * sigbus_owner_destroy() has returned; a page that was written stays what it was as long as its file
 * is long enough; a copy says how far it came.
 */
#define SIGBUS_OPTIONAL
#include <sigbus/sigbus.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE ((size_t)4096)
#define PAGES 16
#define SLOTS 4
#define THREADS_MAX 16

#define CHECK(that)                                                                                \
	do {                                                                                       \
		if (!(that)) {                                                                     \
			fprintf(stderr, "drive-api: line %d: %s\n", __LINE__, #that);              \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

struct slot {
	char *map;
	int file;
	size_t length; /* of the file, in pages */
	struct sigbus_owner *owner;
	atomic_bool destroyed;
};

struct driver {
	pthread_t thread;
	uint64_t random;
	long operations;
	unsigned depth; /* of forks */
	struct slot slot[SLOTS];
};

static struct driver drivers[THREADS_MAX];
static unsigned driver_count;

static unsigned below(struct driver *driver, unsigned limit)
{
	driver->random = driver->random * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(driver->random >> 33) % limit;
}

static int callback(const struct sigbus_fault *fault, void *data)
{
	static const int answers[] = {SIGBUS_ZERO, SIGBUS_ONES, SIGBUS_DECLINE, SIGBUS_RETRY};
	struct slot *slot = data;
	uintptr_t address = (uintptr_t)fault->address, map = (uintptr_t)slot->map;

	CHECK(!atomic_load(&slot->destroyed));
	CHECK(address - map < PAGES * PAGE);
	return answers[address / PAGE % 4];
}

static void make_owner(struct slot *slot)
{
	atomic_store(&slot->destroyed, false);
	CHECK(sigbus_owner_create("drive", callback, slot, &slot->owner) == 0);
}

static void make(struct slot *slot)
{
	slot->file = memfd_create("drive", MFD_CLOEXEC);
	CHECK(slot->file >= 0 && ftruncate(slot->file, (off_t)(PAGES * PAGE)) == 0);
	slot->map = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, slot->file, 0);
	CHECK(slot->map != MAP_FAILED);
	slot->length = PAGES;
	make_owner(slot);
}

/* With the file's pages again; a range of an owner is gone then. */
static void map_again(struct slot *slot)
{
	CHECK(mmap(slot->map, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, slot->file, 0) ==
		slot->map);
}

static void destroy_owner(struct slot *slot)
{
	CHECK(sigbus_owner_destroy(slot->owner) == 0);
	atomic_store(&slot->destroyed, true);
	CHECK(sigbus_owner_destroy(slot->owner) == -EINVAL);
	slot->owner = NULL;
}

static void unmake(struct slot *slot)
{
	if (slot->owner)
		destroy_owner(slot);
	munmap(slot->map, PAGES * PAGE);
	close(slot->file);
	slot->map = NULL;
}

static void touch(struct slot *slot, unsigned page, bool write)
{
	volatile char *byte = slot->map + page * PAGE + 17;

	if (write)
		*byte = 'x';
	else
		(void)*byte;
}

static void copy(struct slot *slot, unsigned page)
{
	char buffer[2 * PAGE];
	size_t done = ~(size_t)0, length = (PAGES - page) * PAGE;
	int error;

	if (length > sizeof(buffer))
		length = sizeof(buffer);
	error = sigbus_copy_from(buffer, slot->map + page * PAGE, length, &done);
	CHECK((error == 0 && done == length) || (error == -EFAULT && done < length));
}

static void bracket(struct slot *slot, unsigned page)
{
	struct sigbus_access access;

	if (sigbus_access_begin(&access, slot->map, PAGES * PAGE) != 0)
		return;
	touch(slot, page, false);
	sigbus_access_end(&access);
}

static void wrong(struct slot *slot, unsigned how)
{
	struct sigbus_owner *none = (struct sigbus_owner *)(uintptr_t)(how * 0x1001u + 3);

	CHECK(sigbus_range_add(none, slot->map, PAGE) < 0);
	CHECK(sigbus_owner_destroy(none) < 0);
	CHECK(sigbus_owner_create("", callback, NULL, &none) < 0);
	CHECK(sigbus_range_add(slot->owner, slot->map, 0) < 0);
}

static void run(struct driver *driver);

static void go_on_in_child(struct driver *driver)
{
	int status;
	pid_t child;

	if (driver->depth > 0)
		return;
	child = fork();
	if (child == 0) {
		driver->depth++;
		driver->operations = 50;
		run(driver);
		_exit(0);
	}
	CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
}

static void step(struct driver *driver)
{
	struct slot *slot = &driver->slot[below(driver, SLOTS)];
	struct slot *any = &drivers[below(driver, driver_count)].slot[below(driver, SLOTS)];
	unsigned what = below(driver, 256), page = below(driver, PAGES);

	if (what < 8) {
		map_again(slot);
	} else if (what < 24) {
		destroy_owner(slot);
		make_owner(slot);
	} else if (what < 56) {
		int error = sigbus_range_add(slot->owner, slot->map, PAGES * PAGE);

		CHECK(error == 0 || error == -EEXIST);
	} else if (what < 64) {
		int error = sigbus_range_remove(slot->owner, slot->map, PAGES * PAGE);

		CHECK(error == 0 || error == -ENOENT);
	} else if (what < 96) {
		slot->length = below(driver, PAGES + 1);
		CHECK(ftruncate(slot->file, (off_t)(slot->length * PAGE)) == 0);
	} else if (what < 200) {
		touch(any, page, what & 1);
	} else if (what < 228) {
		copy(any, page);
	} else if (what < 244) {
		bracket(any, page);
	} else if (what < 254) {
		wrong(slot, what);
	} else {
		go_on_in_child(driver);
	}
}

static void run(struct driver *driver)
{
	while (driver->operations-- > 0)
		step(driver);
}

static void *drive(void *data)
{
	run(data);
	return NULL;
}

int main(int argc, char **argv)
{
	long operations = argc > 1 ? atol(argv[1]) : 1000;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	int threads = argc > 3 ? atoi(argv[3]) : 4;

	if (!sigbus_active() || threads < 1 || threads > THREADS_MAX) {
		fprintf(stderr, "usage: drive-api [OPERATIONS [SEED [THREADS]]], with libsigbus preloaded\n");
		return 2;
	}
	driver_count = (unsigned)threads;
	for (int i = 0; i < threads * SLOTS; i++)
		make(&drivers[i / SLOTS].slot[i % SLOTS]);
	for (int i = 0; i < threads; i++) {
		drivers[i].random = seed * 1000 + (uint64_t)i;
		drivers[i].operations = operations / threads;
		CHECK(pthread_create(&drivers[i].thread, NULL, drive, &drivers[i]) == 0);
	}
	for (int i = 0; i < threads; i++)
		pthread_join(drivers[i].thread, NULL);
	for (int i = 0; i < threads * SLOTS; i++)
		unmake(&drivers[i / SLOTS].slot[i % SLOTS]);
	printf("%ld operations\n", operations);
	return 0;
}
