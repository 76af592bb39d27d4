/* SPDX-License-Identifier: MIT */
/*
 * The kernel's view of one address. All [H].
 *
 * Linux 6.11 answers a question about one address (PROCMAP_QUERY on /proc/PID/maps); before that
 * the text of the file has to be read up to the line that holds the address.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include "base/base.h"
#include "base/syscall.h"
#include "base/text.h"
#include "kernel/kernel.h"

/* The kernel's interface, which the C library's headers of our time do not have. */
struct procmap_query {
	uint64_t size, query_flags, query_addr;
	uint64_t vma_start, vma_end, vma_flags, vma_page_size, vma_offset;
	uint64_t inode;
	uint32_t dev_major, dev_minor;
	uint32_t vma_name_size, build_id_size;
	uint64_t vma_name_addr, build_id_addr;
};
#define PROCMAP_QUERY _IOWR('f', 17, struct procmap_query)
_Static_assert(sizeof(struct procmap_query) == 104, "the kernel's layout");

enum procmap_flag {
	MAP_IS_READABLE = 1,
	MAP_IS_WRITABLE = 2,
	MAP_IS_EXECUTABLE = 4,
	MAP_IS_SHARED = 8
};

static const char deleted_suffix[] = " (deleted)";
#define DELETED_LENGTH (sizeof(deleted_suffix) - 1)

static atomic_bool query_is_missing; /* a hint: whoever asks in vain reads the text */

/* ---- both ways ---- */

static void set_attributes(struct vma *vma, unsigned flags)
{
	vma->prot = (flags & MAP_IS_READABLE ? PROT_READ : 0) |
		    (flags & MAP_IS_WRITABLE ? PROT_WRITE : 0) |
		    (flags & MAP_IS_EXECUTABLE ? PROT_EXEC : 0);
	vma->shared = flags & MAP_IS_SHARED;
}

static bool ends_deleted(const char *path, size_t length)
{
	return length > DELETED_LENGTH &&
	       !memcmp(path + length - DELETED_LENGTH, deleted_suffix, DELETED_LENGTH);
}

/* Is the mapped file there by this name? No file system is asked to do I/O for the answer. */
static APART bool is_there(const struct vma *vma, const char *path)
{
	int flags = AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC;
	struct statx found;
	long fd, error;

	if (path[0] != '/' || !vma->inode || text_starts(path, "/memfd:") || text_starts(path, "/SYSV"))
		return false;
	fd = kernel_open_cached(path);
	if (fd < 0)
		return false;
	error = SYS_5(SYS_statx, fd, "", flags, STATX_INO, &found);
	SYS_1(SYS_close, fd);
	return error == 0 && found.stx_ino == vma->inode && found.stx_dev_major == vma->dev_major &&
	       found.stx_dev_minor == vma->dev_minor;
}

/*
 * The name of a file that is gone ends in " (deleted)"; so may that of any other, but then the mapped
 * file is there by all of the name. What fitted into the storage is in it; size 0: nobody wants it.
 */
static void set_path(struct vma *vma, char *path, size_t size, size_t length)
{
	vma->path = size ? path : "";
	if (!size)
		return;
	path[length < size ? length : size - 1] = '\0';
	if (vma->deleted && length < size && is_there(vma, path))
		vma->deleted = false;
	if (vma->deleted)
		length -= DELETED_LENGTH;
	path[length < size ? length : size - 1] = '\0';
}

/* ---- the maps text: START-END PROT OFFSET MAJOR:MINOR INODE [NAME] ---- */

/*
 * A newline in a name comes as "\012", and nothing else is escaped. The name may lie behind path in the
 * same storage. Returns the length that is wanted.
 */
static size_t copy_name(char *path, size_t size, const char *name, bool *deleted)
{
	size_t length = 0;

	*deleted = ends_deleted(name, strlen(name));
	for (; *name; length++) {
		bool escaped = text_starts(name, "\\012");

		if (length + 1 < size)
			path[length] = escaped ? '\n' : *name;
		name += escaped ? 4 : 1;
	}
	return length;
}

bool maps_line(const char *line, uintptr_t address, struct vma *vma, char *path, size_t path_size)
{
	uint64_t start, end, offset, dev_major, dev_minor, inode;
	unsigned flags = 0;
	size_t length;
	bool deleted;

	if (!line_number(&line, 16, '-', &start) || !line_number(&line, 16, ' ', &end) ||
		address < start || address >= end)
		return false;
	for (; *line && *line != ' '; line++)
		flags |= *line == 'r' ? MAP_IS_READABLE : *line == 'w' ? MAP_IS_WRITABLE
				      : *line == 'x' ? MAP_IS_EXECUTABLE
				      : *line == 's' ? MAP_IS_SHARED : 0;
	line += *line == ' ';
	if (!line_number(&line, 16, ' ', &offset) || !line_number(&line, 16, ':', &dev_major) ||
		!line_number(&line, 16, ' ', &dev_minor) || !line_number(&line, 10, ' ', &inode))
		return false;
	while (*line == ' ')
		line++;
	length = copy_name(path, path_size, line, &deleted);
	*vma = (struct vma){.start = start,
		.end = end,
		.offset = offset,
		.inode = inode,
		.dev_major = (uint32_t)dev_major,
		.dev_minor = (uint32_t)dev_minor,
		.deleted = deleted};
	set_attributes(vma, flags);
	set_path(vma, path, path_size, length);
	return true;
}

