/* SPDX-License-Identifier: MIT */
#include "tools/run/elf-image.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/regular.h"

#define HEADERS_MAX 512
#define SECTION_MAX (1 << 20) /* bytes of a segment that are looked at */

/* One program header, whatever the word size. */
struct segment {
	uint32_t type;
	uint64_t offset, address, size;
};

int image_open(struct image *image, const char *path)
{
	Elf32_Ehdr narrow;
	Elf64_Ehdr wide;
	ssize_t size;
	int error;

	memset(image, 0, sizeof(*image));
	image->fd = open_regular(path);
	size = image->fd < 0 ? -1 : read(image->fd, image->head, sizeof(image->head) - 1);
	if (size < 0) {
		error = errno;
		if (image->fd >= 0)
			close(image->fd);
		return error;
	}
	image->size = (size_t)size;
	if (!image_is_elf(image))
		return 0;
	memcpy(&narrow, image->head, sizeof(narrow));
	memcpy(&wide, image->head, sizeof(wide));
	image->class = wide.e_ident[EI_CLASS];
	image->machine = wide.e_machine; /* the same place in both */
	if (image->class == ELFCLASS64) {
		image->header_offset = wide.e_phoff;
		image->header_count = wide.e_phnum;
		image->header_size = wide.e_phentsize;
	} else {
		image->header_offset = narrow.e_phoff;
		image->header_count = narrow.e_phnum;
		image->header_size = narrow.e_phentsize;
	}
	return 0;
}

bool image_is_elf(const struct image *image)
{
	return image->size >= sizeof(Elf64_Ehdr) && memcmp(image->head, ELFMAG, SELFMAG) == 0;
}

static bool read_at(const struct image *image, uint64_t offset, void *buffer, size_t size)
{
	return offset <= INT64_MAX - size &&
	       pread(image->fd, buffer, size, (off_t)offset) == (ssize_t)size;
}

static bool segment_at(const struct image *image, unsigned i, struct segment *segment)
{
	uint64_t offset = image->header_offset + (uint64_t)i * image->header_size;
	Elf32_Phdr narrow;
	Elf64_Phdr wide;

	if (i >= image->header_count || i >= HEADERS_MAX)
		return false;
	if (image->class == ELFCLASS64) {
		if (!read_at(image, offset, &wide, sizeof(wide)))
			return false;
		*segment = (struct segment){
			wide.p_type, wide.p_offset, wide.p_vaddr, wide.p_filesz};
		return true;
	}
	if (!read_at(image, offset, &narrow, sizeof(narrow)))
		return false;
	*segment = (struct segment){
		narrow.p_type, narrow.p_offset, narrow.p_vaddr, narrow.p_filesz};
	return true;
}

static bool find_segment(const struct image *image, uint32_t type, struct segment *segment)
{
	for (unsigned i = 0; segment_at(image, i, segment); i++)
		if (segment->type == type)
			return true;
	return false;
}

/* All of it, with a zero behind, or NULL. */
static char *read_segment(const struct image *image, const struct segment *segment)
{
	char *bytes = segment->size <= SECTION_MAX ? calloc(1, segment->size + 1) : NULL;

	if (bytes && read_at(image, segment->offset, bytes, segment->size))
		return bytes;
	free(bytes);
	return NULL;
}

char *image_interpreter(const struct image *image)
{
	struct segment segment;

	if (!find_segment(image, PT_INTERP, &segment))
		return NULL;
	return read_segment(image, &segment);
}

/* ---- the dynamic section ---- */

struct dynamic {
	char *bytes, *strings; /* strings: all that is behind the table's start, as far as it is read */
	size_t count, strings_size;
	bool wide;
};

