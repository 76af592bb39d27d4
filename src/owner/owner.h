/* SPDX-License-Identifier: MIT */
/*
 * Room owner: address -> shared object -> owner. Owners are shared objects, and what programs register
 * by the C API; one table has both. Calls base, kernel and table.
 */
#ifndef SIGBUS_OWNER_H
#define SIGBUS_OWNER_H

#include <stdatomic.h>
#include "base/base.h"
#include "sigbus/sigbus.h"
#include "table/table.h"

/* The owner of the code at address; 0 when no object holds it. [H] */
unsigned owner_at(uintptr_t address);
/* The same for the caller of a mapping function, past objects that only wrap mmap(). */
unsigned owner_of_caller(uintptr_t caller, uint32_t *offset);
const char *base_name(const char *path);
/*
 * An address in the first of the objects in front of ours that defines a name; 0: none does, or the
 * program itself. Not while others load or unload.
 */
struct symbol_name;
uintptr_t object_in_front(const struct symbol_name *name);
extern HIDDEN const struct symbol_name sigaction_name;
/* Is an object loaded for whose base name this is true? Not while others load or unload. */
bool object_is_loaded(bool (*is_it)(const char *name));
/* *offset is what addr2line(1) takes: of a program that has a fixed place, its address. */
bool object_at(uintptr_t address, const char **name, uintptr_t *offset); /* [H] */
uintptr_t owner_linked_at(unsigned id); /* [H] to be added to an offset in its object */
const char *owner_name(unsigned owner);                                  /* [H] */
/* The i-th name by which rules know the owner; NULL when there are no more. [H] */
const char *owner_alias(unsigned owner, unsigned i);

/* ---- wrapper.c: whose mmap() was it, when the caller only wraps mmap() ---- */

void wrapper_init(void);
bool wrapper_is(const char *object_name); /* [H] */
/* The first return address on this thread's stack outside of wrappers, or caller. */
uintptr_t wrapper_caller(uintptr_t caller);

/*
 * An object whose sigaction() comes before ours and calls it, as a sanitizer's does: the return address
 * then names that one. What it installs of its own code is its own. Everything else is its caller's, and
 * so is what changes nothing: who has found its handler there puts it back.
 */
extern HIDDEN bool is_called_directly; /* active, and there is none of that kind */
void interposer_init(void);
uintptr_t interposer_caller(uintptr_t caller, const void *handler, const void *before);

/* ---- one entry of the table ---- */

struct rule;

struct disposition;

struct owner {
	const char *name, *resolved; /* base names, never NULL for an entry in use */
	_Atomic(const struct disposition *) handler; /* its newest, or NULL: see signal/handlers.c */
	/* A shared object. Another one may come to the same address after dlclose(): all must fit. */
	uintptr_t start, end;
	uintptr_t linked_at; /* where offsets count from: 0 if it may be anywhere, as most may */
	_Atomic(const void *) link_map; /* NULL: not loaded any more */
	const void *path;
	/* After dlclose() the entry waits for an object of the same path; NULL: too long to be kept. */
	const char *own_path;
	_Atomic bool is_unloaded;
	_Atomic bool is_forgotten; /* and no range of it was left: another object may have the entry */
	bool is_self;    /* libsigbus */
	bool is_system;  /* C library, loader, ourselves: not the owner of a handler */
	bool is_wrapper; /* maps on behalf of its caller */
	bool hands_on_sigaction; /* defines it, so its calls may be somebody else's */
	/* Its rule, once found, if that depends on nothing else. Not of a registered owner: it may go. */
	_Atomic(const struct rule *) rule;
	/* Of sigbus_owner_create(); the entry is used again after sigbus_owner_destroy(). */
	_Atomic bool registered;
	_Atomic uint32_t generation; /* of the entry: 0: never registered, even: live, odd: not */
	_Atomic(sigbus_callback) callback;
	_Atomic(void *) data;
	_Atomic uint64_t event; /* see eventfd.c */
	_Atomic uint32_t next;  /* that is free */
};

struct callback {
	sigbus_callback function; /* NULL: none */
	void *data;
	const struct owner *owner;
	uint32_t generation;
	bool is_stale; /* the range has changed hands since it was found: look it up again */
};
/* That of the owner of the range around address, if it is a registered one. [H] */
struct callback owner_callback(const struct range_hit *hit, uintptr_t address);
/* To be called around the call. False: the owner was destroyed, it must not be called. [H] */
bool callback_begin(const struct callback *callback);
void callback_end(const struct callback *callback); /* [H] */
/* Waits, for a second at most, until no callback of a destroyed owner is running. Not inside of one. */
void callback_wait(const struct owner *owner);
static inline bool owner_is_registered(uint32_t generation)
{
	return generation && !(generation & 1);
}

extern HIDDEN struct owner owners[OWNERS_MAX]; /* by id; the first is nobody's */
static inline struct owner *owner_by_id(unsigned id)
{
	return &owners[id];
}

unsigned owner_allocate(void); /* 0: the table is full */
void owner_when_full(void (*tell)(void)); /* to be called once, when an object gets no entry */
unsigned owner_end(void); /* ids in use are below it */
void owner_drop_unloaded(void); /* after dlclose() */

/* ---- eventfd.c ---- */

int event_open(struct owner *owner); /* the descriptor, or -errno */
void event_close(struct owner *owner);
void event_signal(struct owner *owner); /* [H] */

#endif
