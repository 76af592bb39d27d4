/* SPDX-License-Identifier: MIT */
/* A command by its name, as exec and shells look for it. */
#include "tools/run/run.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_executable(const char *path, int *status)
{
	struct stat file;

	if (stat(path, &file) != 0)
		return false;
	*status = STATUS_NOT_EXECUTABLE;
	return S_ISREG(file.st_mode) && access(path, X_OK) == 0;
}

static const char *search_path(void)
{
	const char *path = getenv("PATH");

	return path ? path : "/bin:/usr/bin"; /* as execvp() */
}

char *find_command(const char *name, int *status)
{
	const char *directory = search_path();

	*status = STATUS_NOT_FOUND;
	if (strchr(name, '/'))
		return is_executable(name, status) ? strdup(name) : NULL;
	while (*name && directory) {
		int length = (int)strcspn(directory, ":");
		char *path = format("%.*s/%s", length ? length : 1, length ? directory : ".", name);

		if (is_executable(path, status))
			return path;
		free(path);
		directory = directory[length] ? directory + length + 1 : NULL;
	}
	return NULL;
}
