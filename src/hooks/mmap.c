/* SPDX-License-Identifier: MIT */
/*
 * The mapping functions that the linker finds here first: each calls one function of ours.
 *
 * They are exported without a version: a versioned definition would not be interposed, silently. The
 * owner of a mapping is found by the return address. (A tail call `return mmap(...)` in a wrapper
 * leaves the wrapper's caller there, which is who was meant.)
 */
#define mmap mmap_renamed_by_headers
#define mmap64 mmap64_renamed_by_headers
#include <errno.h>
#include <stdarg.h>
#include <sys/mman.h>
#undef mmap
#undef mmap64
#include <sys/types.h>
#include "base/base.h"
#include "base/syscall.h"
#include "fault/refusal.h"
#include "fault/running.h"
#include "kernel/mask.h"
#include "kernel/next.h"
#include "kernel/process.h"
#include "kernel/reserved.h"
#include "memory/memory.h"
#include "policy/policy.h"
#include "signal/disposition.h"

#define LENDING_NAP 100000 /* nanoseconds */
#define RETURN ((uintptr_t)__builtin_return_address(0))
#define CALLER running_caller(RETURN)

/* Neither put into the table nor able to replace what is in it. */
static inline bool is_no_matter(int flags)
{
	return !active || (!mapping_is_tracked(flags) && !(flags & MAP_FIXED));
}

/* Nothing is replaced and nothing refused: all there is to do comes after the call. */
static inline bool is_usual(int flags)
{
	return !(flags & MAP_FIXED) && !(policy.actions & 1u << ACTION_RESERVE);
}

static void tell_if_due(const void *at, const struct mapping *mapping, const struct refusal *refusal)
{
	if (unlikely(at == MAP_FAILED && refusal->wanted))
		refusal_tell(mapping, refusal);
	if (unlikely(at != MAP_FAILED && refusal->is_unpopulated))
		refusal_tell_unpopulated(mapping, refusal);
}

/* Something may be replaced, or refused. */
static APART void *map_tracked(void *(*next)(void *, size_t, int, int, int, off_t),
	const struct mapping *mapping, uintptr_t caller)
{
	struct refusal refusal = {0};
	void *at;

	if (unlikely(running_watch & WATCH_HANDLERS) &&
		track_handlers_repair(next, mapping, running_owner(), &at))
		return at;
	at = track_mmap(next, mapping, running_caller(caller), &refusal);
	tell_if_due(at, mapping, &refusal);
	return at;
}

#if __SIZEOF_LONG__ == 8
#define NEXT_MMAP real.mmap
#else
static void *next_mmap(void *address, size_t length, int prot, int flags, int fd, off_t offset)
{
	return real.mmap(address, length, prot, flags, fd, (long)offset);
}
#define NEXT_MMAP next_mmap
#endif

/* The offset of mmap() is a long, and without a sign where that has 32 bits. */
#define MMAP(name, by, offset_type, unsigned_type)                                                      \
	EXPORT void *name(void *address, size_t length, int prot, int flags, int fd, offset_type offset) \
	{                                                                                               \
		void *at;                                                                               \
                                                                                                        \
		if (is_no_matter(flags))                                                                \
			return next()->name(address, length, prot, flags, fd, offset);                  \
		if (!is_usual(flags))                                                                   \
			return map_tracked(by,                                                          \
				&(struct mapping){.address = address, .length = length, .prot = prot,   \
					.flags = flags, .fd = fd,                                       \
					.offset = (off_t)(unsigned_type)offset},                        \
				RETURN);                                                                \
		at = real.name(address, length, prot, flags, fd, offset);                               \
		if (at != MAP_FAILED)                                                                   \
			track_mapped((uintptr_t)at, length, prot, flags, fd, CALLER);                   \
		return at;                                                                              \
	}
MMAP(mmap, NEXT_MMAP, long, unsigned long)
MMAP(mmap64, real.mmap64, off_t, off_t)

EXPORT int munmap(void *address, size_t length)
{
	return likely(active) ? track_munmap(address, length) : next()->munmap(address, length);
}

EXPORT void *mremap(void *old, size_t old_size, size_t new_size, int flags, ...)
{
	struct remapping move = {old, old_size, new_size, flags, NULL};
	struct refusal refusal = {0};
	void *at;

	if (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) {
		va_list arguments;

		va_start(arguments, flags);
		move.new = va_arg(arguments, void *);
		va_end(arguments);
	}
	if (!active)
		return next()->mremap(old, old_size, new_size, flags, move.new);
	at = track_mremap(&move, &refusal);
	if (unlikely(at == MAP_FAILED && refusal.wanted))
		refusal_tell_growth(&move, &refusal);
	return at;
}

/* call is made as often as a repair comes in between. */
#define PROTECT(call)                                                     \
	struct protecting protecting;                                     \
	int result;                                                       \
                                                                          \
	if (!active)                                                      \
		return next()->call;                                      \
	track_protect(&protecting, address, length, prot);                \
	if (unlikely(protecting.error)) {                                 \
		errno = protecting.error;                                 \
		return -1;                                                \
	}                                                                 \
	do                                                                \
		result = real.call;                                       \
	while (track_must_repeat(&protecting));                           \
	return result

EXPORT int mprotect(void *address, size_t length, int prot)
{
	PROTECT(mprotect(address, length, prot));
}

EXPORT int pkey_mprotect(void *address, size_t length, int prot, int key)
{
	PROTECT(pkey_mprotect(address, length, prot, key));
}

EXPORT int remap_file_pages(void *address, size_t length, int prot, size_t page, int flags)
{
	return active ? track_remap_pages(address, length, prot, page, flags)
		      : next()->remap_file_pages(address, length, prot, page, flags);
}

EXPORT int madvise(void *address, size_t length, int advice)
{
	return active ? track_advise(address, length, advice)
		      : next()->madvise(address, length, advice);
}

EXPORT void *shmat(int id, const void *address, int flags)
{
	struct mapping mapping;
	struct refusal refusal = {0};
	void *at;

	if (!active)
		return next()->shmat(id, address, flags);
	at = track_shmat(id, address, flags, CALLER, &mapping, &refusal);
	tell_if_due(at, &mapping, &refusal);
	return at;
}

EXPORT int shmdt(const void *address)
{
	return active ? track_shmdt(address) : next()->shmdt(address);
}

/* For MCL_CURRENT the kernel compares the limit with all addresses that the process has. */
EXPORT int mlockall(int flags)
{
	uint64_t mask;
	int result;

	if (!active || !(flags & MCL_CURRENT) || process_is_borrowed())
		return next()->mlockall(flags);
	mask = mask_swap(SIG_BLOCK, ~SYNCHRONOUS);
	while (atomic_exchange(&process_state->is_lending, 1)) /* one at a time */
		sys_nap(LENDING_NAP);
	reserved_lend();
	result = next()->mlockall(flags);
	reserved_take_back();
	atomic_store(&process_state->is_lending, 0);
	mask_swap(SIG_SETMASK, mask);
	return result;
}
