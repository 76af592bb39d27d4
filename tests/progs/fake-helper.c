/* SPDX-License-Identifier: MIT */
/*
 * fake-helper: stands where sigbus-backtrace should be. Writes what it was given to the current
 * directory: its process id to "pid", its descriptors to "files", its environment to "environment".
 * Then it hangs if there is a file "hang"; else it ends with status 1.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

extern char **environ;

static void list_files(FILE *to)
{
	char name[32], target[4096];

	for (int fd = 0; fd < 256; fd++) {
		ssize_t length;

		snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
		length = readlink(name, target, sizeof(target) - 1);
		if (fd == fileno(to) || length < 0)
			continue;
		target[length] = '\0';
		fprintf(to, "%d %s %s\n", fd, target,
			(fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY ? "read" : "write");
	}
}

int main(void)
{
	FILE *file = fopen("pid", "we");

	if (!file)
		return 99;
	fprintf(file, "%d\n", (int)getpid());
	fclose(file);
	file = fopen("files", "we");
	if (file) {
		list_files(file);
		fclose(file);
	}
	file = fopen("environment", "we");
	for (char **entry = environ; file && *entry; entry++)
		fprintf(file, "%s\n", *entry);
	if (file)
		fclose(file);
	if (access("hang", F_OK) == 0)
		sleep(60);
	return 1;
}
