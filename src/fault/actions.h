/* SPDX-License-Identifier: MIT */
/* The actions of a rule: what each is about to do, and doing it. */
#ifndef SIGBUS_ACTIONS_H
#define SIGBUS_ACTIONS_H

#include "fault/running.h"
#include "kernel/mask.h"
#include "owner/owner.h"
#include "rules/fault.h"
#include "signal/disposition.h"

static inline uint64_t interrupted_mask(const struct fault *fault)
{
	return mask_word(&fault->uc->uc_sigmask);
}

/* The mask that the kernel has given our handler: each step of a rule begins and ends with it (S2). */
static inline uint64_t entry_mask(const struct fault *fault)
{
	return interrupted_mask(fault) | SIGNAL_BIT(shadow_signal);
}

static inline bool is_blocked_in(uint64_t mask)
{
	return mask & (SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(shadow_signal));
}

static inline bool may_be_lost(int code)
{
	return code == BUS_ADRERR || code == BUS_OBJERR || code == BUS_MCEERR_AR;
}

/* What an action says of a fault. Behind VERDICT_OVER: what is to be told, and then carried out. */
enum verdict {
	VERDICT_DECLINED, /* the next action, please */
	VERDICT_OVER,	  /* there is nothing to tell: go back to the instruction, or into the handler */
	VERDICT_ANSWERED,
	VERDICT_RUN, /* fault->runs is to be run */
	VERDICT_WAIT,
	VERDICT_DIE
};
enum verdict act(struct fault *fault, struct jump *jump); /* [H] the action at fault->step */
enum verdict carry_out(struct fault *fault, enum verdict verdict, struct jump *jump); /* [H] */
void follow_rule(struct fault *fault, enum verdict verdict, struct jump *jump); /* [H] dispatch.c */
bool is_lost(const struct fault *fault); /* [H] */
/* The owner's handler is to be asked, unless it wants another frame first. [H] */
enum verdict ask_handler(struct fault *fault, const struct disposition *handler, const struct jump *jump);

/* ---- tell.c ---- */

void tell(struct fault *fault); /* [H] what became of it: a line, if one is due, and the counters */
/* For those who wait for a loss: once a fault, before whoever may answer it is asked. [H] */
void tell_loss(struct fault *fault);
/* Of a fault whose frame is gone: uc is NULL, or what the thread is at now. [H] */
void tell_again(const struct fault *past, enum outcome outcome, ucontext_t *uc);
void tell_sent(const struct jump *jump); /* [H] a SIGBUS that was sent, and kills */

/* ---- run.c ---- */

/* Runs fault->runs: by a jump (VERDICT_OVER), or by a call that comes back. [H] */
enum verdict run_handler(struct fault *fault, struct jump *jump);
/* Runs it for a signal that was sent; mask: of the thread at delivery. [H] */
void run_for_sent(const struct disposition *handler, int signo, uint64_t mask, struct jump *jump);
/*
 * The frame was moved away, and this handler wants the alternate stack: back to the instruction, for
 * another frame. [H]
 */
bool frame_is_missing(const struct disposition *handler, const struct jump *jump);
int run_callback(const struct fault *fault, const struct callback *callback); /* [H] enum sigbus_answer */

/* ---- returned.c ---- */

/* Registers were moved, or the page can be had. [H] */
bool has_answered(const struct running *running, const ucontext_t *uc);
void handler_answered(struct running *running);				       /* [H] */
void handler_declined(const struct running *running, struct fault *fault); /* [H] */
/*
 * A SIGBUS that the handler has raised in this thread: it declines. With the default action in force
 * raise() does not return, as without us: then the handler's frame is gone on with. [H]
 */
void handler_raised(struct running *running, uint64_t mask, struct jump *jump);
/* After a change of the mask: a raise() that was blocked acts now. */
void raise_unblocked(void);
/* The same for a wait with that mask: true: it did, and so the wait is over. */
bool raise_ends_wait(uint64_t mask);
bool raise_is_pending(void); /* for sigpending() */
bool raise_take(void);	     /* for sigwait(): it is not pending any more, and declines nothing */

#endif
