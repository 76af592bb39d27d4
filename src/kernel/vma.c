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
static const char newline_escape[] = "\\012";
#define ESCAPE_LENGTH (sizeof(newline_escape) - 1)

static atomic_bool query_is_missing;

/* ---- one line of the maps text ---- */

/*
 * One more byte of a text that is looked for: how much of it the bytes up to here end with. Right
 * for words whose first byte is not in them again.
 */
static size_t follow(const char *word, size_t length, size_t matched, char byte)
{
	if (matched < length && byte == word[matched])
		return matched + 1;
	return byte == word[0];
}

static void put_name(struct maps_scan *scan, char byte)
{
	scan->deleted = follow(deleted_suffix, DELETED_LENGTH, scan->deleted, byte);
	scan->escape = follow(newline_escape, ESCAPE_LENGTH, scan->escape, byte);
	if (scan->escape == ESCAPE_LENGTH) {
		scan->length -= ESCAPE_LENGTH - 1;
		byte = '\n';
	}
	if (scan->length + 1 < scan->path_size)
		scan->path[scan->length] = byte;
	scan->length++;
}

/* START-END PROT OFFSET MAJOR:MINOR INODE, as the separators that end them and their bases. */
static const struct {
	char end, base;
} fields[MAPS_FIELDS] = {
	{'-', 16}, {' ', 16}, {' ', 0}, {' ', 16}, {':', 16}, {' ', 16}, {' ', 10}};
enum { FIELD_START, FIELD_END, FIELD_PROT, FIELD_OFFSET, FIELD_MAJOR, FIELD_MINOR, FIELD_INODE };

static int digit_of(char byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : 16;
}

static unsigned prot_of(char byte)
{
	switch (byte) {
	case 'r':
		return MAP_IS_READABLE;
	case 'w':
		return MAP_IS_WRITABLE;
	case 'x':
		return MAP_IS_EXECUTABLE;
	case 's':
		return MAP_IS_SHARED;
	default:
		return 0;
	}
}

static bool holds_address(const struct maps_scan *scan)
{
	return scan->value[FIELD_START] <= scan->address && scan->address < scan->value[FIELD_END];
}

static void put_field(struct maps_scan *scan, char byte)
{
	uint64_t *value = &scan->value[scan->field];
	int base = fields[scan->field].base, digit = digit_of(byte);

	if (byte == fields[scan->field].end) {
		scan->field++;
		if (scan->field == MAPS_FIELDS && !holds_address(scan))
			scan->skip = true;
	} else if (!base) {
		*value |= prot_of(byte);
	} else if (digit < base) {
		*value = *value * (unsigned)base + (unsigned)digit;
	} else {
		scan->skip = true;
	}
}

static void next_line(struct maps_scan *scan)
{
	memset(scan->value, 0, sizeof(scan->value));
	scan->field = 0;
	scan->length = scan->deleted = scan->escape = 0;
	scan->skip = false;
}

bool maps_scan(struct maps_scan *scan, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (bytes[i] == '\n') {
			if (scan->field == MAPS_FIELDS && !scan->skip)
				return true;
			next_line(scan);
		} else if (scan->skip) {
			continue;
		} else if (scan->field < MAPS_FIELDS) {
			put_field(scan, bytes[i]);
		} else if (scan->length > 0 || bytes[i] != ' ') {
			put_name(scan, bytes[i]);
		}
	}
	return false;
}

/* ---- both ways ---- */

static void set_attributes(struct vma *vma, unsigned flags)
{
	vma->prot = (flags & MAP_IS_READABLE ? PROT_READ : 0) |
		    (flags & MAP_IS_WRITABLE ? PROT_WRITE : 0) |
		    (flags & MAP_IS_EXECUTABLE ? PROT_EXEC : 0);
	vma->shared = flags & MAP_IS_SHARED;
}

/* length may be more than what fitted into the storage; size 0: nobody wants to know it. */
static void set_path(struct vma *vma, char *path, size_t size, size_t length)
{
	vma->path = size ? path : "";
	if (!size)
		return;
	if (vma->deleted)
		length -= DELETED_LENGTH;
	path[length < size ? length : size - 1] = '\0';
}

void maps_scan_result(const struct maps_scan *scan, struct vma *vma)
{
	*vma = (struct vma){
		.start = scan->value[FIELD_START],
		.end = scan->value[FIELD_END],
		.offset = scan->value[FIELD_OFFSET],
		.inode = scan->value[FIELD_INODE],
		.dev_major = (uint32_t)scan->value[FIELD_MAJOR],
		.dev_minor = (uint32_t)scan->value[FIELD_MINOR],
		.deleted = scan->deleted == DELETED_LENGTH,
	};
	set_attributes(vma, (unsigned)scan->value[FIELD_PROT]);
	set_path(vma, scan->path, scan->path_size, scan->length);
}

static APART int read_text(int fd, uintptr_t address, struct vma *vma, char *path, size_t path_size)
{
	struct maps_scan scan = {.address = address, .path = path, .path_size = path_size};
	char chunk[128];

	for (;;) {
		long length = SYS_3(SYS_read, fd, chunk, sizeof(chunk));

		if (length <= 0)
			return length < 0 ? (int)length : -ENOENT;
		if (maps_scan(&scan, chunk, (size_t)length))
			break;
	}
	maps_scan_result(&scan, vma);
	vma->page_size = fs_huge_page_size(vma);
	return 0;
}

static bool ends_deleted(const char *path, size_t length)
{
	return length > DELETED_LENGTH &&
	       !memcmp(path + length - DELETED_LENGTH, deleted_suffix, DELETED_LENGTH);
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

static int ask(int fd, uintptr_t address, struct vma *vma, char *path, size_t path_size)
{
	if (!atomic_load_explicit(&query_is_missing, memory_order_relaxed)) {
		int error = query(fd, address, vma, path, path_size);

		/* The text has room for names that are too long for a question. */
		if (error == 0 || error == -ENOENT)
			return error;
		if (error == -ENOTTY)
			atomic_store(&query_is_missing, true);
	}
	return read_text(fd, address, vma, path, path_size);
}

int vma_query(uintptr_t address, struct vma *vma, char *path, size_t path_size)
{
	long fd = kernel_open_own(KERNEL_OWN "maps");
	int error;

	if (fd < 0)
		return (int)fd;
	error = ask((int)fd, address, vma, path, path_size);
	SYS_1(SYS_close, fd);
	return error;
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
	if (vma->deleted)
		length -= (long)DELETED_LENGTH;
	path[length] = '\0';
	vma->path = path;
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
