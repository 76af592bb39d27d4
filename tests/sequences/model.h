/* SPDX-License-Identifier: MIT */
/* What has to come of a sequence. */
#ifndef MODEL_H
#define MODEL_H

#include "sequence.h"

enum rules {
	RULES_BARE,  /* the kernel and the C library */
	RULES_OWNER, /* *=owner|chain, which holds without a policy */
	RULES_ZERO,  /* *=owner|zero */
	RULES_CHAIN, /* *=chain; only a part of: */
	RULES_MIXED, /* object b: owner|zero, c: chain, others: owner|chain */
};

void model_run(const struct sequence *sequence, enum rules rules, struct outcome *outcome);

#endif
