/* SPDX-License-Identifier: MIT */
/*
 * Anchors: a page that keeps the file of a mapping whose pages are being replaced.
 *
 * When all pages of a range have been replaced, nothing of its file is mapped any more, and no
 * descriptor need be open. So before the first one is replaced a page of the same file is mapped a
 * second time; it ends with the range. Of a shared mapping mremap(page, 0, ...) makes that. Of a
 * private one a move with MREMAP_DONTUNMAP does, which leaves the mapping at both places and takes the
 * page's content along: so the page has to be a lost one, which has none. Pieces of a range that was
 * split share its anchor. Anchors lie in a reserved area: in any other hole a program's MAP_FIXED
 * could hit them.
 */
#include <errno.h>
#include <sys/mman.h>
#include "base/assert.h"
#include "base/base.h"
#include "base/syscall.h"
#include "memory/memory.h"
#include "memory/repair.h"

#define ANCHORS 4096

static _Atomic uintptr_t area;
static _Atomic uint64_t taken[ANCHORS / 64];
LARGE static struct anchor_slot slots[ANCHORS];

const struct anchor_slot *anchor_inspect(const _Atomic uintptr_t **where)
{
	*where = &area;
	return slots;
}

void anchor_init(void)
{
	uintptr_t none = 0;
	long address;

	if (area)
		return;
	address = SYS_6(SYS_mmap, 0, ANCHORS * PAGE_SIZE, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!is_error(address) && !atomic_compare_exchange_strong(&area, &none, (uintptr_t)address))
		SYS_2(SYS_munmap, address, ANCHORS * PAGE_SIZE);
}

/* The search begins where the last one ended: what lies before is mostly taken. */
static int take_slot(void)
{
	static _Atomic unsigned last;
	unsigned begin = atomic_load(&last);

	for (unsigned tries = 0; tries < ANCHORS / 64; tries++) {
		unsigned i = (begin + tries) % (ANCHORS / 64);
		uint64_t word = atomic_load(&taken[i]);

		while (~word) {
			int bit = __builtin_ctzll(~word);

			if (!atomic_compare_exchange_weak(&taken[i], &word, word | (uint64_t)1 << bit))
				continue;
			if (tries)
				atomic_store(&last, i);
			return (int)(i * 64) + bit;
		}
	}
	return -1;
}

static void free_slot(int slot)
{
	invariant(slot >= 0 && slot < ANCHORS && atomic_load(&taken[slot / 64]) >> slot % 64 & 1);
	atomic_fetch_and(&taken[slot / 64], ~((uint64_t)1 << (slot % 64)));
}

static unsigned slot_of(uintptr_t anchor)
{
	return (unsigned)((anchor - area) / PAGE_SIZE);
}

/* mremap() unmaps its target before it can fail: the slot becomes ours again, or nobody's for ever. */
static void clear_slot(uintptr_t address, bool may_be_a_hole)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	long got = SYS_6(SYS_mmap, address, PAGE_SIZE, PROT_NONE,
		flags | (may_be_a_hole ? MAP_FIXED_NOREPLACE : MAP_FIXED), -1, 0);

	if (got == (long)address || got == -EEXIST)
		free_slot((int)slot_of(address));
}

static bool copy_mapping(uintptr_t page, bool shared, uintptr_t to)
{
	int flags = MREMAP_MAYMOVE | MREMAP_FIXED | (shared ? 0 : MREMAP_DONTUNMAP);

	return SYS_5(SYS_mremap, page, shared ? 0 : PAGE_SIZE, PAGE_SIZE, flags, to) == (long)to;
}

static uintptr_t make(uintptr_t from, uintptr_t page, bool shared)
{
	int slot = area ? take_slot() : -1;
	uintptr_t address = area + (uintptr_t)slot * PAGE_SIZE;

	if (slot < 0)
		return 0;
	atomic_store(&slots[slot].records, 1);
	slots[slot].page = page;
	if (copy_mapping(from, shared, address))
		return address;
	clear_slot(address, true);
	return 0;
}

uintptr_t anchor_make(uintptr_t page, bool shared)
{
	return make(page, page, shared);
}

void anchor_share(uintptr_t anchor)
{
	atomic_fetch_add(&slots[slot_of(anchor)].records, 1);
}

uintptr_t anchor_copy(uintptr_t anchor, bool shared, uintptr_t distance)
{
	return anchor ? make(anchor, slots[slot_of(anchor)].page + distance, shared) : 0;
}

uintptr_t anchor_turn(uintptr_t anchor, uintptr_t start, size_t file_page)
{
	uintptr_t turned = make(anchor, start, true);

	if (turned && SYS_5(SYS_remap_file_pages, turned, PAGE_SIZE, 0, file_page, 0) == 0)
		return turned;
	anchor_free(turned);
	return 0;
}

/* Of a private mapping the anchor's own page is the start: a copy of it that grows moves along. */
static uintptr_t map_view(uintptr_t anchor, bool shared, size_t size)
{
	long copy, view;

	if (shared)
		return (uintptr_t)SYS_5(SYS_mremap, anchor, 0, size, MREMAP_MAYMOVE, 0);
	copy = SYS_5(SYS_mremap, anchor, PAGE_SIZE, PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
	if (is_error(copy))
		return (uintptr_t)copy;
	view = SYS_5(SYS_mremap, copy, PAGE_SIZE, size, MREMAP_MAYMOVE, 0);
	if (is_error(view))
		SYS_2(SYS_munmap, copy, PAGE_SIZE);
	return (uintptr_t)view;
}

bool anchor_lay(uintptr_t anchor, bool shared, const struct file_part *part, uintptr_t to)
{
	uintptr_t skip = part->start - slots[slot_of(anchor)].page, view;
	size_t behind = shared ? 0 : PAGE_SIZE; /* a copy that does not grow would not move */
	int flags = MREMAP_MAYMOVE | MREMAP_FIXED;
	bool done;

	if (part->start < slots[slot_of(anchor)].page)
		return false;
	if (shared && !skip)
		return SYS_5(SYS_mremap, anchor, 0, part->size, flags, to) == (long)to;
	view = map_view(anchor, shared, skip + part->size + behind);
	if (is_error((long)view))
		return false;
	done = SYS_5(SYS_mremap, view + skip, part->size, part->size, flags, to) == (long)to;
	SYS_2(SYS_munmap, view, done ? skip : skip + part->size);
	SYS_2(SYS_munmap, view + skip + part->size, behind);
	return done;
}

void anchor_free(uintptr_t anchor)
{
	if (anchor && atomic_fetch_sub(&slots[slot_of(anchor)].records, 1) == 1)
		clear_slot(anchor, false);
}
