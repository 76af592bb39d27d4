/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "wl-client.h"

/* Of the one file that keeps its name while we run. */
static char named_file[4096];

static void remove_named_file(void)
{
	unlink(named_file);
}

static int new_file(const char *directory, bool keep_name)
{
	char path[4096];
	int fd;

	if (!directory)
		finish(2, "no directory for this kind of file");
	snprintf(path, sizeof(path), "%s/wl-hostile-XXXXXX", directory);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0 && keep_name && !named_file[0]) {
		strcpy(named_file, path);
		atexit(remove_named_file);
	} else if (fd >= 0) {
		unlink(path);
	}
	return fd;
}

int file_create(enum pool_file kind, const char *directory, size_t size)
{
	int fd = -1;

	if (kind == FILE_MEMFD)
		fd = memfd_create("wl-hostile", MFD_CLOEXEC);
	else if (kind == FILE_HUGETLB)
		fd = memfd_create("wl-hostile", MFD_CLOEXEC | MFD_HUGETLB);
	else if (kind == FILE_SHM)
		fd = new_file("/dev/shm", false);
	else if (kind == FILE_RUNTIME)
		fd = new_file(getenv("XDG_RUNTIME_DIR"), false);
	else if (kind == FILE_HOME)
		fd = new_file(getenv("HOME"), true);
	else
		fd = new_file(directory, false);
	if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
		finish(1, "cannot create the file: %s", strerror(errno));
	return fd;
}

void pool_create(struct client *client, struct pool *pool, int fd, int size)
{
	*pool = (struct pool){.fd = fd, .size = size};
	pool->proxy = wl_shm_create_pool(client->shm, fd, size);
}

void pool_add_buffer(struct pool *pool, int offset, int width, int height)
{
	pool->buffer = wl_shm_pool_create_buffer(
		pool->proxy, offset, width, height, width * 4, WL_SHM_FORMAT_XRGB8888);
	pool->width = width;
	pool->height = height;
}