/* The lines are read into the storage of the path, where the name of the right one then moves down. */
static APART int read_text(uintptr_t address, struct vma *vma, char *path, size_t path_size)
{
	struct line_reader reader;
	char bytes[192], *line;
	bool is_roomy = path_size >= sizeof(bytes);

	if (!lines_open(&reader, KERNEL_OWN "maps", is_roomy ? path : bytes, is_roomy ? path_size : sizeof(bytes)))
		return (int)reader.fd;
	do
		line = lines_next(&reader);
	while (line && !maps_line(line, address, vma, path, path_size));
	lines_close(&reader);
	if (!line)
		return -ENOENT;
	vma->page_size = fs_huge_page_size(vma);
	return 0;
}

static APART int query(int fd, uintptr_t address, struct vma *vma, char *path, size_t path_size)
{
	struct procmap_query query = {
		.size = sizeof(query),
		.query_addr = address,
		.vma_name_addr = path_size ? (uintptr_t)path : 0, /* both or none */
		.vma_name_size = (uint32_t)path_size,
	};
	size_t length;
	long result = SYS_3(SYS_ioctl, fd, PROCMAP_QUERY, &query);

	if (result < 0)
		return (int)result;
	length = query.vma_name_size ? query.vma_name_size - 1 : 0;
	*vma = (struct vma){
		.start = query.vma_start,
		.end = query.vma_end,
		.offset = query.vma_offset,
		.inode = query.inode,
		.dev_major = query.dev_major,
		.dev_minor = query.dev_minor,
		.page_size = (uint32_t)query.vma_page_size,
		.deleted = ends_deleted(path, length),
	};
	set_attributes(vma, (unsigned)query.vma_flags);
	set_path(vma, path, path_size, length);
	return 0;
}

int vma_query(uintptr_t address, struct vma *vma, char *path, size_t path_size)
{
	long fd;
	int error;

	/* Relaxed: who sees it late asks once more in vain. */
	if (atomic_load_explicit(&query_is_missing, memory_order_relaxed))
		return read_text(address, vma, path, path_size);
	fd = kernel_open_own(KERNEL_OWN "maps");
	if (fd < 0)
		return (int)fd;
	error = query((int)fd, address, vma, path, path_size);
	SYS_1(SYS_close, fd);
	if (error == -ENOTTY)
		atomic_store(&query_is_missing, true);
	/* The text has room for names that are too long for a question. */
	return error == 0 || error == -ENOENT ? error : read_text(address, vma, path, path_size);
}

/* ---- kind ---- */

static bool is_hugetlb(const struct vma *vma)
{
	if (text_starts(vma->path, "/anon_hugepage"))
		return true;
	/* Without the page size (the maps text): where such a file system usually is. */
	return vma->page_size ? vma->page_size > PAGE_SIZE && !text_starts(vma->path, "/dev/dax")
			      : text_starts(vma->path, "/dev/hugepages/");
}

/* Whole name: shared anonymous memory is an unlinked /dev/zero. */
static bool is_zero_device(const char *path)
{
	return text_starts(path, "/dev/zero") && !path[sizeof("/dev/zero") - 1];
}

const char *vma_kind(const struct vma *vma)
{
	static const struct {
		char prefix[12], kind[8];
	} kinds[] = {
		{"/memfd:", "memfd"},
		{"/dev/shm/", "shm"},
		{"/SYSV", "shm"},
		{"/dev/", "device"},
		{"/dmabuf:", "device"},
		{"anon_inode:", "device"},
		{"[", "anon"},
	};

	if (is_hugetlb(vma))
		return "hugetlb";
	if (!vma->path[0] || is_zero_device(vma->path))
		return "anon";
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (text_starts(vma->path, kinds[i].prefix))
			return kinds[i].kind;
	return "file";
}

/* ---- of a mapping that is still to be made ---- */

static void name_file(int fd, struct vma *vma, char *path, size_t size)
{
	char link[32];
	struct text text = {.buffer = link, .size = sizeof(link)};
	long length;

	text_add(&text, "/proc/thread-self/fd/");
	text_decimal(&text, fd);
	length = SYS_4(SYS_readlinkat, AT_FDCWD, link, path, size - 1);
	if (length < 0)
		length = 0;
	vma->deleted = ends_deleted(path, (size_t)length);
	set_path(vma, path, size, (size_t)length);
}

static bool view_anonymous(
	const struct mapping *mapping, struct vma *vma, char *path, size_t path_size)
{
	bool is_huge = mapping->flags & MAP_HUGETLB;
	struct text name = {.buffer = path, .size = path_size};

	/* As the kernel names it. */
	text_add(&name, mapping->is_segment ? "/SYSV" : is_huge ? "/anon_hugepage" : "");
	for (int shift = 28; mapping->is_segment && shift >= 0; shift -= 4)
		text_bytes(&name, &"0123456789abcdef"[mapping->key >> shift & 15], 1);
	*vma = (struct vma){.prot = (uint8_t)(mapping->prot & 7),
		.shared = (mapping->flags & MAP_TYPE) != MAP_PRIVATE,
		.page_size = is_huge ? 2 << 20 : PAGE_SIZE,
		.deleted = is_huge,
		.path = path};
	return true;
}

bool vma_of_mapping(const struct mapping *mapping, struct vma *vma, char *path, size_t path_size)
{
	struct stat file;

	if (mapping->flags & MAP_ANONYMOUS)
		return view_anonymous(mapping, vma, path, path_size);
	if (SYS_2(SYS_fstat, mapping->fd, &file) < 0)
		return false;
	*vma = (struct vma){.offset = (uint64_t)mapping->offset,
		.inode = file.st_ino,
		.dev_major = major(file.st_dev),
		.dev_minor = minor(file.st_dev),
		.page_size = fs_page_size(mapping->fd),
		.prot = (uint8_t)(mapping->prot & 7),
		.shared = (mapping->flags & MAP_TYPE) != MAP_PRIVATE};
	name_file(mapping->fd, vma, path, path_size);
	return true;
}
