/* SPDX-License-Identifier: MIT */
/*
 * Objects that map on behalf of their caller: for them the return address names the wrong owner.
 *
 * libgcc's unwinder walks to the first frame outside: with _dl_find_object() it takes no lock, and
 * it opens nothing (libunwind keeps a pipe, which the program would find among its own files). It
 * is only loaded when a rule asks for owners, before the program starts; C++ programs have it
 * anyway.
 */
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <unwind.h>
#include "base/glob.h"
#include "fault/fault.h"
#include "owner/owner.h"

#define FRAMES_MAX 24

static __typeof__(_Unwind_Backtrace) *backtrace;
static __typeof__(_Unwind_GetIP) *frame_address;

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
	void *library = dlopen("libgcc_s.so.1", RTLD_NOW | RTLD_LOCAL);

	if (library) {
		*(void **)(void *)&frame_address = dlsym(library, "_Unwind_GetIP");
		*(void **)(void *)&backtrace = dlsym(library, "_Unwind_Backtrace");
	}
	dlerror(); /* nothing of this is for the program to find */
}

struct walk {
	unsigned frames;
	uintptr_t found;
};

static _Unwind_Reason_Code visit(struct _Unwind_Context *context, void *data)
{
	struct walk *walk = data;
	uintptr_t address = frame_address(context);
	const struct owner *owner = owner_by_id(owner_at(address));

	if (owner->name && !owner->is_wrapper && !owner->is_self)
		walk->found = address;
	return walk->found || ++walk->frames == FRAMES_MAX ? _URC_END_OF_STACK : _URC_NO_REASON;
}

uintptr_t wrapper_caller(uintptr_t caller)
{
	struct walk walk = {0};
	int saved_errno = errno;

	/* Not in our handlers: the fault may have come at an instruction that cannot be unwound. */
	if (!backtrace || !frame_address || call_live() || chained_handler_is_live())
		return caller;
	backtrace(visit, &walk);
	errno = saved_errno;
	return walk.found ? walk.found : caller;
}
