/* SPDX-License-Identifier: MIT */
/*
 * Room kernel: asks the kernel, and talks to it: mappings, file systems, probes of a page, writing a
 * line, the signal mask, the next functions, the state of this process. It remembers nothing about
 * ranges, rules or handlers. Calls base.
 */
#ifndef SIGBUS_KERNEL_H
#define SIGBUS_KERNEL_H

#include <stdatomic.h>
#include <errno.h>
#include <sys/types.h>
#include <sys/uio.h>
#include "base/base.h"

/* ---- borrowed-child.c ---- */

/* Runs work(data) in a child that shares the memory. 0, or -errno: it was not run. [H] */
long aside(void (*work)(void *), void *data);

/* ---- root.c: after chroot(), pivot_root or setns() every name means something else ---- */

/* Remembers "/" as it is now. To be called once, at the start, before root_is_ours(). */
void root_init(void);

/* Is "/" of the calling thread what root_init() saw? False, too, where the kernel does not say. [H] */
bool root_is_ours(void);

/* A file of procfs, sysfs or a control group, to be read, or -errno. It is the kernel's own, not what
 * somebody has put where /proc was, and opening it does not wait. [H] */
long kernel_open(int directory, const char *path);
#define KERNEL_OWN "/proc/thread-self/"
long kernel_open_own(const char *path); /* the same of KERNEL_OWN "NAME". [H] */
/* O_PATH of any name, or -errno: no link at its end, no I/O, so no server is asked for it. [H] */
long kernel_open_cached(const char *path);

/* ---- lines.c: a text of /proc, line by line ---- */

struct line_reader {
	long fd;
	char *bytes; /* the caller's */
	size_t size;
	size_t at, end; /* of what was read and not told yet */
	bool in_rest;	/* of a line that is longer than the room: it is passed over */
};
/* The text of KERNEL_OWN NAME. False: fd says why. [H] */
bool lines_open(struct line_reader *reader, const char *name, char *bytes, size_t size);
void lines_close(struct line_reader *reader);		       /* [H] */
/* The next line in place, ended by "\0" for its "\n"; too long: its beginning. NULL: no more. [H] */
char *lines_next(struct line_reader *reader);
/* Room for a line that the caller gives, for the handler has little stack. */
struct line_room {
	char bytes[8192];
};
/* A number without a sign in a line and the byte behind it, which are passed. False: none is there. [H] */
bool line_number(const char **at, unsigned base, char behind, uint64_t *value);

/* ---- vma.c: what is mapped at an address ---- */

struct vma {
	uintptr_t start, end;
	uint64_t offset, inode;
	uint32_t dev_major, dev_minor;
	uint32_t page_size; /* 0: not known */
	uint8_t prot;       /* PROT_* */
	bool shared;
	bool deleted;     /* the name ended in " (deleted)", which is cut off */
	const char *path; /* never NULL; "" for anonymous memory */
};
/* What is mapped at address: 0, -ENOENT, or -errno when the kernel can't be asked. path: storage,
 * or NULL with size 0. [H] */
int vma_query(uintptr_t address, struct vma *vma, char *path, size_t path_size);

/* ---- page-flags.c: pages that are refused, and not lost ---- */

/* Narrows [*start, *end) around a page to what has no guard page; the kernel is mute: to that page. [H] */
void pages_without_guards(uintptr_t page, uintptr_t *start, uintptr_t *end);
/* Is it the kernel's page of zeroes, which costs no memory? 1, 0, or -errno: it cannot be told. [H] */
int page_is_zero_page(uintptr_t page);
/* Does userfaultfd watch the mapping at address? 1, 0, or -errno: it cannot be told. Slow. [H] */
int vma_is_watched(uintptr_t address);

/* What an mmap() call asks for. */
struct mapping {
	void *address;
	size_t length;
	int prot, flags, fd;
	off_t offset;
	bool is_segment; /* shmat(): a System V segment of huge pages, of this key */
	uint32_t key;
};
/* What such a mapping will look like once it is there; path is storage. False: the descriptor is
 * none. [H] */
bool vma_of_mapping(const struct mapping *mapping, struct vma *vma, char *path, size_t path_size);
/* "hugetlb", "memfd", "shm", "device", "file" or "anon". [H] */
const char *vma_kind(const struct vma *vma);

/*
 * A line of /proc/PID/maps: false: it is not that of the address. path is storage, as of vma_query().
 * Pure; here for its tests. [H]
 */
bool maps_line(const char *line, uintptr_t address, struct vma *vma, char *path, size_t path_size);

/* ---- fs.c: the file system of a mapping ---- */

#define FS_TYPE_MAX 64 /* bytes of a type's name that are kept, its end included */

/*
 * The type as mountinfo names it, in buffer, or NULL: not known. Neither the file nor its server is
 * asked. [H]
 */
const char *fs_type(
	const struct vma *vma, struct line_room *room, char *buffer, size_t size);
/* A file in memory on the kernel's own mount: a memfd, or shared anonymous memory. [H] */
bool fs_is_internal(const struct vma *vma);
/* The same in huge pages: their size, or 0: it is none, or it cannot be told. [H] */
uint32_t fs_huge_page_size(const struct vma *vma);
/* Bytes of the pages of a file that is open, more than PAGE_SIZE for hugetlbfs only. [H] */
uint32_t fs_page_size(int fd);
bool fs_is_served(const char *type); /* [H] who looks at a page there may wait for a server */
/* The i-th name by which rules know the type, or NULL when there are no more. [H] */
const char *fs_alias(const char *type, unsigned i);
/* What this process can still get there: local file systems with a limit only, else false. [H] */
bool fs_space(const struct vma *vma, struct line_room *room, uint64_t *free_bytes,
	uint64_t *free_inodes);

struct mount {
	uint64_t id;
	char *type, *point; /* in the line */
};
/*
 * A line of /proc/PID/mountinfo, which is changed: false: it is not one of the device. Pure; here for
 * its tests. [H]
 */
bool mount_line(char *line, uint32_t dev_major, uint32_t dev_minor, struct mount *mount);

/* ---- probe.c: can a page be had? ---- */

/* Can the page not be read (or written)? 0: it can; -EFAULT/-EHWPOISON: lost; else: no telling. [H] */
int probe(uintptr_t page, bool write);
/* Is it poisoned? Only of memory that no file system has to read. [H] */
bool probe_poison(uintptr_t page);
bool probe_may_populate(void); /* MADV_POPULATE_* of any page comes to an end */
void probe_init(void);

/* The page's present PROT_*; known is what the range's record says. [H] */
unsigned probe_protection(uintptr_t page, unsigned known);

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

/* What a probe answers for a page that is lost. */
static inline bool says_lost(int error)
{
	return error == -EFAULT || error == -EHWPOISON;
}

/* ---- write.c ---- */

struct identity {
	dev_t device, special;
	ino_t inode;
	mode_t type; /* 0: there was none */
	uid_t owner; /* may change, as the number of its names: no part of what it is */
	uint32_t links;
	/* An inode's number is given to the next file at once: of a regular file this tells them apart. */
	uint64_t born, mount; /* born: when, or a hash of its handle; 0: neither is known */
};

struct identity identify(int fd);                                             /* [H] */
bool same_identity(const struct identity *a, const struct identity *b);        /* [H] */

/* The note and the line: one call, so that nobody else's text comes between or into them. */
struct lines {
	struct iovec part[2];
	size_t length;
};

/* Bytes written, or -errno; never blocks, raises no signal. [H] */
long write_lines(int fd, const struct identity *identity, struct lines *lines);

#endif
