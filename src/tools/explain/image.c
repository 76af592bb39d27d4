/* SPDX-License-Identifier: MIT */
/*
 * The objects in a core, known by their first pages, which the kernel writes into it: where their
 * addresses begin, and their build ids. The files on disk may be others by now.
 */
#include "tools/explain/explain.h"

#include <gelf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_PAGES 65536

const struct object *object_of(const struct objects *objects, uint64_t address)
{
	size_t low = 0, high = objects->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (objects->item[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < objects->count && objects->item[low].start <= address ? &objects->item[low]
									   : NULL;
}

const struct segment *segment_of(const struct core *core, uint64_t address)
{
	size_t low = 0, high = core->segment_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct segment *segment = &core->segment[middle];

		if (segment->start <= address && address - segment->start >= segment->size)
			low = middle + 1;
		else
			high = middle;
	}
	return low < core->segment_count && core->segment[low].start <= address
		       ? &core->segment[low]
		       : NULL;
}

/* The mapping with the start of the same file, in front of this one. */
const struct object *first_of(const struct objects *objects, const struct object *object)
{
	const struct object *first = object;

	while (first > objects->item && first->offset > 0 &&
		!strcmp(first[-1].path, object->path))
		first--;
	return first;
}

char *object_place(const struct core *core, uint64_t pc, bool is_return)
{
	uint64_t address = pc - is_return;
	const struct object *object = object_of(&core->objects, address), *first;
	uint64_t offset;

	if (!object)
		return NULL;
	first = first_of(&core->objects, object);
	offset = first->bias_known ? address - first->bias
				   : address - object->start + object->offset;
	return format("%s+0x%" PRIx64, escape(file_name(object->path)), offset + is_return);
}

/* ---- the first page ---- */

/* What the core has of the memory from an address on: as much as a first page needs. */
static Elf_Data *memory_at(const struct core *core, uint64_t address)
{
	const struct segment *segment = segment_of(core, address);
	uint64_t into = segment ? address - segment->start : 0, size;

	if (!segment || into >= segment->written)
		return NULL;
	size = segment->written - into;
	return elf_getdata_rawchunk(core->elf, (int64_t)(segment->offset + into),
		size < FIRST_PAGES ? size : FIRST_PAGES, ELF_T_BYTE);
}

char *core_string(const struct core *core, uint64_t address)
{
	Elf_Data *data = memory_at(core, address);

	if (!data || !memchr(data->d_buf, '\0', data->d_size))
		return NULL;
	return data->d_buf;
}

bool core_read(const struct core *core, uint64_t address, void *buffer, size_t size)
{
	Elf_Data *data = memory_at(core, address);

	if (!data || data->d_size < size)
		return false;
	memcpy(buffer, data->d_buf, size);
	return true;
}

static void find_id(Elf *elf, const GElf_Phdr *header, struct object *object)
{
	Elf_Data *data = elf_getdata_rawchunk(elf, (int64_t)header->p_offset, header->p_filesz,
		header->p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR);
	size_t at = 0, name, description;
	GElf_Nhdr note;

	while (data && (at = gelf_getnote(data, at, &note, &name, &description)) > 0)
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof("GNU") &&
			!memcmp((char *)data->d_buf + name, "GNU", sizeof("GNU"))) {
			object->id = (unsigned char *)data->d_buf + description;
			object->id_size = note.n_descsz;
		}
}

static void identify_object(Elf *elf, struct object *object)
{
	size_t headers = 0;
	GElf_Ehdr elf_header;

	if (!gelf_getehdr(elf, &elf_header) || elf_getphdrnum(elf, &headers) != 0)
		return;
	for (size_t i = 0; i < headers; i++) {
		GElf_Phdr header;

		if (!gelf_getphdr(elf, (int)i, &header))
			return;
		if (header.p_type == PT_LOAD && !object->bias_known) {
			object->bias_known = true;
			object->bias = elf_header.e_type == ET_EXEC
					       ? 0
					       : object->start - (header.p_vaddr -
									 header.p_offset);
		}
		if (header.p_type == PT_NOTE && !object->id)
			find_id(elf, &header, object);
	}
}

void identify_objects(struct core *core)
{
	for (size_t i = 0; i < core->objects.count; i++) {
		struct object *object = &core->objects.item[i];
		Elf_Data *page = object->offset ? NULL : memory_at(core, object->start);
		Elf *elf;

		if (!page || page->d_size < SELFMAG || memcmp(page->d_buf, ELFMAG, SELFMAG) != 0)
			continue;
		elf = elf_memory(page->d_buf, page->d_size);
		if (elf)
			identify_object(elf, object);
	}
}
