/* SPDX-License-Identifier: MIT */
/* Where the library is in another process, and what it says of itself. */

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/base.h"
#include "kernel/process.h"
#include "memory/memory.h"
#include "owner/owner.h"
#include "policy/policy.h"
#include "signal/disposition.h"
#include "start/inspect.h"
#include "table/table.h"
#include "tools/stat/stat.h"

#define HEADERS_MAX 64
#define NOTES_MAX 4096

/* ---- the note ---- */

struct image {
	const struct process *process;
	uintptr_t bias; /* from addresses in the file to addresses in the process */
	unsigned count;
	ElfW(Phdr) header[HEADERS_MAX];
};

static bool read_headers(struct image *image)
{
	uintptr_t start = image->process->library->start;
	ElfW(Ehdr) elf;

	if (!process_read(image->process, (void *)start, &elf, sizeof(elf)) ||
		memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0 ||
		elf.e_phentsize != sizeof(image->header[0]) || elf.e_phnum > HEADERS_MAX)
		return false;
	image->count = elf.e_phnum;
	if (!process_read(image->process, (void *)(start + elf.e_phoff), image->header,
		    image->count * sizeof(image->header[0])))
		return false;
	for (unsigned i = 0; i < image->count; i++) {
		if (image->header[i].p_type == PT_LOAD) {
			image->bias = start - (image->header[i].p_vaddr & PAGE_MASK);
			return true;
		}
	}
	return false;
}

static size_t padded(size_t size)
{
	return (size + 3) & ~(size_t)3;
}

/* The address to which a note of ours points, or 0. */
static uintptr_t scan_notes(const char *notes, size_t size, uintptr_t address)
{
	size_t at = 0;

	while (at + sizeof(ElfW(Nhdr)) <= size) {
		ElfW(Nhdr) note;
		size_t name = at + sizeof(note), data, end;
		int32_t distance;

		memcpy(&note, notes + at, sizeof(note));
		if (note.n_namesz > size || note.n_descsz > size)
			return 0;
		data = name + padded(note.n_namesz);
		end = data + padded(note.n_descsz);
		if (end > size)
			return 0;
		if (note.n_type == INSPECT_NOTE && note.n_descsz == sizeof(distance) &&
			note.n_namesz == sizeof(INSPECT_NOTE_NAME) &&
			!memcmp(notes + name, INSPECT_NOTE_NAME, sizeof(INSPECT_NOTE_NAME))) {
			memcpy(&distance, notes + data, sizeof(distance));
			return address + data + (uintptr_t)(intptr_t)distance;
		}
		at = end;
	}
	return 0;
}

static uintptr_t find_note(const struct process *process)
{
	struct image image = {.process = process};
	char notes[NOTES_MAX];

	if (!read_headers(&image))
		return 0;
	for (unsigned i = 0; i < image.count; i++) {
		const ElfW(Phdr) *header = &image.header[i];
		uintptr_t address = image.bias + header->p_vaddr, found;

		if (header->p_type != PT_NOTE || header->p_align > 4 ||
			header->p_filesz > sizeof(notes) ||
			!process_read(process, (void *)address, notes, header->p_filesz))
			continue;
		found = scan_notes(notes, header->p_filesz, address);
		if (found)
			return found;
	}
	return 0;
}

/* ---- the library ---- */

static bool is_executed(const struct maps *maps, const struct map *file)
{
	for (size_t i = 0; i < maps->count; i++)
		if (maps->item[i].prot[2] == 'x' && same_file(&maps->item[i], file))
			return true;
	return false;
}

static const struct map *find_library(const struct maps *maps)
{
	for (size_t i = 0; i < maps->count; i++) {
		const struct map *map = &maps->item[i];

		if (map->inode && !map->offset &&
			!strncmp(file_name(map->path), "libsigbus.so", 12) &&
			is_executed(maps, map))
			return map;
	}
	return NULL;
}

/* ---- the root ---- */

static const struct inspect_sizes our_sizes = {.range = sizeof(struct range),
	.owner = sizeof(struct owner),
	.disposition = sizeof(struct disposition),
	.policy = sizeof(struct policy),
	.rule = sizeof(struct rule),
	.process_state = sizeof(struct process_state),
	.sender_file = sizeof(struct sender_file),
	.anchor_slot = sizeof(struct anchor_slot)};

