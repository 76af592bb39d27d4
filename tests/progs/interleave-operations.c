/* SPDX-License-Identifier: MIT */
/*
 * The operations of interleave.c. The region is eight lost pages, and one that was replaced before they
 * were lost. Page 3 is both parties' to write, pages 4-5 and 6-7 are theirs to take away. Whatever
 * a party did is there afterwards, and nothing else is. An operation faults at most once: a second repair
 * could hide what went wrong in the first.
 */
#include "interleave.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096
#define PAGES 9
#define TAKEN 2 /* pages that a party takes away */
#define SHARED_PAGE 3
#define MAPPED 8 /* pages */

const char *volatile complaint;
static char *base, *place[PARTIES];
static int lost_fd;
static uint64_t round_number, empty; /* what a replaced page is full of */

static void expect(bool good, const char *what)
{
	if (!good && !complaint)
		complaint = what;
}

static volatile uint64_t *word_at(char *page, int party)
{
	return (volatile uint64_t *)page + party;
}

static uint64_t stamp(int party)
{
	return round_number << 8 | 0x50 | (unsigned)party;
}

static char canary(int party)
{
	return (char)(0x40 | (round_number & 7) << 1 | (unsigned)party);
}

static char *page_at(int number)
{
	return base + number * PAGE;
}

static char *own_pages(int party)
{
	return page_at(4 + TAKEN * party);
}

static void write_word(char *page, int party)
{
	*word_at(page, party) = stamp(party);
}

/* Not all of it: each byte is a step. */
static void fill(char *start, int party)
{
	for (size_t i = 0; i < TAKEN * PAGE; i += PAGE / 4)
		start[i] = canary(party);
}

static void check_canary(int party, const char *what)
{
	const char *start = own_pages(party);

	for (size_t i = 0; i < TAKEN * PAGE; i += PAGE / 4)
		expect(start[i] == canary(party), what);
}

