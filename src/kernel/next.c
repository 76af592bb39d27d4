/* SPDX-License-Identifier: MIT */
/*
 * The next functions: what the program would have called without us.
 *
 * They are resolved once, at load (-z initfirst: before any other constructor). Never later: dlsym()
 * allocates, and a preloaded allocator that calls mmap() would then wait for itself. Until then the
 * mapping functions are raw system calls.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <sys/mman.h>
#include "base/base.h"
#include "base/syscall.h"
#include "kernel/next.h"
#include "kernel/symbols.h"

static long set_errno(long result)
{
	if (result >= 0 || result < -4095)
		return result;
	errno = (int)-result;
	return -1;
}

static void *raw_mmap64(void *address, size_t length, int prot, int flags, int fd, off_t offset)
{
#if defined(__i386__) /* in pages */
	if (offset & ~PAGE_MASK)
		return (void *)set_errno(-EINVAL);
	offset >>= PAGE_SHIFT;
#endif
	return (void *)set_errno(SYS_6(SYS_mmap, address, length, prot, flags, fd, offset));
}

static void *raw_mmap(void *address, size_t length, int prot, int flags, int fd, long offset)
{
	return raw_mmap64(address, length, prot, flags, fd, (off_t)(unsigned long)offset);
}

static int raw_munmap(void *address, size_t length)
{
	return (int)set_errno(SYS_2(SYS_munmap, address, length));
}

static void *raw_mremap(void *old, size_t old_size, size_t new_size, int flags, ...)
{
	va_list arguments;
	void *new;

	va_start(arguments, flags);
	new = va_arg(arguments, void *);
	va_end(arguments);
	return (void *)set_errno(SYS_5(SYS_mremap, old, old_size, new_size, flags, new));
}

static int raw_mprotect(void *address, size_t length, int prot)
{
	return (int)set_errno(SYS_3(SYS_mprotect, address, length, prot));
}

bool real_resolved;
struct real real = {
	.mmap = raw_mmap,
	.mmap64 = raw_mmap64,
	.munmap = raw_munmap,
	.mremap = raw_mremap,
	.mprotect = raw_mprotect,
};

/* ISO C has no conversion from an object pointer to a function pointer; POSIX promises it. */
static void resolve(const struct symbol_search *search, void *slot, const char *name)
{
	void *next;

	if (!search || !symbols_find(search, name, &next))
		next = dlsym(RTLD_NEXT, name);
	if (next)
		*(void **)slot = next;
}

static bool is_protected;

void real_init(void)
{
	struct symbol_search search;
	const struct symbol_search *own;

	if (is_protected)
		return;
	own = symbols_open(&search) ? &search : NULL;
#define RESOLVE(type, name, parameters) resolve(own, &real.name, #name);
	REAL_FUNCTIONS(RESOLVE)
#undef RESOLVE
	real_resolved = true;
}

_Static_assert(sizeof(struct real) % PAGE_SIZE == 0, "nothing else is on its pages");

void real_protect(void)
{
	is_protected = SYS_3(SYS_mprotect, &real, sizeof(real), PROT_READ) == 0;
}
