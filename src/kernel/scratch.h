/* SPDX-License-Identifier: MIT */
/* Buffers for the fault path: it has little stack and no malloc. */
#ifndef SIGBUS_SCRATCH_H
#define SIGBUS_SCRATCH_H

#include "kernel/kernel.h"

struct scratch {
	_Alignas(uint64_t) char path[4352]; /* a line of maps with the longest name */
	char line[8192];
	_Alignas(uint64_t) char names[768]; /* of the facts that rules ask for, see rules/decide.c */
	struct line_room mounts;
};
struct scratch *scratch_get(void);         /* [H] NULL when all are in use */
void scratch_put(struct scratch *scratch); /* [H] */

#endif
