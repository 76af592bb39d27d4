/* SPDX-License-Identifier: MIT */
/* The next definitions of symbols, behind this library, found without malloc() and without a lock. */
#ifndef SIGBUS_SYMBOLS_H
#define SIGBUS_SYMBOLS_H

#include "base/base.h"

/* A name, and what DT_GNU_HASH tables hash it to: no process has to compute that again. */
struct symbol_name {
	uint32_t hash;
	uint8_t size; /* of the name with its end, at least 4 */
	char name[28];
};

/* h = 5381; h = h * 33 + byte, for each byte. A step behind the end changes nothing. */
#define SYMBOL_STEP(h, s, i)                                                                       \
	((h) * ((i) < sizeof(s) - 1 ? 33u : 1u) +                                                  \
		((i) < sizeof(s) - 1 ? (unsigned char)(s)[(i) < sizeof(s) ? (i) : 0] : 0u))
#define SYMBOL_STEPS_4(h, s, i)                                                                    \
	SYMBOL_STEP(SYMBOL_STEP(SYMBOL_STEP(SYMBOL_STEP(h, s, i), s, (i) + 1), s, (i) + 2), s, (i) + 3)
#define SYMBOL_STEPS_12(h, s, i)                                                                   \
	SYMBOL_STEPS_4(SYMBOL_STEPS_4(SYMBOL_STEPS_4(h, s, i), s, (i) + 4), s, (i) + 8)
#define SYMBOL_HASH(s) SYMBOL_STEPS_4(SYMBOL_STEPS_12(SYMBOL_STEPS_12(5381u, s, 0), s, 12), s, 24)
#define SYMBOL_NAME(s) {SYMBOL_HASH(s), sizeof(s), s}

struct link_map;
bool symbols_defines(const struct link_map *map, const struct symbol_name *name); /* [H] that object */
/*
 * For each name whose address is NULL: that of its default version in the first object behind ours
 * that defines it, as dlsym(RTLD_NEXT) would say. What nobody defines stays NULL. False: the loader
 * has to be asked for what is NULL, for it is another one, an object has no such table, or a function
 * is an indirect one.
 */
bool symbols_find(const struct symbol_name *names, size_t count, void **addresses);

#endif
