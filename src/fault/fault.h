/* SPDX-License-Identifier: MIT */
/*
 * Room fault: the handler, the only place where the parts meet. It may call every room below. The
 * entry code, hooks and api may call it.
 */
#ifndef SIGBUS_FAULT_H
#define SIGBUS_FAULT_H

#include <signal.h>
#include <stdatomic.h>
#include "owner/owner.h"
#include "rules/fault.h"
#include "signal/disposition.h"
#include "signal/frame.h"

HIDDEN void sigbus_entry(int signo, siginfo_t *info, void *uc); /* [H] entry-*.S */
HIDDEN void sigbus_dispatch(int signo, struct jump *jump);     /* [H] by entry-*.S, for each signal */
HIDDEN void sigbus_returned(int unused, struct jump *jump);    /* [H] by the restorer */

/*
 * What the kernel is told to return to from our handler, and so from a handler of the program that we
 * jumped to: it ends the record of that handler (fault/running.h), then does what the C library's
 * own restorer does. Between the two addresses, the last one included, lies all that can be returned to.
 */
extern HIDDEN char sigbus_restorer[], sigbus_restorer_end[];

static inline bool is_restorer(uintptr_t address)
{
	return address - (uintptr_t)sigbus_restorer <=
	       (uintptr_t)sigbus_restorer_end - (uintptr_t)sigbus_restorer;
}

/* ---- guarded-copy.c ---- */

HIDDEN int copy_bytes(void *to, const void *from, size_t length, size_t *copied); /* [H] copy-*.S */
/* Ends the copy if the fault is one's, or lets it go on byte by byte; else false. [H] */
bool copy_answer(const siginfo_t *info, ucontext_t *uc);

/* ---- loss-log.c ---- */

#define LOSS_LOG_BITS 10
#define LOSS_LOG_SIZE ((uint64_t)1 << LOSS_LOG_BITS) /* of the last losses it says which page it was */
extern HIDDEN _Atomic uint64_t losses;               /* so far */
void loss_note(uintptr_t address, const struct range_hit *hit); /* [H] */
/* Was a page of [start, start + size) among the losses before + 1 to now, as far as the log goes? */
bool loss_is_logged(uintptr_t start, size_t size, uint64_t before, uint64_t now);

#endif
