/* SPDX-License-Identifier: MIT */
/* The driver of a vendor, of which a program has several: each a shared object of its own. */
#ifndef TESTS_VENDOR_H
#define TESTS_VENDOR_H

#include <stddef.h>
#include <sys/types.h>

#define VENDOR_SIZE ((size_t)16384)

/* Maps a buffer of the card, and the memory of the device behind it. 0 or -errno. */
typedef int vendor_open(const char *card, int device, off_t offset);
/* How often its handler was called, or -1: its memory is not what it has written there, or zero. */
typedef int vendor_use(void);

#endif
