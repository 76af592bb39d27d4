/* SPDX-License-Identifier: MIT */
/*
 * Room memory: changes mappings: replaces lost pages, and tells the range table what the mapping hooks
 * did. It never decides, never reports. Calls base, kernel, table, policy, owner, signal and rules.
 */
#ifndef SIGBUS_MEMORY_H
#define SIGBUS_MEMORY_H

#include <sys/types.h>
#include "kernel/kernel.h"
#include "policy/policy.h"
#include "table/table.h"

struct fault;

/* ---- repair.c ---- */

enum answer { ANSWER_DONE, ANSWER_DECLINED, ANSWER_RETRY };
enum answer repair(struct fault *fault, const struct action *action); /* [H] zero, ones */
void repair_wait(unsigned lock); /* [H] until the present holder of the lock word, if any, is gone */
/* [H] false: a borrowed process, which may be killed at any instruction, holds no lock word. */
bool repair_hold(unsigned lock, uint64_t *mask);
void repair_let_go(unsigned lock, uint64_t mask); /* [H] */
void anchor_free(uintptr_t anchor); /* [H] */
void range_cut_release(struct range_cut cut); /* [H] range_cut_free() and what hangs on the records */

/* ---- file-handle.c ---- */

struct anchor_slot {
	_Atomic uint32_t records; /* that have it */
	uintptr_t page;		  /* where the same page of the file is, or was, in the range */
};
/* Of the anchor at *area + i * PAGE_SIZE, for sigbus-stat. */
const struct anchor_slot *anchor_inspect(const _Atomic uintptr_t **area);

/* ---- track.c, reserve.c, remap.c, advise.c ---- */

/* The range table gets memory from there, and what else it needs from this room. Once. */
ONCE void track_init(void *(*allocate)(size_t size));

/* A mapping that "reserve" did not allow: filled in where errno is then ENOMEM. */
struct refusal {
	const struct rule *rule; /* NULL: a mapping that was to grow, or there was no refusal */
	unsigned owner;
	uint32_t caller; /* offset of the call in the owner's object */
	size_t wanted;	 /* bytes; 0: there was no refusal */
	bool free_known;
	uint64_t free_bytes;
	const char *why; /* NULL: there is no space */
	/* There was none: the rule asks for pages that may not be written, so they were not populated. */
	bool is_unpopulated;
};
void *track_mmap(void *(*next)(void *, size_t, int, int, int, off_t), const struct mapping *mapping,
	uintptr_t caller, struct refusal *refusal);
/* After an mmap() that replaced nothing. */
void track_mapped(
	uintptr_t start, size_t length, int prot, int flags, int fd, uintptr_t caller);
/* flags: of mmap(). */
#define mapping_is_tracked(flags) (!((flags)&MAP_ANONYMOUS) || (flags)&MAP_HUGETLB)
int track_munmap(void *address, size_t length);
void track_lost(void); /* [H] counts a range that is not tracked any more */
/* Around a cut after which the pages are put in again: until then they are nobody's. */
void track_enter(void);
void track_leave(void);
/* The action "reserve": RANGE_RESERVED, 0 (no rule asks for it), or -ENOMEM: refuse the mapping. */
int reserve(const struct mapping *mapping, struct refusal *refusal);
/* The same for anonymous huge pages, which can be had only once they are mapped. */
bool reserve_pages(uintptr_t start, const struct mapping *mapping, struct refusal *refusal);
/* The same for a segment that was attached, if its pages are huge: *mapping then says so. */
bool reserve_segment(uintptr_t start, struct mapping *mapping, struct refusal *refusal);
bool reserve_tail(uintptr_t start, size_t size);
struct remapping {
	void *old;
	size_t old_size, new_size;
	int flags;
	void *new; /* with MREMAP_FIXED */
};
/*
 * A handler of that owner puts memory of its own in the place of lost pages, as we would, in a part of a
 * range of its object. The range keeps its record, as it does when we replace pages; what is there
 * now is asked of the kernel by whoever replaces something. False: it is nothing of the kind.
 */
bool track_handlers_repair(void *(*next)(void *, size_t, int, int, int, off_t),
	const struct mapping *mapping, unsigned owner, void **result);
void *track_mremap(const struct remapping *move, struct refusal *refusal);
struct protecting {
	uint64_t locks; /* a bit for each lock word of a range that is concerned */
	uint64_t version[RANGE_LOCKS];
	int prot;
	int error; /* the kernel would refuse it for the file: 0 or errno */
};
void track_protect(struct protecting *protecting, void *address, size_t length, int prot);
/* After the system call: a repair came in between, which knew the old protection. */
bool track_must_repeat(struct protecting *protecting);
/* mapping says afterwards what refusal is about. */
void *track_shmat(int id, const void *address, int flags, uintptr_t caller,
	struct mapping *mapping, struct refusal *refusal);
int track_shmdt(const void *address);
int track_advise(void *address, size_t length, int advice); /* madvise() */
int track_remap_pages(void *address, size_t length, int prot, size_t page, int flags);
/*
 * mremap() of a range of which pages were replaced: the kernel sees several mappings there. range: what
 * its record says. Where it cannot grow because its file cannot be had, refusal says why.
 */
void *remap_repaired(const struct remapping *move, const struct range_attributes *range,
	struct refusal *refusal);
/* Of a shared one that has an anchor, with an old size of 0; end: of the record. */
void *remap_copy_repaired(
	const struct remapping *move, const struct range_attributes *range, uintptr_t end);

#endif
