/* SPDX-License-Identifier: MIT */
/* The lists of the owners' handlers. */
#ifndef SIGBUS_HANDLERS_H
#define SIGBUS_HANDLERS_H

#include <stdint.h>

struct disposition;

/* Interned: the same handler before the same rest is the same cell. */
struct handler_cell {
	struct handler_cell *chain;
	const struct disposition *disposition;
	struct handler_cell *rest;
};

/* The handler that answers for the owner now, or NULL. [H] */
const struct disposition *handler_of_owner(unsigned owner);
/* What the owners learn from a sigaction(SIGBUS) outside of handlers, made by code at caller. [H] */
void handlers_update(const struct disposition *disposition, const struct disposition *before,
	uintptr_t caller);
/* Takes a handler away from every owner that has it as its newest (SA_RESETHAND). [H] */
void handlers_forget(const struct disposition *disposition);

#endif
