/* SPDX-License-Identifier: MIT */
/*
 * sigbus_copy_from() and sigbus_copy_to(): memcpy() that comes back when a page is lost.
 *
 * copy-*.S copies, with nothing around it: a lost page raises SIGBUS there, and the handler sets
 * the program counter to where the copy ends. Where no handler of ours is in place, the kernel
 * copies: a system call has EFAULT instead of a signal.
 */
#include <errno.h>
#include <limits.h>
#include <sys/uio.h>
#include "base/base.h"
#include "base/syscall.h"
#include "fault/fault.h"
#include "kernel/process.h"
#include "signal/frame.h"
#include "table/table.h"

#if defined(__x86_64__)
#include <sys/platform/x86.h>
/* The C library has asked the processor already; to ask again is slow in a virtual machine. */
extern __typeof__(__x86_get_cpuid_feature_leaf) __x86_get_cpuid_feature_leaf __attribute__((weak));

HIDDEN bool copy_wide; /* with AVX registers */
#endif

void copy_init(void)
{
#if defined(__x86_64__)
	copy_wide = __x86_get_cpuid_feature_leaf && CPU_FEATURE_ACTIVE(AVX);
#endif
}

/* ---- where the handler comes in ---- */

HIDDEN int copy_bytes(void *to, const void *from, size_t length, size_t *copied);
extern HIDDEN const char copy_retry[], copy_byte[], copy_stop[];

/* Not one of the faults that are reported, or counted as not reported. */
static void note_loss(uintptr_t address)
{
	struct range_hit hit = range_lookup(address);

	if (hit.range)
		range_set_flags(hit, RANGE_LOST, 0);
	loss_note(address, &hit);
}

/* Whatever the policy says: the caller takes the error. */
bool copy_answer(const siginfo_t *info, ucontext_t *uc)
{
	uintptr_t start = (uintptr_t)copy_bytes, pc = frame_pc(uc);

	if (likely(pc - start >= (uintptr_t)copy_stop - start))
		return false;
	if (pc < (uintptr_t)copy_byte) {
		frame_set_pc(uc, (uintptr_t)copy_retry);
		return true;
	}
	note_loss((uintptr_t)info->si_addr);
	frame_set_pc(uc, (uintptr_t)copy_stop);
	return true;
}

/* ---- with the kernel's help ---- */

/*
 * What may be lost is the local side, which the kernel reads and writes as in any system call; it
 * gets at the remote side by the page tables, and would find no page there in a device's mapping.
 */
static long copy_some(int call, void *local, void *remote, size_t length)
{
	struct iovec here = {local, length}, there = {remote, length};

	return SYS_6(call, SYS_0(SYS_getpid), &here, 1, &there, 1, 0);
}

/* The kernel may stop a little early; it makes progress unless the very first byte is lost. */
static long copy_most(int call, char *local, char *remote, size_t length, size_t *copied)
{
	size_t done = 0;
	long result = 1;

	while (done < length && result > 0) {
		size_t rest = length - done;

		result = copy_some(
			call, local + done, remote + done, rest < INT_MAX / 2 ? rest : INT_MAX / 2);
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
static __attribute__((noinline)) int copy_by_kernel(
	int call, void *local, void *remote, size_t length, size_t *copied)
{
	long result = copy_most(call, local, remote, length, copied);

	if (result == 0 || result == -ENOMEM)
		return (int)result;
	return result == -EFAULT ? -EFAULT : -ENOSYS;
}

/* ---- the API ---- */

static __attribute__((noinline)) int refuse(size_t *copied)
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
