/* SPDX-License-Identifier: MIT */
/*
 * The signal handler that the kernel calls, for SIGBUS and for the shadow signal, and what it returns
 * to.
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
#define UC_STACK_START 8
#define UC_STACK_SIZE 16
#define UC_EFLAGS 84
#define UC_IN_FRAME 144
#define UC_REGISTERS 20 /* gs fs es ds edi esi ebp esp ebx edx ecx eax trapno err eip */
#define STACK_NEED 2816 /* as in fault/stacks.c */
#define RT_SIGRETURN 173

/*
 * Calls function(signo, struct jump), which lie on the stack, with eax: the frame, edx: the ucontext.
 * On a small alternate stack there is no room for it below the kernel's frame: then on a stack of ours.
 */
	.macro dispatch function
	subl	UC_STACK_START(%edx), %eax
	cmpl	UC_STACK_SIZE(%edx), %eax
	jae	8f
	cmpl	$STACK_NEED, %eax
	jae	8f
	call	7f
7:	popl	%eax
	leal	\function - 7b(%eax), %eax
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
	movl	FRAME_SIGNO(%eax), %edx
	movl	%edx, 0(%esp)
	leal	JUMP(%esp), %edx
	movl	%edx, 4(%esp)
	movl	FRAME_UC(%eax), %edx
	movl	%edx, JUMP_UC(%esp)
	dispatch sigbus_dispatch
	movl	JUMP_HANDLER(%esp), %ecx
	movl	JUMP_FRAME(%esp), %eax
	testl	%ecx, %ecx
	jz	2f
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
	movl	%eax, %esp
	.cfi_def_cfa_offset 4
	ret				/* to the restorer, or to who called us as a function */
	.cfi_endproc
	.size	sigbus_entry, .-sigbus_entry

/* eax: the function; its two arguments are above the return address. */
	.type	elsewhere, @function
	.p2align 4
elsewhere:
	.cfi_startproc
	pushl	%ebp
	.cfi_adjust_cfa_offset 4
	.cfi_rel_offset %ebp, 0
	movl	%esp, %ebp
	.cfi_def_cfa_register %ebp
	pushl	%eax
	subl	$4, %esp		/* aligned */
	call	stack_take
	testl	%eax, %eax
	jz	1f
	leal	-16(%eax), %esp
	call	stack_enter
	movl	8(%ebp), %eax
	movl	%eax, 0(%esp)
	movl	12(%ebp), %eax
	movl	%eax, 4(%esp)
	call	*-4(%ebp)
	call	stack_leave
	leal	-8(%ebp), %esp
	call	stack_put
	jmp	2f
1:
	subl	$16, %esp
	movl	8(%ebp), %eax
	movl	%eax, 0(%esp)
	movl	12(%ebp), %eax
	movl	%eax, 4(%esp)
	call	stack_lacks
2:
	leave
	.cfi_def_cfa %esp, 4
	ret
	.cfi_endproc
	.size	elsewhere, .-elsewhere

/*
 * How to go on from here to what the signal interrupted, for debuggers and unwinders: the registers
 * are in the ucontext, which is depth bytes above esp. (An offset takes two bytes in SLEB128.)
 */
	.macro	interrupted_register number, place, depth
	.cfi_escape 0x10, \number, 3, 0x74, ((\place + \depth) & 0x7f) | 0x80, (\place + \depth) >> 7
	.endm
	.macro	interrupted depth
	.cfi_escape 0x0f, 4, 0x74, ((UC_REGISTERS + 28 + \depth) & 0x7f) | 0x80, (UC_REGISTERS + 28 + \depth) >> 7, 0x06
	interrupted_register 7, UC_REGISTERS + 16, \depth	/* edi */
	interrupted_register 6, UC_REGISTERS + 20, \depth	/* esi */
	interrupted_register 5, UC_REGISTERS + 24, \depth	/* ebp */
	interrupted_register 4, UC_REGISTERS + 28, \depth	/* esp */
	interrupted_register 3, UC_REGISTERS + 32, \depth	/* ebx */
	interrupted_register 2, UC_REGISTERS + 36, \depth	/* edx */
	interrupted_register 1, UC_REGISTERS + 40, \depth	/* ecx */
	interrupted_register 0, UC_REGISTERS + 44, \depth	/* eax */
	interrupted_register 8, UC_REGISTERS + 56, \depth	/* eip */
	.endm
#define ABOVE (UC_IN_FRAME - 4) /* from esp in the restorer to the ucontext */

/*
 * What a handler of the program returns to: esp is behind the return address, at the first argument.
 * Where handlers run in this thread because of us, sigbus_returned() ends the record of this one and
 * may name another one, which is called: that returns to the same state. Then rt_sigreturn.
 * Nothing in the kernel's frame is edited but the arguments. An unwinder looks for the byte before a
 * return address. Its personality routine notices an exception that leaves the handler.
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
	interrupted ABOVE
	nop
sigbus_restorer:
	leal	-4(%esp), %eax		/* the frame */
	leal	ABOVE(%esp), %edx	/* the ucontext */
	subl	$JUMP_SIZE + 4, %esp
	interrupted ABOVE + JUMP_SIZE + 4
	movl	%eax, JUMP_FRAME(%esp)
	movl	%edx, JUMP_UC(%esp)
	movl	$0, JUMP_INFO(%esp)
	call	3f			/* what a call from here will put there */
3:	popl	%ecx
	addl	$sigbus_restorer_end - 3b, %ecx
	movl	%ecx, JUMP_SIZE(%esp)
	leal	JUMP(%esp), %ecx
	movl	%ecx, 4(%esp)
	dispatch sigbus_returned
	movl	JUMP_HANDLER(%esp), %ebx
	movl	JUMP_FRAME(%esp), %eax
	movl	JUMP_SIGNO(%esp), %edx
	movl	JUMP_UC(%esp), %ecx
	movl	JUMP_INFO(%esp), %esi
	leal	4(%eax), %esp
	interrupted ABOVE
	testl	%ebx, %ebx
	jz	1f
	movl	%edx, FRAME_SIGNO(%eax)
	movl	%esi, FRAME_INFO(%eax)
	movl	%ecx, FRAME_UC(%eax)
	movl	%edx, %eax
	movl	%esi, %edx
	call	*%ebx
sigbus_restorer_end:
	jmp	sigbus_restorer
1:
	movl	$RT_SIGRETURN, %eax
	int	$0x80
	.cfi_endproc
	.size	sigbus_restorer, .-sigbus_restorer

#include "base/asm-notes.h"
