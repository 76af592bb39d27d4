/* SPDX-License-Identifier: MIT */
/* What rules ask about. All [H]. */
#ifndef SIGBUS_FACTS_H
#define SIGBUS_FACTS_H

#include "internal.h"

struct facts {
	unsigned owner;
	const struct fault *fault;     /* NULL: there is none, a file is being mapped */
	const struct mapping *mapping; /* then: which */
	bool viewed;
	struct scratch *scratch; /* holds the path of vma */
	struct vma vma;
	char fs[FS_TYPE_MAX];
};

/* The rule that decides. */
const struct rule *facts_match(struct facts *facts);
/* What a mapping will look like once it is there; path is storage. False: no such file. */
bool reserve_view(const struct mapping *mapping, struct vma *vma, char *path, size_t size);

#endif
