/* SPDX-License-Identifier: MIT */
/*
 * The C API: sigbus_copy_from() and sigbus_copy_to(). Where no handler of ours is in place the kernel
 * copies: a system call has EFAULT instead of a signal.
 */
#include <errno.h>
#include <limits.h>
#include <sys/uio.h>
#include "base/base.h"
#include "base/syscall.h"
#include "fault/fault.h"
#include "kernel/process.h"
#include "sigbus/sigbus.h"

/* ---- with the kernel's help ---- */

/*
 * What may be lost is the local side, which the kernel reads and writes as in any system call; it
 * gets at the remote side by the page tables, and would find no page there in a device's mapping. It may
 * stop a little early; it makes progress unless the very first byte is lost.
 */
static long copy_most(int call, char *local, char *remote, size_t length, size_t *copied)
{
	size_t done = 0;
	long result = 1;

	while (done < length && result > 0) {
		size_t rest = length - done < INT_MAX / 2 ? length - done : INT_MAX / 2;
		struct iovec here = {local + done, rest}, there = {remote + done, rest};

		result = SYS_6(call, SYS_0(SYS_getpid), &here, 1, &there, 1, 0);
		if (result > 0)
			done += (size_t)result;
	}
	if (copied)
		*copied = done;
	if (done == length)
		return 0;
	return result < 0 ? result : -EFAULT;
}

/* Else an old kernel, or a filter. */
static APART int copy_by_kernel(
	int call, void *local, void *remote, size_t length, size_t *copied)
{
	long result = copy_most(call, local, remote, length, copied);

	if (result == 0 || result == -ENOMEM)
		return (int)result;
	return result == -EFAULT ? -EFAULT : -ENOSYS;
}

/* ---- the API ---- */

static APART int refuse(size_t *copied)
{
	if (copied)
		*copied = 0;
	return -EINVAL;
}

/* Address 0 is none, unless there is nothing to copy. */
static inline bool is_memory(const void *start, size_t length)
{
	return (uintptr_t)start - 1 <= UINTPTR_MAX - length;
}

EXPORT int sigbus_copy_from(void *to, const void *from, size_t length, size_t *copied)
{
	if (unlikely(!is_memory(to, length) || !is_memory(from, length)))
		return refuse(copied);
	if (unlikely(!active))
		return copy_by_kernel(SYS_process_vm_writev, (void *)from, to, length, copied);
	return copy_bytes(to, from, length, copied);
}

EXPORT int sigbus_copy_to(void *to, const void *from, size_t length, size_t *copied)
{
	if (unlikely(!is_memory(to, length) || !is_memory(from, length)))
		return refuse(copied);
	if (unlikely(!active))
		return copy_by_kernel(SYS_process_vm_readv, to, (void *)from, length, copied);
	return copy_bytes(to, from, length, copied);
}
