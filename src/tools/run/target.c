/* SPDX-License-Identifier: MIT */
/*
 * Would the library, preloaded, be loaded and work in a program? Nothing is run: the file is read as
 * the kernel and the dynamic linker would read it.
 */
#include "tools/run/run.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/run/elf-image.h"
#include "tools/shown.h"

#define SCRIPT_DEPTH_MAX 5 /* the kernel's own limit */

static struct finding *add_finding(struct target *target, enum finding_kind kind, char *text)
{
	struct finding *finding = &target->finding[target->findings];

	if (target->findings + 1 < FINDINGS_MAX)
		target->findings++;
	*finding = (struct finding){.kind = kind, .text = text};
	return finding;
}

/* ---- from a script to the program that the kernel starts ---- */

/* The program behind "#!": its first word, or the name that env(1) is to look up; NULL: none. */
static char *script_program(char *line)
{
	char *rest, *word, *program;
	int status;

	line[strcspn(line, "\n")] = '\0';
	program = word = strtok_r(line, " \t\r", &rest);
	if (!program || strcmp(base_of(program), "env") != 0)
		return program;
	do
		word = strtok_r(NULL, " \t\r", &rest);
	while (word && (*word == '-' || strchr(word, '=')));
	return word ? find_command(word, &status) : program;
}

/* False: said why not. */
static bool open_program(struct target *target, struct image *image)
{
	char *path = target->path;

	for (int depth = 0;; depth++) {
		int error = image_open(image, path);

		target->path = path;
		if (error) {
			add_finding(target, FINDING_UNKNOWN,
				format("cannot be read, so it was not checked: %s",
					error == EINVAL ? "not a regular file" : strerror(error)));
			return false;
		}
		if (strncmp(image->head, "#!", 2) != 0)
			return true;
		target->is_script = true;
		path = depth < SCRIPT_DEPTH_MAX ? script_program(strdup(image->head + 2)) : NULL;
		if (!path) {
			add_finding(target, FINDING_UNKNOWN,
				format("a script whose interpreter cannot be found"));
			return false;
		}
		close(image->fd);
	}
}

/* ---- what the loader does with LD_PRELOAD ---- */

/* Where the C library is. */
static const char *system_directory(void)
{
	Dl_info info;

	return dladdr((void *)&puts, &info) && info.dli_fname ? directory_of(info.dli_fname) : "/lib";
}

/* In secure mode a bare name is looked up in the system's directories, and must be set-user-ID. */
static bool is_trusted(const struct library *library)
{
	const char *const directories[] = {system_directory(), "/lib", "/usr/lib", "/lib64", "/usr/lib64"};
	struct stat file, ours, system;

	if (strchr(library->preload, '/') || stat(library->path, &file) != 0 ||
		!(file.st_mode & S_ISUID) || stat(directory_of(library->path), &ours) != 0)
		return false;
	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++)
		if (stat(directories[i], &system) == 0 && system.st_dev == ours.st_dev &&
			system.st_ino == ours.st_ino)
			return true;
	return false;
}

static void look_at_privileges(struct target *target, const struct library *library)
{
	struct privileges privileges = privileges_of(target->path);
	struct finding *finding;
	char *text;

	if (!privileges.what || is_trusted(library))
		return;
	text = format("%s: it runs in secure mode, which ignores an LD_PRELOAD with a path%s; ways "
		      "out: (1) run a copy of it that has none of this; (2) install %s in a system "
		      "library directory with mode 4755 and use LD_PRELOAD=libsigbus.so.0 "
		      "(SIGBUS_* are ignored too: the policy is that of " SYSTEM_POLICY ")",
		privileges.what,
		privileges.set_id ? " and removes it for what the program starts" : "",
		shown(library->path));
	if (!privileges.here)
		text = format("not for this user, but for others: %s", text);
	finding = add_finding(target, privileges.here ? FINDING_IGNORED : FINDING_NOTE, text);
	finding->is_secure = privileges.here && privileges.set_id;
}

