/* SPDX-License-Identifier: MIT */
/*
 * Healthy pages beside a lost one, which the kernel refuses all the same:
 *
 *	healthy MAPPING KIND
 *
 * MAPPING is shared or private; KIND is guard (a guard page), none (a raw mprotect(PROT_NONE)), ro (a raw
 * mprotect(PROT_READ)), uffd (userfaultfd for user mode only). Pages 0 to 3 of 8 stay in the file, 4 to
 * 7 are lost; 2 and 3, and 6, are made so. Page 4 is read. Status 77: not here.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE ((size_t)4096)
#define PAGES 8
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

static sigjmp_buf place;
static volatile char *memory;

static void leave(int signo)
{
	siglongjmp(place, signo);
}

/* What an access does: the byte, or the signal. */
static void show(const char *what, unsigned page, int write)
{
	volatile char *at = memory + page * PAGE;
	int signo = sigsetjmp(place, 1);

	if (signo) {
		printf("%s %u: signal %d\n", what, page, signo);
		return;
	}
	if (write)
		*at = *at;
	printf("%s %u: %d\n", what, page, *at);
}

static int change(const char *kind, unsigned page)
{
	void *at = (void *)(memory + page * PAGE);

	if (!strcmp(kind, "guard"))
		return madvise(at, PAGE, 102);
	return (int)syscall(SYS_mprotect, at, PAGE, !strcmp(kind, "none") ? PROT_NONE : PROT_READ);
}

/* Pages 2 and 3 are in the file, but nobody may see them yet. */
static int watch(void)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register all = {.range = {(uintptr_t)memory, PAGES * PAGE},
		.mode = UFFDIO_REGISTER_MODE_MINOR};
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);

	api.features = UFFD_FEATURE_MINOR_SHMEM;
	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) < 0)
		return -1;
	return ioctl(fd, UFFDIO_REGISTER, &all);
}

int main(int argc, char **argv)
{
	int fd = memfd_create("healthy", 0), shared;
	char page[4096];

	if (argc != 3)
		return 2;
	shared = !strcmp(argv[1], "shared");
	memset(page, 'x', sizeof(page));
	for (unsigned i = 0; i < PAGES; i++)
		if (write(fd, page, sizeof(page)) < 0)
			return 2;
	memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, shared ? MAP_SHARED : MAP_PRIVATE, fd, 0);
	if (!strcmp(argv[2], "uffd")) {
		if (watch() < 0)
			return 77;
	} else {
		if (change(argv[2], 2) < 0 || change(argv[2], 3) < 0 || change(argv[2], 6) < 0)
			return 77;
	}
	signal(SIGSEGV, leave);
	if (ftruncate(fd, 4 * PAGE) < 0)
		return 2;
	show("read", 4, 0);
	if (!strcmp(argv[2], "uffd")) {
		/* The file's own pages, past the watch. */
		char *other = mmap(NULL, PAGES * PAGE, PROT_READ, MAP_SHARED, fd, 0);
		FILE *maps = fopen("/proc/self/maps", "r");
		char line[512];
		unsigned long start, end;

		printf("file %d\n", other[3 * PAGE]);
		while (fgets(line, sizeof(line), maps))
			if (sscanf(line, "%lx-%lx", &start, &end) == 2 &&
				start <= (uintptr_t)memory && (uintptr_t)memory < end)
				printf("mapped %lu\n", (end - (uintptr_t)memory) / PAGE);
		return 0;
	}
	show("read", 2, 0);
	show("read", 3, 0);
	show("write", 3, 1);
	show("read", 1, 0);
	show("read", 6, 0);
	show("write", 6, 1);
	return 0;
}
