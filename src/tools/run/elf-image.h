/* SPDX-License-Identifier: MIT */
/* A file as the kernel and the dynamic linker see it: of either word size, perhaps garbage. */
#ifndef SIGBUS_TOOLS_ELF_IMAGE_H
#define SIGBUS_TOOLS_ELF_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image {
	int fd;
	size_t size;	 /* of head */
	char head[4097]; /* how the file begins, terminated */
	int class, machine; /* of an ELF file, as in its header */
	uint64_t header_offset;
	unsigned header_count, header_size;
};

int image_open(struct image *image, const char *path); /* 0, else errno; the caller closes fd */
bool image_is_elf(const struct image *image);
char *image_interpreter(const struct image *image); /* PT_INTERP; NULL: none */
bool image_is_loader(const struct image *image);    /* ld.so itself: its name says so */
/* It is linked with a library whose name begins so. */
bool image_needs(const struct image *image, const char *name);
/* There is a note of this vendor: "Go", "GNU". */
bool image_has_note(const struct image *image, const char *vendor);

/* ---- privileges.c ---- */

struct privileges {
	const char *what; /* NULL: it has none */
	bool here;	  /* the mode is secure for this caller, not only for others */
	bool set_id;	  /* set-user-ID or set-group-ID */
};
struct privileges privileges_of(const char *path);

#endif
