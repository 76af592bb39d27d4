/* SPDX-License-Identifier: MIT */
/*
 * api-model SEED STEPS: random operations of the C API on two files, each held against a model that
 * knows of every page whose it is, of which record, and what a read finds there. The policy has to
 * be
 * *=owner|zero. Prints "ok", or the step and what was expected.
 */
#define SIGBUS_OPTIONAL
#include <sigbus/sigbus.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE ((size_t)4096)
#define PAGES 12
#define FILES 2
#define OWNERS 3
#define BRACKETS 4
#define NOBODY (-1)
#define FILE_PAGE (-1)

struct page {
	int owner;  /* index, or NOBODY */
	int record; /* pages of a record are lost together */
	int now;    /* FILE_PAGE, or the byte of the replacement */
};

struct owner {
	struct sigbus_owner *handle; /* NULL: none */
	int answer;
	int signalled;
};

struct bracket {
	struct sigbus_access access;
	int open, file, first, count, lost;
};

static struct file {
	int fd, good; /* pages that the file has */
	char *map;
	struct page page[PAGES];
} files[FILES];

static struct owner owners[OWNERS];
static struct bracket brackets[BRACKETS];
static int records;
static unsigned long step, seed;

static unsigned random_below(unsigned limit)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % limit;
}

static void check(const char *what, long got, long expected)
{
	if (got == expected)
		return;
	printf("step %lu: %s: %ld, the model says %ld\n", step, what, got, expected);
	exit(1);
}

struct span {
	struct file *file;
	int index, first, count;
};

static struct span any_span(void)
{
	int index = (int)random_below(FILES), first = (int)random_below(PAGES);

	return (struct span){
		&files[index], index, first, 1 + (int)random_below((unsigned)(PAGES - first))};
}

static char *address_of(struct span span)
{
	return span.file->map + (size_t)span.first * PAGE;
}

/* ---- the model ---- */

static int is_lost(const struct file *file, int page)
{
	return file->page[page].now == FILE_PAGE && page >= file->good;
}

/* What was cut out goes in again as records of its own, and so does what is behind it. */
static void cut(struct span span)
{
	int end = span.first + span.count;

	for (int i = span.first, old = -1, fresh = 0; i < PAGES; i++) {
		struct page *page = &span.file->page[i];

		if (i == end && page->record != old)
			break;
		if (page->record != old || i == span.first || i == end) {
			if (i > end)
				break;
			old = page->record;
			fresh = ++records;
		}
		page->record = fresh;
	}
}

static void note_loss(int index, int page)
{
	struct file *file = &files[index];

	for (int i = 0; i < BRACKETS; i++) {
		struct bracket *bracket = &brackets[i];

		if (bracket->open && bracket->file == index && page >= bracket->first &&
			page < bracket->first + bracket->count)
			bracket->lost = 1;
	}
	if (file->page[page].owner != NOBODY)
		owners[file->page[page].owner].signalled = 1;
}

static void replace(struct file *file, int page, int byte)
{
	int record = file->page[page].record;

	for (int i = page; i < PAGES && file->page[i].record == record && is_lost(file, i); i++)
		file->page[i].now = byte;
	for (int i = page - 1; i >= 0 && file->page[i].record == record && is_lost(file, i); i--)
		file->page[i].now = byte;
}

static int model_read(int index, int page)
{
	struct file *file = &files[index];
	struct page *at = &file->page[page];

	if (is_lost(file, page)) {
		int answer = at->owner == NOBODY ? SIGBUS_DECLINE : owners[at->owner].answer;

		note_loss(index, page);
		replace(file, page, answer == SIGBUS_ONES ? 0xff : 0);
	}
	return at->now == FILE_PAGE ? 'A' + page : at->now;
}

static long count_replaced(struct span span)
{
	long count = 0;

	for (int i = span.first; i < span.first + span.count; i++)
		count += span.file->page[i].now != FILE_PAGE;
	return count;
}

/* ---- the operations ---- */

static int answer(const struct sigbus_fault *fault, void *data)
{
	(void)fault;
	return ((struct owner *)data)->answer;
}

static void create_or_destroy(void)
{
	static const int answers[] = {SIGBUS_ZERO, SIGBUS_ONES, SIGBUS_DECLINE};
	int index = (int)random_below(OWNERS);
	struct owner *owner = &owners[index];
	struct sigbus_owner *old = owner->handle;

	if (!old) {
		owner->answer = answers[random_below(3)];
		owner->signalled = 0;
		check("create", sigbus_owner_create("model", answer, owner, &owner->handle), 0);
		check("fd", sigbus_owner_fd(owner->handle) >= 0, 1);
		return;
	}
	if (random_below(4))
		return;
	check("destroy", sigbus_owner_destroy(old), 0);
	check("destroy again", sigbus_owner_destroy(old), -EINVAL);
	owner->handle = NULL;
	for (int f = 0; f < FILES; f++)
		for (int i = 0; i < PAGES; i++)
			if (files[f].page[i].owner == index)
				files[f].page[i].owner = NOBODY;
}

static int any_owned(struct span span, int owner)
{
	for (int i = span.first; i < span.first + span.count; i++)
		if (owner == NOBODY ? span.file->page[i].owner != NOBODY
				    : span.file->page[i].owner == owner)
			return 1;
	return 0;
}

