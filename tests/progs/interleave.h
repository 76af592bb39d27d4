/* SPDX-License-Identifier: MIT */
/* What interleave.c steps through: two parties that each do one thing to one region. */
#ifndef SIGBUS_TESTS_INTERLEAVE_H
#define SIGBUS_TESTS_INTERLEAVE_H

/* The first party is stepped; the second comes in, or a signal handler does in its place. */
enum { FIRST, SECOND, PARTIES };

/* All of it async-signal-safe. */
struct operation {
	const char *name, *what;
	void (*act)(int party);
	void (*check)(int party);
	void (*prepare)(void); /* the region; or NULL */
};
extern const struct operation operations[]; /* ends with a NULL name */
const struct operation *operation_named(const char *name);

void region_make(const struct operation *first, const struct operation *second);
void region_check(const struct operation *first, const struct operation *second);
void operation_do(const struct operation *operation, int party);
/* The first thing that was not as it should be, or NULL. */
extern const char *volatile complaint;

#endif
