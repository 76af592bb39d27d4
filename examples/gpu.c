/* SPDX-License-Identifier: MIT */
/*
 * A graphics driver in miniature (gpu.h). It installs no signal handler, which a driver cannot do
 * in somebody else's process. It says to libsigbus, if that is there, which memory is its device's,
 * and what shall be read there when the device is gone.
 */
#include "gpu.h"

#define SIGBUS_OPTIONAL
#include <sigbus/sigbus.h>

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef VENDOR
#define VENDOR "example"
#endif

struct gpu {
	unsigned char *memory;
	size_t size;
	struct sigbus_owner *owner; /* NULL: a lost device is fatal, as ever */
	atomic_int lost;
};

/* A fault in our range, wherever it was: in our code or in that of the program, which has mapped
 * it. */
static int device_lost(const struct sigbus_fault *fault, void *data)
{
	struct gpu *gpu = data;

	if ((unsigned char *)fault->start != gpu->memory)
		abort();
	atomic_store(&gpu->lost, 1);
	return SIGBUS_ONES;
}

static void register_memory(struct gpu *gpu)
{
	if (sigbus_owner_create(VENDOR, device_lost, gpu, &gpu->owner) != 0)
		return;
	if (sigbus_range_add(gpu->owner, gpu->memory, gpu->size) != 0) {
		sigbus_owner_destroy(gpu->owner);
		gpu->owner = NULL;
	}
}

static struct gpu *gpu_open(const char *device)
{
	struct gpu *gpu = calloc(1, sizeof(*gpu));
	int fd = open(device, O_RDWR | O_CLOEXEC);
	struct stat status;

	if (!gpu || fd < 0 || fstat(fd, &status) < 0)
		goto fail;
	gpu->size = (size_t)status.st_size;
	gpu->memory = mmap(NULL, gpu->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (gpu->memory == MAP_FAILED)
		goto fail;
	close(fd);
	register_memory(gpu);
	return gpu;
fail:
	if (fd >= 0)
		close(fd);
	free(gpu);
	return NULL;
}

static enum gpu_result gpu_status(struct gpu *gpu)
{
	return atomic_load(&gpu->lost) ? GPU_DEVICE_LOST : GPU_OK;
}

static enum gpu_result check(struct gpu *gpu, size_t offset, size_t length)
{
	if (offset > gpu->size || length > gpu->size - offset)
		return GPU_OUT_OF_RANGE;
	return gpu_status(gpu);
}

/* Many accesses, of whatever kind: a bracket around them. */
static enum gpu_result gpu_fill(struct gpu *gpu, size_t offset, size_t length, unsigned char value)
{
	enum gpu_result result = check(gpu, offset, length);
	struct sigbus_access access;

	if (result != GPU_OK)
		return result;
	sigbus_access_begin(&access, gpu->memory + offset, length);
	memset(gpu->memory + offset, value, length);
	if (sigbus_access_end(&access) == -EFAULT)
		atomic_store(&gpu->lost, 1);
	return gpu_status(gpu);
}

/* A copy needs none. */
static enum gpu_result gpu_read_back(struct gpu *gpu, size_t offset, size_t length, void *to)
{
	enum gpu_result result = check(gpu, offset, length);
	int error;

	if (result != GPU_OK)
		return result;
	error = sigbus_copy_from(to, gpu->memory + offset, length, NULL);
	if (error == -ENOSYS)
		memcpy(to, gpu->memory + offset, length);
	else if (error)
		atomic_store(&gpu->lost, 1);
	return gpu_status(gpu);
}

static unsigned char *gpu_map(struct gpu *gpu)
{
	return gpu->memory;
}

static int gpu_event_fd(struct gpu *gpu)
{
	int fd = gpu->owner ? sigbus_owner_fd(gpu->owner) : -1;

	return fd < 0 ? -1 : fd;
}

static void gpu_close(struct gpu *gpu)
{
	if (gpu->owner)
		sigbus_owner_destroy(gpu->owner);
	munmap(gpu->memory, gpu->size);
	free(gpu);
}

__attribute__((visibility("default"))) const struct gpu_driver gpu_driver = {
	.vendor = VENDOR,
	.open = gpu_open,
	.fill = gpu_fill,
	.read_back = gpu_read_back,
	.map = gpu_map,
	.status = gpu_status,
	.event_fd = gpu_event_fd,
	.close = gpu_close,
};
