/* SPDX-License-Identifier: MIT */
/*
 * The signal handler that the kernel calls, for SIGBUS and for the shadow signal, and what it returns
 * to.
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
#define UC_STACK_START 16
#define UC_STACK_SIZE 32
#define UC_REGISTERS 40 /* r8 ... r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, eflags */
#define UC_SP (UC_REGISTERS + 15 * 8)
#define UC_EFLAGS 176
#define STACK_NEED 2816 /* as in fault/stacks.c */
#define RT_SIGRETURN 15

/*
 * Calls function(edi, rsi: struct jump) with rdx: the ucontext; rsp is aligned. On a small alternate
 * stack there is no room for it below the kernel's frame: then on a stack of ours.
 */
	.macro dispatch function
	movq	JUMP_FRAME(%rsi), %rax
	subq	UC_STACK_START(%rdx), %rax
	cmpq	UC_STACK_SIZE(%rdx), %rax
	jae	8f
	cmpq	$STACK_NEED, %rax
	jae	8f
	leaq	\function(%rip), %rdx
	call	elsewhere
	jmp	9f
8:	call	\function
9:
	.endm

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
	dispatch sigbus_dispatch
	movq	JUMP_HANDLER(%rsp), %r11
	movq	JUMP_INFO(%rsp), %rsi
	movq	JUMP_UC(%rsp), %rdx
	movq	JUMP_SIGNO(%rsp), %rdi
	movq	JUMP_FRAME(%rsp), %rsp
	.cfi_def_cfa_offset 8
	testq	%r11, %r11
	jz	2f
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
	ret				/* to the restorer, or to who called us as a function */
	.cfi_endproc
	.size	sigbus_entry, .-sigbus_entry

/* edi, rsi: handed on; rdx: the function */
	.type	elsewhere, @function
	.p2align 4
elsewhere:
	.cfi_startproc
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbp, 0
	movq	%rsp, %rbp
	.cfi_def_cfa_register %rbp
	pushq	%rdi
	pushq	%rsi
	pushq	%rdx
	pushq	%rdx			/* aligned */
	call	stack_take
	testq	%rax, %rax
	jz	1f
	movq	%rax, %rsp
	call	stack_enter
	movq	-8(%rbp), %rdi
	movq	-16(%rbp), %rsi
	call	*-24(%rbp)
	call	stack_leave
	leaq	-32(%rbp), %rsp
	call	stack_put
	leave
	.cfi_def_cfa %rsp, 8
	ret
1:
	.cfi_def_cfa %rbp, 16
	movq	-8(%rbp), %rdi
	movq	-16(%rbp), %rsi
	call	stack_lacks
	leave
	.cfi_def_cfa %rsp, 8
	ret
	.cfi_endproc
	.size	elsewhere, .-elsewhere

/*
 * How to go on from here to what the signal interrupted, for debuggers and unwinders: the registers
 * are in the ucontext, which is depth bytes above rsp. (An offset takes two bytes in SLEB128.)
 */
	.macro	interrupted_register number, place, depth
	.cfi_escape 0x10, \number, 3, 0x77, ((\place + \depth) & 0x7f) | 0x80, (\place + \depth) >> 7
	.endm
	.macro	interrupted depth
	.cfi_escape 0x0f, 4, 0x77, ((UC_SP + \depth) & 0x7f) | 0x80, (UC_SP + \depth) >> 7, 0x06
	interrupted_register 8, UC_REGISTERS, \depth
	interrupted_register 9, UC_REGISTERS + 8, \depth
	interrupted_register 10, UC_REGISTERS + 16, \depth
	interrupted_register 11, UC_REGISTERS + 24, \depth
	interrupted_register 12, UC_REGISTERS + 32, \depth
	interrupted_register 13, UC_REGISTERS + 40, \depth
	interrupted_register 14, UC_REGISTERS + 48, \depth
	interrupted_register 15, UC_REGISTERS + 56, \depth
	interrupted_register 5, UC_REGISTERS + 64, \depth	/* rdi */
	interrupted_register 4, UC_REGISTERS + 72, \depth	/* rsi */
	interrupted_register 6, UC_REGISTERS + 80, \depth	/* rbp */
	interrupted_register 3, UC_REGISTERS + 88, \depth	/* rbx */
	interrupted_register 1, UC_REGISTERS + 96, \depth	/* rdx */
	interrupted_register 0, UC_REGISTERS + 104, \depth	/* rax */
	interrupted_register 2, UC_REGISTERS + 112, \depth	/* rcx */
	interrupted_register 7, UC_REGISTERS + 120, \depth	/* rsp */
	interrupted_register 16, UC_REGISTERS + 128, \depth	/* rip */
	.endm

/*
 * What a handler of the program returns to: rsp is the ucontext, the return address was in the word
 * below. Where handlers run in this thread because of us, sigbus_returned() ends the record of this
 * one and may name another one, which is called: that returns to the same state. Then rt_sigreturn.
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
	.cfi_personality 0x1b, sigbus_unwound
	interrupted 0
	nop
sigbus_restorer:
	movq	running_watch@gottpoff(%rip), %rax
	cmpl	$0, %fs:(%rax)
	jne	1f
2:
	movl	$RT_SIGRETURN, %eax
	syscall
1:
	leaq	-8(%rsp), %rax
	movq	%rsp, %rdx
	subq	$JUMP_SIZE + 8, %rsp
	interrupted JUMP_SIZE + 8
	movq	%rax, JUMP_FRAME(%rsp)
	movq	%rdx, JUMP_UC(%rsp)
	movq	$0, JUMP_INFO(%rsp)
	leaq	sigbus_restorer_end(%rip), %rcx
	movq	%rcx, JUMP_SIZE(%rsp)	/* what a call from here will put there */
	movq	%rsp, %rsi
	dispatch sigbus_returned
	movq	JUMP_HANDLER(%rsp), %r11
	movq	JUMP_INFO(%rsp), %rsi
	movq	JUMP_UC(%rsp), %rdx
	movq	JUMP_SIGNO(%rsp), %rdi
	movq	JUMP_FRAME(%rsp), %rsp
	addq	$8, %rsp
	interrupted 0
	testq	%r11, %r11
	jz	2b
	xorl	%eax, %eax
	call	*%r11
sigbus_restorer_end:
	jmp	sigbus_restorer
	.cfi_endproc
	.size	sigbus_restorer, .-sigbus_restorer

#include "base/asm-notes.h"
