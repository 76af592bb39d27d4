/* SPDX-License-Identifier: MIT */
/*
 * What makes the kernel refuse a page that is not lost: guard pages and userfaultfd. All [H].
 *
 * A guard page (MADV_GUARD_INSTALL, of files since Linux 6.15) has a bit in pagemap. A mapping that
 * userfaultfd watches has one of the words um, uw and ui in its line "VmFlags:" of smaps, and nowhere
 * else: that text is long, and the kernel walks through all pages of the process to write it.
 */
#include <errno.h>
#include <fcntl.h>
#include "base/syscall.h"
#include "base/text.h"
#include "kernel/kernel.h"
#include "kernel/scratch.h"

#define GUARD_BIT 58
#define PAGES_AT_ONCE 16
#define PAGES_READ_MAX 512 /* by reading pagemap, which walks from page to page */

/* The question of Linux 6.7: the first pages in a range that are of a kind. */
#define PAGEMAP_SCAN_ 0xc0606610u
#define SCAN_PFNZERO 32  /* the zero page, of 4 KiB or a huge one */
#define SCAN_GUARD 256   /* since Linux 6.16 */

struct scan_region {
	uint64_t start, end, kinds;
};
struct scan_question {
	uint64_t size, flags, start, end, walk_end, regions, region_count, pages_max;
	uint64_t inverted, all_of, any_of, wanted;
};

/* The first page of the kind in [start, end), or end; 0: this kernel does not know. */
static APART uintptr_t scan_for(int fd, uintptr_t start, uintptr_t end, uint64_t kind)
{
	struct scan_region region = {0};
	struct scan_question question = {.size = sizeof(question),
		.start = start,
		.end = end,
		.regions = (uintptr_t)&region,
		.region_count = 1,
		.pages_max = 1,
		.all_of = kind,
		.wanted = kind};
	long regions = SYS_3(SYS_ioctl, fd, PAGEMAP_SCAN_, &question);

	if (regions < 0)
		return 0;
	return regions ? (uintptr_t)region.start : end;
}

/* The first guard page of [start, end), or end; start where the kernel does not say. */
static APART uintptr_t read_for_guard(int fd, uintptr_t start, uintptr_t end)
{
	uint64_t entry[PAGES_AT_ONCE];

	while (start < end) {
		size_t pages = (end - start) >> PAGE_SHIFT;
		int64_t at = (int64_t)(start >> PAGE_SHIFT) * (int64_t)sizeof(entry[0]);
		long length;

		pages = pages < PAGES_AT_ONCE ? pages : PAGES_AT_ONCE;
#if __SIZEOF_LONG__ == 8
		length = SYS_4(SYS_pread64, fd, entry, pages * sizeof(entry[0]), at);
#else
		length = SYS_5(SYS_pread64, fd, entry, pages * sizeof(entry[0]), (uint32_t)at,
			(uint32_t)(at >> 32));
#endif
		if (length != (long)(pages * sizeof(entry[0])))
			return start;
		for (size_t i = 0; i < pages; i++, start += PAGE_SIZE)
			if (entry[i] >> GUARD_BIT & 1)
				return start;
	}
	return end;
}

static uintptr_t find_guard(int fd, uintptr_t start, uintptr_t end)
{
	uintptr_t guard, limit = PAGES_READ_MAX * PAGE_SIZE;

	if (start == end)
		return end;
	guard = scan_for(fd, start, end, SCAN_GUARD);
	if (guard)
		return guard;
	return read_for_guard(fd, start, end - start < limit ? end : start + limit);
}

void pages_without_guards(uintptr_t page, uintptr_t *start, uintptr_t *end)
{
	long fd = kernel_open_own(KERNEL_OWN "pagemap");
	uintptr_t guard;

	if (fd < 0) {
		*start = page;
		*end = page + PAGE_SIZE;
		return;
	}
	*end = find_guard((int)fd, page + PAGE_SIZE, *end);
	if (page - *start > PAGES_READ_MAX * PAGE_SIZE && !scan_for((int)fd, *start, page, SCAN_GUARD))
		*start = page - PAGES_READ_MAX * PAGE_SIZE;
	while (*start < page && (guard = find_guard((int)fd, *start, page)) < page)
		*start = guard + PAGE_SIZE;
	SYS_1(SYS_close, fd);
}

int page_is_zero_page(uintptr_t page)
{
	long fd = kernel_open_own(KERNEL_OWN "pagemap");
	uintptr_t found;

	if (fd < 0)
		return (int)fd;
	found = scan_for((int)fd, page, page + PAGE_SIZE, SCAN_PFNZERO);
	SYS_1(SYS_close, fd);
	return found ? found == page : -ENOSYS;
}

/* ---- smaps ---- */

static bool has_word(const char *text, const char *word)
{
	for (; *text; text++)
		if (text[0] == ' ' && text[1] == word[0] && text[2] == word[1] &&
			(text[3] == ' ' || !text[3]))
			return true;
	return false;
}

/* The line of its flags comes behind the first line of a mapping, which is as in maps. */
static int find_flags(struct line_reader *reader, uintptr_t address)
{
	bool found = false;
	char *line;

	while ((line = lines_next(reader))) {
		const char *at = line;
		uint64_t start, end;

		if (found && text_starts(line, "VmFlags:"))
			return has_word(line, "um") || has_word(line, "uw") || has_word(line, "ui");
		if (line_number(&at, 16, '-', &start) && line_number(&at, 16, ' ', &end))
			found = start <= address && address < end;
	}
	return -ENOENT;
}

int vma_is_watched(uintptr_t address)
{
	struct scratch *scratch = scratch_get();
	struct line_reader reader;
	int answer = -EBUSY;

	if (!scratch)
		return answer;
	if (lines_open(&reader, KERNEL_OWN "smaps", scratch->line, sizeof(scratch->line))) {
		answer = find_flags(&reader, address);
		lines_close(&reader);
	}
	scratch_put(scratch);
	return answer;
}
