/* SPDX-License-Identifier: MIT */
/*
 * vm-vendors LIBRARY CARD MEMORY LIBRARY CARD MEMORY FILE COMMAND: a DRM client with two vendors'
 * drivers (tests/libs/vendor.c) and a plain file, and a handler for each of the three; the
 * program's own is the last one. COMMAND makes the first device go. Prints how often each handler
 * was called. 50: a handler was asked about memory that is not its own. 77: it cannot be done.
 */
#include "../libs/vendor.h"
#include "vfio.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIZE 16384
#define NOT_MINE 50

static char *file;
static volatile int calls;

static void cannot(const char *what, const char *why)
{
	fprintf(stderr, "vm-vendors: %s: %s\n", what, why);
	exit(CANNOT);
}

static void on_sigbus(int signo, siginfo_t *info, void *context)
{
	char *address = info->si_addr;

	(void)signo, (void)context;
	if (address < file || address >= file + SIZE)
		_exit(NOT_MINE);
	calls++;
	mmap(file, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

static int open_file(const char *path)
{
	struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO};
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, SIZE) < 0)
		cannot(path, "open");
	file = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (file == MAP_FAILED)
		cannot(path, "mmap");
	memset(file, 'f', SIZE);
	sigaction(SIGBUS, &action, NULL);
	return fd;
}

static vendor_use *load_vendor(char **argument, int *device)
{
	void *library = dlopen(argument[0], RTLD_NOW);
	vendor_open *open_device;
	int error;

	if (!library)
		cannot(argument[0], dlerror());
	open_device = (vendor_open *)dlsym(library, "vendor_open_device");
	*device = vfio_open(argument[2]);
	vfio_decode(*device, 1);
	error = open_device(argument[1], *device, vfio_memory(*device, VENDOR_SIZE));
	if (error)
		cannot(argument[1], strerror(-error));
	return (vendor_use *)dlsym(library, "vendor_use_device");
}

static void show(const char *when, vendor_use *first, vendor_use *second)
{
	int one = first(), two = second();
	char byte = *(volatile char *)(file + SIZE / 2);

	printf("%s: vendors %d %d, file %d %s\n", when, one, two, calls,
		byte == 'f' ? "right" : "zero");
}

int main(int argc, char **argv)
{
	vendor_use *first, *second;
	int fd, device, other;

	if (argc != 9)
		return 2;
	setvbuf(stdout, NULL, _IONBF, 0);
	first = load_vendor(argv + 1, &device);
	second = load_vendor(argv + 4, &other);
	fd = open_file(argv[7]);
	show("before", first, second);
	if (system(argv[8]) != 0)
		cannot(argv[8], "failed");
	vfio_decode(device, 0);
	show("without the first device", first, second);
	if (ftruncate(fd, 0) < 0)
		cannot(argv[7], "ftruncate");
	show("without the file", first, second);
	return 0;
}
