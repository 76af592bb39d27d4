/* SPDX-License-Identifier: MIT */
/*
 * The memory of the range table: index nodes and records.
 *
 * It comes in chunks and is never given back. A node that loses the race for its place is leaked:
 * at most one for each place and concurrent writer. Records are used again, one of them without
 * going through the list: most programs that unmap also map.
 */
#include "base/base.h"
#include "kernel/next.h"
#include "table/record.h"
#include "table/table.h"

struct arena {
	_Alignas(64) _Atomic size_t used;
	_Alignas(64) char data[CHUNK_SIZE - 64];
};

static _Atomic(struct arena *) arena_now;
static _Atomic(void *) chunk_spare;
LARGE struct range_pool range_pool;
struct range_env range_env;

void range_init(const struct range_env *env)
{
	range_env = *env;
}

static void *chunk_take(void)
{
	void *chunk = atomic_exchange(&chunk_spare, NULL);

	return chunk ? chunk : range_env.allocate(CHUNK_SIZE);
}

/* For the loser of a race. If two lose at once, one chunk is leaked. */
static void chunk_give(void *chunk)
{
	void *none = NULL;

	cas(&chunk_spare, &none, chunk);
}

void *node_new(size_t size)
{
	for (;;) {
		struct arena *arena = load(&arena_now), *fresh;
		size_t at = arena ? atomic_fetch_add(&arena->used, size) : 0;

		if (arena && at + size <= sizeof(arena->data))
			return arena->data + at;
		fresh = chunk_take();
		if (!fresh)
			return NULL;
		if (!cas(&arena_now, &arena, fresh))
			chunk_give(fresh);
	}
}

void *node_get(_Atomic(void *) *place, size_t size)
{
	void *node = load(place), *fresh;

	if (likely(node))
		return node;
	fresh = node_new(size);
	if (!fresh || cas(place, &node, fresh))
		return fresh;
	return node;
}

/* ---- records ---- */

struct range *range_by_id(uint32_t id)
{
	return id && id <= load(&range_pool.taken) ? record(id) : NULL;
}

static bool chunk_ready(uint32_t id)
{
	_Atomic(void *) *place = &range_pool.chunk[id / CHUNK_RECORDS];
	void *none = NULL, *chunk;

	if (load(place))
		return true;
	chunk = chunk_take();
	if (chunk && !cas(place, &none, chunk))
		chunk_give(chunk);
	return chunk;
}

static uint32_t record_first_use(void)
{
	uint32_t taken = load(&range_pool.taken);

	do {
		if ((taken + 1) >> ID_BITS || !chunk_ready(taken + 1))
			return 0;
	} while (!cas(&range_pool.taken, &taken, taken + 1));
	return taken + 1;
}

uint32_t record_take(void)
{
	uint64_t head = load(&range_pool.unused);
	struct range *spare = record_take_spare();

	if (spare)
		return load(&spare->caller);

	while ((uint32_t)head) {
		uint32_t id = (uint32_t)head, next = load(&record(id)->caller);

		if (cas(&range_pool.unused, &head, ((head >> 32) + 1) << 32 | next))
			return id;
	}
	return record_first_use();
}

void record_give(struct range *spare)
{
	uint64_t head = load(&range_pool.unused);
	uint32_t id;

	if (!spare)
		return;
	id = load(&spare->caller);
	invariant(spare == record(id) && !load(&spare->geometry)); /* free, and in no list */
	do {
		store_release(&spare->caller, (uint32_t)head);
	} while (!cas(&range_pool.unused, &head, ((head >> 32) + 1) << 32 | id));
}

uint64_t range_count(void)
{
	uint64_t count = 0;

	for (uint32_t id = load(&range_pool.taken); id; id--) {
		uint64_t geometry = load(&record(id)->geometry);

		count += geometry && !(geometry & RANGE_HIDDEN);
	}
	return count;
}

/* Free records keep the owner that they had: they are passed over. Those that were cut out are not. */
void range_mark_owners(uint64_t bits[OWNERS_MAX / 64])
{
	for (uint32_t id = load(&range_pool.taken); id; id--) {
		const struct range *range = record(id);
		uint64_t state = load(&range->state);
		unsigned owner = state_owner(state);

		if (!load(&range->geometry))
			continue;
		bits[owner / 64] |= (uint64_t)1 << owner % 64;
		if (state_flags(state) & RANGE_REGISTERED) { /* whom it goes back to: see range-api.c */
			owner = load(&range->caller) % OWNERS_MAX;
			bits[owner / 64] |= (uint64_t)1 << owner % 64;
		}
	}
}

struct inspect_ranges range_inspect(void)
{
	return (struct inspect_ranges){.chunk = range_pool.chunk,
		.taken = &range_pool.taken,
		.chunk_records = CHUNK_RECORDS,
		.chunks = sizeof(range_pool.chunk) / sizeof(range_pool.chunk[0])};
}
