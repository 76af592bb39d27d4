/* SPDX-License-Identifier: MIT */
/* The next definitions of symbols: what we find is what dlsym(RTLD_NEXT) finds. */
#include <dlfcn.h>
#include "kernel/next.h"
#include "kernel/symbols.h"
#include "../harness/tap.h"

static const struct symbol_name names[] = {
#define NAME(type, name, parameters) SYMBOL_NAME(#name),
	ALL_FUNCTIONS(NAME)
#undef NAME
	/* several versions, of which one is meant; a weak one; variables; nobody's */
	SYMBOL_NAME("pthread_cond_wait"), SYMBOL_NAME("realpath"), SYMBOL_NAME("environ"),
	SYMBOL_NAME("stdout"), SYMBOL_NAME("no_such_function"), SYMBOL_NAME("mmap65"),
	SYMBOL_NAME("a_name_of_twenty_seven_byte"),
};
#define COUNT (sizeof(names) / sizeof(*names))

static uint32_t hash_of(const char *name)
{
	uint32_t hash = 5381;

	while (*name)
		hash = hash * 33 + (unsigned char)*name++;
	return hash;
}

static void test_all(void)
{
	void *found[COUNT] = {0};
	unsigned known = 0;

	ok(symbols_find(names, COUNT, found), "the objects behind the program have hash tables");
	for (size_t i = 0; i < COUNT; i++) {
		known += found[i] != NULL;
		/* Behind a program, not behind us, comes the kernel's object, which the loader does not search. */
		ok(found[i] == dlsym(RTLD_NEXT, names[i].name) || strcmp(names[i].name, "clock_gettime") == 0,
			"\"%s\" is found as by dlsym()", names[i].name);
	}
	ok(known > 40, "most of them are there");
}

static void test_hashes(void)
{
	bool same = true;

	for (size_t i = 0; i < COUNT; i++)
		same = same && names[i].hash == hash_of(names[i].name) &&
		       names[i].size == strlen(names[i].name) + 1;
	ok(same, "the compiler has computed the hashes as the loader does");
}

static void test_left_over(void)
{
	static const struct symbol_name some[] = {SYMBOL_NAME("memcpy"), SYMBOL_NAME("munmap")};
	void *found[2] = {NULL, (void *)names};

	ok(!symbols_find(some, 2, found) && !found[0], "an indirect function is left to the loader");
	ok(found[1] == (void *)names, "an address that is known stays");
}

int main(void)
{
	test_all();
	test_hashes();
	test_left_over();
	return tap_done();
}
