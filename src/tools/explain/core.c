/* SPDX-License-Identifier: MIT */
/* A core: its notes say which thread got the signal and why, and which files were mapped. */
#include "tools/explain/explain.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 100000

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__i386__)
#define MACHINE EM_386
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#endif
#define CLASS (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32)

/* The notes. Those of several numbers stay where they are in the core, aligned for none of them. */
struct notes {
	bool has_status, has_process, has_signal;
	struct elf_prstatus status; /* of the thread that got the signal: the first */
	struct elf_prpsinfo process;
	siginfo_t signal;
	const char *files, *vector; /* NULL: there is none */
	size_t files_size, vector_size;
};

static unsigned long word_at(const char *words, size_t i)
{
	unsigned long word;

	memcpy(&word, words + i * sizeof(word), sizeof(word));
	return word;
}

__attribute__((noreturn)) static void reject(const struct core *core, const char *why)
{
	give_up(STATUS_NOTHING, "%s: %s", core->name, why);
}

/* ---- is it one? ---- */

static const char *machine_name(unsigned machine)
{
	static const struct {
		unsigned machine;
		const char *name;
	} names[] = {{EM_X86_64, "x86-64"}, {EM_386, "i386"}, {EM_AARCH64, "aarch64"},
		{EM_ARM, "arm"}, {EM_PPC64, "ppc64"}, {EM_RISCV, "risc-v"}, {EM_S390, "s390"}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].machine == machine)
			return names[i].name;
	return "another kind";
}

static void check_header(const struct core *core)
{
	GElf_Ehdr header;

	if (elf_kind(core->elf) != ELF_K_ELF || !gelf_getehdr(core->elf, &header))
		reject(core, "damaged: its ELF header cannot be read");
	if (header.e_type != ET_CORE)
		reject(core, "a program or a library, not a core");
	if (header.e_machine != MACHINE || header.e_ident[EI_CLASS] != CLASS)
		give_up(STATUS_NOTHING,
			"%s: a core of an %s machine (%s bits): this sigbus-explain is for %s, use "
			"the one that came with that program's system",
			core->name, machine_name(header.e_machine),
			header.e_ident[EI_CLASS] == ELFCLASS64 ? "64" : "32",
			machine_name(MACHINE));
}

static int by_start(const void *a, const void *b)
{
	const struct segment *first = a, *second = b;

	return (first->start > second->start) - (first->start < second->start);
}

static void add_segment(struct core *core, const GElf_Phdr *header)
{
	core->segment = grow(core->segment, core->segment_count, sizeof(*core->segment));
	core->segment[core->segment_count++] = (struct segment){
		header->p_vaddr, header->p_memsz, header->p_offset, header->p_filesz, header->p_flags};
}

/* The dumper leaves off where a limit of the size or a full disk stops it. */
static void read_headers(struct core *core, size_t headers, uint64_t size)
{
	uint64_t end = 0;

	for (size_t i = 0; i < headers; i++) {
		GElf_Phdr header;

		if (!gelf_getphdr(core->elf, (int)i, &header))
			reject(core, "damaged: its program headers cannot be read");
		if (header.p_filesz > UINT64_MAX - header.p_offset)
			reject(core, "damaged: a segment has an impossible size");
		if (header.p_filesz && header.p_offset + header.p_filesz > end)
			end = header.p_offset + header.p_filesz;
		if (header.p_type == PT_LOAD && header.p_memsz <= UINT64_MAX - header.p_vaddr)
			add_segment(core, &header);
	}
	if (end > size)
		give_up(STATUS_NOTHING,
			"%s: cut, or damaged: %" PRIu64 " of %" PRIu64
			" bytes are there (ulimit -c, or a full disk?)",
			core->name, size, end);
	if (core->segment_count)
		qsort(core->segment, core->segment_count, sizeof(*core->segment), by_start);
}

/* ---- notes ---- */

static bool take(void *to, size_t size, const GElf_Nhdr *note, const char *data)
{
	if (note->n_descsz < size)
		return false;
	memcpy(to, data, size);
	return true;
}

