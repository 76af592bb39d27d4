/* SPDX-License-Identifier: MIT */
/* The operations of churn.c on the pages of one slot. */
#include "churn.h"

#include <sys/mman.h>
#include <unistd.h>

struct churn_counts count;
int lost_fd;

unsigned random_below(struct party *me, unsigned limit)
{
	me->seed = me->seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(me->seed >> 33) % limit;
}

static volatile uint64_t *word_at(const struct slot *slot, size_t number, unsigned id)
{
	return (volatile uint64_t *)(slot->base + number * PAGE) + id * 8;
}

void *map_lost(char *where, size_t pages, int flags)
{
	return mmap(where, pages * PAGE, PROT_READ | PROT_WRITE, flags, lost_fd, 0);
}

/* ---- who may use a page ---- */

static uint32_t enter(struct page *page)
{
	uint32_t state = atomic_load(&page->state);

	while (state % USER != NONE)
		if (atomic_compare_exchange_weak(&page->state, &state, state + USER))
			return state % USER;
	return NONE;
}

static void leave(struct page *page)
{
	atomic_fetch_sub(&page->state, USER);
}

static bool take_one(struct page *page, uint32_t kinds)
{
	uint32_t kind = atomic_load(&page->state);

	return kind < KINDS && kind != NONE && kinds >> kind & 1 &&
	       atomic_compare_exchange_strong(&page->state, &kind, NONE);
}

struct run {
	size_t first, count;
	uint32_t kind[SLOT_PAGES]; /* as they were */
};

static void give(struct slot *slot, const struct run *run)
{
	for (size_t i = 0; i < run->count; i++)
		atomic_store(&slot->page[run->first + i].state, run->kind[i]);
}

/* Some pages in a row of these kinds that nobody uses: for their mapper alone, as NONE. */
static bool take_run(struct party *me, struct slot *slot, uint32_t kinds, struct run *run)
{
	size_t wanted = 1 + random_below(me, (unsigned)slot->pages);

	run->first = random_below(me, (unsigned)slot->pages);
	run->count = 0;
	while (run->count < wanted && run->first + run->count < slot->pages) {
		struct page *page = &slot->page[run->first + run->count];

		run->kind[run->count] = atomic_load(&page->state);
		if (!take_one(page, kinds))
			break;
		run->count++;
	}
	return run->count > 0;
}

static char *run_start(const struct slot *slot, const struct run *run)
{
	return slot->base + run->first * PAGE;
}

static void set_pages(struct slot *slot, size_t first, size_t pages, uint32_t kind)
{
	for (size_t i = first; i < first + pages; i++) {
		for (unsigned id = 0; id < PARTIES; id++)
			slot->page[i].word[id] = 0;
		atomic_store(&slot->page[i].state, kind);
	}
}

static void close_if_empty(struct slot *slot)
{
	for (size_t i = 0; i < slot->pages; i++)
		if (atomic_load(&slot->page[i].state) != NONE)
			return;
	if (slot->fd >= 0)
		close(slot->fd);
	slot->fd = -1;
	slot->pages = 0;
}

/* ---- canaries ---- */

static uint64_t canary(const struct slot *slot, size_t number, unsigned id)
{
	return (uintptr_t)word_at(slot, number, id) * 0x9e3779b97f4a7c15u | 1;
}

static void make_canaries(struct slot *slot, const struct run *run)
{
	for (size_t i = run->first; i < run->first + run->count; i++)
		for (unsigned id = 0; id < PARTIES; id++)
			*word_at(slot, i, id) = canary(slot, i, id);
	set_pages(slot, run->first, run->count, CANARY);
}

static void check_canary(struct slot *slot, size_t number)
{
	count.canaries++;
	for (unsigned id = 0; id < PARTIES; id++)
		if (*word_at(slot, number, id) != canary(slot, number, id))
			count.foreign++;
}

/* ---- touching ---- */

static void touch_lost(struct party *me, struct slot *slot, size_t number)
{
	volatile uint64_t *word = word_at(slot, number, me->id);
	uint64_t *expected = &slot->page[number].word[me->id];

	if (random_below(me, 2) && *word != *expected)
		count.lost_writes++;
	if (random_below(me, 4))
		*word = *expected = ++me->stamp << 8 | me->id;
}

bool page_touch(struct party *me, struct slot *slot, size_t number)
{
	struct page *page = &slot->page[number];
	uint32_t kind = enter(page);

	if (kind == NONE)
		return false;
	if (kind == LOST)
		touch_lost(me, slot, number);
	else if (kind == CANARY)
		check_canary(slot, number);
	else if (*word_at(slot, number, me->id) != 0)
		count.not_empty++;
	leave(page);
	return true;
}

