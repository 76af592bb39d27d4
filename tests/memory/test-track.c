/* SPDX-License-Identifier: MIT */
/* What the mapping calls leave in the range table, and what they return. */
#include <errno.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>
#include "../harness/rooms.h"
#include "table/record.h"

#define PAGES(n) ((size_t)(n) * PAGE_SIZE)
#define RW (PROT_READ | PROT_WRITE)

static int fd;
static struct refusal refusal;

static char *map_at(void *address, size_t pages, int prot, int flags, int file)
{
	struct mapping mapping = {.address = address,
		.length = PAGES(pages),
		.prot = prot,
		.flags = flags,
		.fd = file};

	return track_mmap(real.mmap64, &mapping, (uintptr_t)map_at, &refusal);
}

static char *map(size_t pages)
{
	return map_at(NULL, pages, RW, MAP_SHARED, fd);
}

/* One record from there on has so many pages; 0: there is none. */
static bool tracked(const char *start, size_t pages)
{
	struct range_hit hit = range_lookup((uintptr_t)start);

	if (!pages)
		return !hit.range;
	return hit.range && geometry_start(hit.geometry) == (uintptr_t)start &&
	       geometry_size(hit.geometry) == PAGES(pages);
}

static unsigned flags_at(const char *address)
{
	return state_flags(range_lookup((uintptr_t)address).state);
}