static uint64_t entry_tag(const struct dynamic *dynamic, size_t i, uint64_t *value)
{
	if (dynamic->wide) {
		Elf64_Dyn entry;

		memcpy(&entry, dynamic->bytes + i * sizeof(entry), sizeof(entry));
		*value = entry.d_un.d_val;
		return (uint64_t)entry.d_tag;
	}
	Elf32_Dyn entry;

	memcpy(&entry, dynamic->bytes + i * sizeof(entry), sizeof(entry));
	*value = entry.d_un.d_val;
	return (uint64_t)(uint32_t)entry.d_tag;
}

/* An address of the loaded program as an offset in its file. */
static bool to_offset(const struct image *image, uint64_t address, uint64_t *offset)
{
	struct segment segment;

	for (unsigned i = 0; segment_at(image, i, &segment); i++) {
		if (segment.type != PT_LOAD || address < segment.address ||
			address - segment.address >= segment.size)
			continue;
		*offset = segment.offset + (address - segment.address);
		return true;
	}
	return false;
}

static bool read_strings(const struct image *image, struct dynamic *dynamic)
{
	uint64_t tag, value, address = 0, size = 0, offset;

	for (size_t i = 0; i < dynamic->count; i++) {
		tag = entry_tag(dynamic, i, &value);
		if (tag == DT_NULL)
			break;
		if (tag == DT_STRTAB)
			address = value;
		else if (tag == DT_STRSZ)
			size = value;
	}
	if (!size || size > SECTION_MAX * 16 || !to_offset(image, address, &offset))
		return false;
	dynamic->strings = calloc(1, size + 1);
	dynamic->strings_size = size;
	return dynamic->strings && read_at(image, offset, dynamic->strings, size);
}

/* Is there an entry with this tag whose text begins so? */
static bool has_text(const struct image *image, uint64_t wanted, const char *name)
{
	struct segment segment;
	struct dynamic dynamic = {.wide = image->class == ELFCLASS64};
	bool found = false;

	if (!find_segment(image, PT_DYNAMIC, &segment))
		return false;
	dynamic.bytes = read_segment(image, &segment);
	dynamic.count = segment.size / (dynamic.wide ? sizeof(Elf64_Dyn) : sizeof(Elf32_Dyn));
	if (dynamic.bytes && read_strings(image, &dynamic))
		for (size_t i = 0; i < dynamic.count && !found; i++) {
			uint64_t value, tag = entry_tag(&dynamic, i, &value);

			if (tag == DT_NULL)
				break;
			found = tag == wanted && value < dynamic.strings_size &&
				strncmp(dynamic.strings + value, name, strlen(name)) == 0;
		}
	free(dynamic.strings);
	free(dynamic.bytes);
	return found;
}

bool image_is_loader(const struct image *image)
{
	return has_text(image, DT_SONAME, "ld-linux") || has_text(image, DT_SONAME, "ld.so") ||
	       has_text(image, DT_SONAME, "ld64.so");
}

bool image_needs(const struct image *image, const char *name)
{
	return has_text(image, DT_NEEDED, name);
}

/* ---- notes ---- */

static bool notes_have(const char *notes, size_t size, const char *vendor)
{
	size_t at = 0;

	while (at + sizeof(Elf32_Nhdr) <= size) {
		Elf32_Nhdr note; /* the same in both */
		size_t name = at + sizeof(note);

		memcpy(&note, notes + at, sizeof(note));
		if (note.n_namesz > size - name || note.n_descsz > size)
			return false;
		/* Go counts the name with the zeroes behind it. */
		if (note.n_namesz > strlen(vendor) && strcmp(notes + name, vendor) == 0)
			return true;
		at = name + ((note.n_namesz + 3) & ~(size_t)3) + ((note.n_descsz + 3) & ~(size_t)3);
	}
	return false;
}

bool image_has_note(const struct image *image, const char *vendor)
{
	struct segment segment;

	for (unsigned i = 0; segment_at(image, i, &segment); i++) {
		char *notes = segment.type == PT_NOTE ? read_segment(image, &segment) : NULL;
		bool found = notes && notes_have(notes, segment.size, vendor);

		free(notes);
		if (found)
			return true;
	}
	return false;
}
