/* SPDX-License-Identifier: MIT */
/*
 * Address space that is ours from the start.
 *
 * What the kernel chooses for mmap(NULL) may be a hole that another thread has just made to fill it
 * with MAP_FIXED: what we put there would be gone a moment later. So whatever is mapped after the
 * start goes into an area that nobody else has any reason to touch. In it, from the lowest address:
 *
 *	windows | memory that is never given back | spare mappings
 *
 * A window is room for pages on their way: a second view of lost pages, or new content that is moved
 * in place when it is complete. Spare mappings are pages whose protection keeps the kernel from
 * joining them: where the program has as many mappings as it may, some are given up, so that a page
 * can be replaced. They are made when the first range is put into the table, for they cost as much as
 * all else that we do at start. They lie at the end: the program's mappings come in front of the area,
 * and the kernel works longer for each of them where many others are near.
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include "base/assert.h"
#include "base/syscall.h"
#include "kernel/process.h"
#include "kernel/reserved.h"

#define SPARE_PAGES 32 /* every second one is a mapping of its own, and parts two others */
#if __SIZEOF_POINTER__ == 8
#define MEMORY_MAX ((size_t)4 << 30)
#else
#define MEMORY_MAX ((size_t)64 << 20)
#endif
#define MEMORY_MIN ((size_t)2 << 20)
#define LIMIT_SHARE 16 /* of an address space that is limited no more than that part is taken */

static uintptr_t area, memory, memory_end;
static unsigned windows; /* one where addresses are short */
static _Atomic uintptr_t memory_next;
static _Atomic int spares;

static long map_none(uintptr_t address, size_t size, int fixed)
{
	return SYS_6(SYS_mmap, address, size, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | fixed, -1, 0);
}

/* At this address or not at all. Kernels before 4.17 take the address for a wish. */
static bool map_again(uintptr_t address, size_t size)
{
	long got = map_none(address, size, MAP_FIXED_NOREPLACE);

	if (got == (long)address)
		return true;
	if (!is_error(got))
		SYS_2(SYS_munmap, got, size);
	return false;
}

static size_t memory_wanted(void)
{
	uint64_t limit[2]; /* struct rlimit64 */
	size_t wanted = MEMORY_MAX;

	if (SYS_4(SYS_prlimit64, 0, RLIMIT_AS, NULL, limit) < 0 || limit[0] == UINT64_MAX)
		return wanted;
	while (wanted > MEMORY_MIN && wanted > limit[0] / LIMIT_SHARE)
		wanted /= 2;
	return wanted;
}

void reserved_make_spares(void)
{
	static atomic_flag is_done = ATOMIC_FLAG_INIT;

	if (atomic_flag_test_and_set(&is_done))
		return;
	for (unsigned i = 1; i < SPARE_PAGES; i += 2)
		if (SYS_3(SYS_mprotect, memory_end + i * PAGE_SIZE, PAGE_SIZE, PROT_READ) == 0)
			atomic_fetch_add(&spares, 1);
}

uintptr_t reserved_closed_page(void)
{
	return memory_end; /* a spare one, which stays as it is */
}

bool reserved_init(void)
{
	size_t size = memory_wanted();
	long address;

	windows = size == MEMORY_MAX ? WINDOWS : 1;
	for (;;) {
		address = map_none(0, windows * WINDOW_SIZE + size + SPARE_PAGES * PAGE_SIZE, 0);
		if (!is_error(address))
			break;
		if (size == MEMORY_MIN && windows == 1)
			return false;
		windows = 1;
		size = size / 2 > MEMORY_MIN ? size / 2 : MEMORY_MIN;
	}
	area = (uintptr_t)address;
	memory = area + windows * WINDOW_SIZE;
	memory_end = memory + size;
	atomic_store(&memory_next, memory);
	return true;
}

void *reserved_memory(size_t size)
{
	uintptr_t at = atomic_load(&memory_next);

	size = whole_pages(size);
	do {
		if (size > memory_end - at)
			return NULL;
	} while (!atomic_compare_exchange_weak(&memory_next, &at, at + size));
	return SYS_3(SYS_mprotect, at, size, PROT_READ | PROT_WRITE) == 0 ? (void *)at : NULL;
}

/* ---- windows ---- */

/* What is given back now. A fork child of another thread finds it so, and takes it back for itself. */
static _Atomic uintptr_t lent_memory; /* where the unused part begins; 0: none */
static _Atomic uint64_t lent_windows; /* a bit for each */

static uintptr_t window_at(unsigned i)
{
	return area + i * WINDOW_SIZE;
}

/* In a child by clone() no window is busy, but one that was lent is not there: it stays taken. */
uintptr_t window_take(void)
{
	int i;

	do
		i = area ? busy_take(process_state->window_busy, windows) : -1;
	while (i >= 0 && atomic_load(&lent_windows) >> i & 1);
	return i < 0 ? 0 : window_at((unsigned)i);
}

void window_give(uintptr_t window, size_t used, bool is_hole)
{
	unsigned i = (unsigned)((window - window_at(0)) / WINDOW_SIZE);

	invariant(i < windows && window == window_at(i) && used <= WINDOW_SIZE);
	if (!is_hole)
		map_none(window, used, MAP_FIXED);
	else if (!map_again(window, used))
		return;
	atomic_store(&process_state->window_busy[i], 0);
}

/* ---- around mlockall() ---- */

void reserved_lend(void)
{
	/* From here on reserved_memory() has none to give: nobody takes what is unmapped next. */
	uintptr_t unused = atomic_exchange(&memory_next, memory_end);

	if (unused < memory_end) {
		atomic_store(&lent_memory, unused);
		SYS_2(SYS_munmap, unused, memory_end - unused);
	}
	for (unsigned i = 0; i < windows; i++) {
		uint32_t is_free = 0;

		if (!atomic_compare_exchange_strong(&process_state->window_busy[i], &is_free, 1))
			continue;
		atomic_fetch_or(&lent_windows, (uint64_t)1 << i); /* before it is gone: see window_take() */
		SYS_2(SYS_munmap, window_at(i), WINDOW_SIZE);
	}
}

void reserved_take_back(void)
{
	uintptr_t unused = atomic_load(&lent_memory);
	uint64_t lent = atomic_load(&lent_windows);

	for (unsigned i = 0; i < windows; i++)
		if (lent >> i & 1 && map_again(window_at(i), WINDOW_SIZE)) {
			atomic_fetch_and(&lent_windows, ~((uint64_t)1 << i));
			atomic_store(&process_state->window_busy[i], 0);
		}
	if (unused && map_again(unused, memory_end - unused)) {
		atomic_store(&lent_memory, 0);
		atomic_store(&memory_next, unused);
	}
}

void reserved_forked(void)
{
	if (atomic_load(&lent_memory) || atomic_load(&lent_windows))
		reserved_take_back();
}

/* ---- spare mappings ---- */

bool reserved_give_up_mapping(void)
{
	int i = atomic_load(&spares);

	do {
		if (i == 0)
			return false;
	} while (!atomic_compare_exchange_weak(&spares, &i, i - 1));
	return SYS_3(SYS_mprotect, memory_end + (unsigned)(2 * i - 1) * PAGE_SIZE, PAGE_SIZE,
		       PROT_NONE) == 0;
}
