/* SPDX-License-Identifier: MIT */
/*
 * target-check LIBRARY PROGRAM: would LIBRARY, preloaded, be loaded and work in PROGRAM?
 * One line for each reason why not, with the ways out. Status 0: it would; 1: it would not, or
 * that cannot be told; 2: usage. Nothing is run.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define SCRIPT_DEPTH_MAX 5 /* the kernel's own limit */

/* A file, opened, and how it begins. */
struct image {
	char path[PATH_MAX];
	int fd;
	size_t size;
	union {
		char text[4096];
		ElfW(Ehdr) elf;
	} head;
};

static bool found_problem;

__attribute__((format(printf, 2, 3))) static void problem(const char *path, const char *format, ...)
{
	va_list arguments;

	found_problem = true;
	printf("%s: ", path);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
}

static bool image_open(struct image *image, const char *path)
{
	ssize_t size;

	snprintf(image->path, sizeof(image->path), "%s", path);
	memset(&image->head, 0, sizeof(image->head));
	image->fd = open(path, O_RDONLY | O_CLOEXEC);
	size = image->fd < 0 ? -1 : read(image->fd, image->head.text, sizeof(image->head) - 1);
	if (size < 0) {
		problem(path, "cannot be read, so it was not checked: %s", strerror(errno));
		if (image->fd >= 0)
			close(image->fd);
		return false;
	}
	image->size = size;
	return true;
}

static bool is_elf(const struct image *image)
{
	return image->size >= sizeof(image->head.elf) &&
	       memcmp(image->head.text, ELFMAG, SELFMAG) == 0;
}

/* As exec does for a name without a slash. */
static bool path_search(const char *name, char *path, size_t size)
{
	const char *dir = getenv("PATH");

	if (strchr(name, '/')) {
		snprintf(path, size, "%s", name);
		return true;
	}
	while (dir) {
		int length = strcspn(dir, ":");

		snprintf(path, size, "%.*s%s%s", length, dir, length ? "/" : "", name);
		if (access(path, X_OK) == 0)
			return true;
		dir = dir[length] ? dir + length + 1 : NULL;
	}
	return false;
}

/* The program behind "#!": its first word, or the name that env(1) is to look up. */
static bool script_program(char *line, char *path, size_t size)
{
	char *rest, *word;

	line[strcspn(line, "\n")] = '\0';
	word = strtok_r(line, " \t\r", &rest);
	if (!word)
		return false;
	snprintf(path, size, "%s", word);
	word = strrchr(word, '/') ? strrchr(word, '/') + 1 : word;
	if (strcmp(word, "env") != 0)
		return true;
	do
		word = strtok_r(NULL, " \t\r", &rest);
	while (word && (*word == '-' || strchr(word, '=')));
	return !word || path_search(word, path, size);
}

/* Follows "#!" to the file that the kernel really runs. */
static bool follow_scripts(struct image *image)
{
	char path[PATH_MAX];

	for (int depth = 0; memcmp(image->head.text, "#!", 2) == 0; depth++) {
		close(image->fd);
		if (depth == SCRIPT_DEPTH_MAX ||
			!script_program(image->head.text + 2, path, sizeof(path))) {
			problem(image->path, "a script whose interpreter cannot be found");
			return false;
		}
		if (!image_open(image, path))
			return false;
	}
	return true;
}

/* Secure mode, for us or, when we are exempt, for others. */
static void secure_problem(const char *path, const char *library, const char *what, bool exempt)
{
	char text[PATH_MAX + 512];

	snprintf(text, sizeof(text),
		"%s: it runs in secure mode, which ignores an LD_PRELOAD with a path; ways out: "
		"(1) run a copy of it that has none of this; (2) install %s in a system library "
		"directory with "
		"mode 4755 and use LD_PRELOAD=libsigbus.so.0 (SIGBUS_* are ignored too: the policy is "
		"that of " SYSTEM_POLICY ")",
		what, library);
	if (exempt)
		printf("%s: note: not for this user, but for others: %s\n", path, text);
	else
		problem(path, "%s", text);
}