static void *map_anonymous(char *where, int flags)
{
	return mmap(where, TAKEN * PAGE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

/* ---- write: the page that both write ---- */

static void write_act(int party)
{
	write_word(page_at(SHARED_PAGE), party);
}

static void write_check(int party)
{
	expect(*word_at(page_at(SHARED_PAGE), party) == stamp(party), "a write is wiped");
}

/* ---- adopt: the same, in a mapping that no hook saw ---- */

static void adopt_prepare(void)
{
	size_t size = (PAGES - 1) * PAGE;

	munmap(base, size);
	expect((char *)syscall(SYS_mmap, base, size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_FIXED, lost_fd, 0) == base,
		"mmap() fails");
}

/* ---- unmap: and somebody else's memory comes to the place ---- */

static void unmap_act(int party)
{
	char *start = own_pages(party);

	munmap(start, TAKEN * PAGE);
	if (map_anonymous(start, MAP_FIXED_NOREPLACE) == start)
		fill(start, party);
	else
		expect(false, "the place of unmapped pages is taken");
}

static void unmap_check(int party)
{
	check_canary(party, "memory that is not lost was replaced, after munmap()");
}

/* ---- overlay: the same in one call ---- */

static void overlay_act(int party)
{
	expect(map_anonymous(own_pages(party), MAP_FIXED) == own_pages(party), "mmap() fails");
	fill(own_pages(party), party);
}

static void overlay_check(int party)
{
	check_canary(party, "memory that is not lost was replaced, after MAP_FIXED");
}

/* ---- again: a lost file comes to the place, and is written to ---- */

static void again_act(int party)
{
	char *start = mmap(own_pages(party), TAKEN * PAGE, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_FIXED, lost_fd, 0);

	expect(start == own_pages(party), "mmap() fails");
	write_word(start, party);
}

static void again_check(int party)
{
	expect(*word_at(own_pages(party), party) == stamp(party),
		"a write to a new mapping is wiped");
}

/* ---- renew: a whole file comes to the place of all, and its range may use the same record ---- */

static void renew_act(int party)
{
	int fd = memfd_create("whole", MFD_CLOEXEC);
	char *start;

	expect(ftruncate(fd, PAGES * PAGE) == 0, "ftruncate() fails");
	for (int page = 0; page < PAGES; page++) {
		uint64_t words[PARTIES] = {page == PAGES - 1};

		words[party] = stamp(party);
		expect(pwrite(fd, words, sizeof(words), page * PAGE) == sizeof(words),
			"pwrite() fails");
	}
	start = mmap(base, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	expect(start == base, "mmap() fails");
	close(fd);
}

static void renew_check(int party)
{
	for (int page = 0; page < PAGES; page++)
		expect(*word_at(page_at(page), party) == stamp(party),
			"a page of a new mapping was replaced");
}

/* ---- move: the pages, lost as they are, and memory comes to their old place ---- */

static void move_act(int party)
{
	char *start = own_pages(party);
	char *moved = mremap(
		start, TAKEN * PAGE, TAKEN * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place[party]);

	expect(moved == place[party], "mremap() fails");
	if (map_anonymous(start, MAP_FIXED_NOREPLACE) == start)
		fill(start, party);
	else
		expect(false, "the place of moved pages is taken");
	write_word(moved + PAGE, party);
}

static void move_check(int party)
{
	check_canary(party, "memory that is not lost was replaced, after mremap()");
	expect(*word_at(place[party] + PAGE, party) == stamp(party),
		"a write to moved pages is wiped");
	expect(*word_at(place[party], party) == empty, "moved pages are not empty");
}

/* ---- shift: the same, and one of the pages has been replaced ---- */

static void shift_act(int party)
{
	char *start = own_pages(party);
	char *moved;

	write_word(start, party);
	moved = mremap(
		start, TAKEN * PAGE, TAKEN * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place[party]);
	expect(moved == place[party], "mremap() fails");
}

static void shift_check(int party)
{
	expect(*word_at(place[party], party) == stamp(party), "what was written has not moved");
	expect(*word_at(place[party] + PAGE, party) == empty, "moved pages are not empty");
}

/* ---- map: memory anywhere, page by page: if there is a hole, it comes to lie there ---- */

static char *anywhere[PARTIES][MAPPED];

static void map_act(int party)
{
	for (int i = 0; i < MAPPED; i++) {
		anywhere[party][i] = mmap(
			NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		anywhere[party][i][0] = canary(party);
	}
}

/* The kernel says whether it is there, without a fault. */
static void map_check(int party)
{
	for (int i = 0; i < MAPPED; i++) {
		char *page = anywhere[party][i];

		if (msync(page, PAGE, MS_ASYNC) != 0)
			expect(false, "memory that another thread mapped is gone");
		else
			expect(page[0] == canary(party), "memory of another thread was replaced");
		munmap(page, PAGE);
	}
}

/* ---- protect: the pages become read-only ---- */

static void protect_act(int party)
{
	expect(mprotect(own_pages(party), TAKEN * PAGE, PROT_READ) == 0, "mprotect() fails");
}

/* The range is known from then on for protections that the kernel has to be asked for. */
static void protect_prepare(void)
{
	expect(mprotect(page_at(0), PAGE, PROT_READ | PROT_WRITE) == 0, "mprotect() fails");
}

/* The kernel refuses to write to them, and they can be read. */
static void protect_check(int party)
{
	char *start = own_pages(party);
	int ends[2];
	char byte = 1;

	if (pipe(ends) == 0 && write(ends[1], &byte, 1) == 1)
		expect(read(ends[0], start, 1) < 0, "a read-only page can be written");
	close(ends[0]);
	close(ends[1]);
	expect(*word_at(start, party) == empty && *word_at(start + PAGE, party) == empty,
		"read-only pages are not empty");
}

/* ---- fork: the child faults on pages that are being worked on ---- */

static void fork_act(int party)
{
	int status = -1;
	pid_t child = _Fork();

	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* whoever ends a hang ends it here, too */
		write_word(page_at(SHARED_PAGE), party);
		write_word(page_at(0), party);
		unmap_act(party);
		unmap_check(party);
		write_check(party);
		_exit(complaint || *word_at(page_at(0), party) != stamp(party));
	}
	expect(child > 0 && waitpid(child, &status, 0) == child && status == 0, "a child fails");
}

static void fork_check(int party)
{
	for (int i = 0; i < TAKEN; i++)
		expect(*word_at(own_pages(party) + i * PAGE, party) == empty,
			"pages are not empty");
}

/* ---- all ---- */

const struct operation operations[] = {
	{"write", "writes the page that both write", write_act, write_check, NULL},
	{"adopt", "the same in a mapping that no hook saw", write_act, write_check, adopt_prepare},
	{"unmap", "munmap(), mmap(MAP_FIXED_NOREPLACE)", unmap_act, unmap_check, NULL},
	{"overlay", "mmap(MAP_FIXED) of memory", overlay_act, overlay_check, NULL},
	{"again", "mmap(MAP_FIXED) of the file", again_act, again_check, NULL},
	{"renew", "mmap(MAP_FIXED) of another file over all", renew_act, renew_check, NULL},
	{"move", "mremap() elsewhere", move_act, move_check, NULL},
	{"shift", "mremap() of replaced and lost pages", shift_act, shift_check, NULL},
	{"map", "mmap() anywhere", map_act, map_check, NULL},
	{"protect", "mprotect(PROT_READ)", protect_act, protect_check, NULL},
	{"protect-again", "the same in a range that knows mprotect()", protect_act, protect_check,
		protect_prepare},
	{"fork", "fork(), the child does the same", fork_act, fork_check, NULL},
	{.name = NULL},
};

const struct operation *operation_named(const char *name)
{
	for (const struct operation *operation = operations; operation->name; operation++)
		if (strcmp(operation->name, name) == 0)
			return operation;
	return NULL;
}

void operation_do(const struct operation *operation, int party)
{
	operation->act(party);
}

void region_check(const struct operation *first, const struct operation *second)
{
	if (second->check != renew_check) /* which takes away what the first party did */
		first->check(FIRST);
	second->check(SECOND);
	for (int page = 0; page < SHARED_PAGE; page++)
		expect(*word_at(page_at(page), FIRST) == empty,
			"a page that nobody wrote is not empty");
	expect(page_at(PAGES - 1)[0] == 1, "what was written before is wiped");
	munmap(base, PAGES * PAGE);
	for (int party = 0; party < PARTIES; party++)
		map_anonymous(place[party], MAP_FIXED);
	close(lost_fd);
}

/* The file is cut off while it is mapped, and once the range has been repaired already. */
void region_make(const struct operation *first, const struct operation *second)
{
	for (int party = 0; party < PARTIES && !place[party]; party++)
		place[party] = map_anonymous(NULL, 0);
	round_number++;
	lost_fd = memfd_create("lost", MFD_CLOEXEC);
	expect(ftruncate(lost_fd, (PAGES - 1) * PAGE) == 0, "ftruncate() fails");
	base = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, lost_fd, 0);
	expect(base != MAP_FAILED, "mmap() fails");
	page_at(PAGES - 1)[0] = 1;
	empty = *word_at(page_at(PAGES - 1) + PAGE / 2, FIRST);
	if (first->prepare)
		first->prepare();
	if (second->prepare)
		second->prepare();
	expect(ftruncate(lost_fd, 0) == 0, "ftruncate() fails");
}
