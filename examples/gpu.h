/* SPDX-License-Identifier: MIT */
/*
 * A graphics driver in miniature, as a program sees it: each vendor's is a shared object of its own,
 * loaded by dlopen(), with one symbol, gpu_driver. A device may be unplugged at any time: then calls
 * return GPU_DEVICE_LOST, and memory that the program has got from map() reads as 0xff.
 */
#ifndef GPU_H
#define GPU_H

#include <stddef.h>

enum gpu_result { GPU_OK = 0, GPU_DEVICE_LOST = -1, GPU_OUT_OF_RANGE = -2 };

struct gpu;

struct gpu_driver {
	const char *vendor;
	struct gpu *(*open)(const char *device); /* NULL: errno says why */
	enum gpu_result (*fill)(struct gpu *gpu, size_t offset, size_t length, unsigned char value);
	enum gpu_result (*read_back)(struct gpu *gpu, size_t offset, size_t length, void *to);
	unsigned char *(*map)(struct gpu *gpu);
	enum gpu_result (*status)(struct gpu *gpu);
	int (*event_fd)(struct gpu *gpu); /* readable when the device was found lost; -1: none */
	void (*close)(struct gpu *gpu);
};

#endif
