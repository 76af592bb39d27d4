/* SPDX-License-Identifier: MIT */
/* The owners' handlers. */
#ifndef SIGBUS_HANDLERS_H
#define SIGBUS_HANDLERS_H

#include <stdint.h>

struct disposition;

/* The handler that answers for the owner now, or NULL. [H] */
const struct disposition *handler_of_owner(unsigned owner);
/* What the owners learn from a sigaction(SIGBUS) outside of handlers, made by code at caller. [H] */
void handlers_update(const struct disposition *disposition, const struct disposition *before,
	uintptr_t caller);
/* Who made that call; before is the action that it found, new what it sets. [H] */
unsigned owner_of_statement(
	uintptr_t caller, const struct disposition *before, const struct disposition *new);
/* The object that holds the handler's code, or caller where that is none of the program's. */
unsigned owner_of_handler(const void *handler, unsigned caller);
void handlers_add(unsigned owner, const struct disposition *disposition); /* [H] its newest from now on */
void handlers_end(unsigned owner); /* [H] it has none any more */

#endif
