/* SPDX-License-Identifier: MIT */
/* Replacing lost pages: probe.c, anchor.c, repair.c, remap.c. */
#ifndef SIGBUS_REPAIR_H
#define SIGBUS_REPAIR_H

#include "internal.h"

/* The page's present PROT_*; known is what the range's record says. [H] */
unsigned probe_protection(uintptr_t page, unsigned known);

void anchor_init(void); /* without it no file comes back */
/* A second mapping of the page at the start of a shared range, or 0. [H] */
uintptr_t anchor_make(uintptr_t page);

#endif