static void test_mapping(void)
{
	char *shared = map(4), *other;
	struct mapping mapping = {.length = PAGES(1) + 5, .prot = PROT_READ, .flags = MAP_PRIVATE, .fd = fd};

	ok(tracked(shared, 4) && flags_at(shared) == (RANGE_READ | RANGE_WRITE | RANGE_SHARED | RANGE_MAPPED),
		"a mapping is a record, with its protection");
	ok(state_owner(range_lookup((uintptr_t)shared).state) == owner_at((uintptr_t)map_at),
		"its owner is who called");
	ok(tracked(shared + PAGES(4), 0), "behind it there is none");
	other = track_mmap(real.mmap64, &mapping, (uintptr_t)map_at, &refusal);
	ok(tracked(other, 2) && flags_at(other) == (RANGE_READ | RANGE_MAPPED), "a part of a page is a page");
	track_munmap(other, PAGES(1) + 5);
	ok(tracked(other, 0), "of munmap() too");
	other = map_at(NULL, 4, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	ok(other != MAP_FAILED && tracked(other, 0), "memory of no file is not tracked");
	munmap(other, PAGES(4));
	ok(map_at(NULL, 4, RW, MAP_SHARED, -1) == MAP_FAILED && errno == EBADF, "an error is the kernel's");
	ok(track_munmap(shared, PAGES(4)) == 0 && tracked(shared, 0), "what is unmapped is gone");
}

static void test_parts(void)
{
	char *start = map(8);

	track_munmap(start + PAGES(3), PAGES(2));
	ok(tracked(start, 3) && tracked(start + PAGES(3), 0) && tracked(start + PAGES(4), 0) &&
			tracked(start + PAGES(5), 3),
		"out of the middle: two records are left");
	ok(track_munmap(start + 1, PAGES(1)) == -1 && errno == EINVAL && tracked(start, 3),
		"a call that fails leaves them");
	map_at(start + PAGES(1), 1, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd);
	ok(tracked(start, 1) && tracked(start + PAGES(1), 1) && tracked(start + PAGES(2), 1) &&
			!(flags_at(start + PAGES(1)) & RANGE_SHARED),
		"MAP_FIXED: what is on top, and what is left of the other");
	ok(map_at(start, 3, RW, MAP_SHARED | MAP_FIXED, -1) == MAP_FAILED && tracked(start, 1) &&
			tracked(start + PAGES(1), 1),
		"where that fails all is as before");
	map_at(start, 3, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1);
	ok(tracked(start, 0) && tracked(start + PAGES(2), 0), "memory of no file on top ends the record");
	ok(map_at(start + PAGES(5), 2, RW, MAP_SHARED | MAP_FIXED | MAP_FIXED_NOREPLACE, fd) == MAP_FAILED &&
			errno == EEXIST && tracked(start + PAGES(5), 3),
		"MAP_FIXED_NOREPLACE replaces nothing");
	track_munmap(start, PAGES(8));
	ok(tracked(start + PAGES(5), 0), "one munmap() over all, and over what is not tracked");
}

static char *move(char *old, size_t old_pages, size_t new_pages, int flags, char *new)
{
	return track_mremap(&(struct remapping){old, PAGES(old_pages), PAGES(new_pages), flags, new}, &refusal);
}

static void test_moving(void)
{
	char *start = map(4), *place = map(16), *now;

	now = move(start, 4, 2, 0, NULL);
	ok(now == start && tracked(start, 2), "shorter, in its place");
	now = move(start, 2, 8, MREMAP_MAYMOVE, NULL);
	ok(tracked(now, 8) && (now == start || tracked(start, 0)), "longer, there or elsewhere");
	start = now;
	now = move(start, 8, 8, MREMAP_MAYMOVE | MREMAP_FIXED, place + PAGES(4));
	ok(now == place + PAGES(4) && tracked(now, 8) && tracked(start, 0) && tracked(place, 4) &&
			tracked(place + PAGES(12), 4),
		"to a place where something was");
	now = move(place + PAGES(4), 0, 8, MREMAP_MAYMOVE, NULL);
	ok(tracked(now, 8) && tracked(place + PAGES(4), 8), "a second mapping of the same");
	track_munmap(now, PAGES(8));
	ok(move(place + PAGES(4), 8, 8, MREMAP_FIXED, place) == MAP_FAILED && errno == EINVAL &&
			tracked(place + PAGES(4), 8) && tracked(place, 4),
		"a call that fails changes nothing");
	track_munmap(place, PAGES(16));
	start = map_at(NULL, 4, RW, MAP_PRIVATE, fd);
	now = move(start, 4, 4, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	if (now == MAP_FAILED)
		puts("# this kernel has no MREMAP_DONTUNMAP for files");
	ok(now == MAP_FAILED ? tracked(start, 4) : tracked(now, 4) && tracked(start, 4),
		"MREMAP_DONTUNMAP: both are there");
	track_munmap(start, PAGES(4));
	if (now != MAP_FAILED)
		track_munmap(now, PAGES(4));
}

static void test_protecting(void)
{
	char *start = map(4);
	struct range_hit hit;
	struct protecting protecting;

	track_protect(&protecting, start + PAGES(1), PAGES(1), PROT_READ);
	ok(flags_at(start) & RANGE_PROTECTED && !(flags_at(start) & RANGE_EXEC),
		"after mprotect() the kernel is to be asked");
	ok(protecting.locks && !track_must_repeat(&protecting), "nothing came in between");
	track_protect(&protecting, start, PAGES(4), PROT_READ | PROT_EXEC);
	ok(flags_at(start) & RANGE_EXEC, "what may be executed is known before it is");
	hit = range_lookup((uintptr_t)start);
	atomic_fetch_add(&process_state->lock[state_lock(hit.state)].word, 2);
	ok(track_must_repeat(&protecting), "a repair came in between: once more");
	ok(!track_must_repeat(&protecting), "and then not");
	track_protect(&protecting, start + PAGES(4), PAGES(4), PROT_READ);
	ok(!protecting.locks, "where nothing is tracked nothing is looked at");
	track_munmap(start, PAGES(4));
}

static void test_segments(void)
{
	int id = shmget(IPC_PRIVATE, PAGES(4), IPC_CREAT | 0600);
	struct mapping mapping = {0};
	char *start = track_shmat(id, NULL, 0, (uintptr_t)map_at, &mapping, &refusal);

	if (id < 0 || start == MAP_FAILED) {
		ok(true, "SKIP no segments here");
		return;
	}
	shmctl(id, IPC_RMID, NULL);
	ok(tracked(start, 4) && flags_at(start) & RANGE_SHARED, "a segment that is attached");
	ok(track_shmdt(start + 1) == -1 && errno == EINVAL && tracked(start, 4), "no segment is there");
	ok(track_shmdt(start) == 0 && tracked(start, 0), "and detached");
}

/* What is left of a segment goes at once, and nothing that was put in between. */
static void test_segment_with_a_hole(void)
{
	int id = shmget(IPC_PRIVATE, PAGES(8), IPC_CREAT | 0600);
	int small = shmget(IPC_PRIVATE, PAGES(2), IPC_CREAT | 0600);
	struct mapping mapping = {0};
	char *start = track_shmat(id, NULL, 0, (uintptr_t)map_at, &mapping, &refusal);

	if (id < 0 || start == MAP_FAILED) {
		ok(true, "SKIP no segments here");
		return;
	}
	track_munmap(start + PAGES(2), PAGES(4));
	map_at(start + PAGES(2), 1, RW, MAP_SHARED | MAP_FIXED, fd);
	track_shmat(small, start + PAGES(4), 0, (uintptr_t)map_at, &mapping, &refusal);
	shmctl(id, IPC_RMID, NULL);
	shmctl(small, IPC_RMID, NULL);
	ok(tracked(start, 2) && tracked(start + PAGES(2), 1) && tracked(start + PAGES(4), 2) &&
			tracked(start + PAGES(6), 2),
		"a segment with a hole, in it a file and another segment");
	ok(track_shmdt(start) == 0 && tracked(start, 0) && tracked(start + PAGES(6), 0),
		"both of its parts are detached");
	ok(tracked(start + PAGES(2), 1) && tracked(start + PAGES(4), 2) && start[PAGES(4)] == 0,
		"what was in the hole is still there");
	ok(track_shmdt(start + PAGES(4)) == 0 && tracked(start + PAGES(4), 0), "and goes by itself");
	track_munmap(start + PAGES(2), PAGES(1));
}

/* Only the table is told: few machines have huge pages of each size. */
static void test_huge_pages(void)
{
	static const struct {
		int flags;
		size_t size;
	} sizes[] = {{0, (size_t)2 << 20}, {21 << MAP_HUGE_SHIFT, (size_t)2 << 20},
		{16 << MAP_HUGE_SHIFT, (size_t)64 << 10}, {30 << MAP_HUGE_SHIFT, (size_t)1 << 30}};
	uintptr_t start = (uintptr_t)1 << 30;
	bool good = true;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		track_mapped(start, PAGES(1), RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | sizes[i].flags, -1,
			(uintptr_t)map_at);
		good &= tracked((char *)start, sizes[i].size / PAGE_SIZE);
		range_cut_release(range_cut(start, sizes[i].size));
	}
	ok(good && tracked((char *)start, 0), "a mapping of huge pages is as long as its pages are");
}

int main(void)
{
	start_rooms();
	fd = memfd_create("track", 0);
	if (ftruncate(fd, (off_t)PAGES(64)) != 0)
		return 1;
	test_mapping();
	test_parts();
	test_moving();
	test_protecting();
	test_segments();
	test_segment_with_a_hole();
	test_huge_pages();
	ok(range_count() == 0, "no record is left");
	ok(atomic_load(&process_state->writers_in) == atomic_load(&process_state->writers_out),
		"who has come has left");
	ok(counters()->failed_open == 0 && !refusal.wanted, "nothing was given up, nothing refused");
	return tap_done();
}
