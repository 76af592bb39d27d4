/* SPDX-License-Identifier: MIT */
/* A plugin that maps memory and loses it; under two names it is two owners. */
#include <sys/mman.h>
#include <unistd.h>

char *plugin_lose(void);

__attribute__((visibility("default"))) char *plugin_lose(void)
{
	int fd = memfd_create("plugin", 0);
	char *volatile map = MAP_FAILED; /* no tail call: the plugin is the caller of mmap() */

	if (ftruncate(fd, 4096) == 0)
		map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED || ftruncate(fd, 0) != 0)
		_exit(98);
	close(fd);
	return map;
}
