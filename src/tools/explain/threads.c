/* SPDX-License-Identifier: MIT */
/*
 * The stack of the thread that got the signal. The files of the objects are opened here and handed
 * to libdwfl, which would open whatever a core names; those that are others now are left out.
 */
#include "tools/explain/explain.h"

#include <dwarf.h>
#include <elfutils/libdwelf.h>
#include <elfutils/libdwfl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FRAMES_MAX 64
#define OBJECTS_MAX 4096

/* ---- the files ---- */

static int find_no_elf(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr base,
	char **file, Elf **elf)
{
	(void)module, (void)data, (void)name, (void)base, (void)file, (void)elf;
	return -1;
}

static bool has_id(int fd, const struct object *object)
{
	Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	const void *id = NULL;
	ssize_t size = elf ? dwelf_elf_gnu_build_id(elf, &id) : -1;
	bool same = elf && (object->id ? size == (ssize_t)object->id_size &&
						 !memcmp(id, object->id, object->id_size)
				       : size <= 0);

	if (elf)
		elf_end(elf);
	return same;
}

static void report_object(Dwfl *dwfl, struct object *object)
{
	int fd = open_regular(object->path);

	if (fd < 0)
		return;
	if (!has_id(fd, object)) {
		object->changed = true;
		close(fd);
		return;
	}
	if (!dwfl_report_elf(dwfl, file_name(object->path), object->path, fd, object->bias, true))
		close(fd);
}

static void report_objects(Dwfl *dwfl, struct core *core)
{
	size_t reported = 0;

	dwfl_report_begin(dwfl);
	for (size_t i = 0; i < core->objects.count && reported < OBJECTS_MAX; i++) {
		if (!core->objects.item[i].bias_known)
			continue;
		report_object(dwfl, &core->objects.item[i]);
		reported++;
	}
	dwfl_report_end(dwfl, NULL, NULL);
}

/* ---- the frames ---- */

struct walk {
	const struct core *core;
	Dwfl *dwfl;
	struct incident *incident;
};

static char *symbol_at(Dwfl *dwfl, uint64_t address)
{
	Dwfl_Module *module = dwfl_addrmodule(dwfl, address);
	GElf_Off offset = 0;
	GElf_Sym symbol;
	const char *name = module ? dwfl_module_addrinfo(module, address, &offset, &symbol, NULL,
					    NULL, NULL)
				  : NULL;

	return name ? escape(name) : NULL;
}

static int add_frame(Dwfl_Frame *state, void *data)
{
	struct walk *walk = data;
	struct incident *incident = walk->incident;
	bool interrupted = false;
	struct frame *frame;
	Dwarf_Addr pc, call;

	if (!dwfl_frame_pc(state, &pc, &interrupted) || incident->frame_count == FRAMES_MAX)
		return DWARF_CB_ABORT;
	call = pc - !interrupted; /* a return address may be that of the next function */
	incident->frame = grow(incident->frame, incident->frame_count, sizeof(*frame));
	frame = &incident->frame[incident->frame_count];
	*frame = (struct frame){.pc = pc,
		.in_signal = interrupted && incident->frame_count > 0,
		.place = object_place(walk->core, pc, !interrupted),
		.symbol = symbol_at(walk->dwfl, call)};
	incident->frame_count++;
	return DWARF_CB_OK;
}

static void walk_stack(struct core *core, Dwfl *dwfl, struct incident *incident)
{
	struct walk walk = {core, dwfl, incident};

	report_objects(dwfl, core);
	if (dwfl_core_file_attach(dwfl, core->elf) > 0)
		dwfl_getthread_frames(dwfl, core->tid, add_frame, &walk);
}

void add_frames(struct core *core, struct incident *incident)
{
	static char debug_path[] = "/usr/lib/debug", *path = debug_path;
	static const Dwfl_Callbacks callbacks = {.find_elf = find_no_elf,
		.find_debuginfo = dwfl_standard_find_debuginfo,
		.debuginfo_path = &path};
	Dwfl *dwfl = dwfl_begin(&callbacks);

	if (dwfl)
		walk_stack(core, dwfl, incident);
	if (!incident->frame_count)
		return;
	incident->pc = incident->frame[0].pc;
	incident->touched_by = object_place(core, incident->pc, false);
	incident->symbol = incident->frame[0].symbol;
}
