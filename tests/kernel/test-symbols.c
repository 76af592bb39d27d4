/* SPDX-License-Identifier: MIT */
/* The next definition of a symbol: what we find is what dlsym(RTLD_NEXT) finds. */
#include <dlfcn.h>
#include "kernel/next.h"
#include "kernel/symbols.h"
#include "../harness/tap.h"

static const char *const names[] = {
#define NAME(type, name, parameters) #name,
	REAL_FUNCTIONS(NAME)
#undef NAME
	/* several versions, of which one is meant; nobody's; a weak one; a variable */
	"pthread_cond_wait", "memcpy", "realpath", "no_such_function", "", "environ", "stdout",
};

int main(void)
{
	struct symbol_search search;
	unsigned known = 0;

	if (!ok(symbols_open(&search), "the objects behind the program have hash tables"))
		return tap_done();
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		void *expected = dlsym(RTLD_NEXT, names[i]), *found;

		if (!symbols_find(&search, names[i], &found)) {
			ok(expected != NULL, "\"%s\": an indirect function, the loader is asked", names[i]);
			continue;
		}
		known += found != NULL;
		ok(found == expected, "\"%s\" is found as by dlsym()", names[i]);
	}
	ok(known > 40, "most of them are there");
	return tap_done();
}
