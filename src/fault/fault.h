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

HIDDEN void sigbus_entry(int signo, siginfo_t *info, void *uc); /* [H] */
HIDDEN void sigbus_dispatch(int signo, struct jump *jump);     /* [H] */
void fault_report(struct fault *fault); /* [H] at most once a fault */

/* A call of an owner's handler, in the caller's frame (call.c). */
struct call {
	uint64_t cookie;
	struct call *outer;
	const struct disposition *handler; /* NULL: a callback of the C API */
	bool declined;
	void *unwind[5]; /* __builtin_setjmp() */
};
struct call *call_live(void); /* [H] the innermost call that is still on the stack, or NULL */
/* What sigaction() inside of the live call put in place, NULL: nothing. [H] */
const struct disposition *call_placed(void);
void call_place(const struct disposition *disposition); /* [H] */
bool chained_handler_is_live(void); /* [H] a handler that chain jumped into is still on the stack */

struct chain_target {
	const struct disposition *disposition;
	int signo;
	uint64_t mask; /* of the thread at delivery */
};
void *chain_jump(const struct chain_target *target, struct jump *jump); /* [H] */
void chain_reset(int signo, const struct disposition *handler); /* [H] SA_RESETHAND at delivery */
/* Moves the kernel's frame to the interrupted stack if the handler may not use the alternate one. [H] */
bool frame_move(const struct disposition *handler, struct jump *jump);

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
