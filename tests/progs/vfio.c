/* SPDX-License-Identifier: MIT */
#include "vfio.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static void cannot(const char *what)
{
	fprintf(stderr, "vfio: %s: %s\n", what, strerror(errno));
	exit(CANNOT);
}

static int open_group(const char *name)
{
	struct vfio_group_status status = {.argsz = sizeof(status)};
	char link[128], target[256], path[64];
	ssize_t length;
	int group;

	snprintf(link, sizeof(link), "/sys/bus/pci/devices/%s/iommu_group", name);
	length = readlink(link, target, sizeof(target) - 1);
	if (length < 0)
		cannot(link);
	target[length] = '\0';
	snprintf(path, sizeof(path), "/dev/vfio/%.32s", strrchr(target, '/') + 1);
	group = open(path, O_RDWR | O_CLOEXEC);
	if (group < 0 || ioctl(group, VFIO_GROUP_GET_STATUS, &status) < 0)
		cannot(path);
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE))
		cannot("not all devices of the group have the driver");
	return group;
}

int vfio_open(const char *name)
{
	int container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC), group = open_group(name);
	int device;

	if (container < 0 || ioctl(group, VFIO_GROUP_SET_CONTAINER, &container) < 0 ||
		ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU) < 0)
		cannot("IOMMU");
	device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, name);
	if (device < 0)
		cannot(name);
	return device;
}

static off_t region_offset(int device, unsigned number, uint64_t *size)
{
	struct vfio_region_info info = {.argsz = sizeof(info), .index = number};

	if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info) < 0)
		cannot("region");
	*size = info.size;
	return (off_t)info.offset;
}

void vfio_decode(int device, int on)
{
	uint64_t unused;
	off_t offset = region_offset(device, VFIO_PCI_CONFIG_REGION_INDEX, &unused) + PCI_COMMAND;
	uint16_t command;

	if (pread(device, &command, sizeof(command), offset) != sizeof(command))
		cannot("PCI command");
	command = (uint16_t)(on ? command | PCI_COMMAND_MEMORY : command & ~PCI_COMMAND_MEMORY);
	if (pwrite(device, &command, sizeof(command), offset) != sizeof(command))
		cannot("PCI command");
}

off_t vfio_memory(int device, size_t size)
{
	uint64_t found = 0;
	off_t offset = 0;

	for (int number = VFIO_PCI_BAR5_REGION_INDEX; number >= 0 && found < size; number--)
		offset = region_offset(device, (unsigned)number, &found);
	if (found < size)
		cannot("memory of the device");
	return offset;
}
