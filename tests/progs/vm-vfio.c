/* SPDX-License-Identifier: MIT */
/*
 * vm-vfio DEVICE: maps the last region of memory of a PCI device (0000:00:04.0) that vfio-pci
 * drives, as a driver in user space does, and switches the decoding of memory off and on again. The
 * range is registered with libsigbus, if that is there; the owner declines, so that rules decide.
 * 77: it cannot be done.
 */
#define SIGBUS_OPTIONAL
#include <sigbus/sigbus.h>

#include "vfio.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define PAGE 4096
#define SIZE ((size_t)4 * PAGE)
#define PATTERN 0x5a

static volatile unsigned char *memory;
static volatile int told;

static void map_memory(int device, void *where)
{
	int flags = MAP_SHARED | (where ? MAP_FIXED : 0);

	memory =
		mmap(where, SIZE, PROT_READ | PROT_WRITE, flags, device, vfio_memory(device, SIZE));
	if (memory == MAP_FAILED) {
		perror("vm-vfio");
		exit(CANNOT);
	}
}

static int on_fault(const struct sigbus_fault *fault, void *data)
{
	(void)fault, (void)data;
	told++;
	return -ENODEV;
}

static void register_memory(void)
{
	struct sigbus_owner *owner;

	if (!sigbus_active())
		return;
	if (sigbus_owner_create("driver", on_fault, NULL, &owner) != 0 ||
		sigbus_range_add(owner, (void *)memory, SIZE) != 0)
		exit(1);
}

/* libsigbus has no descriptor of the device, and the kernel no second mapping without one. */
static void put_back(int device)
{
	if (sigbus_range_restore((void *)memory, SIZE) == -ENOTSUP)
		map_memory(device, (void *)memory);
}

static void show(const char *when)
{
	unsigned first = memory[0], third = memory[2 * PAGE + 8];
	long lost = sigbus_active() ? sigbus_range_lost((void *)memory, SIZE) : 0;

	printf("%s: %02x %02x, told %d, lost %ld\n", when, first, third, told, lost);
}

int main(int argc, char **argv)
{
	int device;

	if (argc != 2)
		return 2;
	setvbuf(stdout, NULL, _IONBF, 0);
	device = vfio_open(argv[1]);
	vfio_decode(device, 1);
	map_memory(device, NULL);
	register_memory();
	for (size_t i = 0; i < SIZE; i++)
		memory[i] = PATTERN;
	show("on");
	vfio_decode(device, 0);
	show("off");
	vfio_decode(device, 1);
	put_back(device);
	show("on again");
	return 0;
}
