/* SPDX-License-Identifier: MIT */
/*
 * sigbus_copy_from() and sigbus_copy_to(): memcpy() that comes back when a page is lost.
 *
 * copy-*.S copies, with nothing around it: a lost page raises SIGBUS there, and the handler sets
 * the program counter to where the copy ends.
 */
#include "base/base.h"
#include "fault/fault.h"
#include "kernel/process.h"
#include "signal/frame.h"
#include "table/table.h"

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
