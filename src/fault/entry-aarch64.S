/* SPDX-License-Identifier: MIT */
/*
 * The signal handler that the kernel calls, for SIGBUS and for the shadow signal.
 *
 * In: x0 signal, x1 siginfo, x2 ucontext, sp the kernel's frame, x29 the frame record at its end,
 * x30 the restorer. sigbus_dispatch() has done its work, or names a handler of the program. That one
 * is jumped to with the kernel's frame and registers as if the kernel had called it: no frame of
 * ours is left, so backtraces, siglongjmp(), stack need and edits of the ucontext are the kernel's
 * own.
 */
/* struct jump */
#define JUMP_FRAME 0
#define JUMP_INFO 8
#define JUMP_SIGNO 24
#define JUMP_HANDLER 32
#define JUMP_RECORD 40
#define JUMP_RESTORER 48
#define JUMP_SIZE 64

	.text
	.globl	sigbus_entry
	.hidden	sigbus_entry
	.type	sigbus_entry, @function
	.p2align 4
sigbus_entry:
	.cfi_startproc
	hint	#34 /* bti c */
	mov	x3, sp
	sub	sp, sp, #JUMP_SIZE
	.cfi_def_cfa_offset JUMP_SIZE
	str	x3, [sp, #JUMP_FRAME]
	stp	x1, x2, [sp, #JUMP_INFO]
	stp	x29, x30, [sp, #JUMP_RECORD]
	.cfi_offset 29, JUMP_RECORD - JUMP_SIZE
	.cfi_offset 30, JUMP_RESTORER - JUMP_SIZE
	add	x29, sp, #JUMP_RECORD
	mov	x1, sp
	bl	sigbus_dispatch
	ldr	x16, [sp, #JUMP_HANDLER]
	ldp	x29, x30, [sp, #JUMP_RECORD]
	cbz	x16, 1f
	ldp	x1, x2, [sp, #JUMP_INFO]
	ldr	x0, [sp, #JUMP_SIGNO]
	ldr	x3, [sp, #JUMP_FRAME]
	.cfi_remember_state
	.cfi_restore 29
	.cfi_restore 30
	mov	sp, x3
	.cfi_def_cfa_offset 0
	br	x16
1:
	.cfi_restore_state
	add	sp, sp, #JUMP_SIZE
	.cfi_restore 29
	.cfi_restore 30
	.cfi_def_cfa_offset 0
	ret
	.cfi_endproc
	.size	sigbus_entry, .-sigbus_entry

#include "base/asm-notes.h"
