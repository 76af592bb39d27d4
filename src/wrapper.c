/* SPDX-License-Identifier: MIT */
/*
 * Objects that map on behalf of their caller: for them the return address names the wrong owner.
 *
 * libunwind walks to the first frame outside. It is only loaded when a rule asks for owners, before
 * the program starts, with RTLD_LOCAL: linked in, its _Unwind_RaiseException would take the
 * place of libgcc's for every C++ throw, and it takes the loader's lock.
 */
#include <dlfcn.h>
#include <string.h>
#include "internal.h"
#include "owner.h"

#define FRAMES_MAX 24

static int (*backtrace)(void **, int);

static const char *const wrappers[] = {
	"libglib-2.0.so*",  /* g_mapped_file_new() */
	"libQt5Core.so*",   /* QFile::map() */
	"libQt6Core.so*",
	"mmap.cpython-*",   /* mmap.mmap() */
	"libnio.so",        /* FileChannel.map() */
	"libeatmydata.so*", /* other preloads that forward mmap() ... */
	"libjemalloc.so*",
	"libjsig.so*", /* ... or sigaction() */
};

bool wrapper_is(const char *object_name)
{
	for (size_t i = 0; i < sizeof(wrappers) / sizeof(*wrappers); i++)
		if (glob_match(wrappers[i], strlen(wrappers[i]), object_name))
			return true;
	return false;
}

void wrapper_init(void)
{
	void *library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);

	if (library)
		*(void **)(void *)&backtrace = dlsym(library, "unw_backtrace");
}

uintptr_t wrapper_caller(uintptr_t caller)
{
	void *frame[FRAMES_MAX];
	int count;

	/* Not in signal handlers: libunwind is not async-signal-safe while the loader works. */
	if (!backtrace || call_live() || chained_handler_is_live())
		return caller;
	count = backtrace(frame, FRAMES_MAX);
	for (int i = 0; i < count; i++) {
		const struct owner *owner = owner_by_id(owner_at((uintptr_t)frame[i]));

		if (owner->name && !owner->is_wrapper && !owner->is_self)
			return (uintptr_t)frame[i];
	}
	return caller;
}
