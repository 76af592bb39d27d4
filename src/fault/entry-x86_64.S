/* SPDX-License-Identifier: MIT */
/*
 * The signal handler that the kernel calls, for SIGBUS and for the shadow signal.
 *
 * In: rdi signal, rsi siginfo, rdx ucontext, rsp the kernel's frame (return address: the restorer).
 * sigbus_dispatch() has done its work, or names a handler of the program. That one is jumped to with
 * the kernel's frame and registers as if the kernel had called it: no frame of ours is left, so
 * backtraces, siglongjmp(), stack need and edits of the ucontext are the kernel's own.
 *
 * The alignment-check flag is cleared first: it is still set when a misaligned access brought us here.
 */
#define EFLAGS_AC 0x40000
/* struct jump; its size also aligns the stack for the call. */
#define JUMP_FRAME 0
#define JUMP_INFO 8
#define JUMP_UC 16
#define JUMP_SIGNO 24
#define JUMP_HANDLER 32
#define JUMP_SIZE 40
#define UC_EFLAGS 176

	.text
	.globl	sigbus_entry
	.hidden	sigbus_entry
	.type	sigbus_entry, @function
	.p2align 4
sigbus_entry:
	.cfi_startproc
#ifdef __CET__
	endbr64
#endif
	pushfq
	.cfi_adjust_cfa_offset 8
	andl	$~EFLAGS_AC, (%rsp)
	popfq
	.cfi_adjust_cfa_offset -8
	movq	%rsp, %rax
	subq	$JUMP_SIZE, %rsp
	.cfi_adjust_cfa_offset JUMP_SIZE
	movq	%rax, JUMP_FRAME(%rsp)
	movq	%rsi, JUMP_INFO(%rsp)
	movq	%rdx, JUMP_UC(%rsp)
	movq	%rsp, %rsi
	call	sigbus_dispatch
	movq	JUMP_HANDLER(%rsp), %r11
	testq	%r11, %r11
	jz	2f
	movq	JUMP_INFO(%rsp), %rsi
	movq	JUMP_UC(%rsp), %rdx
	movq	JUMP_SIGNO(%rsp), %rdi
	movq	JUMP_FRAME(%rsp), %rsp
	.cfi_remember_state
	.cfi_def_cfa_offset 8
	testl	$EFLAGS_AC, UC_EFLAGS(%rdx)
	jz	1f
	pushfq
	.cfi_adjust_cfa_offset 8
	orl	$EFLAGS_AC, (%rsp)
	popfq
	.cfi_adjust_cfa_offset -8
1:
	xorl	%eax, %eax
	jmp	*%r11
2:
	.cfi_restore_state
	addq	$JUMP_SIZE, %rsp
	.cfi_adjust_cfa_offset -JUMP_SIZE
	ret
	.cfi_endproc
	.size	sigbus_entry, .-sigbus_entry

#include "base/asm-notes.h"
