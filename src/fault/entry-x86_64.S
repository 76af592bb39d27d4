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
 * (As a rule it is not, and popf takes longer than the look.)
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
#define RT_SIGPROCMASK 14
#define SIG_BLOCK 0
#define SIG_SETMASK 2
#define TAKEN_ASIDE 512 /* as in fault/stacks.h */

/* With rdx: the ucontext, rax: the frame. Is there room for sigbus_dispatch() below it? */
	.macro	if_small label
	movq	%rax, %rcx
	subq	UC_STACK_START(%rdx), %rcx
	cmpq	UC_STACK_SIZE(%rdx), %rcx
	jae	8f
	cmpq	$STACK_NEED, %rcx
	jb	\label
8:
	.endm

	.macro	change_mask how
	movl	$\how, %edi
	movl	$8, %r10d
	movl	$RT_SIGPROCMASK, %eax
	syscall
	.endm

/*
 * Calls function(edi, a struct jump of rsp, rsi, rdx) on a stack of ours, and ends with rsp, r11, edi,
 * rsi, rdx as in that struct (fault/stacks.h). Nothing is written below rsp, the kernel's frame: while
 * the stack is looked for, a few words of the thread are it. Meanwhile signals are blocked, for the
 * kernel would take the alternate stack for unused.
 */
	.macro	elsewhere function
	.cfi_remember_state
	.cfi_undefined %rip
	movq	%rdi, %xmm0
	movq	%rsi, %xmm1
	movq	%rdx, %r8
	movq	%rsp, %r9
	leaq	stack_blocks(%rip), %rsi
	movq	stack_taken@gottpoff(%rip), %rdx
	addq	%fs:0, %rdx
	change_mask SIG_BLOCK
	leaq	TAKEN_ASIDE - JUMP_SIZE - 8(%rdx), %rsp
	pushfq
	andl	$~EFLAGS_AC, (%rsp)
	popfq
	movq	%r9, JUMP_FRAME(%rsp)
	movq	%xmm1, JUMP_INFO(%rsp)
	movq	%r8, JUMP_UC(%rsp)
	movq	%xmm0, JUMP_SIGNO(%rsp)
	call	stack_take
	movq	%rsp, %rsi
	movq	JUMP_SIGNO(%rsp), %rdi
	testq	%rax, %rax
	jz	7f
	movq	%rax, %rsp
	pushq	%rsi
	pushq	%rdi
	call	stack_enter
	popq	%rdi
	movq	(%rsp), %rsi
	pushq	%rdi
	call	\function
	call	stack_leave
	movq	8(%rsp), %rsp
	call	stack_put
	jmp	8f
7:	call	stack_lacks
8:	movq	JUMP_HANDLER(%rsp), %r9
	movq	JUMP_INFO(%rsp), %xmm1
	movq	JUMP_UC(%rsp), %r8
	movq	JUMP_SIGNO(%rsp), %xmm0
	movq	JUMP_FRAME(%rsp), %rsp
	movq	stack_taken@gottpoff(%rip), %rsi
	addq	%fs:0, %rsi
	xorl	%edx, %edx
	change_mask SIG_SETMASK
	movq	%r9, %r11
	movq	%xmm0, %rdi
	movq	%xmm1, %rsi
	movq	%r8, %rdx
	.cfi_restore_state
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
	movq	%rsp, %rax
	if_small 3f
	testl	$EFLAGS_AC, UC_EFLAGS(%rdx)
	jz	5f
	pushfq
	.cfi_adjust_cfa_offset 8
	andl	$~EFLAGS_AC, (%rsp)
	popfq
	.cfi_adjust_cfa_offset -8
5:	movq	%rsp, %rax
	subq	$JUMP_SIZE, %rsp
	.cfi_adjust_cfa_offset JUMP_SIZE
	movq	%rax, JUMP_FRAME(%rsp)
	movq	%rsi, JUMP_INFO(%rsp)
	movq	%rdx, JUMP_UC(%rsp)
	movq	%rsp, %rsi
	call	sigbus_dispatch
	movq	JUMP_HANDLER(%rsp), %r11
	movq	JUMP_INFO(%rsp), %rsi
	movq	JUMP_UC(%rsp), %rdx
	movq	JUMP_SIGNO(%rsp), %rdi
	movq	JUMP_FRAME(%rsp), %rsp
	.cfi_def_cfa_offset 8
4:
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
3:
	elsewhere sigbus_dispatch
	jmp	4b
	.cfi_endproc
	.size	sigbus_entry, .-sigbus_entry

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
	if_small 3f
	subq	$JUMP_SIZE + 8, %rsp
	interrupted JUMP_SIZE + 8
	movq	%rax, JUMP_FRAME(%rsp)
	movq	%rdx, JUMP_UC(%rsp)
	movq	$0, JUMP_INFO(%rsp)
	leaq	sigbus_restorer_end(%rip), %rcx
	movq	%rcx, JUMP_SIZE(%rsp)	/* what a call from here will put there */
	movq	%rsp, %rsi
	call	sigbus_returned
	movq	JUMP_HANDLER(%rsp), %r11
	movq	JUMP_INFO(%rsp), %rsi
	movq	JUMP_UC(%rsp), %rdx
	movq	JUMP_SIGNO(%rsp), %rdi
	movq	JUMP_FRAME(%rsp), %rsp
	addq	$8, %rsp
	interrupted 0
4:
	testq	%r11, %r11
	jz	2b
	xorl	%eax, %eax
	call	*%r11
sigbus_restorer_end:
	jmp	sigbus_restorer
3:
	leaq	sigbus_restorer_end(%rip), %rcx
	movq	%rax, %rsp
	movq	%rcx, (%rsp)
	xorl	%esi, %esi
	elsewhere sigbus_returned
	addq	$8, %rsp
	jmp	4b
	.cfi_endproc
	.size	sigbus_restorer, .-sigbus_restorer

#include "base/asm-notes.h"
