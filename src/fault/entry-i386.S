/* SPDX-License-Identifier: MIT */
/*
 * The signal handler that the kernel calls, for SIGBUS and for the shadow signal.
 *
 * In: esp the kernel's frame: the restorer, signal, siginfo, ucontext; the last three in eax, edx and
 * ecx too. sigbus_dispatch() has done its work, or names a handler of the program. That one is
 * jumped to with the kernel's frame and registers as if the kernel had called it: no frame of ours is
 * left, so backtraces, siglongjmp(), stack need and edits of the ucontext are the kernel's own.
 *
 * The alignment-check flag is cleared first: it is still set when a misaligned access brought us here.
 */
#define EFLAGS_AC 0x40000
/* What the handler is called with, in the frame. */
#define FRAME_SIGNO 4
#define FRAME_INFO 8
#define FRAME_UC 12
/* Two arguments, then struct jump; that also aligns the stack for the call. */
#define JUMP 8
#define JUMP_FRAME (JUMP + 0)
#define JUMP_INFO (JUMP + 4)
#define JUMP_UC (JUMP + 8)
#define JUMP_SIGNO (JUMP + 12)
#define JUMP_HANDLER (JUMP + 16)
#define JUMP_SIZE (JUMP + 20)
#define UC_EFLAGS 84

	.text
	.globl	sigbus_entry
	.hidden	sigbus_entry
	.type	sigbus_entry, @function
	.p2align 4
sigbus_entry:
	.cfi_startproc
#ifdef __CET__
	endbr32
#endif
	pushfl
	.cfi_adjust_cfa_offset 4
	andl	$~EFLAGS_AC, (%esp)
	popfl
	.cfi_adjust_cfa_offset -4
	movl	%esp, %eax
	subl	$JUMP_SIZE, %esp
	.cfi_adjust_cfa_offset JUMP_SIZE
	movl	%eax, JUMP_FRAME(%esp)
	movl	FRAME_INFO(%eax), %edx
	movl	%edx, JUMP_INFO(%esp)
	movl	FRAME_UC(%eax), %edx
	movl	%edx, JUMP_UC(%esp)
	movl	FRAME_SIGNO(%eax), %edx
	movl	%edx, 0(%esp)
	leal	JUMP(%esp), %edx
	movl	%edx, 4(%esp)
	call	sigbus_dispatch
	movl	JUMP_HANDLER(%esp), %ecx
	testl	%ecx, %ecx
	jz	2f
	movl	JUMP_FRAME(%esp), %eax
	movl	JUMP_SIGNO(%esp), %edx
	movl	%edx, FRAME_SIGNO(%eax)
	movl	JUMP_INFO(%esp), %edx
	movl	%edx, FRAME_INFO(%eax)
	movl	JUMP_UC(%esp), %edx
	movl	%edx, FRAME_UC(%eax)
	movl	%ecx, -4(%eax)
	leal	-4(%eax), %esp
	.cfi_remember_state
	.cfi_def_cfa_offset 8
	testl	$EFLAGS_AC, UC_EFLAGS(%edx)
	jz	1f
	pushfl
	.cfi_adjust_cfa_offset 4
	orl	$EFLAGS_AC, (%esp)
	popfl
	.cfi_adjust_cfa_offset -4
1:
	movl	%edx, %ecx
	movl	FRAME_INFO + 4(%esp), %edx
	movl	FRAME_SIGNO + 4(%esp), %eax
	ret				/* a jump: all registers are needed */
2:
	.cfi_restore_state
	addl	$JUMP_SIZE, %esp
	.cfi_adjust_cfa_offset -JUMP_SIZE
	ret
	.cfi_endproc
	.size	sigbus_entry, .-sigbus_entry

#include "base/asm-notes.h"
