/* SPDX-License-Identifier: MIT */
/*
 * Can a page be read, or written, without touching it?
 *
 * MADV_POPULATE_READ/WRITE (Linux 5.14) take the fault that the access would take and say how it
 * went. They do not know device mappings (EINVAL), are missing in older kernels, a sandbox that the
 * program has entered may refuse them, and some emulators answer 0 to everything: then a system
 * call that reads, or adds 0 to, a word there has to tell. So too before Linux 6.9: there they try
 * for ever where a file system fails to read the page, as on a disk that is gone.
 */
#include <errno.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include "base/base.h"
#include "base/syscall.h"
#include "base/text.h"
#include "kernel/kernel.h"
#include "kernel/reserved.h"

/* Whoever tries finds the same: the order of two threads does not matter. */
static _Atomic enum { POPULATE_UNTRIED, POPULATE_WORKS, POPULATE_FAILS } populate;

/* At start: a sandbox may forbid to ask for the version, or even kill for it. */
void probe_init(void)
{
	struct utsname name = {0};
	const char *end = name.release;
	uint64_t major, minor;

	SYS_1(SYS_uname, &name);
	if (!line_number(&end, 10, '.', &major) || major < 6 ||
		(major == 6 && (!text_number(&end, 10, UINT64_MAX, &minor) || minor < 9)))
		atomic_store(&populate, POPULATE_FAILS);
}

/* Where it works at all, it refuses a page that may not be read: -EINVAL or -EFAULT. */
static bool populate_works(void)
{
	static const char readable;
	uintptr_t page = (uintptr_t)&readable & PAGE_MASK;

	if (likely(atomic_load(&populate) != POPULATE_UNTRIED))
		return atomic_load(&populate) == POPULATE_WORKS;
	if (SYS_3(SYS_madvise, reserved_closed_page(), PAGE_SIZE, MADV_POPULATE_READ) < 0 &&
		SYS_3(SYS_madvise, page, PAGE_SIZE, MADV_POPULATE_READ) == 0)
		atomic_store(&populate, POPULATE_WORKS);
	else
		atomic_store(&populate, POPULATE_FAILS);
	return atomic_load(&populate) == POPULATE_WORKS;
}

static uint32_t unused;

/* Compares the word and moves none of those who wait there. Emulators leave that to the kernel. */
static int read_by_kernel(uintptr_t page)
{
	long error =
		SYS_6(SYS_futex, page, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG, 0, 0, &unused, 0);

	return error == -EAGAIN || error > 0 ? 0 : (int)error;
}

static int write_by_kernel(uintptr_t page)
{
	uint32_t add_zero = FUTEX_OP(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_EQ, 0);
	long error =
		SYS_6(SYS_futex, &unused, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 0, 0, page, add_zero);

	return error > 0 ? 0 : (int)error;
}

bool probe_poison(uintptr_t page)
{
	return SYS_3(SYS_madvise, page, PAGE_SIZE, MADV_POPULATE_READ) == -EHWPOISON;
}

int probe(uintptr_t page, bool write)
{
	if (populate_works()) {
		int advice = write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ;
		long error = SYS_3(SYS_madvise, page, PAGE_SIZE, advice);

		if (error == 0 || error == -EFAULT || error == -EHWPOISON || error == -ENOMEM)
			return (int)error;
	}
	return write ? write_by_kernel(page) : read_by_kernel(page);
}

bool probe_may_populate(void)
{
	return populate_works();
}

/* Where it cannot be told without touching: what the record says. */
unsigned probe_protection(uintptr_t page, unsigned known)
{
	unsigned prot = known & PROT_EXEC;

	if (!populate_works())
		return known;
	if (SYS_3(SYS_madvise, page, PAGE_SIZE, MADV_POPULATE_READ) != -EINVAL)
		prot |= PROT_READ;
	if (SYS_3(SYS_madvise, page, PAGE_SIZE, MADV_POPULATE_WRITE) != -EINVAL)
		prot |= PROT_WRITE;
	return prot;
}
