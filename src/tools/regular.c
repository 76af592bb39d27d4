/* SPDX-License-Identifier: MIT */
/*
 * Names that a core, a script or a log tells may be of anything: a FIFO would keep who opens it, and
 * opening a device can have effects. So it is looked at before it is opened.
 */
#include "tools/regular.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int open_regular(const char *path)
{
	char link[64];
	struct stat status;
	int fd = open(path, O_PATH | O_CLOEXEC), file = -1;

	if (fd < 0)
		return -1;
	errno = EINVAL;
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		file = open(link, O_RDONLY | O_CLOEXEC);
	}
	close(fd);
	return file;
}
