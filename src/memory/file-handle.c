/* SPDX-License-Identifier: MIT */
/*
 * Anchors: a page that keeps the file of a shared mapping whose pages are being replaced.
 *
 * mremap(page, 0, ...) gives a second mapping of the same file with no fd. When all pages of the
 * range have been replaced there would be nothing left to make it from; so it is made before the
 * first one is, one page long, and ends with the range. It lies in a reserved area: in any other hole
 * a program's MAP_FIXED could hit it.
 */
#include <errno.h>
#include <sys/mman.h>
#include "base/base.h"
#include "base/syscall.h"
#include "memory/memory.h"
#include "memory/repair.h"

#define ANCHORS 4096

static _Atomic uintptr_t area;
static _Atomic uint64_t taken[ANCHORS / 64];

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

static int take_slot(void)
{
	for (int i = 0; i < ANCHORS / 64; i++) {
		uint64_t word = atomic_load(&taken[i]);

		while (~word) {
			int bit = __builtin_ctzll(~word);

			if (atomic_compare_exchange_weak(&taken[i], &word, word | (uint64_t)1 << bit))
				return i * 64 + bit;
		}
	}
	return -1;
}

static void free_slot(int slot)
{
	atomic_fetch_and(&taken[slot / 64], ~((uint64_t)1 << (slot % 64)));
}

uintptr_t anchor_make(uintptr_t page)
{
	int slot = area ? take_slot() : -1;
	uintptr_t address = area + (uintptr_t)slot * PAGE_SIZE;

	if (slot < 0)
		return 0;
	if (SYS_5(SYS_mremap, page, 0, PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, address) ==
		(long)address)
		return address;
	free_slot(slot);
	return 0;
}

void anchor_free(uintptr_t anchor)
{
	if (!anchor)
		return;
	SYS_6(SYS_mmap, anchor, PAGE_SIZE, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
	free_slot((int)((anchor - area) / PAGE_SIZE));
}