static void take_note(struct notes *notes, const GElf_Nhdr *note, const char *data)
{
	if (note->n_type == NT_PRSTATUS && !notes->has_status)
		notes->has_status = take(&notes->status, sizeof(notes->status), note, data);
	else if (note->n_type == NT_PRPSINFO && !notes->has_process)
		notes->has_process = take(&notes->process, sizeof(notes->process), note, data);
	else if (note->n_type == NT_SIGINFO && !notes->has_signal)
		notes->has_signal = take(&notes->signal, sizeof(notes->signal), note, data);
	else if (note->n_type == NT_FILE && !notes->files) {
		notes->files = data;
		notes->files_size = note->n_descsz;
	} else if (note->n_type == NT_AUXV && !notes->vector) {
		notes->vector = data;
		notes->vector_size = note->n_descsz;
	}
}

static void read_notes(const struct core *core, const GElf_Phdr *header, struct notes *notes)
{
	Elf_Data *data = elf_getdata_rawchunk(core->elf, (int64_t)header->p_offset,
		header->p_filesz, header->p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR);
	size_t at = 0, name, description;
	GElf_Nhdr note;

	while (data && (at = gelf_getnote(data, at, &note, &name, &description)) > 0)
		if (note.n_namesz == sizeof("CORE") &&
			!memcmp((char *)data->d_buf + name, "CORE", sizeof("CORE")))
			take_note(notes, &note, (char *)data->d_buf + description);
}

static struct notes find_notes(const struct core *core, size_t headers)
{
	struct notes notes = {0};

	for (size_t i = 0; i < headers; i++) {
		GElf_Phdr header;

		if (gelf_getphdr(core->elf, (int)i, &header) && header.p_type == PT_NOTE)
			read_notes(core, &header, &notes);
	}
	if (!notes.has_status || !notes.status.pr_pid)
		reject(core, "damaged: it does not say which thread got a signal");
	return notes;
}

static void check_signal(const struct core *core, const struct notes *notes)
{
	int number = notes->has_signal ? notes->signal.si_signo : 0;
	const char *name;

	if (!number)
		number = notes->status.pr_cursig;
	if (number == SIGBUS)
		return;
	if (!number)
		reject(core, "no signal killed this program: the core was taken while it ran");
	name = sigabbrev_np(number);
	give_up(STATUS_NOTHING, "%s: %s%s killed this program, not SIGBUS", core->name,
		name ? "SIG" : "signal ", name ? name : format("%d", number));
}

/* ---- files ---- */

struct file_note {
	const char *words, *name, *end;
	unsigned long count, page_size;
};

/* Two numbers, then three for each file, then their names. */
static bool open_files(const struct notes *notes, struct file_note *files)
{
	const size_t word = sizeof(unsigned long);

	if (notes->files_size < 2 * word)
		return false;
	files->words = notes->files;
	files->count = word_at(files->words, 0);
	files->page_size = word_at(files->words, 1);
	files->end = notes->files + notes->files_size;
	if (files->count > FILES_MAX || (notes->files_size / word - 2) / 3 < files->count)
		return false;
	files->name = files->words + (2 + 3 * files->count) * word;
	return true;
}

static bool next_file(struct file_note *files, unsigned long i, struct object *object)
{
	unsigned long start = word_at(files->words, 2 + 3 * i);
	unsigned long end = word_at(files->words, 3 + 3 * i);
	size_t room = (size_t)(files->end - files->name), length = strnlen(files->name, room);

	if (length == room || start >= end)
		return false;
	*object = (struct object){.path = files->name,
		.start = start,
		.end = end,
		.offset = (uint64_t)word_at(files->words, 4 + 3 * i) * files->page_size};
	files->name += length + 1;
	return true;
}

