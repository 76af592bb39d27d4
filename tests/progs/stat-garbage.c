/* SPDX-License-Identifier: MIT */
/*
 * stat-garbage HOW [SEED]: damages what libsigbus keeps for sigbus-stat, prints "ready" and waits.
 *
 *   magic version size    that one field
 *   noise                 the whole root behind its head, and tables that it could point to
 *   tables                every pointer leads into one page of noise
 *   counts                as many rules, ranges and owners as can be
 *   file                  the rules are in a mapping of a file, which nobody may touch
 *   wait                  the rules are in a page that is never given to a reader
 */
#include "kernel/process.h"
#include "memory/memory.h"
#include "owner/owner.h"
#include "policy/policy.h"
#include "signal/disposition.h"
#include "start/inspect.h"
#include "table/table.h"

#include <fcntl.h>
#include <link.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOISE_SIZE (64 * 4096)

static struct inspect *root;
static uint64_t *noise;

static void find_note(const char *notes, size_t size)
{
	for (size_t at = 0; at < size;) {
		const ElfW(Nhdr) *note = (const void *)(notes + at);
		const char *name = (const char *)(note + 1);
		const char *data = name + ((note->n_namesz + 3) & ~3u);

		if (!strcmp(name, INSPECT_NOTE_NAME))
			root = (void *)(data + *(const int32_t *)data);
		at = (size_t)(data - notes) + ((note->n_descsz + 3) & ~3u);
	}
}

static int find_root(struct dl_phdr_info *info, size_t size, void *data)
{
	(void)size, (void)data;
	if (!strstr(info->dlpi_name, "libsigbus.so"))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_NOTE && info->dlpi_phdr[i].p_align == 4)
			find_note((const char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr),
				info->dlpi_phdr[i].p_filesz);
	return 1;
}

/* Small numbers, numbers like these, and addresses in the noise: what gets a reader furthest. */
static uint64_t odd_number(void)
{
	switch (random() % 4) {
	case 0:
		return (uint64_t)(random() % 100);
	case 1:
		return (uint64_t)random() << 33 ^ (uint64_t)random() << 11 ^ (uint64_t)random();
	default:
		return (uint64_t)(uintptr_t)noise + (uint64_t)(random() % NOISE_SIZE);
	}
}

static void fill(void *memory, size_t size)
{
	for (size_t i = 0; i < size / sizeof(uint64_t); i++)
		((uint64_t *)memory)[i] = odd_number();
}

static void damage_noise(void)
{
	size_t head = offsetof(struct inspect, program_name);

	fill((char *)root + head, sizeof(*root) - head);
	if (random() % 2)
		root->ranges.chunk_records = 1638;
	root->ranges.chunks = 1 << 14;
}

static void damage_tables(void)
{
	root->program_name = (void *)noise;
	root->owner = (void *)(noise + 512);
	root->policy = (void *)(noise + 1024);
	root->disposition = (void *)(noise + 1536);
	root->process_state = (void *)(noise + 1792);
	root->ranges.chunk = (void *)(noise + 2048);
	root->ranges.taken = (void *)(noise + 2560);
	*(uint32_t *)(noise + 2560) = 100000;
}

static void damage_counts(void)
{
	memset(noise, 0xff, NOISE_SIZE);
	damage_tables();
	((struct policy *)root->policy)->rule_count = UINT32_MAX;
	*(uint32_t *)(noise + 2560) = UINT32_MAX;
	root->ranges.chunks = UINT32_MAX;
}

static void damage_file(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	root->policy = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	if (root->policy == MAP_FAILED)
		exit(99);
}

static void damage_wait(void)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register range = {.mode = UFFDIO_REGISTER_MODE_MISSING};
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	range.range.start = (uintptr_t)page;
	range.range.len = 4096;
	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) < 0 || ioctl(fd, UFFDIO_REGISTER, &range) < 0)
		exit(77);
	root->policy = page;
}

static void damage(const char *how)
{
	if (!strcmp(how, "magic"))
		root->magic ^= 1;
	else if (!strcmp(how, "version"))
		root->version = 4711;
	else if (!strcmp(how, "size"))
		root->sizes.owner++;
	else if (!strcmp(how, "noise"))
		damage_noise();
	else if (!strcmp(how, "tables"))
		damage_tables();
	else if (!strcmp(how, "counts"))
		damage_counts();
	else if (!strcmp(how, "file"))
		damage_file();
	else if (!strcmp(how, "wait"))
		damage_wait();
	else
		exit(2);
}

int main(int argc, char **argv)
{
	dl_iterate_phdr(find_root, NULL);
	if (argc < 2 || !root)
		return 99;
	srandom(argc > 2 ? (unsigned)atoi(argv[2]) : 1);
	noise = mmap(NULL, NOISE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fill(noise, NOISE_SIZE);
	damage(argv[1]);
	printf("ready\n");
	fflush(stdout);
	pause();
	return 0;
}
