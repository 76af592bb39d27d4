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
#include <string.h>
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

bool real_resolved, real_is_behind;
__attribute__((section(".bss.after"))) struct real real;

static const struct symbol_name names[] = {
#define NAME(type, name, parameters) SYMBOL_NAME(#name),
	ALL_FUNCTIONS(NAME)
#undef NAME
};

#define ONE(type, name, parameters) +1
#define COUNT (sizeof(names) / sizeof(*names))
#define FIRST_OWN (0 REAL_FUNCTIONS(ONE))

_Static_assert(offsetof(struct real, __sigsetjmp) == 0, "as sigsetjmp.S has it");
_Static_assert(sizeof(struct real) % PAGE_SIZE == 0, "nothing else is on its pages");

static void use_raw(void)
{
	if (!real.mmap)
		real.mmap = raw_mmap;
	if (!real.mmap64)
		real.mmap64 = raw_mmap64;
	if (!real.munmap)
		real.munmap = raw_munmap;
	if (!real.mremap)
		real.mremap = raw_mremap;
	if (!real.mprotect)
		real.mprotect = raw_mprotect;
}

/* It may allocate, and the allocator map memory by our hooks: with raw system calls, meanwhile. */
static void ask_loader(void)
{
	void **addresses = (void **)&real, *known[COUNT];

	memcpy(known, addresses, sizeof(known));
	use_raw();
	for (size_t i = 0; i < COUNT; i++) {
		void *next = known[i] ? NULL : dlsym(RTLD_NEXT, names[i].name);

		if (next)
			addresses[i] = next;
	}
}

void real_init(void)
{
	static bool is_called;
	void **addresses = (void **)&real;

	if (is_called) /* by a hook that the loader's allocator calls */
		return;
	is_called = true;
	if (!symbols_find(names, COUNT, addresses))
		ask_loader();
	real_is_behind = !real.__errno_location;
	for (size_t i = FIRST_OWN; real_is_behind && i < COUNT; i++)
		addresses[i] = dlsym(RTLD_DEFAULT, names[i].name);
	use_raw();
	real_resolved = true;
}

void real_protect(void)
{
	SYS_3(SYS_mprotect, &real, sizeof(real), PROT_READ);
}
