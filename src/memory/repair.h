/* SPDX-License-Identifier: MIT */
/* Replacing lost pages: probe.c, anchor.c, extent.c, repair.c, remap.c. */
#ifndef SIGBUS_REPAIR_H
#define SIGBUS_REPAIR_H

#include <errno.h>
#include "rules/fault.h"
#include "table/table.h"

#define HUGE_PAGE ((size_t)2 << 20)
#define EXTENT_MAX ((size_t)2 << 20)

struct repair_order {
	bool ones;
	size_t limit;	      /* of one extent, in bytes */
	uintptr_t start, end; /* what was replaced last, for it */
	bool copy_failed;     /* the last try ended so: the page changes while it is looked at */
};

/* What is going to be replaced. */
struct extent {
	uintptr_t start, end;
	unsigned prot;
	bool write; /* the access was one */
	int error;  /* why it could not be replaced */
	enum {
		ZEROES,
		ONES,
		COPY /* readable pages that cannot be written: their content stays */
	} content;
};

/* probe() of the page of the fault; if it is lost, *extent is that page. [H] */
int extent_probe(const struct fault *fault, const struct range_hit *hit,
	const struct repair_order *order, struct extent *extent);
/* Adds the neighbours that are lost too, as far as the order and the range allow. [H] */
void extent_measure(
	struct extent *extent, const struct range_hit *hit, const struct repair_order *order);

void anchor_init(void); /* without it no file comes back */
/* A second mapping of the page at the start of a shared range, or 0. [H] */
uintptr_t anchor_make(uintptr_t page);

#endif
