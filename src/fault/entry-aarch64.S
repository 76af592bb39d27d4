/* SPDX-License-Identifier: MIT */
/*
 * The signal handler that the kernel calls, for SIGBUS and for the shadow signal, and what it returns
 * to.
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
#define JUMP_UC 16
#define JUMP_SIGNO 24
#define JUMP_HANDLER 32
#define JUMP_RECORD 40
#define JUMP_RESTORER 48
#define JUMP_SIZE 64
#define UC_STACK_START 16
#define UC_STACK_SIZE 32
#define FRAME_REGISTERS 312 /* x0 ... x30, sp, pc */
#define FRAME_SP (FRAME_REGISTERS + 31 * 8)
#define FRAME_PC (FRAME_REGISTERS + 32 * 8)
#define STACK_NEED 2816 /* as in fault/stacks.c */
#define RT_SIGRETURN 139
#define RT_SIGPROCMASK 135
#define SIG_BLOCK 0
#define SIG_SETMASK 2
#define TAKEN_ASIDE 512 /* as in fault/stacks.h */

/* With x2: the ucontext, x9: the frame. Is there room for sigbus_dispatch() below it? */
	.macro	if_small label
	ldr	x4, [x2, #UC_STACK_START]
	ldr	x5, [x2, #UC_STACK_SIZE]
	sub	x4, x9, x4
	cmp	x4, x5
	b.hs	8f
	cmp	x4, #STACK_NEED
	b.lo	\label
8:
	.endm

	.macro	taken register
	adrp	\register, :gottprel:stack_taken
	ldr	\register, [\register, #:gottprel_lo12:stack_taken]
	mrs	x4, tpidr_el0
	add	\register, \register, x4
	.endm

	.macro	change_mask how
	mov	x0, #\how
	mov	x3, #8
	mov	x8, #RT_SIGPROCMASK
	svc	#0
	.endm

/*
 * Calls function(w0, a struct jump of x9, x1, x2, x29, x30) on a stack of ours, and ends with sp, x16, w0,
 * x1, x2, x29, x30 as in that struct (fault/stacks.h). Nothing is written below sp, the kernel's frame:
 * while the stack is looked for, a few words of the thread are it. Meanwhile signals are blocked, for
 * the kernel would take the alternate stack for unused.
 */
	.macro	elsewhere function
	.cfi_remember_state
	.cfi_undefined 30
	mov	x10, x0
	mov	x11, x1
	mov	x12, x2
	adrp	x1, stack_blocks
	add	x1, x1, #:lo12:stack_blocks
	taken	x2
	change_mask SIG_BLOCK
	add	x2, x2, #TAKEN_ASIDE - JUMP_SIZE
	mov	sp, x2
	str	x9, [sp, #JUMP_FRAME]
	stp	x11, x12, [sp, #JUMP_INFO]
	str	x10, [sp, #JUMP_SIGNO]
	stp	x29, x30, [sp, #JUMP_RECORD]
	add	x29, sp, #JUMP_RECORD
	bl	stack_take
	mov	x1, sp
	cbz	x0, 7f
	mov	sp, x0
	str	x1, [sp, #-16]!
	bl	stack_enter
	ldr	x1, [sp]
	ldr	x0, [x1, #JUMP_SIGNO]
	bl	\function
	bl	stack_leave
	ldr	x1, [sp]
	mov	sp, x1
	bl	stack_put
	b	8f
7:	ldr	x0, [x1, #JUMP_SIGNO]
	bl	stack_lacks
8:	ldr	x16, [sp, #JUMP_HANDLER]
	ldp	x11, x12, [sp, #JUMP_INFO]
	ldr	x10, [sp, #JUMP_SIGNO]
	ldp	x29, x30, [sp, #JUMP_RECORD]
	ldr	x9, [sp, #JUMP_FRAME]
	mov	sp, x9
	taken	x1
	add	x1, x1, #TAKEN_ASIDE
	mov	x2, #0
	change_mask SIG_SETMASK
	mov	x0, x10
	mov	x1, x11
	mov	x2, x12
	.cfi_restore_state
	.endm

	.text
	.globl	sigbus_entry
	.hidden	sigbus_entry
	.type	sigbus_entry, @function
	.p2align 4
sigbus_entry:
	.cfi_startproc
	hint	#34 /* bti c */
	mov	x9, sp
	if_small 3f
	sub	sp, sp, #JUMP_SIZE
	.cfi_def_cfa_offset JUMP_SIZE
	str	x9, [sp, #JUMP_FRAME]
	stp	x1, x2, [sp, #JUMP_INFO]
	stp	x29, x30, [sp, #JUMP_RECORD]
	.cfi_offset 29, JUMP_RECORD - JUMP_SIZE
	.cfi_offset 30, JUMP_RESTORER - JUMP_SIZE
	add	x29, sp, #JUMP_RECORD
	mov	x1, sp
	bl	sigbus_dispatch
	ldr	x16, [sp, #JUMP_HANDLER]
	ldp	x29, x30, [sp, #JUMP_RECORD]
	ldp	x1, x2, [sp, #JUMP_INFO]
	ldr	x0, [sp, #JUMP_SIGNO]
	ldr	x3, [sp, #JUMP_FRAME]
	.cfi_restore 29
	.cfi_restore 30
	mov	sp, x3
	.cfi_def_cfa_offset 0
4:
	cbz	x16, 1f
	br	x16
1:
	ret				/* to the restorer, or to who called us as a function */
3:
	elsewhere sigbus_dispatch
	b	4b
	.cfi_endproc
	.size	sigbus_entry, .-sigbus_entry

/*
 * How to go on from here to what the signal interrupted, for debuggers and unwinders: the registers
 * are in the frame, which is depth bytes above sp. The interrupted x30 is not where to go on, so that
 * is in column 96, as unwinders have it for this machine. (An offset takes two bytes in SLEB128.)
 */
	.macro	interrupted_register number, place, depth
	.cfi_escape 0x10, \number, 3, 0x8f, ((\place + \depth) & 0x7f) | 0x80, (\place + \depth) >> 7
	.endm
	.macro	interrupted depth
	.cfi_escape 0x0f, 4, 0x8f, ((FRAME_SP + \depth) & 0x7f) | 0x80, (FRAME_SP + \depth) >> 7, 0x06
	.irp	number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	interrupted_register \number, FRAME_REGISTERS + 8 * \number, \depth
	.endr
	interrupted_register 96, FRAME_PC, \depth
	.endm

/*
 * What a handler of the program returns to: sp is the kernel's frame, x29 its frame record.
 * Where handlers run in this thread because of us, sigbus_returned() ends the record of this one and
 * may name another one, which is called: that returns to the same state. Then rt_sigreturn.
 * Nothing in the kernel's frame is edited. An unwinder looks for the byte before a return address.
 * Its personality routine notices an exception that leaves the handler.
 */
	.globl	sigbus_restorer
	.hidden	sigbus_restorer
	.type	sigbus_restorer, @function
	.globl	sigbus_restorer_end
	.hidden	sigbus_restorer_end
	.p2align 4
	.cfi_startproc simple
	.cfi_signal_frame
	.cfi_return_column 96
	.cfi_personality 0x1b, sigbus_unwound
	interrupted 0
	nop
sigbus_restorer:
	adrp	x3, :gottprel:running_watch
	ldr	x3, [x3, #:gottprel_lo12:running_watch]
	mrs	x4, tpidr_el0
	ldr	w3, [x4, x3]
	cbnz	w3, 1f
2:
	mov	x8, #RT_SIGRETURN
	svc	#0
1:
	mov	x9, sp
	add	x2, sp, #128		/* the ucontext */
	adr	x30, sigbus_restorer
	if_small 3f
	sub	sp, sp, #JUMP_SIZE
	interrupted JUMP_SIZE
	str	x9, [sp, #JUMP_FRAME]
	stp	xzr, x2, [sp, #JUMP_INFO]
	stp	x29, x30, [sp, #JUMP_RECORD]
	mov	x1, sp
	bl	sigbus_returned
	ldr	x16, [sp, #JUMP_HANDLER]
	ldp	x1, x2, [sp, #JUMP_INFO]
	ldr	x0, [sp, #JUMP_SIGNO]
	ldr	x29, [sp, #JUMP_RECORD]
	ldr	x3, [sp, #JUMP_FRAME]
	mov	sp, x3
	interrupted 0
4:
	cbz	x16, 2b
	blr	x16
sigbus_restorer_end:
	b	sigbus_restorer
3:
	mov	x1, #0
	elsewhere sigbus_returned
	b	4b
	.cfi_endproc
	.size	sigbus_restorer, .-sigbus_restorer

#include "base/asm-notes.h"
