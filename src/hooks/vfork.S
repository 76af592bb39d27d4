/* SPDX-License-Identifier: MIT */
/*
 * vfork() returns twice to its caller, on one stack: no frame of ours may lie between. So what is to
 * be noted is noted first (sharing.c), and then the next vfork() is jumped to.
 */
#if defined(__x86_64__)
	.macro note_and_go_on
#ifdef __CET__
	endbr64
#endif
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	call	vfork_begins
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	jmp	*%rax
	.endm
#elif defined(__i386__)
	.macro note_and_go_on
#ifdef __CET__
	endbr32
#endif
	subl	$12, %esp
	.cfi_adjust_cfa_offset 12
	call	vfork_begins
	addl	$12, %esp
	.cfi_adjust_cfa_offset -12
	jmp	*%eax
	.endm
#else
	.macro note_and_go_on
	hint	34			/* bti c */
	stp	x29, x30, [sp, -16]!
	.cfi_adjust_cfa_offset 16
	.cfi_rel_offset x29, 0
	.cfi_rel_offset x30, 8
	bl	vfork_begins
	ldp	x29, x30, [sp], 16
	.cfi_adjust_cfa_offset -16
	.cfi_restore x29
	.cfi_restore x30
	mov	x16, x0
	br	x16
	.endm
#endif

	.text
	.globl	vfork, __vfork
	.type	vfork, %function
	.type	__vfork, %function
	.p2align 4
vfork:
__vfork:
	.cfi_startproc
	note_and_go_on
	.cfi_endproc
	.size	vfork, .-vfork
	.size	__vfork, .-__vfork

#include "base/asm-notes.h"