bool slots_intact(struct party *me)
{
	for (struct slot *slot = me->slot; slot < me->slot + SLOTS; slot++)
		for (size_t i = 0; i < slot->pages; i++)
			if (atomic_load(&slot->page[i].state) % USER == LOST &&
				*word_at(slot, i, me->id) != slot->page[i].word[me->id])
				return false;
	return true;
}

/* ---- the operations ---- */

void op_map(struct party *me, struct slot *slot)
{
	size_t pages = 1 + random_below(me, SLOT_PAGES);
	int flags = random_below(me, 4) ? MAP_SHARED : MAP_PRIVATE;
	bool own = random_below(me, 4) == 0;

	slot->fd = own ? memfd_create("churn", MFD_CLOEXEC) : -1;
	if (own && ftruncate(slot->fd, (off_t)(pages * PAGE)) != 0)
		return;
	slot->base = mmap(
		NULL, pages * PAGE, PROT_READ | PROT_WRITE, flags, own ? slot->fd : lost_fd, 0);
	if (slot->base == MAP_FAILED)
		return;
	slot->pages = pages;
	set_pages(slot, 0, pages, own ? HOLE : LOST);
	count.mapped++;
}

static void check_run(struct slot *slot, const struct run *run)
{
	for (size_t i = 0; i < run->count; i++)
		if (run->kind[i] == CANARY)
			check_canary(slot, run->first + i);
}

/* Other threads are after the place too. */
void op_unmap(struct party *me, struct slot *slot)
{
	struct run run;
	char *start, *place;

	if (!take_run(me, slot, ~0u, &run))
		return;
	check_run(slot, &run);
	start = run_start(slot, &run);
	munmap(start, run.count * PAGE);
	count.unmapped++;
	if (random_below(me, 2)) {
		place = mmap(start, run.count * PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
		if (place == start)
			make_canaries(slot, &run);
	}
	close_if_empty(slot);
}

void op_overlay(struct party *me, struct slot *slot)
{
	bool lost = random_below(me, 2);
	struct run run;
	char *start;

	if (!take_run(me, slot, ~0u, &run))
		return;
	check_run(slot, &run);
	start = run_start(slot, &run);
	if (lost ? map_lost(start, run.count, MAP_SHARED | MAP_FIXED) != start
		 : mmap(start, run.count * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != start) {
		count.refused++;
		give(slot, &run);
	} else if (lost) {
		set_pages(slot, run.first, run.count, LOST);
	} else {
		make_canaries(slot, &run);
	}
	count.overlaid++;
}

static struct slot *free_slot(struct party *me)
{
	for (struct slot *slot = me->slot; slot < me->slot + SLOTS; slot++)
		if (!slot->pages)
			return slot;
	return NULL;
}

/* Lost pages go to a slot of their own, perhaps with more behind them, or less. */
void op_move(struct party *me, struct slot *slot)
{
	struct slot *target = free_slot(me);
	struct run run;
	size_t pages;
	char *moved;

	if (!target || !take_run(me, slot, 1u << LOST, &run))
		return;
	pages = 1 + random_below(me, SLOT_PAGES);
	moved = mremap(run_start(slot, &run), run.count * PAGE, pages * PAGE, MREMAP_MAYMOVE);
	if (moved == MAP_FAILED) { /* of several mappings, as it may be: the kernel's own answer */
		count.refused++;
		give(slot, &run);
		return;
	}
	target->base = moved;
	target->pages = pages;
	target->fd = -1;
	for (size_t i = 0; i < pages; i++) {
		for (unsigned id = 0; id < PARTIES; id++)
			target->page[i].word[id] =
				i < run.count ? slot->page[run.first + i].word[id] : 0;
		atomic_store(&target->page[i].state, LOST);
	}
	count.moved++;
	close_if_empty(slot);
}

/* Those that somebody uses stay what they were: then nothing is cut off. */
void op_truncate(struct party *me, struct slot *slot)
{
	bool taken[SLOT_PAGES] = {false}, all = true;

	(void)me;
	if (slot->fd < 0)
		return;
	for (size_t i = 0; all && i < slot->pages; i++) {
		taken[i] = take_one(&slot->page[i], 1u << HOLE);
		all = taken[i] || atomic_load(&slot->page[i].state) % USER != HOLE;
	}
	all = all && ftruncate(slot->fd, 0) == 0;
	for (size_t i = 0; i < slot->pages; i++)
		if (taken[i])
			set_pages(slot, i, 1, all ? LOST : HOLE);
	if (all) {
		close(slot->fd);
		slot->fd = -1;
		count.truncated++;
	}
}
