/* SPDX-License-Identifier: MIT */
/* A PCI device that vfio-pci drives, as a driver in user space sees it. */
#ifndef TESTS_VFIO_H
#define TESTS_VFIO_H

#include <sys/types.h>

#define CANNOT 77

/* The descriptor of a device, by its name (0000:00:10.0). All of these exit(CANNOT) on errors. */
int vfio_open(const char *name);
/* Where its last region of memory of at least size bytes starts, for mmap(). */
off_t vfio_memory(int device, size_t size);
/* Does it answer accesses to its memory? */
void vfio_decode(int device, int on);

#endif
