/* SPDX-License-Identifier: MIT */
/*
 * What the library shows of itself to sigbus-stat, which reads it from another process.
 *
 * An ELF note in the library (name "sigbus", type INSPECT_NOTE) holds the distance from its own
 * description to the root below, so neither a symbol nor the library's file is needed. The process
 * does nothing for it but to fill in the root once: whoever looks, looks at the living tables.
 *
 * magic, version and size keep their places in all versions. A change of the root, or of one of the
 * structures behind it that keeps its size, is a new version.
 */
#ifndef SIGBUS_INSPECT_H
#define SIGBUS_INSPECT_H

#include "kernel/process.h"
#include "owner/owner.h"
#include "owner/sender.h"
#include "policy/policy.h"
#include "signal/disposition.h"
#include "signal/handlers.h"
#include "table/table.h"

#define INSPECT_NOTE_NAME "sigbus"
#define INSPECT_NOTE 1
#define INSPECT_MAGIC 0x7375626769735f73 /* "s_sigbus" */
#define INSPECT_VERSION 6

/* Loaded, but inactive: why, as the library and sigbus-stat say it. */
#define INSPECT_FAILURES(X)                                                                        \
	X(INSPECT_BEHIND, "loaded behind the C library: preload it, or link with it")              \
	X(INSPECT_PAGES, "this kernel's pages are not of 4 KiB")                                   \
	X(INSPECT_NO_SPACE, "there is no address space for its tables (ulimit -v)")                \
	X(INSPECT_NO_SIGNAL, "no real-time signal is free")                                        \
	X(INSPECT_SIGNAL_TAKEN, "the real-time signal that it needs cannot be had (valgrind?)")    \
	X(INSPECT_NO_WIPE, "madvise(MADV_WIPEONFORK) is refused: a kernel before Linux 4.14, or a " \
			   "system call filter")

enum inspect_state {
	INSPECT_LOADED,	 /* the constructor has not come this far */
	INSPECT_DORMANT, /* by SIGBUS_ONLY */
	INSPECT_FOREIGN, /* under another C library */
	INSPECT_ACTIVE,
#define INSPECT_MEMBER(state, reason) state,
	INSPECT_FAILURES(INSPECT_MEMBER)
#undef INSPECT_MEMBER
	INSPECT_STATES
};

/* Of the structures behind the pointers: two builds that differ in one don't read each other. */
struct inspect_sizes {
	uint16_t range, owner, disposition, policy, rule, process_state, sender_file, anchor_slot;
};

struct inspect {
	uint64_t magic;
	uint32_t version, size;
	char library[16]; /* its version */
	_Atomic uint32_t state;
	struct inspect_sizes sizes;
	const char *const *program_name;
	const struct owner *owner; /* OWNERS_MAX of them, those that were never used are zero */
	struct inspect_ranges ranges;
	const struct policy *policy;
	_Atomic(const struct disposition *) const *disposition; /* the virtual one of SIGBUS */
	struct process_state *const *process_state;
	_Atomic(struct sender_file *) const *sender_chunks; /* see sender.h */
	const _Atomic uint32_t *sender_sites;
	const _Atomic uintptr_t *anchor_area; /* see memory/file-handle.c */
	const struct anchor_slot *anchor_slots;
};

void inspect_init(void);
void inspect_set_state(enum inspect_state state);

_Atomic(const struct disposition *) const *disposition_inspect(void); /* disposition.c */

#endif