/* What makes the kernel set AT_SECURE. */
static void check_secure(const struct image *image, const char *library)
{
	const mode_t setgid = S_ISGID | S_IXGRP;
	struct stat status;
	struct statvfs fs;

	if (fstat(image->fd, &status) != 0 || fstatvfs(image->fd, &fs) != 0 ||
		(fs.f_flag & ST_NOSUID))
		return;
	if (fgetxattr(image->fd, "security.capability", NULL, 0) > 0)
		secure_problem(image->path, library, "file capabilities (setcap -r removes them)",
			getuid() == 0);
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		return;
	if (status.st_mode & S_ISUID)
		secure_problem(image->path, library, "setuid", status.st_uid == getuid());
	if ((status.st_mode & setgid) == setgid)
		secure_problem(image->path, library, "setgid", status.st_gid == getgid());
}

/* The path in PT_INTERP, "" if there is none. */
static void elf_interpreter(const struct image *image, char *path, size_t size)
{
	const ElfW(Ehdr) *elf = &image->head.elf;
	ElfW(Phdr) header;

	memset(path, 0, size);
	for (unsigned i = 0; i < elf->e_phnum; i++) {
		if (pread(image->fd, &header, sizeof(header), elf->e_phoff + i * sizeof(header)) !=
			sizeof(header))
			return;
		if (header.p_type != PT_INTERP || header.p_filesz >= size)
			continue;
		if (pread(image->fd, path, header.p_filesz, header.p_offset) < 0)
			*path = '\0';
		return;
	}
}

static void check_interpreter(const struct image *image)
{
	char path[PATH_MAX];

	elf_interpreter(image, path, sizeof(path));
	if (!*path)
		problem(image->path,
			"statically linked: nothing can be preloaded; way out: a dynamically "
			"linked build of it");
	else if (strstr(path, "/ld-musl"))
		problem(image->path,
			"linked with musl (%s): libsigbus stays inert there; way out: a build of "
			"it for glibc",
			path);
	else if (access(path, X_OK) != 0)
		problem(image->path, "its dynamic linker %s is missing; way out: install it", path);
}

static void check_elf(const struct image *image, const struct image *library)
{
	const ElfW(Ehdr) *ours = &library->head.elf, *its = &image->head.elf;

	if (its->e_ident[EI_CLASS] != ours->e_ident[EI_CLASS])
		problem(image->path,
			"a %d-bit program, and libsigbus is %d-bit; way out: libsigbus for %d bits "
			"in the system directory of its own, beside this one",
			its->e_ident[EI_CLASS] * 32, ours->e_ident[EI_CLASS] * 32,
			its->e_ident[EI_CLASS] * 32);
	else if (its->e_machine != ours->e_machine)
		problem(image->path,
			"for another machine (ELF number %d, libsigbus has %d); way out: libsigbus "
			"built for that machine",
			its->e_machine, ours->e_machine);
	else
		check_interpreter(image);
}

int main(int argc, char *argv[])
{
	static struct image library, image;

	if (argc != 3) {
		fputs("usage: target-check LIBRARY PROGRAM\n", stderr);
		return 2;
	}
	if (!image_open(&library, argv[1]) || !image_open(&image, argv[2]) ||
		!follow_scripts(&image))
		return 1;
	if (!is_elf(&library)) {
		problem(library.path, "not a shared library; way out: install libsigbus again");
	} else if (!is_elf(&image)) {
		problem(image.path, "neither an ELF program nor a script with #!");
	} else {
		check_elf(&image, &library);
		check_secure(&image, library.path);
	}
	if (!found_problem)
		printf("%s: libsigbus can work in it, but not in what it opens with "
		       "RTLD_DEEPBIND\n",
			image.path);
	return found_problem;
}
