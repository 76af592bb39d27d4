/* SPDX-License-Identifier: MIT */
/*
 * Objects that map on behalf of their caller: for them the return address names the wrong owner.
 *
 * libgcc's unwinder walks to the first frame outside: with _dl_find_object() it takes no lock, and
 * it opens nothing (libunwind keeps a pipe, which the program would find among its own files). It is
 * loaded when the first wrapper is met, for most programs have none and loading costs more than all
 * else that we do at start; but before the program runs where a wrapper may be called by malloc() or
 * by the loader, which would wait for themselves.
 */
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <unwind.h>
#include "base/syscall.h"
#include "base/text.h"
#include "kernel/next.h"
#include "kernel/process.h"
#include "owner/owner.h"

#define FRAMES_MAX 24

static __typeof__(_Unwind_Backtrace) *backtrace;
static __typeof__(_Unwind_GetIP) *frame_address;
static bool wanted; /* a rule asks for owners, and nothing was loaded before the program ran */

/* How the names of wrappers begin. The first ones may be called where nothing can be loaded. */
#define EARLY_WRAPPERS 3
static const char wrappers[][24] = {
	"libeatmydata.so", /* other preloads that forward mmap() ... */
	"libjemalloc.so",
	"libjsig.so", /* ... or sigaction() */
	"libglib-2.0.so", /* g_mapped_file_new() */
	"libQt5Core.so",  /* QFile::map() */
	"libQt6Core.so",
	"mmap.cpython-", /* mmap.mmap() */
	"libnio.so",     /* FileChannel.map() */
};

static bool is_among(const char *object_name, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (text_starts(object_name, wrappers[i]))
			return true;
	return false;
}

bool wrapper_is(const char *object_name)
{
	return is_among(object_name, sizeof(wrappers) / sizeof(*wrappers));
}

static bool is_early(const char *object_name)
{
	return is_among(object_name, EARLY_WRAPPERS);
}

static atomic_bool is_loaded; /* or it was tried */
#define LOADING_NAP 100000 /* nanoseconds */

/*
 * Once. The others wait; not the thread itself, whose loader or allocator may map memory by a wrapper
 * meanwhile: that mapping is the wrapper's.
 */
static void load_unwinder(void)
{
	int loader = 0, me = (int)SYS_0(SYS_gettid);
	void *library;

	if (!atomic_compare_exchange_strong(&process_state->unwinder_loader, &loader, me)) {
		while (loader != me && !atomic_load(&is_loaded))
			sys_nap(LOADING_NAP);
		return;
	}
	library = real.dlopen("libgcc_s.so.1", RTLD_NOW | RTLD_LOCAL);

	if (library) {
		*(void **)(void *)&frame_address = dlsym(library, "_Unwind_GetIP");
		*(void **)(void *)&backtrace = dlsym(library, "_Unwind_Backtrace");
	}
	real.dlerror(); /* nothing of this is for the program to find */
	atomic_store(&is_loaded, true);
}

void wrapper_init(void)
{
	if (object_is_loaded(is_early))
		load_unwinder();
	else
		wanted = true;
}

/* ---- whose sigaction() was it ---- */

HIDDEN bool is_called_directly;
static unsigned interposer;

void interposer_init(void)
{
	uintptr_t in_front = object_in_front(&sigaction_name);
	unsigned id = in_front ? owner_at(in_front) : 0;

	is_called_directly = !id || owner_by_id(id)->is_wrapper;
	if (is_called_directly)
		return;
	interposer = id;
	load_unwinder();
}

uintptr_t interposer_caller(uintptr_t caller, const void *handler, const void *before)
{
	if (!interposer || owner_at(caller) != interposer)
		return caller;
	if (handler != before && owner_at((uintptr_t)handler) == interposer)
		return caller;
	return wrapper_caller(caller);
}

/* ---- the walk ---- */

struct walk {
	unsigned frames;
	uintptr_t found;
};

static _Unwind_Reason_Code visit(struct _Unwind_Context *context, void *data)
{
	struct walk *walk = data;
	uintptr_t address = frame_address(context);
	unsigned id = owner_at(address);
	const struct owner *owner = owner_by_id(id);

	if (owner->name && !owner->is_wrapper && !owner->is_self &&
		id != interposer)
		walk->found = address;
	return walk->found || ++walk->frames == FRAMES_MAX ? _URC_END_OF_STACK : _URC_NO_REASON;
}

uintptr_t wrapper_caller(uintptr_t caller)
{
	struct walk walk = {0};
	int saved_errno = errno;

	/* Not in our handlers: the fault may have come at an instruction that cannot be unwound. */
	if (running_watch)
		return caller;
	if (wanted && !atomic_load(&is_loaded))
		load_unwinder();
	if (!backtrace || !frame_address)
		return caller;
	backtrace(visit, &walk);
	errno = saved_errno;
	return walk.found ? walk.found : caller;
}
