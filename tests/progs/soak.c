/* SPDX-License-Identifier: MIT */
/*
 * soak WHAT COUNT [LIBRARY]: does one thing over and over, and prints what memory the process has and
 * what one turn takes after the first tenth and at the end:
 *
 *	WHAT COUNT: KIB KiB, NANOSECONDS ns; then KIB KiB, NANOSECONDS ns
 *
 * pairs: maps a page of a file and unmaps it, with a hundred others mapped. places: the same at an
 * address that is another one each time, until they come again with the second tenth. faults: maps lost pages, reads one and unmaps them. repairs:
 * the same with a file that is longer again afterwards, and mremap(). loads: loads a library and
 * unloads it. ranges: COUNT mappings at once, mapped and unmapped ten times. scattered: a page more each
 * time, anywhere in 64 TiB. handlers: installs handlers of many addresses.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define OTHERS 100
#define LOST_PAGES 4
#define TIMES 10

static size_t page_size;
static int fd;
static const char *library;

static void fail(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

static long memory(void)
{
	long pages = 0;
	FILE *statm = fopen("/proc/self/statm", "re");

	if (!statm || fscanf(statm, "%*d %ld", &pages) != 1)
		fail("/proc/self/statm");
	fclose(statm);
	return pages * (long)(page_size / 1024);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static char *map(void *place, size_t pages, off_t offset)
{
	char *start = mmap(place, pages * page_size, PROT_READ | PROT_WRITE,
		MAP_SHARED | (place ? MAP_FIXED_NOREPLACE : 0), fd, offset * (off_t)page_size);

	if (start == MAP_FAILED)
		fail("mmap");
	return start;
}

static void pairs(unsigned long turn)
{
	(void)turn;
	munmap(map(NULL, 1, 0), page_size);
}

/* No two of them in the same 2 MiB. */
static unsigned long part;
static void places(unsigned long turn)
{
	uintptr_t number = turn % part * 7919 % part;
	char *place = (char *)((uintptr_t)0x100000000000 + number * 167 * ((uintptr_t)1 << 20));

	munmap(map(place, 1, 0), page_size);
}

static void faults(unsigned long turn)
{
	char *start = map(NULL, LOST_PAGES, OTHERS + 1);

	if (((volatile char *)start)[turn % LOST_PAGES * page_size])
		fail("a lost page");
	munmap(start, LOST_PAGES * page_size);
}

/* Pages 1 to 3 are replaced, then there is a longer file. */
static void repairs(unsigned long turn)
{
	static int own = -1;
	char *start, *moved;

	if (own < 0)
		own = memfd_create("own", MFD_CLOEXEC);
	if (ftruncate(own, (off_t)page_size) != 0)
		fail("ftruncate");
	start = mmap(NULL, LOST_PAGES * page_size, PROT_READ | PROT_WRITE,
		turn % 2 ? MAP_SHARED : MAP_PRIVATE, own, 0);
	if (start == MAP_FAILED)
		fail("mmap");
	start[2 * page_size] = 'w';
	if (ftruncate(own, (off_t)(2 * LOST_PAGES * page_size)) != 0)
		fail("ftruncate");
	moved = mremap(start, LOST_PAGES * page_size, 2 * LOST_PAGES * page_size, MREMAP_MAYMOVE);
	if (moved == MAP_FAILED)
		fail("mremap");
	if (moved[2 * page_size] != 'w' || moved[5 * page_size])
		fail("what was moved");
	munmap(moved, page_size);
	munmap(moved + page_size, (2 * LOST_PAGES - 1) * page_size);
}

static void loads(unsigned long turn)
{
	void *handle = dlopen(library, RTLD_NOW);

	(void)turn;
	if (!handle) {
		printf("%s\n", dlerror());
		exit(1);
	}
	dlclose(handle);
}

/* The kernel joins pages that follow each other in the file, so none do. */
static char *live;
static unsigned long live_count;
static void ranges(unsigned long turn)
{
	(void)turn;
	for (unsigned long i = 0; i < live_count; i++)
		if (mmap(live + i * page_size, page_size, PROT_READ, MAP_SHARED | MAP_FIXED, fd,
			    (off_t)(i % 2 * page_size)) == MAP_FAILED)
			fail("mmap");
	for (unsigned long i = 0; i < live_count; i++)
		munmap(live + i * page_size, page_size);
}

/* Most of them are alone in their GiB. */
static void scattered(unsigned long turn)
{
	uintptr_t place = (uintptr_t)(turn * 0x9e3779b97f4a7c15u >> 18) & ~(page_size - 1);

	if (mmap((void *)(place | (uintptr_t)1 << 30), page_size, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) ==
		MAP_FAILED)
		fail("mmap");
}

/* Nobody calls them. */
static void handlers(unsigned long turn)
{
	struct sigaction action = {.sa_flags = turn % 2 ? SA_RESTART : 0};

	action.sa_handler = (void (*)(int))((uintptr_t)0x100000 + turn * 16);
	sigaction(SIGBUS, &action, NULL);
}

static const struct {
	const char *name;
	void (*turn)(unsigned long turn);
} whats[] = {{"pairs", pairs}, {"places", places}, {"faults", faults}, {"repairs", repairs},
	{"loads", loads}, {"ranges", ranges}, {"scattered", scattered}, {"handlers", handlers}};

static double run(void (*turn)(unsigned long turn), unsigned long from, unsigned long to)
{
	double start = now();

	for (unsigned long i = from; i < to; i++)
		turn(i);
	return (now() - start) / (double)(to - from);
}

int main(int argc, char **argv)
{
	unsigned long count = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	long first_memory;
	double first, last;
	size_t what = 0;

	while (what < sizeof(whats) / sizeof(*whats) && argc > 2 && strcmp(whats[what].name, argv[1]) != 0)
		what++;
	if (count < TIMES || what == sizeof(whats) / sizeof(*whats))
		return 2;
	library = argc > 3 ? argv[3] : NULL;
	page_size = (size_t)sysconf(_SC_PAGESIZE);
	fd = memfd_create("soak", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, (off_t)(OTHERS * page_size)) != 0)
		fail("memfd");
	for (int i = 0; i < OTHERS; i++)
		map(NULL, 1, i);
	if (whats[what].turn == ranges) {
		live_count = count;
		live = mmap(NULL, count * page_size, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (live == MAP_FAILED)
			fail("mmap");
		count = TIMES;
	}
	part = count / TIMES;
	first = run(whats[what].turn, 0, part);
	first_memory = memory();
	run(whats[what].turn, part, count - part);
	last = run(whats[what].turn, count - part, count);
	printf("%s %s: %ld KiB, %.0f ns; then %ld KiB, %.0f ns\n", argv[1], argv[2], first_memory, first,
		memory(), last);
	return 0;
}
