/* SPDX-License-Identifier: MIT */
/*
 * A page is waited for once: a program that touches a lost page again and again, or that has thousands
 * of them on a full disk, would stand still for days. The pages whose time ran out are in a small
 * table; where it is full the oldest thing known is forgotten, and that page waited for once more.
 *
 * The table knows pages by their address. A new mapping there is told from the old one by the number
 * of faults of its range, which begins anew.
 */
#include "fault/wait.h"

#include <time.h>
#include "base/base.h"
#include "base/syscall.h"
#include "kernel/process.h"
#include "table/table.h"

#define PROBES 8 /* slots that a page may be in */

int64_t milliseconds_now(void)
{
	int64_t time[2]; /* struct timespec */

	if (SYS_2(SYS_clock_gettime, CLOCK_MONOTONIC, time) < 0)
		return -1;
	return time[0] * 1000 + time[1] / 1000000;
}

static struct waited *slot_at(uintptr_t page, unsigned i)
{
	return &process_state->waited[((page >> PAGE_SHIFT) + i) % WAITED_SLOTS];
}

static struct waited *find(uintptr_t page)
{
	for (unsigned i = 0; i < PROBES; i++)
		if (atomic_load(&slot_at(page, i)->page) == page)
			return slot_at(page, i);
	return NULL;
}

static uintptr_t page_of(const struct fault *fault)
{
	return fault->address & PAGE_MASK;
}

/* Of a range that nobody saw no faults are counted: then its address is all that is known of it. */
static uint32_t count_of(const struct fault *fault)
{
	return fault->range.range ? fault->count : 0;
}

bool wait_was_in_vain(const struct fault *fault)
{
	const struct waited *waited = find(page_of(fault));

	return waited && (!fault->range.range || fault->count > atomic_load(&waited->count));
}

void wait_note_vain(const struct fault *fault)
{
	uintptr_t page = page_of(fault), none = 0;
	struct waited *slot = find(page);

	for (unsigned i = 0; !slot && i < PROBES; i++, none = 0)
		if (atomic_compare_exchange_strong(&slot_at(page, i)->page, &none, page))
			slot = slot_at(page, i);
	if (!slot) {
		slot = slot_at(page, 0);
		atomic_store(&slot->page, page);
	}
	atomic_store(&slot->count, count_of(fault));
}

void wait_forget(const struct fault *fault)
{
	struct waited *slot = find(page_of(fault));

	if (slot)
		atomic_store(&slot->page, 0);
}

/* ---- who waits ---- */

/* One that was left by siglongjmp() keeps its slot until it waits again. */
static struct waiting *own_slot(int thread)
{
	for (unsigned i = 0; i < WAITING_SLOTS; i++)
		if (atomic_load(&process_state->waiting[i].thread) == thread)
			return &process_state->waiting[i];
	return NULL;
}

static struct waiting *take_slot(int thread)
{
	struct waiting *slot = own_slot(thread);
	int none = 0;

	for (unsigned i = 0; !slot && i < WAITING_SLOTS; i++, none = 0)
		if (atomic_compare_exchange_strong(
			    &process_state->waiting[i].thread, &none, thread))
			slot = &process_state->waiting[i];
	return slot;
}

void wait_begin(const struct fault *fault, int64_t since)
{
	struct waiting *slot = take_slot((int)SYS_0(SYS_gettid));

	if (!slot)
		return;
	atomic_store(&slot->since, since); /* before page, by which sigbus-stat takes it for complete */
	atomic_store(&slot->page, page_of(fault));
}

void wait_end(void)
{
	struct waiting *slot = own_slot((int)SYS_0(SYS_gettid));

	if (!slot)
		return;
	atomic_store(&slot->page, 0);
	atomic_store(&slot->thread, 0);
}
