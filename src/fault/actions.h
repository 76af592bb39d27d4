/* SPDX-License-Identifier: MIT */
/* The actions of a rule, and asking the owner's handler, which is one of them. */
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

bool is_lost(const struct fault *fault); /* [H] */
void fault_report(struct fault *fault); /* [H] what became of it: a line, if one is due, and the counters */
/* The same for a fault whose frame is gone: uc is NULL, or what the thread is at now. [H] */
void report_again(const struct fault *past, int code, enum outcome outcome, ucontext_t *uc);
/* From that step of its rule on; the step may have been tried before. [H] */
void follow_rule(struct fault *fault, uint32_t step, struct jump *jump);
void follow_chain(struct fault *fault, uint32_t step, struct jump *jump); /* [H] */

/* ---- ask.c ---- */

enum asked {
	ASKED_DECLINED, /* the next step, please */
	ASKED_ANSWERED,
	ASKED_RUNS /* it is jumped to; its return decides */
};
/* handler: of the owner, for the step of the fault's rule. [H] */
enum asked ask_handler(struct fault *fault, uint32_t step, const struct disposition *handler,
	struct jump *jump);
int ask_callback(const struct fault *fault, const struct callback *callback); /* [H] enum sigbus_answer */
/*
 * A SIGBUS that the handler has raised in this thread: it declines. With the default action in force
 * raise() does not return, as without us: then the handler's frame is gone on with. [H]
 */
void ask_raised(struct running *running, uint64_t mask, struct jump *jump);
/* After a change of the mask: a raise() that was blocked acts now. */
void ask_unblocked(void);
/* The same for a wait with that mask: true: it did, and so the wait is over. */
bool ask_suspended(uint64_t mask);
bool ask_raise_is_pending(void); /* for sigpending() */
bool ask_take_raise(void);	 /* for sigwait(): it is not pending any more, and declines nothing */

/* ---- chain.c ---- */

struct chain_target {
	const struct disposition *disposition;
	int signo;
	uint64_t mask;		   /* of the thread at delivery */
	const struct fault *fault; /* NULL: it was sent */
	uint32_t step;		   /* of the fault's rule */
};
void *chain_jump(const struct chain_target *target, struct jump *jump); /* [H] */
/* Moves the kernel's frame to the interrupted stack if the handler may not use the alternate one. [H] */
void frame_move(const struct disposition *handler, struct jump *jump);
/*
 * It was moved away, and this handler wants the alternate stack: back to the instruction, for another
 * frame. [H]
 */
bool frame_is_missing(const struct disposition *handler, const struct jump *jump);
/* mask: of the thread at delivery. [H] */
uint64_t mask_inside(const struct disposition *handler, uint64_t mask);
/* The mask for a handler that is about to run for the fault. [H] */
void mask_for_handler(const struct disposition *handler, const struct fault *fault, const struct jump *jump);
/* A record of the handler that is about to run. [H] */
struct running *record_handler(const struct disposition *handler, const struct fault *fault,
	const struct jump *jump, enum running_how how);

#endif
