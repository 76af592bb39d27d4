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

/* ---- a handler's signal ---- */

struct walk {
	struct core *core;
	Dwfl *dwfl;
	struct incident *incident;
	Dwarf_Word stack; /* pointer of the frame before; 0: not known */
#if defined(__x86_64__)
	Dwarf_Word saved[17]; /* registers of the innermost frame, as the kernel saves them */
#endif
};

#if defined(__x86_64__)
/*
 * What the kernel puts on the stack for a handler: the return address, struct ucontext with the
 * registers, and the siginfo_t, if the handler asked for one. The registers are in the order of struct
 * sigcontext, here by the numbers that DWARF has for them; the last one is the program counter.
 */
#define CONTEXT_REGISTERS 40
#define CONTEXT_ERROR (CONTEXT_REGISTERS + 19 * 8) /* of the page fault, then its trap's number */
#define CONTEXT_TRAP (CONTEXT_REGISTERS + 20 * 8)
#define CONTEXT_ADDRESS (CONTEXT_REGISTERS + 22 * 8)
#define CONTEXT_SIGNAL 304
#define CONTEXT_SIZE (CONTEXT_SIGNAL + sizeof(siginfo_t))
#define TRAP_PAGE_FAULT 14
#define ERROR_WRITE 2
#define ERROR_FETCH 16
#define STACK_POINTER 7
#define FRAME_REACH 16384 /* a frame with all that a processor has to be saved is smaller */
static const unsigned saved_order[16] = {8, 9, 10, 11, 12, 13, 14, 15, 5, 4, 6, 3, 1, 0, 2, 7};

static uint64_t word_of(const char *context, size_t offset)
{
	uint64_t word;

	memcpy(&word, context + offset, sizeof(word));
	return word;
}

static bool take_handled(struct walk *walk, const char *context, size_t frame)
{
	struct core *core = walk->core;
	uint64_t error = word_of(context, CONTEXT_ERROR);
	siginfo_t info;

	if (word_of(context, CONTEXT_TRAP) != TRAP_PAGE_FAULT)
		return false;
	memcpy(&info, context + CONTEXT_SIGNAL, sizeof(info));
	core->was_handled = true;
	core->handled_address = word_of(context, CONTEXT_ADDRESS);
	if (info.si_signo == SIGBUS && !info.si_errno && info.si_code >= BUS_ADRALN &&
		info.si_code <= BUS_MCEERR_AO &&
		(uintptr_t)info.si_addr == core->handled_address)
		core->handled_code = info.si_code;
	core->handled_access = error & ERROR_WRITE   ? "written"
			       : error & ERROR_FETCH ? "executed"
						     : "read";
	core->handled_frame = frame;
	return true;
}

/* The handler runs: the frame that it interrupted comes next. */
static void find_running(struct walk *walk)
{
	char context[CONTEXT_SIZE];

	if (!walk->core->was_handled && walk->stack &&
		core_read(walk->core, walk->stack, context, sizeof(context)))
		take_handled(walk, context, walk->incident->frame_count);
}

/*
 * The handler has returned, and then came the signal that it had raised: nothing has run in between,
 * so its frame is as it was, below the stack. It is known by all registers that were saved in it.
 */
static void find_returned(struct walk *walk)
{
	static char below[FRAME_REACH];
	Dwarf_Word stack = walk->saved[15];

	if (walk->core->was_handled || stack < sizeof(below) ||
		!core_read(walk->core, stack - sizeof(below), below, sizeof(below)))
		return;
	for (size_t at = 0; at + CONTEXT_SIZE <= sizeof(below); at += sizeof(stack))
		if (!memcmp(below + at + CONTEXT_REGISTERS, walk->saved, sizeof(walk->saved)) &&
			take_handled(walk, below + at, 0))
			return;
}

static void note_registers(struct walk *walk, Dwfl_Frame *state, Dwarf_Addr pc)
{
	Dwarf_Word stack;

	walk->stack = dwfl_frame_reg(state, STACK_POINTER, &stack) == 0 ? stack : 0;
	if (walk->incident->frame_count > 0)
		return;
	walk->saved[16] = pc;
	for (size_t i = 0; i < 16; i++)
		if (dwfl_frame_reg(state, saved_order[i], &walk->saved[i]) != 0)
			walk->saved[16] = 0; /* nothing is found then */
}
#else
static void find_running(struct walk *walk)
{
	(void)walk;
}

static void find_returned(struct walk *walk)
{
	(void)walk;
}

static void note_registers(struct walk *walk, Dwfl_Frame *state, Dwarf_Addr pc)
{
	(void)walk, (void)state, (void)pc;
}
#endif

/* ---- the frames ---- */

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
	if (interrupted && incident->frame_count > 0)
		find_running(walk);
	note_registers(walk, state, pc);
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
	struct walk walk = {.core = core, .dwfl = dwfl, .incident = incident};

	report_objects(dwfl, core);
	if (dwfl_core_file_attach(dwfl, core->elf) > 0)
		dwfl_getthread_frames(dwfl, core->tid, add_frame, &walk);
	find_returned(&walk);
}

void set_place(struct incident *incident, const struct core *core, size_t frame)
{
	incident->pc = incident->frame[frame].pc;
	incident->touched_by = object_place(core, incident->pc, false);
	incident->symbol = incident->frame[frame].symbol;
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
	if (incident->frame_count)
		set_place(incident, core, 0);
}