/* By its bare name a library of the program's own kind is found, if one is installed. */
static bool has_sibling(const struct image *image, const struct library *library)
{
	const char *path;

	for (unsigned i = 0; !strchr(library->preload, '/') && (path = library_in_cache(i)); i++) {
		struct image other;

		if (image_open(&other, path) != 0)
			continue;
		close(other.fd);
		if (image_is_elf(&other) && other.class == image->class &&
			other.machine == image->machine)
			return true;
	}
	return false;
}

static bool look_at_kind(struct target *target, const struct image *image,
	const struct library *library)
{
	struct image ours;
	int error = image_open(&ours, library->path);

	if (error || !image_is_elf(&ours)) {
		add_finding(target, FINDING_IGNORED,
			format("%s is not a shared library; way out: install libsigbus again",
				shown(library->path)));
		return false;
	}
	close(ours.fd);
	if ((ours.class == image->class && ours.machine == image->machine) ||
		has_sibling(image, library))
		return true;
	if (ours.class != image->class)
		add_finding(target, FINDING_IGNORED,
			format("a %d-bit program, and libsigbus is %d-bit; way out: libsigbus for "
			       "%d bits in the system directory of its own, beside this one",
				image->class * 32, ours.class * 32, image->class * 32));
	else
		add_finding(target, FINDING_IGNORED,
			format("for another machine (ELF number %d, libsigbus has %d); way out: "
			       "libsigbus built for that machine",
				image->machine, ours.machine));
	return false;
}

static void look_at_interpreter(struct target *target, const struct image *image)
{
	const char *path = image_interpreter(image);

	if (!path && image_is_loader(image))
		add_finding(target, FINDING_NOTE,
			format("a dynamic linker, which starts another program: that one was not "
			       "checked"));
	else if (!path)
		add_finding(target, FINDING_IGNORED,
			format("statically linked: nothing can be preloaded; way out: a "
			       "dynamically linked build of it"));
	else if (strstr(path, "/ld-musl"))
		add_finding(target, FINDING_INERT,
			format("linked with musl (%s): libsigbus stays inert there; way out: a "
			       "build of it for glibc",
				shown(path)));
	else if (access(path, X_OK) != 0)
		add_finding(target, FINDING_UNKNOWN,
			format("its dynamic linker %s is missing; way out: install it",
				shown(path)));
}

/* ---- what works, but not in all ---- */

/* They look at their start whether they are the first library, and end the program if not; or crash. */
static void look_for_sanitizer(struct target *target, const struct image *image)
{
	static const char *const names[] = {"libasan.so", "libtsan.so", "libhwasan.so", NULL};

	for (const char *const *name = names; *name; name++)
		if (image_needs(image, *name) && !preloads(*name))
			add_finding(target, FINDING_INERT,
				format("linked with %s, which has to be the first library, else the "
				       "program ends at its start; way out: LD_PRELOAD=/path/of/%s "
				       "before sigbus-run, which then puts libsigbus behind it",
					*name, *name));
}

static void look_inside(struct target *target, const struct image *image)
{
	look_for_sanitizer(target, image);
	if (image_has_note(image, "Go"))
		add_finding(target, FINDING_NOTE,
			format("a Go program: it maps files by raw system calls, which no "
			       "preloaded library sees: no rule of owner: matches, and reserve "
			       "cannot act"));
	if (image_needs(image, "libjsig.so") && !preloads("libjsig.so"))
		add_finding(target, FINDING_NOTE,
			format("linked with libjsig, which would come behind libsigbus and hand "
			       "Java's own faults to the program; way out: "
			       "LD_PRELOAD=/path/of/libjsig.so before sigbus-run, which then puts "
			       "libsigbus behind it"));
}

void target_look(struct target *target, const char *path, const struct library *library)
{
	struct image image;

	*target = (struct target){.path = strdup(path)};
	if (!open_program(target, &image)) {
		look_at_privileges(target, library);
		return;
	}
	if (!image_is_elf(&image)) {
		add_finding(target, FINDING_UNKNOWN, format("neither an ELF program nor a script with #!"));
	} else {
		if (look_at_kind(target, &image, library))
			look_at_interpreter(target, &image);
		look_at_privileges(target, library);
		look_inside(target, &image);
	}
	close(image.fd);
}