static void read_files(struct core *core, const struct notes *notes)
{
	struct objects *objects = &core->objects;
	struct file_note files = {0};

	if (!notes->files)
		return;
	if (!open_files(notes, &files))
		reject(core, "damaged: its list of mapped files makes no sense");
	for (unsigned long i = 0; i < files.count; i++) {
		objects->item = grow(objects->item, objects->count, sizeof(*objects->item));
		if (!next_file(&files, i, &objects->item[objects->count]))
			reject(core, "damaged: its list of mapped files makes no sense");
		objects->count++;
	}
}

/* ---- who ---- */

static char *escape_array(const char *array, size_t size)
{
	return escape(format("%.*s", (int)strnlen(array, size), array));
}

static bool find_value(const struct notes *notes, unsigned long type, unsigned long *value)
{
	size_t words = notes->vector_size / sizeof(*value);

	for (size_t i = 0; i + 1 < words && word_at(notes->vector, i) != AT_NULL; i += 2) {
		*value = word_at(notes->vector, i + 1);
		if (word_at(notes->vector, i) == type)
			return true;
	}
	return false;
}

/* As it was executed, which is the name that rules and reports have; else that of its file. */
static char *program_of(const struct core *core, const struct notes *notes)
{
	const struct object *object;
	unsigned long value;
	char *executed = find_value(notes, AT_EXECFN, &value) ? core_string(core, value) : NULL;

	if (executed && *file_name(executed))
		return escape(file_name(executed));
	object = find_value(notes, AT_ENTRY, &value) ? object_of(&core->objects, value) : NULL;
	if (object)
		return escape(file_name(object->path));
	return notes->has_process
		       ? escape_array(notes->process.pr_fname, sizeof(notes->process.pr_fname))
		       : format("?");
}

static void set_process(
	struct incident *incident, const struct core *core, const struct notes *notes)
{
	const struct elf_prpsinfo *process = &notes->process;

	incident->tid = notes->status.pr_pid;
	incident->program = program_of(core, notes);
	if (!notes->has_process)
		return;
	incident->pid = process->pr_pid;
	incident->thread = escape_array(process->pr_fname, sizeof(process->pr_fname));
	incident->command = escape_array(process->pr_psargs, sizeof(process->pr_psargs));
	for (size_t end = strlen(incident->command); end && incident->command[end - 1] == ' ';)
		incident->command[--end] = '\0';
}

/* ---- why ---- */

static void set_signal(struct incident *incident, const siginfo_t *signal)
{
	const char *name = code_name(signal->si_code);

	incident->code = name ? format("%s", name) : format("%d", signal->si_code);
	incident->sent = signal->si_code <= 0 || signal->si_code == SI_KERNEL;
	incident->misaligned = signal->si_code == BUS_ADRALN;
	if (signal->si_code == BUS_MCEERR_AR || signal->si_code == BUS_MCEERR_AO)
		incident->cause = "hwpoison";
	if (signal->si_code == SI_USER || signal->si_code == SI_TKILL ||
		signal->si_code == SI_QUEUE) {
		incident->sender_known = signal->si_pid != 0;
		incident->sender_pid = signal->si_pid;
		incident->sender_uid = signal->si_uid;
	}
	if (!incident->sent) {
		incident->addr_known = true;
		incident->addr = (uintptr_t)signal->si_addr;
	}
}

/* Its own handler got the signal and sent it once more: what that handler got is what happened. */
static void set_handled(struct incident *incident, const struct core *core)
{
	incident->sender_known = false;
	incident->sender_pid = 0;
	incident->handed_on = true;
	incident->sent = false;
	incident->misaligned = core->handled_code == BUS_ADRALN;
	incident->code = core->handled_code ? (char *)code_name(core->handled_code) : NULL;
	incident->access = (char *)core->handled_access;
	incident->addr_known = true;
	incident->addr = core->handled_address;
	set_place(incident, core, core->handled_frame);
}

/* ---- where ---- */