static void add(void)
{
	struct span span = any_span();
	int owner = (int)random_below(OWNERS), expected = 0;

	if (!owners[owner].handle)
		expected = -EINVAL;
	else if (any_owned(span, NOBODY))
		expected = -EEXIST;
	check("add",
		sigbus_range_add(owners[owner].handle, address_of(span) + random_below(PAGE),
			(size_t)span.count * PAGE - PAGE + 1),
		expected);
	if (expected)
		return;
	cut(span);
	for (int i = span.first; i < span.first + span.count; i++)
		span.file->page[i].owner = owner;
}

static void remove_some(void)
{
	struct span span = any_span();
	int owner = (int)random_below(OWNERS), expected = 0;

	if (!owners[owner].handle)
		expected = -EINVAL;
	else if (!any_owned(span, owner))
		expected = -ENOENT;
	check("remove",
		sigbus_range_remove(
			owners[owner].handle, address_of(span), (size_t)span.count * PAGE),
		expected);
	if (expected)
		return;
	cut(span);
	for (int i = span.first; i < span.first + span.count; i++)
		if (span.file->page[i].owner == owner)
			span.file->page[i].owner = NOBODY;
}

static void resize(void)
{
	struct file *file = &files[random_below(FILES)];
	int before = file->good;

	file->good = (int)random_below(PAGES + 1);
	check("ftruncate", ftruncate(file->fd, (off_t)file->good * (off_t)PAGE), 0);
	for (int i = before; i < file->good; i++) {
		char byte = (char)('A' + i);

		check("pwrite", pwrite(file->fd, &byte, 1, (off_t)i * (off_t)PAGE), 1);
	}
}

static void map(struct file *file)
{
	void *place = file->map;
	int flags = MAP_SHARED | (place ? MAP_FIXED : 0);

	file->map = mmap(place, PAGES * PAGE, PROT_READ, flags, file->fd, 0);
	check("mmap", file->map == MAP_FAILED, 0);
	records++;
	for (int i = 0; i < PAGES; i++)
		file->page[i] = (struct page){NOBODY, records, FILE_PAGE};
}

static void touch(void)
{
	int index = (int)random_below(FILES), page = (int)random_below(PAGES);
	int expected = model_read(index, page);

	check("read", *(volatile unsigned char *)(files[index].map + (size_t)page * PAGE),
		expected);
}

static void copy(void)
{
	struct span span = any_span();
	size_t length = (size_t)span.count * PAGE, expected = length, copied;
	static char buffer[PAGES * PAGE];
	int error;

	for (int i = span.first; i < span.first + span.count && expected == length; i++)
		if (is_lost(span.file, i)) {
			expected = (size_t)(i - span.first) * PAGE;
			note_loss(span.index, i);
		}
	error = sigbus_copy_from(buffer, address_of(span), length, &copied);
	check("copied", (long)copied, (long)expected);
	check("copy", error, expected == length ? 0 : -EFAULT);
	for (size_t at = 0; at < copied; at += PAGE) {
		int page = span.first + (int)(at / PAGE), now = span.file->page[page].now;

		check("copied byte", (unsigned char)buffer[at],
			now == FILE_PAGE ? 'A' + page : now);
	}
}

static void bracket(void)
{
	struct bracket *bracket = &brackets[random_below(BRACKETS)];
	struct span span = {&files[bracket->file], bracket->file, bracket->first, bracket->count};
	int expected;

	if (bracket->open) {
		expected = bracket->lost || count_replaced(span) ? -EFAULT : 0;
		check("end", sigbus_access_end(&bracket->access), expected);
		bracket->open = 0;
		return;
	}
	span = any_span();
	check("begin",
		sigbus_access_begin(&bracket->access, address_of(span), (size_t)span.count * PAGE),
		0);
	*bracket = (struct bracket){bracket->access, 1, span.index, span.first, span.count, 0};
}

static void look(void)
{
	struct span span = any_span();
	struct owner *owner = &owners[random_below(OWNERS)];
	uint64_t count = 0;

	check("lost", sigbus_range_lost(address_of(span), (size_t)span.count * PAGE),
		count_replaced(span));
	if (!owner->handle)
		return;
	check("signalled", read(sigbus_owner_fd(owner->handle), &count, sizeof(count)) > 0,
		owner->signalled);
	owner->signalled = 0;
}

int main(int argc, char **argv)
{
	static void (*const operations[])(void) = {create_or_destroy, add, add, remove_some, resize,
		touch, touch, touch, copy, bracket, look};
	unsigned long steps;

	if (argc != 3)
		return 2;
	seed = strtoul(argv[1], NULL, 10) + 1;
	steps = strtoul(argv[2], NULL, 10);
	for (int i = 0; i < FILES; i++) {
		files[i].fd = memfd_create("model", MFD_CLOEXEC);
		map(&files[i]);
	}
	for (step = 1; step <= steps; step++) {
		if (random_below(60) == 0)
			map(&files[random_below(FILES)]);
		else
			operations[random_below(sizeof(operations) / sizeof(*operations))]();
	}
	printf("ok\n");
	return 0;
}