static bool is_ours(const struct inspect *root)
{
	return root->version == INSPECT_VERSION && root->size == sizeof(*root) &&
	       !memcmp(&root->sizes, &our_sizes, sizeof(our_sizes)) && root->ranges.chunk_records &&
	       root->ranges.chunks && root->state < INSPECT_STATES;
}

static void read_root(const struct process *process, struct inspect *root)
{
	uintptr_t address = find_note(process);

	if (!address)
		give_up(STATUS_NOTHING, "%d: %s has nothing for sigbus-stat: another version?",
			(int)process->pid, process->library->path);
	if (!process_read(process, (void *)address, root, sizeof(*root))) {
		if (errno == EPERM || errno == EACCES)
			give_up(STATUS_DENIED, "%s", why_denied(process->pid));
		if (errno == ESRCH)
			exit(STATUS_GONE);
		give_up(STATUS_NOTHING, "%d: its memory cannot be read: %s", (int)process->pid,
			strerror(errno));
	}
	if (root->magic && root->magic != INSPECT_MAGIC)
		give_up(STATUS_NOTHING, "%d: what libsigbus keeps in its memory is damaged",
			(int)process->pid);
	if (root->magic && !is_ours(root))
		give_up(STATUS_NOTHING,
			"%d: %s is of another version or build than this sigbus-stat (%s): use the "
			"one that came with that library",
			(int)process->pid, process->library->path, PACKAGE_VERSION);
}

bool find_root(struct process *process, struct inspect *root, const char **state, char **reason)
{
	static const struct {
		const char *state, *reason;
	} states[INSPECT_STATES] = {
		[INSPECT_LOADED] = {"starting", "the program is just being loaded"},
		[INSPECT_DORMANT] = {"dormant", "SIGBUS_ONLY names other programs"},
		[INSPECT_FOREIGN] = {"inert", "its C library is not glibc 2.35 or later"},
		[INSPECT_ACTIVE] = {"active", NULL},
#define FAILURE(state, reason) [state] = {"inert", reason},
		INSPECT_FAILURES(FAILURE)
#undef FAILURE
	};

	process->library = find_library(&process->maps);
	if (!process->library) {
		*state = "absent";
		*reason = why_absent(process);
		return false;
	}
	read_root(process, root);
	*state = states[root->magic ? root->state : INSPECT_LOADED].state;
	*reason = (char *)states[root->magic ? root->state : INSPECT_LOADED].reason;
	return root->magic;
}

/* ---- not allowed ---- */

static bool other_user(pid_t pid, uid_t *uid)
{
	size_t length;
	char *text = process_file(pid, "status", &length);
	char *line = text ? strstr(text, "\nUid:") : NULL;
	unsigned id[4];

	if (!line || sscanf(line + 5, "%u %u %u %u", &id[0], &id[1], &id[2], &id[3]) != 4)
		return false;
	for (int i = 0; i < 4; i++) {
		*uid = id[i];
		if (id[i] != geteuid())
			return true;
	}
	return false;
}

static int yama_scope(void)
{
	FILE *file = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
	int scope = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%d", &scope) != 1)
		scope = 0;
	fclose(file);
	return scope;
}

char *why_denied(pid_t pid)
{
	int scope = yama_scope(), id = (int)pid;
	uid_t uid;

	if (geteuid() != 0 && other_user(pid, &uid)) {
		struct passwd *user = getpwuid(uid);

		return format("%d: no access: it runs as another user, %s (uid %u): run "
			      "this as that user or as root",
			id, user ? user->pw_name : "?", uid);
	}
	if (scope == 1 && geteuid() != 0)
		return format("%d: no access: kernel.yama.ptrace_scope is 1 (parents may look into "
			      "their children only): run this as root, or set it to 0",
			id);
	if (scope > 1)
		return format("%d: no access: kernel.yama.ptrace_scope is %d: %s", id, scope,
			scope == 2 ? "run this as root" : "nobody may, until a reboot");
	if (geteuid() != 0)
		return format(
			"%d: no access: it is not dumpable, or has capabilities that you have "
			"not: run this as root",
			id);
	return format("%d: no access: root needs CAP_SYS_PTRACE here (a container?)", id);
}
