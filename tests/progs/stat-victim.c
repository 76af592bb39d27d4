/* SPDX-License-Identifier: MIT */
/*
 * stat-victim DIRECTORY STEP...: does the steps, prints "ready" and waits to be looked at.
 *
 *   a.install:MODE  a.map  a.truncate:N  a.touch:N   DIRECTORY/actor-a.so, p: the program
 *   file:PATH       maps the whole file, shared      open:PATH  only opens it, and writes
 *   private:PATH    the same, privately              unmap:P    page P of the last mapping
 *   cut:PATH        truncates it to one page         read:P  store:P  page P of the last mapping
 *   register:NAME   the last mapping, with a callback that declines
 *   nodump  many:N  (mappings of one page of the last file)
 *   churn           maps and unmaps for ever instead of waiting
 */
#include "../libs/actor.h"

#define SIGBUS_OPTIONAL
#include <sigbus/sigbus.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *directory;
static char *base;
static size_t size;
static int fd = -1;

static void fail(const char *what)
{
	perror(what);
	exit(99);
}

static const struct actor *actor_of(char letter)
{
	static const struct actor *loaded;
	char path[4096];
	void *handle;

	if (letter == 'p')
		return &actor;
	if (loaded)
		return loaded;
	snprintf(path, sizeof(path), "%s/actor-%c.so", directory, letter);
	handle = dlopen(path, RTLD_NOW);
	if (!handle)
		fail(path);
	loaded = dlsym(handle, "actor");
	return loaded;
}

static void do_actor(const char *step, const char *argument)
{
	const struct actor *it = actor_of(*step);

	if (!strncmp(step + 2, "install", 7) && it->install(argument, "") < 0)
		fail("install");
	if (!strncmp(step + 2, "map", 3) && it->map(PROT_READ | PROT_WRITE, MAP_SHARED) < 0)
		fail("map");
	if (!strncmp(step + 2, "truncate", 8) && it->truncate(atoi(argument)) < 0)
		fail("truncate");
	if (!strncmp(step + 2, "touch", 5))
		it->touch(atoi(argument));
}

static void map_file(const char *path, int flags)
{
	struct stat status;

	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) < 0)
		fail(path);
	size = (size_t)status.st_size;
	base = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (base == MAP_FAILED)
		fail("mmap");
}

static void do_file(const char *path)
{
	map_file(path, MAP_SHARED);
}

static void do_private(const char *path)
{
	map_file(path, MAP_PRIVATE);
}

static void do_unmap(const char *page)
{
	munmap(base + strtoul(page, NULL, 10) * 4096, 4096);
}

static void do_open(const char *path)
{
	if (open(path, O_RDWR) < 0)
		fail(path);
}

static void do_cut(const char *path)
{
	if (truncate(path, 4096) < 0)
		fail(path);
}

static void do_read(const char *page)
{
	(void)*(volatile char *)(base + strtoul(page, NULL, 10) * 4096);
}

static void do_store(const char *page)
{
	*(volatile char *)(base + strtoul(page, NULL, 10) * 4096) = 1;
}

static int decline(const struct sigbus_fault *fault, void *data)
{
	(void)fault, (void)data;
	return -1;
}

static void do_register(const char *name)
{
	struct sigbus_owner *owner;

	if (sigbus_owner_create(name, decline, NULL, &owner) != 0 ||
		sigbus_range_add(owner, base, size) != 0)
		fail("register");
}

static void do_nodump(const char *unused)
{
	(void)unused;
	prctl(PR_SET_DUMPABLE, 0);
}

static void do_many(const char *count)
{
	for (long i = atol(count); i > 0; i--)
		if (mmap(NULL, 4096, PROT_READ, i % 2 ? MAP_SHARED : MAP_PRIVATE, fd, 0) ==
			MAP_FAILED)
			fail("mmap");
}

static void do_churn(const char *unused)
{
	(void)unused;
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		char *at = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);

		munmap(at + 4096, 4096);
		munmap(at, size);
		usleep(1);
	}
}

static void do_step(const char *step)
{
	static const struct {
		const char *name;
		void (*run)(const char *argument);
	} steps[] = {{"file", do_file}, {"private", do_private}, {"unmap", do_unmap}, {"open", do_open}, {"cut", do_cut}, {"read", do_read},
		{"store", do_store}, {"register", do_register}, {"nodump", do_nodump},
		{"many", do_many}, {"churn", do_churn}};
	size_t length = strcspn(step, ":");
	const char *argument = step[length] ? step + length + 1 : "";

	if (step[1] == '.') {
		do_actor(step, argument);
		return;
	}
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (strlen(steps[i].name) == length && !strncmp(steps[i].name, step, length)) {
			steps[i].run(argument);
			return;
		}
	}
	fprintf(stderr, "stat-victim: %s: unknown\n", step);
	exit(99);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	directory = argv[1];
	for (int i = 2; i < argc; i++)
		do_step(argv[i]);
	printf("ready\n");
	fflush(stdout);
	pause();
	return 0;
}
