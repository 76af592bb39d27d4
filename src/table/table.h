/* SPDX-License-Identifier: MIT */
/*
 * Room table: address -> record. Lock-free writers, wait-free lookup, no system call. Calls base;
 * waiting and memory come through struct range_env.
 */
#ifndef SIGBUS_TABLE_H
#define SIGBUS_TABLE_H

#include <stdatomic.h>
#include "base/base.h"

#if defined(__aarch64__)
#define RANGE_PAGES_BITS 27
#else
#define RANGE_PAGES_BITS 28
#endif

/*
 * A record: two words, each read and changed as a whole.
 *
 *	geometry   63            RANGE_PAGES_BITS          0       0: the record is dead
 *	           |   first page   |   number of pages    |       all bits inverted: hidden, below
 *	state      63            32 31    26 25    14 13   0
 *	           |  generation   |  lock  |  owner | flags |
 *
 * No lookup finds a hidden record: it is a piece in a range_cut list. The generation grows when a record
 * is used again, so a geometry that was read between two equal states is of that incarnation.
 */
struct range {
	_Atomic uint64_t geometry;
	_Atomic uint64_t state;
	_Atomic uint32_t caller;  /* offset of the mapping call in its object; next free record */
	_Atomic uint32_t faults;  /* so far; in a range_cut list: see range_link_piece() */
	_Atomic uint64_t anchor; /* see range_anchor() */
};

#define RANGE_HIDDEN ((uint64_t)1 << 63)
#define RANGE_LOCKS 64
#define OWNERS_MAX 4096

enum range_flag {
	RANGE_READ = 1 << 0, /* the first three are PROT_* */
	RANGE_WRITE = 1 << 1,
	RANGE_EXEC = 1 << 2,
	RANGE_SHARED = 1 << 3,
	RANGE_PROTECTED = 1 << 4,  /* mprotect() touched it: ask the kernel for the protection */
	RANGE_REPAIRED = 1 << 5,   /* some page was replaced: mremap() needs care */
	RANGE_REGISTERED = 1 << 6, /* by sigbus_range_add() */
	RANGE_RESERVED = 1 << 8,   /* its blocks were made sure of, and so shall be its growth */
	RANGE_MAPPED = 1 << 7,     /* a mapping that we saw, under a registered range too */
	RANGE_ATTACHED = 1 << 10,  /* by shmat() */
	RANGE_HUGE = 1 << 11,	   /* a huge page of it was replaced */
	RANGE_LOST = 1 << 9,       /* sigbus_copy_from() or _to() found a lost page */
};
#define RANGE_FLAGS 0x3fffu

struct range_hit {
	struct range *range; /* NULL: nothing there */
	uint64_t geometry, state;
	bool unsettled; /* nothing found while others were changing it: access again and look again */
};

/* Bytes of a record; longer ones are several records. */
#if __SIZEOF_POINTER__ == 8
#define RANGE_SIZE_MAX ((size_t)1 << (RANGE_PAGES_BITS + PAGE_SHIFT - 1))
#else
#define RANGE_SIZE_MAX ((size_t)1 << 31)
#endif

static inline uintptr_t geometry_start(uint64_t geometry)
{
	return (uintptr_t)(geometry >> RANGE_PAGES_BITS) << PAGE_SHIFT;
}
static inline size_t geometry_size(uint64_t geometry)
{
	return (size_t)(geometry & (((uint64_t)1 << RANGE_PAGES_BITS) - 1)) << PAGE_SHIFT;
}
static inline uintptr_t geometry_end(uint64_t geometry)
{
	return geometry_start(geometry) + geometry_size(geometry);
}
static inline unsigned state_lock(uint64_t state)
{
	return (state >> 26) & (RANGE_LOCKS - 1);
}
static inline unsigned state_owner(uint64_t state)
{
	return (state >> 14) & (OWNERS_MAX - 1);
}
static inline unsigned state_flags(uint64_t state)
{
	return state & RANGE_FLAGS;
}

/*
 * Pieces that were cut out: hidden records, linked by id in faults. Who looked one up before may
 * still count a fault in it, so the lowest bits are left to such late comers.
 */
