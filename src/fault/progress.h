/* SPDX-License-Identifier: MIT */
/*
 * No progress, no loop: what a thread remembers of its last fault. The same fault again - the same
 * instruction and registers, page, mapping and version of it - goes on behind the step that was tried.
 * All [H].
 */
#ifndef SIGBUS_PROGRESS_H
#define SIGBUS_PROGRESS_H

#include "policy/policy.h"
#include "rules/fault.h"
#include "signal/disposition.h"

struct progress {
	struct fault fault; /* address 0: none; info, uc and page are void */
	uint64_t version;
	uint32_t statements; /* of the program, at that time */
	uint32_t spared;
	bool again; /* that step itself is next */
};
/* Behind its last action a rule goes on with chain, and so does what no rule is for. */
static inline bool step_is_chain(const struct rule *rule, uint32_t step)
{
	return !rule || step >= rule->action_count || rule->action[step].kind == ACTION_CHAIN;
}

/* The step was tried; called after it, for a repair makes a new version. */
void progress_note(const struct fault *fault);
/* It was answered, or the thread went elsewhere: the next one is a new fault. */
void progress_forget(void);
/* Where the rule goes on: fault->step; and who has declined the fault already. */
void progress_first_step(struct fault *fault);
/* The step's handler gets a frame of its own: the fault comes again, and is the same. */
void progress_again(const struct fault *fault);
/* A fault of which nothing came yet is gone back to, from others on top of it. */
void progress_go_back(const struct fault *fault);

/* The handler declined the fault; or is run for it by chain. */
void progress_declined(struct fault *fault, const struct disposition *handler);
void progress_chained(struct fault *fault, const struct disposition *handler);
bool progress_has_had(const struct fault *fault, const struct disposition *handler);
/* Something depends on whether this fault, for which chain ran a handler, is over. */
bool progress_matters(const struct fault *fault);
/* It has declined the fault, and was not installed again since. */
bool progress_is_skipped(const struct fault *fault, const struct disposition *handler);

/* Fatal, but the page is there: true twice for the same fault, for who looks and who accesses may disagree. */
bool progress_spares(const struct fault *fault);

/* The last fault, for the report of a signal that a handler raised because of it; NULL: none. */
const struct fault *progress_last(void);

#endif
