/* SPDX-License-Identifier: MIT */
/*
 * Why there is no huge page for this process: the pool is empty, or its control group, or one above
 * that, may have no more of them. All [H].
 *
 * The limits are those of the unified hierarchy (cgroup2), where it is usually mounted. In a container
 * with a name space of its own, the root that is seen there has a limit too.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include "base/base.h"
#include "base/syscall.h"
#include "base/text.h"
#include "kernel/kernel.h"
#include "rules/rules.h"

#define GROUPS "/sys/fs/cgroup"

int number_in_file(int directory, const char *path, uint64_t *number)
{
	char digits[24];
	const char *at = digits;
	long fd = kernel_open(directory, path), length;

	if (fd < 0)
		return (int)fd;
	length = SYS_3(SYS_read, fd, digits, sizeof(digits) - 1);
	SYS_1(SYS_close, fd);
	if (length < 0)
		return (int)length;
	digits[length] = '\0';
	return text_number(&at, 10, UINT64_MAX, number) ? 0 : -EINVAL;
}

/* ---- the pool ---- */

static bool pool_number(uint32_t page_size, const char *name, uint64_t *number)
{
	char path[96];
	struct text text = {path, sizeof(path), 0, false};

	text_add(&text, "/sys/kernel/mm/hugepages/hugepages-");
	text_decimal(&text, page_size / 1024);
	text_add(&text, "kB/");
	text_add(&text, name);
	return number_in_file(AT_FDCWD, path, number) == 0;
}

/* What is reserved is free, but for others. */
static APART bool pool_is_empty(uint32_t page_size)
{
	uint64_t free_pages, reserved;

	return pool_number(page_size, "free_hugepages", &free_pages) &&
	       pool_number(page_size, "resv_hugepages", &reserved) && free_pages <= reserved;
}

bool huge_pages_left(uint32_t page_size, uint64_t *pages)
{
	uint64_t unused, more, surplus;

	if (!pool_number(page_size, "free_hugepages", &unused) ||
		!pool_number(page_size, "nr_overcommit_hugepages", &more) ||
		!pool_number(page_size, "surplus_hugepages", &surplus))
		return false;
	*pages = unused + (more > surplus ? more - surplus : 0);
	return true;
}

/* ---- the control group ---- */

/* "hugetlb.2MB.max" in a group's directory; a limit that is none ("max") is no number. */
static bool group_number(int group, uint32_t page_size, const char *name, uint64_t *number)
{
	static const char units[] = "KMG";
	char path[48];
	struct text text = {path, sizeof(path), 0, false};
	uint32_t size = page_size / 1024;
	int unit = 0;

	for (; size >= 1024 && units[unit + 1]; size /= 1024)
		unit++;
	text_add(&text, "hugetlb.");
	text_decimal(&text, size);
	text_bytes(&text, &units[unit], 1);
	text_add(&text, name);
	return number_in_file(group, path, number) == 0;
}

static bool group_is_full(int group, uint32_t page_size)
{
	uint64_t used, limit;

	return group_number(group, page_size, "B.max", &limit) &&
	       group_number(group, page_size, "B.current", &used) && used + page_size > limit;
}

/* The group of this process, below GROUPS and without the first slash; NULL: not known. */
static const char *own_group(char *buffer, size_t size)
{
	long fd = kernel_open_own(KERNEL_OWN "cgroup");
	long length;
	char *line, *end;

	if (fd < 0)
		return NULL;
	length = SYS_3(SYS_read, fd, buffer, size - 1);
	SYS_1(SYS_close, fd);
	if (length <= 0)
		return NULL;
	buffer[length] = '\0';
	line = text_starts(buffer, "0::/") ? buffer : strstr(buffer, "\n0::/");
	line = line ? strchr(line, '/') + 1 : NULL;
	end = line ? strchr(line, '\n') : NULL;
	if (!end)
		return NULL;
	*end = '\0';
	return *line ? line : "."; /* no group has this name */
}

/* From the group upwards, as the kernel charges a page: the name space's root is the last. */
static APART bool limit_is_reached(uint32_t page_size, char *buffer, size_t size)
{
	const char *name = own_group(buffer, size);
	unsigned above = 0;
	bool full = false;
	long group, next;

	group = name ? SYS_4(SYS_openat, AT_FDCWD, GROUPS, O_PATH | O_CLOEXEC, 0) : -ENOENT;
	if (group < 0)
		return false;
	next = SYS_4(SYS_openat, group, name, O_PATH | O_CLOEXEC, 0);
	SYS_1(SYS_close, group);
	for (const char *at = name; *at && *name != '.'; at++)
		above += at == name || *at == '/';
	while ((group = next) >= 0) {
		full = group_is_full((int)group, page_size);
		next = full || !above-- ? -ENOENT
					: SYS_4(SYS_openat, group, "..", O_PATH | O_CLOEXEC, 0);
		SYS_1(SYS_close, group);
	}
	return full;
}

/*
 * Linux before 6.11 does not tell. A mapping is a multiple of its pages, and x86 has them of 2 MiB and
 * of 1 GiB. 0: not known.
 */
static uint32_t page_size_of(const struct vma *vma)
{
#if defined(__x86_64__) || defined(__i386__)
	if (!vma->page_size && (vma->start | vma->end) & ((1u << 30) - 1))
		return 2u << 20;
#endif
	return vma->page_size;
}

enum huge_lack huge_page_lack(const struct vma *vma, struct line_room *reader)
{
	uint32_t page_size = page_size_of(vma);

	if (page_size <= PAGE_SIZE)
		return HUGE_LACK_NONE;
	if (limit_is_reached(page_size, reader->bytes, sizeof(reader->bytes)))
		return HUGE_LACK_LIMIT;
	return pool_is_empty(page_size) ? HUGE_LACK_POOL : HUGE_LACK_NONE;
}