struct range_cut {
	uint32_t first; /* id of the first piece, 0: nothing was there */
	bool lost;      /* something is no longer tracked, or can't be put back: no memory */
};
#define PIECE_SHIFT 8
/*
 * Acquire here, release in range_link_piece(): a list is built and walked by one thread as a rule, but
 * its last link may have been written by a handler on top of it, and whoever follows a link sees the
 * geometry that the piece had when it was linked.
 */
static inline uint32_t range_next_piece(const struct range *piece)
{
	return atomic_load_explicit(&piece->faults, memory_order_acquire) >> PIECE_SHIFT;
}
static inline void range_link_piece(struct range *piece, uint32_t next)
{
	atomic_store_explicit(&piece->faults, next << PIECE_SHIFT, memory_order_release);
}

struct range_env {
	void *(*allocate)(size_t size); /* zeroed, never freed, or NULL; [H] */
	void (*wait)(unsigned lock);    /* until the holder of a lock word, if any, is gone */
	/* Takes a lock word, with all signals blocked. False: who asks may be killed with it. */
	bool (*hold)(unsigned lock, uint64_t *mask);
	void (*let_go)(unsigned lock, uint64_t mask);
	void (*lost)(void); /* something is no longer tracked: no memory */
	void (*share)(uintptr_t anchor); /* one more record has it; [H] */
	void (*release)(struct range_cut cut); /* what was stale: range_cut_free() in the end */
};
ONCE void range_init(const struct range_env *env);

/* What a new record shall say. */
struct range_attributes {
	unsigned owner, flags;
	int lock; /* -1: any */
	uint32_t caller;
	uintptr_t anchor;
};
/* 0, -EINVAL (alignment, size 0), -E2BIG (too long, or too high), -ENOMEM. What the table
 * still has there is stale (unmapped behind our back): it is cut and released, so this may wait. [H]
 */
int range_insert(uintptr_t start, size_t size, const struct range_attributes *attributes);
struct range_hit range_lookup(uintptr_t address); /* [H] wait-free */

/*
 * Takes [start, start + size) out of the table and waits for repairs in it. What was there comes
 * back, to be freed, or put back when the system call failed. state, caller and anchor stay readable
 * in a piece; parts of one record share its anchor. [H]
 */
struct range_cut range_cut(uintptr_t start, size_t size);
void range_cut_free(struct range_cut cut); /* [H] */
void range_cut_restore(struct range_cut cut);
struct range *range_by_id(uint32_t id); /* [H] NULL: no such id */
/* The page of the same file that is kept since the first repair, or 0. */
static inline uintptr_t range_anchor(const struct range *range)
{
	return (uintptr_t)atomic_load(&range->anchor);
}
/* Where a piece of a range_cut list was. */
static inline uint64_t range_piece(const struct range *range)
{
	return ~atomic_load(&range->geometry);
}
/*
 * Change the state of a live incarnation; false: it is gone. A repair compares the whole state, so
 * a change costs one that is under way another look, never more: it takes the new state over. It
 * does not wait, so the holder of the lock word may do it. [H]
 */
bool range_set_flags(struct range_hit hit, unsigned set, unsigned clear);
/* Under the lock word: is it still what was looked up, and [start, start + size) inside? [H] */
bool range_still(const struct range_hit *hit, uintptr_t start, size_t size);
/*
 * The kernel rounds a mapping of huge pages up: the record, whose lock word the caller holds, gets that
 * end. False: it is another one by now, or the new end is not in the same 2 MiB as the old one. [H]
 */
bool range_round_up(struct range_hit *hit, uintptr_t end);
/* Calls visit for each live record that overlaps, perhaps twice if others split it meanwhile. [H] */
void range_each(uintptr_t start, size_t size, void (*visit)(struct range_hit hit, void *data), void *data);
/* Sets the bit of each owner of whom there is a record; looks at every record. [H] */
void range_mark_owners(uint64_t bits[OWNERS_MAX / 64]);
uint64_t range_count(void); /* live ones; looks at every record */
void range_forked(void);    /* [H] in a fork child */

/* ---- for sigbus-stat, which reads the table from another process ---- */

/* Record id is chunk[id / chunk_records][id % chunk_records]; 1 to *taken have ever been used. */
struct inspect_ranges {
	_Atomic(void *) const *chunk;
	const _Atomic uint32_t *taken;
	uint32_t chunk_records, chunks;
};

ONCE struct inspect_ranges range_inspect(void);

#endif
