/* SPDX-License-Identifier: MIT */
/* Why a process does not have the library. */

#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tools/stat/stat.h"

/* ---- what the kernel told the program at its start ---- */

static bool auxv_get(pid_t pid, uint64_t type, uint64_t *value)
{
	size_t length;
	char *text = process_file(pid, "auxv", &length);
	ElfW(auxv_t) entry;

	for (size_t i = 0; text && i + sizeof(entry) <= length; i += sizeof(entry)) {
		memcpy(&entry, text + i, sizeof(entry));
		if (entry.a_type == type) {
			*value = entry.a_un.a_val;
			return true;
		}
	}
	return false;
}

static bool is_secure(pid_t pid)
{
	uint64_t value;

	return auxv_get(pid, AT_SECURE, &value) && value;
}

static const char *environment_get(pid_t pid, const char *name)
{
	size_t length, at = 0;
	char *text = process_file(pid, "environ", &length);

	while (text && at < length) {
		size_t size = strlen(name);

		if (!strncmp(text + at, name, size) && text[at + size] == '=')
			return text + at + size + 1;
		at += strlen(text + at) + 1;
	}
	return NULL;
}

/* ---- the program's file ---- */

static bool is_other_class(pid_t pid)
{
	unsigned char ident[EI_NIDENT] = {0};
	char path[64];
	FILE *file;
	size_t read;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	read = fread(ident, 1, sizeof(ident), file);
	fclose(file);
	return read == sizeof(ident) && !memcmp(ident, ELFMAG, SELFMAG) &&
	       ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32);
}

static bool maps_file(const struct process *process, const char *prefix)
{
	for (size_t i = 0; i < process->maps.count; i++) {
		const struct map *map = &process->maps.item[i];

		if (map->inode && !strncmp(file_name(map->path), prefix, strlen(prefix)))
			return true;
	}
	return false;
}

/* No dynamic linker: neither given by the kernel nor started as the program itself. */
static bool is_static(const struct process *process)
{
	uint64_t base;

	return auxv_get(process->pid, AT_BASE, &base) && !base && !maps_file(process, "ld-") &&
	       !maps_file(process, "ld.so") && !maps_file(process, "libc.so");
}

static const char *reason(const struct process *process)
{
	const char *preload;

	if (!process->maps.count)
		return "a thread of the kernel";
	if (is_other_class(process->pid))
		return "a program for another word size: it needs a libsigbus of its own";
	if (is_static(process))
		return "statically linked: nothing can be preloaded";
	if (is_secure(process->pid))
		return "it started in secure mode (AT_SECURE: setuid, setgid or file "
		       "capabilities), where LD_PRELOAD with a path is ignored";
	preload = environment_get(process->pid, "LD_PRELOAD");
	if (preload && strstr(preload, "libsigbus"))
		return "LD_PRELOAD names it, but the dynamic linker did not load it: is the file "
		       "there, for this user too, and for this C library?";
	if (maps_file(process, "ld-musl"))
		return "not preloaded, and linked with musl, where libsigbus stays inert";
	return "not preloaded: start the program with sigbus-run";
}

char *why_absent(const struct process *process)
{
	return format("%s", reason(process));
}
