/* SPDX-License-Identifier: MIT */
/*
 * map-calls calls SEED: 400 calls of the mapping functions with right and wrong arguments in one
 *     area; a line says what came back and what the kernel then has there
 * map-calls refused [LOSE]: mremap() that is refused, of a range of which a page is lost and replaced
 * map-calls several: mremap() moves two mappings at once, then both lose their pages
 * map-calls left: a handler leaves mmap() by siglongjmp(), then there are unknown faults
 */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096ul
#if __SIZEOF_LONG__ == 8
#define AREA 0x200000000000ul
#define AREA_END (AREA + 0x10000000000ul)
#else
#define AREA 0x20000000ul
#define AREA_END (AREA + 0x10000000ul)
#undef SYS_mmap
#define SYS_mmap SYS_mmap2
#endif
#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define ANY(array) (array)[any(COUNT(array))]

static unsigned seed;

static unsigned any(unsigned n)
{
	seed = seed * 1103515245u + 12345u;
	return (seed >> 8) % n;
}

/* ---- calls ---- */

static int file[3], segment;

static size_t any_length(void)
{
	static const size_t odd[] = {
		0, 1, PAGE - 1, PAGE + 1, SIZE_MAX, SIZE_MAX - PAGE + 1, SIZE_MAX >> 25};

	return any(3) ? (1 + any(8)) * PAGE : ANY(odd);
}

static void *any_address(void)
{
	return (void *)(AREA + any(64) * PAGE + (any(12) ? 0 : any(PAGE)));
}

static int any_prot(void)
{
	static const int prot[] = {
		PROT_READ | PROT_WRITE, PROT_READ, PROT_NONE, PROT_READ | PROT_EXEC, 99};

	return ANY(prot);
}

static void *call_mmap(void)
{
	static const int types[] = {MAP_SHARED, MAP_PRIVATE, MAP_SHARED_VALIDATE,
		MAP_SHARED_VALIDATE | 0x80000, MAP_PRIVATE | MAP_ANONYMOUS,
		MAP_SHARED | MAP_ANONYMOUS, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, 0};
	static const int places[] = {
		MAP_FIXED, MAP_FIXED, MAP_FIXED_NOREPLACE, MAP_FIXED | MAP_FIXED_NOREPLACE};
	void *address = any_address();
	size_t length = any_length();
	int prot = any_prot(), flags = ANY(types) | ANY(places);
	int fd = any(10) ? ANY(file) : -1;
	off_t offset = any(10) ? any(60) * (off_t)PAGE : any(PAGE);

	return mmap(address, length, prot, flags, fd, offset);
}

static void *call_mremap(void)
{
	static const int flags[] = {0, MREMAP_MAYMOVE, MREMAP_FIXED, MREMAP_MAYMOVE | MREMAP_FIXED,
		MREMAP_MAYMOVE | MREMAP_FIXED, MREMAP_MAYMOVE | MREMAP_DONTUNMAP,
		MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, 8};
	void *old = any_address(), *new = any_address();
	size_t old_size = any_length(), new_size = any(2) ? any_length() : old_size;

	return mremap(old, old_size, new_size, ANY(flags), new);
}

static void *call_shmat(void)
{
	static const int flags[] = {0, SHM_RDONLY, SHM_REMAP, SHM_RND, SHM_REMAP | SHM_RND};
	void *address = any_address();

	return shmat(any(8) ? segment : -1, address, ANY(flags));
}

static void *call(unsigned which)
{
	void *address = any_address();
	size_t length = any_length();

	if (which < 4)
		return call_mmap();
	if (which < 7)
		return call_mremap();
	if (which == 7)
		return call_shmat();
	if (which == 8)
		return (void *)(intptr_t)shmdt(address);
	if (which == 9)
		return (void *)(intptr_t)mprotect(address, length, any_prot());
	return (void *)(intptr_t)munmap(address, length);
}

/* A hash of the lines of /proc/self/maps for the area, without inode numbers and names. */
static unsigned long hash_area(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long hash = 5381, start, end;
	char line[512];
	int length;

	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %*s %*x%n", &start, &end, &length) != 2 || start < AREA ||
			end > AREA_END)
			continue;
		for (int i = 0; i < length; i++)
			hash = hash * 33 + (unsigned char)line[i];
	}
	fclose(maps);
	return hash;
}

