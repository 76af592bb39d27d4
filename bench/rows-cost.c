/* SPDX-License-Identifier: MIT */
/*
 * What the kernel takes for the things that we do, on this machine: processor time, the least of some
 * batches. bench/README reckons with it.
 */
#include "bench.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BATCHES 9
#define OPERATIONS 500
#define PAGE ((size_t)4096)
#define MIB ((size_t)1 << 20)

static char *pages;
static int library;

static void get_pid(void)
{
	syscall(SYS_getpid);
}

static void query_action(void)
{
	struct sigaction action;

	sigaction(SIGBUS, NULL, &action);
}

static void read_link(void)
{
	char path[256];

	if (readlink("/proc/self/exe", path, sizeof(path)) < 0)
		_exit(1);
}

static char *map(size_t size, int prot, int flags, int fd)
{
	char *at = mmap(NULL, size, prot, MAP_PRIVATE | flags, fd, 0);

	if (at == MAP_FAILED)
		_exit(1);
	return at;
}

static void map_one(void)
{
	munmap(map(PAGE, PROT_READ | PROT_WRITE, MAP_ANONYMOUS, -1), PAGE);
}

static void map_and_split(void)
{
	char *at = map(MIB, PROT_NONE, MAP_ANONYMOUS | MAP_NORESERVE, -1);

	for (unsigned i = 1; i < 32; i += 2)
		mprotect(at + i * PAGE, PAGE, PROT_READ);
	munmap(at, MIB);
}

static void touch_page(void)
{
	static size_t next;

	pages[next++ % (BATCHES * OPERATIONS) * PAGE] = 1;
}

static void map_file(void)
{
	munmap(map(MIB, PROT_READ | PROT_WRITE, 0, library), MIB);
}

static void read_file_page(void)
{
	char *at = map(MIB, PROT_READ | PROT_WRITE, 0, library);

	(void)*(volatile char *)(at + MIB / 2);
	munmap(at, MIB);
}

static void write_file_page(void)
{
	char *at = map(MIB, PROT_READ | PROT_WRITE, 0, library);

	*(volatile char *)(at + MIB / 2) = 1;
	munmap(at, MIB);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void cost(const char *what, void (*work)(void))
{
	double each[BATCHES];

	if (!wanted(what))
		return;
	for (unsigned batch = 0; batch < BATCHES; batch++) {
		double start = now();

		for (unsigned i = 0; i < OPERATIONS; i++)
			work();
		each[batch] = (now() - start) / OPERATIONS;
	}
	row(what, 0, "ns", (struct result){.value = summarize(each, BATCHES).low, .known = true});
}

void rows_cost(void)
{
	heading("What things cost on this machine: processor time, nothing of ours in it");
	library = open(our_library, O_RDONLY | O_CLOEXEC); /* any file of more than a MiB */
	pages = map(BATCHES * OPERATIONS * PAGE, PROT_READ | PROT_WRITE, MAP_ANONYMOUS, -1);
	madvise(pages, BATCHES * OPERATIONS * PAGE, MADV_NOHUGEPAGE);
	cost("a system call: getpid()", get_pid);
	cost("sigaction(SIGBUS, NULL, &old)", query_action);
	cost("readlink(/proc/self/exe)", read_link);
	cost("mmap() and munmap() of a page, untouched", map_one);
	cost("    and parted into 33 mappings by 16 mprotect()", map_and_split);
	cost("the first write to a page of anonymous memory", touch_page);
	cost("mmap() and munmap() of a file", map_file);
	cost("    and a page of it is read, with 15 around it", read_file_page);
	cost("    or a page of it is written", write_file_page);
	munmap(pages, BATCHES * OPERATIONS * PAGE);
	close(library);
}
