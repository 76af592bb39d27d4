/* SPDX-License-Identifier: MIT */
/* Replacing lost pages: extent.c, proof.c, file-handle.c, repair.c, remap.c. */
#ifndef SIGBUS_REPAIR_H
#define SIGBUS_REPAIR_H

#include <errno.h>
#include "rules/fault.h"
#include "table/table.h"

#define HUGE_SHIFT 21
#define HUGE_PAGE ((size_t)1 << HUGE_SHIFT)
#define EXTENT_MAX ((size_t)2 << 20)

struct repair_order {
	bool ones;
	size_t limit;	      /* of one extent, in bytes, but for what lies behind the end of a file */
	bool whole;	      /* all that lies behind that end at once */
	uintptr_t start, end; /* what was replaced last, for it */
	bool page_changed;    /* the last try ended so: what was asked of the page did not agree */
	int unproved;	      /* tries that ended because nothing proved that the page is lost */
};

/* What is going to be replaced. */
struct extent {
	uintptr_t start, end;
	unsigned prot;
	bool write; /* the access was one */
	int error;  /* why it could not be replaced */
	bool was_widened;   /* to huge pages */
	bool is_poisoned;   /* the kernel said so of the page of the fault */
	bool is_mapped;	    /* vma is known: all of the extent is in it */
	bool is_behind_end; /* of the file, whose size is known */
	bool by_storage;    /* has no storage, and its lowest page is lost */
	bool by_writing;    /* pages that cannot be read are probed so */
	struct vma vma;
	enum {
		ZEROES,
		ONES,
		COPY /* readable pages that cannot be written: their content stays */
	} content;
};

/* probe() of the page of the fault; if it is lost, *extent is that page. [H] */
int extent_probe(const struct fault *fault, const struct range_hit *hit,
	const struct repair_order *order, struct extent *extent);
/* Is this page lost in the way in which the extent is? It may be in another view of the memory. [H] */
bool extent_is_like(const struct extent *extent, uintptr_t page);
/* Adds the neighbours that are lost too, as far as the order and the range allow. [H] */
void extent_measure(
	struct extent *extent, const struct range_hit *hit, const struct repair_order *order);

/*
 * Is it proved that the extent around the page of the fault is lost? It shrinks to what is; false: not
 * even that page. All signals are blocked. [H]
 */
bool prove_lost(struct extent *extent, uintptr_t page, const struct range_hit *hit);

ONCE void anchor_init(void); /* without it no file comes back */
/* A second mapping of a page of a range, or 0. A private page has to be a lost one. [H] */
uintptr_t anchor_make(uintptr_t page, bool shared);
void anchor_share(uintptr_t anchor); /* one more record has it; [H] */
/* For what is at a distance from the range. 0: no room. */
uintptr_t anchor_copy(uintptr_t anchor, bool shared, uintptr_t distance);
/* For a part of a shared range that shows other pages of the file from now on. */
uintptr_t anchor_turn(uintptr_t anchor, uintptr_t start, size_t file_page);
struct file_part { /* where it is, or was, in the range */
	uintptr_t start;
	size_t size;
};
/*
 * Maps what the file has for these pages of the range to an address, in place of what is there. False:
 * they lie in front of the anchor's page, or there is no room.
 */
bool anchor_lay(uintptr_t anchor, bool shared, const struct file_part *part, uintptr_t to);

#endif
