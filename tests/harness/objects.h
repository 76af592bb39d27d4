/* SPDX-License-Identifier: MIT */
/* Shared objects for unit tests: copies of tests/libs/plugin.so under names of their own. */
#ifndef SIGBUS_TESTS_OBJECTS_H
#define SIGBUS_TESTS_OBJECTS_H

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char objects_directory[] = "/tmp/sigbus-objects-XXXXXX";

static inline const char *object_path(const char *name)
{
	static char path[4][128];
	static unsigned turn;
	char *here = path[turn++ % 4];

	snprintf(here, sizeof(path[0]), "%s/%s", objects_directory, name);
	return here;
}

/* Of the build tree, in which a test is run. */
static inline void object_copy(const char *name)
{
	FILE *from = fopen("tests/libs/plugin.so", "r"), *to = fopen(object_path(name), "w");
	int byte;

	if (!from || !to) {
		puts("Bail out! tests/libs/plugin.so cannot be copied");
		exit(1);
	}
	while ((byte = getc(from)) != EOF)
		putc(byte, to);
	fclose(from);
	fclose(to);
}

static inline void objects_remove(void)
{
	char command[160];

	snprintf(command, sizeof(command), "rm -rf '%s'", objects_directory);
	if (system(command) != 0)
		puts("# not removed");
}

static inline void objects_begin(void)
{
	if (!mkdtemp(objects_directory)) {
		puts("Bail out! no directory for objects");
		exit(1);
	}
	atexit(objects_remove);
}

/* Code of the object, as an address. */
static inline uintptr_t object_code(void *object)
{
	return (uintptr_t)dlsym(object, "plugin_lose");
}

#endif
