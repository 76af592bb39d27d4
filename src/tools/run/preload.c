/* SPDX-License-Identifier: MIT */
/* Which libsigbus is meant, and the LD_PRELOAD that has it in the right place. */
#include "tools/run/run.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIBRARY_NAME "libsigbus.so.0"

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

/* Where this program is, without a slash at the end. */
static char *own_directory(void)
{
	static char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	if (length <= 0 && !realpath((const char *)getauxval(AT_EXECFN), path))
		return "";
	slash = strrchr(path, '/');
	if (slash)
		*slash = '\0';
	return path;
}

/* In the build tree; where it was installed with DESTDIR, and not moved from there yet; installed. */
static char *library_path(void)
{
	char *directory = own_directory(), *path = format("%s/.libs/libsigbus.so", directory);
	size_t length = strlen(directory), suffix = strlen(BINDIR);

	if (exists(path))
		return path;
	if (length > suffix && strcmp(directory + length - suffix, BINDIR) == 0) {
		path = format("%.*s%s/%s", (int)(length - suffix), directory, LIBDIR, LIBRARY_NAME);
		if (exists(path))
			return path;
	}
	return format("%s/%s", LIBDIR, LIBRARY_NAME);
}

/* ---- the cache of the dynamic linker: strings, each with its '\0' ---- */

static const char *cache;
static size_t cache_size;

static void read_cache(void)
{
	int fd = open("/etc/ld.so.cache", O_RDONLY | O_CLOEXEC);
	struct stat file;
	void *text;

	if (fd < 0)
		return;
	if (fstat(fd, &file) == 0 && file.st_size > 0) {
		text = malloc((size_t)file.st_size + 1);
		if (text && read(fd, text, (size_t)file.st_size) == file.st_size) {
			cache = text;
			cache_size = (size_t)file.st_size;
			((char *)text)[cache_size] = '\0';
		}
	}
	close(fd);
}

static const char *next_string(const char *string)
{
	string += strlen(string) + 1;
	return string < cache + cache_size ? string : NULL;
}

static bool cache_has(const char *path)
{
	for (const char *string = cache; string; string = next_string(string))
		if (strcmp(string, path) == 0)
			return true;
	return false;
}

const char *library_in_cache(unsigned i)
{
	static const char end[] = "/" LIBRARY_NAME;

	for (const char *string = cache; string; string = next_string(string)) {
		size_t length = strlen(string);

		if (length >= sizeof(end) && *string == '/' &&
			strcmp(string + length - (sizeof(end) - 1), end) == 0 && i-- == 0)
			return string;
	}
	return NULL;
}

void library_find(struct library *library)
{
	const char *path = library_path();

	library->path = library_path();
	library->preload = path;
	read_cache();
	/* By its name alone each program gets the one for its word size, set-user-ID ones too. */
	if (cache_has(path) || (strncmp(path, "/usr/", 5) == 0 && cache_has(path + 4)))
		library->preload = LIBRARY_NAME;
	if (access(path, R_OK) != 0)
		library->obstacle = "the library is missing or cannot be read";
	else if (strpbrk(library->preload, ": "))
		library->obstacle = "LD_PRELOAD cannot hold a path with a blank or a colon, and "
				    "nothing escapes them: move or install libsigbus elsewhere";
}

/* ---- LD_PRELOAD ---- */

/* Sanitizers insist on being first, and libjsig has to see signal handlers before we do. */
static bool must_come_first(const char *entry)
{
	static const char *const names[] = {
		"libasan", "liblsan", "libtsan", "libubsan", "libhwasan", "libjsig", NULL};

	for (const char *const *name = names; *name; name++)
		if (strncmp(base_of(entry), *name, strlen(*name)) == 0)
			return true;
	return false;
}

bool preloads(const char *name)
{
	const char *before = getenv("LD_PRELOAD");
	char *rest;

	for (char *entry = strtok_r(format("%s", before ? before : ""), ": ", &rest); entry;
		entry = strtok_r(NULL, ": ", &rest))
		if (strncmp(base_of(entry), name, strlen(name)) == 0)
			return true;
	return false;
}

void preload(const struct library *library)
{
	const char *before = getenv("LD_PRELOAD");
	char *others = format("%s", ""), *entry, *rest;
	bool last = false;

	for (entry = strtok_r(format("%s", before ? before : ""), ": ", &rest); entry;
		entry = strtok_r(NULL, ": ", &rest)) {
		if (strncmp(base_of(entry), "libsigbus.so", 12) == 0)
			continue;
		last |= must_come_first(entry);
		others = format("%s%s%s", others, *others ? ":" : "", entry);
	}
	set_variable("LD_PRELOAD", !*others ? library->preload
				   : last   ? format("%s:%s", others, library->preload)
					    : format("%s:%s", library->preload, others));
}