/* The kernel writes a header for each mapping, also for those of which it writes no page. */
static void set_mapping(struct incident *incident, const struct core *core)
{
	const struct segment *segment = segment_of(core, incident->addr);

	if (!segment)
		return;
	incident->map_known = true;
	incident->map_start = segment->start;
	incident->map_end = segment->start + segment->size;
	snprintf(incident->prot, sizeof(incident->prot), "%c%c%c?",
		segment->flags & PF_R ? 'r' : '-', segment->flags & PF_W ? 'w' : '-',
		segment->flags & PF_X ? 'x' : '-');
}

static char *cut_deleted(struct incident *incident, const char *path)
{
	static const char deleted[] = " (deleted)";
	size_t length = strlen(path), cut = sizeof(deleted) - 1;

	incident->deleted = length >= cut && !strcmp(path + length - cut, deleted);
	return format("%.*s", (int)(incident->deleted ? length - cut : length), path);
}

static void set_file(struct incident *incident, const struct core *core)
{
	const struct object *object = object_of(&core->objects, incident->addr);

	incident->path = incident->file = "";
	if (!object)
		return;
	incident->map_known = true;
	incident->map_start = object->start;
	incident->map_end = object->end;
	incident->file = cut_deleted(incident, object->path);
	incident->path = escape(incident->file);
	incident->offset_known = true;
	incident->offset = object->offset + (incident->addr - object->start);
}

static bool has_wayland(const struct objects *objects)
{
	for (size_t i = 0; i < objects->count; i++)
		if (!strncmp(file_name(objects->item[i].path), "libwayland-server.so", 20))
			return true;
	return false;
}

static void set_overwritten(struct incident *incident, const struct core *core)
{
	const struct object *object =
		incident->addr_known ? object_of(&core->objects, incident->addr) : NULL;
	const struct object *first = object ? first_of(&core->objects, object) : NULL;

	incident->overwritten = first && first->changed;
}

/* A core that was copied is younger than the fault; one of coredumpctl's has no time of its own. */
static void set_times(struct incident *incident, int fd)
{
	struct statx status;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &status) != 0 ||
		!status.stx_nlink)
		return;
	incident->written = status.stx_mtime.tv_sec * 1000000000 + status.stx_mtime.tv_nsec;
	incident->begun = incident->written;
	if (status.stx_mask & STATX_BTIME) {
		int64_t born = status.stx_btime.tv_sec * 1000000000 + status.stx_btime.tv_nsec;

		incident->begun = born < incident->written ? born : incident->written;
	}
}

/* ---- all ---- */

static void explain_elf(struct incidents *incidents, struct core *core, int fd)
{
	struct incident *incident = add_incident(incidents);
	size_t headers = 0;
	struct notes notes;
	struct stat status;

	if (fstat(fd, &status) != 0)
		reject(core, strerror(errno));
	check_header(core);
	if (elf_getphdrnum(core->elf, &headers) != 0 || !headers)
		reject(core, "damaged: it has no program headers");
	read_headers(core, headers, (uint64_t)status.st_size);
	notes = find_notes(core, headers);
	check_signal(core, &notes);
	core->tid = notes.status.pr_pid;
	read_files(core, &notes);
	identify_objects(core);
	*incident = (struct incident){.from = FROM_CORE,
		.event = "fault",
		.faults = 1,
		.prot = "",
		.serves_wayland = has_wayland(&core->objects),
		.pid = notes.status.pr_pid};
	set_times(incident, fd);
	set_process(incident, core, &notes);
	add_frames(core, incident);
	if (notes.has_signal)
		set_signal(incident, &notes.signal);
	if (incident->sent && incident->sender_pid == incident->pid && core->was_handled)
		set_handled(incident, core);
	if (incident->addr_known) {
		set_mapping(incident, core);
		set_file(incident, core);
	}
	set_overwritten(incident, core);
	advise(incident);
}

void explain_core(struct incidents *incidents, const char *name, int fd)
{
	struct core core = {.name = name};

	elf_version(EV_CURRENT);
	core.elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (!core.elf)
		give_up(STATUS_NOTHING, "%s: damaged: %s", name, elf_errmsg(-1));
	explain_elf(incidents, &core, fd);
}
