/* SPDX-License-Identifier: MIT */
/* One entry of the owner table, for owner.c and the C API. */
#ifndef SIGBUS_OWNER_H
#define SIGBUS_OWNER_H

#include "internal.h"
#include "sigbus/sigbus.h"

/* Interned: the same handler before the same rest is the same cell. */
struct handler_cell {
	struct handler_cell *chain;
	const struct disposition *disposition;
	struct handler_cell *rest;
};

struct owner {
	const char *name, *resolved; /* base names, never NULL for an entry in use */
	_Atomic(struct handler_cell *) handlers;
	/* A shared object. Another one may come to the same address after dlclose(): all must fit. */
	uintptr_t start, end;
	_Atomic(const void *) link_map; /* NULL: not loaded any more */
	const void *path;
	bool is_self;    /* libsigbus */
	bool is_system;  /* C library, loader, ourselves: not the owner of a handler */
	bool is_wrapper; /* maps on behalf of its caller */
	/* Its rule, once found, if that depends on nothing else. Not of a registered owner: it may go. */
	_Atomic(const struct rule *) rule;
	/* Of sigbus_owner_create(); the entry is used again after sigbus_owner_destroy(). */
	_Atomic bool registered;
	_Atomic uint32_t generation; /* of the entry: 0: never registered, even: live, odd: not */
	_Atomic(sigbus_callback) callback;
	_Atomic(void *) data;
	_Atomic uint64_t event; /* see event.c */
	_Atomic uint32_t next;  /* that is free */
};

struct callback {
	sigbus_callback function; /* NULL: none */
	void *data;
};
struct callback owner_callback(unsigned id); /* [H] */

extern HIDDEN struct owner owners[OWNERS_MAX]; /* by id; the first is nobody's */
static inline struct owner *owner_by_id(unsigned id)
{
	return &owners[id];
}

unsigned owner_allocate(void); /* 0: the table is full */
unsigned owner_end(void);        /* ids in use are below it */
void owner_drop_unloaded(void); /* after dlclose() */

/* ---- event.c ---- */

int event_open(struct owner *owner); /* the descriptor, or -errno */
void event_close(struct owner *owner);
void event_signal(struct owner *owner); /* [H] */

#endif
