/* SPDX-License-Identifier: MIT */
/* The byte matcher of rules, and sketches that rule most globs out by a few bits. */
#ifndef SIGBUS_GLOB_H
#define SIGBUS_GLOB_H

#include "base/base.h"

/*
 * What a text begins and ends with, up to 8 bytes of each (the first byte, and the last one, in the
 * lowest bits), and a bit for each two bytes in a row; what a text that matches a glob has to have
 * of these. Most globs of a policy are ruled out by that alone.
 */
struct sketch {
	uint64_t head, tail, pairs;
};
struct glob_sketch {
	struct sketch plain;
	uint64_t head_mask, tail_mask;
};

/* Time: at most glob_length times the length of text; no recursion. [H] */
bool glob_match(const char *glob, size_t glob_length, const char *text);
/* Of a glob that glob_check() found right; of a text. */
struct glob_sketch glob_sketch(const char *glob, size_t glob_length);
struct sketch text_sketch(const char *text); /* [H] */
static inline bool sketch_fits(const struct glob_sketch *glob, const struct sketch *text)
{
	return !(((glob->plain.head ^ text->head) & glob->head_mask) |
		 ((glob->plain.tail ^ text->tail) & glob->tail_mask) |
		 (glob->plain.pairs & ~text->pairs));
}
/*
 * The next glob of a list that is separated by commas: *glob and its length, without the blanks around
 * it. False behind the last one; empty ones are passed over.
 */
bool glob_next(const char **list, const char **glob, size_t *length);
/* Does one of them match one of two texts? A list without any is as none: it matches. */
bool glob_list_match(const char *list, const char *text, const char *other);
/* NULL, or the place of an error with *what set: glob_match() would take the byte literally. */
const char *glob_check(const char *glob, size_t glob_length, const char **what);

#endif
