/* SPDX-License-Identifier: MIT */
/*
 * Mappings that are longer than a record, or than was asked for, and the ways they end:
 *
 *	extremes long GIB      a sparse file is mapped, cut, read at both ends and in the middle, unmapped
 *	extremes huge BYTES    a memfd of huge pages, mapped with a length that is none, is cut and read
 *	extremes shm           a segment of huge pages, of which there are none, is written and detached
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

#define HUGE ((size_t)2 << 20)

static unsigned mapped_at(const void *start, size_t size)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long from, to;
	unsigned count = 0;
	char line[512];

	while (fgets(line, sizeof(line), maps))
		count += sscanf(line, "%lx-%lx", &from, &to) == 2 && from < (uintptr_t)start + size &&
			 (uintptr_t)start < to;
	fclose(maps);
	return count;
}

static int long_one(size_t size)
{
	int fd = memfd_create("long", 0), result;
	volatile char *memory;

	if (ftruncate(fd, (off_t)size) < 0)
		return 77;
	memory = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return 77;
	if (ftruncate(fd, 4096) < 0)
		return 2;
	printf("read: %d %d %d\n", memory[4096], memory[size / 2], memory[size - 1]);
	result = munmap((void *)memory, size);
	printf("munmap: %d, mapped %u\n", result, mapped_at((void *)memory, size));
	return 0;
}

static int huge(size_t size)
{
	int fd = memfd_create("huge", MFD_HUGETLB), result;
	volatile char *memory;

	if (fd < 0 || ftruncate(fd, (off_t)HUGE) < 0)
		return 77;
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (memory == MAP_FAILED)
		return 77;
	if (ftruncate(fd, 0) < 0)
		return 2;
	printf("read: %d %d\n", memory[0], memory[HUGE - 1]);
	result = munmap((void *)memory, HUGE);
	printf("munmap: %d, mapped %u\n", result, mapped_at((void *)memory, HUGE));
	return 0;
}

static int shm(void)
{
	int id = shmget(IPC_PRIVATE, 2 * HUGE, IPC_CREAT | SHM_HUGETLB | SHM_NORESERVE | 0600);
	volatile char *memory;
	int result;

	if (id < 0)
		return 77;
	memory = shmat(id, NULL, 0);
	shmctl(id, IPC_RMID, NULL);
	if (memory == (void *)-1)
		return 77;
	memory[0] = 1;
	memory[HUGE] = 2;
	result = shmdt((void *)memory);
	printf("shmdt: %d, mapped %u\n", result, mapped_at((void *)memory, 2 * HUGE));
	return 0;
}

int main(int argc, char **argv)
{
	size_t number = argc > 2 ? strtoul(argv[2], NULL, 0) : 0;

	if (argc > 2 && !strcmp(argv[1], "long"))
		return long_one(number << 30);
	if (argc > 2 && !strcmp(argv[1], "huge"))
		return huge(number);
	return argc > 1 && !strcmp(argv[1], "shm") ? shm() : 2;
}