static void calls(void)
{
	for (unsigned i = 0; i < COUNT(file); i++) {
		file[i] = memfd_create("calls", 0);
		if (ftruncate(file[i], 64 * PAGE) != 0)
			exit(98);
	}
	segment = shmget(IPC_PRIVATE, 3 * PAGE + 7, 0600);
	for (int i = 0; i < 400; i++) {
		unsigned which = any(12);
		uintptr_t result;

		errno = 0;
		result = (uintptr_t)call(which);
		printf("%d: call %u: %s %" PRIxPTR ", errno %d, area %lx\n", i, which,
			result + 1 < 2 || (result >= AREA && result < AREA_END) ? "" : "elsewhere",
			result >= AREA_END && result + 1 ? 0 : result, errno, hash_area());
	}
	shmctl(segment, IPC_RMID, NULL);
}

/* ---- mremap ---- */

static int map_pages(char *at, int pages, int prot)
{
	int fd = memfd_create("pages", 0);

	if (ftruncate(fd, pages * (off_t)PAGE) != 0 ||
		mmap(at, pages * PAGE, prot, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
		exit(98);
	return fd;
}

static void try_move(const char *what, void *old, int flags, void *new)
{
	void *result = mremap(old, 8 * PAGE, 8 * PAGE, flags, new);

	printf("%s: %s\n", what, result == MAP_FAILED ? strerror(errno) : "done");
}

static void refused(char *base, int lose)
{
	int fd = map_pages(base, 8, PROT_READ | PROT_WRITE);

	memset(base, 'x', 8 * PAGE);
	if (lose && ftruncate(fd, 4 * PAGE) == 0)
		base[6 * PAGE] = 1;
	try_move("overlap", base, MREMAP_MAYMOVE | MREMAP_FIXED, base + 2 * PAGE);
	try_move("unaligned", base, MREMAP_MAYMOVE | MREMAP_FIXED, base + 20 * PAGE + 1);
	try_move("not MAYMOVE", base, MREMAP_FIXED, base + 20 * PAGE);
	try_move("unknown flag", base, 8, NULL);
	printf("%c %c\n", base[0], base[3 * PAGE]);
}

static void several(char *base)
{
	int one = map_pages(base, 2, PROT_READ | PROT_WRITE);
	int other = map_pages(base + 3 * PAGE, 2, PROT_READ);
	volatile char *to = base + 20 * PAGE;

	if (mremap(base, 5 * PAGE, 5 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED) {
		puts("this kernel moves one mapping at a time");
		return;
	}
	if (ftruncate(one, 0) != 0 || ftruncate(other, 0) != 0)
		exit(98);
	to[0] = 1;
	printf("%d %d\n", to[0], to[3 * PAGE]);
	puts(pipe((int *)&to[3 * PAGE]) == 0 ? "writable" : strerror(errno));
}

/* ---- left by siglongjmp() ---- */

#define LEFT 2000 /* times */

static sigjmp_buf before_jump;

static void leave(int signo)
{
	siglongjmp(before_jump, signo);
}

static void interrupt_mmap(char *base, int fd)
{
	struct itimerval soon = {.it_value.tv_usec = 300};
	volatile int count = 0;

	signal(SIGALRM, leave);
	sigsetjmp(before_jump, 1);
	if (count++ == LEFT)
		return;
	setitimer(ITIMER_REAL, &soon, NULL);
	for (;;)
		mmap(base, 2 * PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
}

/* How often that many faults slept, on a page that nobody knows. */
static long naps_of_faults(volatile char *unknown, int faults)
{
	struct rusage before, after;

	getrusage(RUSAGE_SELF, &before);
	for (volatile int i = 0; i < faults; i++)
		if (!sigsetjmp(before_jump, 1))
			*unknown;
	getrusage(RUSAGE_SELF, &after);
	return after.ru_nvcsw - before.ru_nvcsw;
}

static void left(char *base)
{
	int fd = memfd_create("left", 0);
	volatile char *unknown =
		(char *)syscall(SYS_mmap, NULL, PAGE, PROT_READ, MAP_SHARED, fd, (off_t)0);
	long naps;

	interrupt_mmap(base, fd);
	signal(SIGBUS, leave);
	naps_of_faults(unknown, 1); /* who was left is waited for once */
	naps = naps_of_faults(unknown, 200);
	printf(naps < 10 ? "no naps\n" : "%ld naps\n", naps);
}

int main(int argc, char **argv)
{
	char *base = mmap(NULL, 64 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	setbuf(stdout, NULL);
	if (!strcmp(argv[1], "calls")) {
		seed = (unsigned)atoi(argv[2]);
		calls();
	} else if (!strcmp(argv[1], "refused")) {
		refused(base, argc > 2);
	} else if (!strcmp(argv[1], "several")) {
		several(base);
	} else {
		left(base);
	}
	return 0;
}
