/* SPDX-License-Identifier: MIT */
/* The next definition of a symbol, behind this library, found without malloc() and without a lock. */
#ifndef SIGBUS_SYMBOLS_H
#define SIGBUS_SYMBOLS_H

#include "base/base.h"

struct link_map;

#define OBJECTS_MAX 64

/* The symbol tables of the objects behind ours, in the order in which the loader searches them. */
struct symbol_search {
	unsigned count;
	struct symbol_tables {
		uintptr_t base;
		const uint32_t *hash; /* DT_GNU_HASH */
		const void *symbols;
		const char *names;
		const uint16_t *versions; /* NULL: the object has none */
	} object[OBJECTS_MAX];
};

/* False: the loader is another one, an object has no hash table, or there are too many objects. Then
 * dlsym(RTLD_NEXT) has to be asked. */
bool symbols_open(struct symbol_search *search);
/* The address of the default version of a function, NULL where nobody behind us defines it. False: only
 * the loader can say, for the function is an indirect one. */
bool symbols_find(const struct symbol_search *search, const char *name, void **address);

#endif
