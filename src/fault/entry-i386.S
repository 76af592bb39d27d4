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
 * (As a rule it is not, and popf takes longer than the look.)
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
#define RT_SIGPROCMASK 175
#define SIG_BLOCK 0
#define SIG_SETMASK 2
#define SYNCHRONOUS 0x400004d8 /* as in signal/disposition.h */
#define TAKEN_ASIDE 512 /* as in fault/stacks.h */
#define ASIDE 32 /* JUMP_SIZE, aligned */

/*
 * With eax: the frame, edx: the ucontext. Is there room for sigbus_dispatch() below the frame? Somebody who
 * displaced us and calls our handler as a function has made none: then it has to be enough.
 */
	.macro	if_small label
	leal	-UC_IN_FRAME(%edx), %ecx
	cmpl	%eax, %ecx
	jne	8f
	subl	UC_STACK_START(%edx), %ecx
	cmpl	UC_STACK_SIZE(%edx), %ecx
	jae	8f
	cmpl	$STACK_NEED, %ecx
	jb	\label
8:
	.endm

	.macro	change_mask how
	movl	$\how, %ebx
	movl	$8, %esi
	movl	$RT_SIGPROCMASK, %eax
	int	$0x80
	.endm

/* In the frame: the end of the siginfo, which the kernel leaves zero. */
#define SPARE_END UC_IN_FRAME
#define SPARE_MASK (UC_IN_FRAME - 16)
#define SPARE_SET (UC_IN_FRAME - 24)

/*
 * Calls function(FRAME_SIGNO, a struct jump of eax, ebp, edx) on a stack of ours, and ends with eax and
 * esp: the frame, with its arguments, ecx: the handler, edx: the ucontext, and the registers that the
 * signal has interrupted (fault/stacks.h). Nothing is written below the frame: while the stack is looked
 * for, a few words of the thread are it, and to find them, a few of the frame. Meanwhile signals are
 * blocked, for the kernel would take the alternate stack for unused.
 */
	.macro	elsewhere function, return
	.cfi_remember_state
	.cfi_undefined %eip
	movl	%eax, %edi
	leal	SPARE_SET(%edi), %ecx
	leal	SPARE_MASK(%edi), %edx
	movl	$~SYNCHRONOUS, (%ecx)
	movl	$~0, 4(%ecx)
	change_mask SIG_BLOCK
	leal	SPARE_END(%edi), %esp
	call	7f
7:	popl	%ecx
	.ifnb \return
	leal	\return - 7b(%ecx), %eax
	movl	%eax, (%edi)
	.endif
	addl	$_GLOBAL_OFFSET_TABLE_ + (. - 7b), %ecx
	movl	stack_taken@gotntpoff(%ecx), %ecx
	addl	%gs:0, %ecx
	movl	SPARE_MASK(%edi), %eax
	movl	%eax, TAKEN_ASIDE(%ecx)
	movl	SPARE_MASK + 4(%edi), %eax
	movl	%eax, TAKEN_ASIDE + 4(%ecx)
	xorl	%eax, %eax
	.irp	word, 0, 4, 8, 12, 16, 20
	movl	%eax, SPARE_SET + \word(%edi)
	.endr
	leal	TAKEN_ASIDE - ASIDE(%ecx), %esp
	pushfl
	andl	$~EFLAGS_AC, (%esp)
	popfl
	movl	FRAME_SIGNO(%edi), %eax
	movl	%eax, 0(%esp)
	movl	%eax, JUMP_SIGNO(%esp)
	leal	JUMP(%esp), %eax
	movl	%eax, 4(%esp)
	leal	UC_IN_FRAME(%edi), %eax
	movl	%edi, JUMP_FRAME(%esp)
	movl	%ebp, JUMP_INFO(%esp)
	movl	%eax, JUMP_UC(%esp)
	call	stack_take
	testl	%eax, %eax
	jz	7f
	movl	%esp, %ebp
	leal	-16(%eax), %esp
	call	stack_enter
	movl	0(%ebp), %eax
	movl	%eax, 0(%esp)
	movl	4(%ebp), %eax
	movl	%eax, 4(%esp)
	call	\function
	call	stack_leave
	movl	%ebp, %esp
	call	stack_put
	jmp	8f
7:	call	stack_lacks
8:	movl	JUMP_FRAME(%esp), %edi
	movl	JUMP_HANDLER(%esp), %ebp
	movl	JUMP_SIGNO(%esp), %eax
	movl	%eax, FRAME_SIGNO(%edi)
	movl	JUMP_INFO(%esp), %eax
	movl	%eax, FRAME_INFO(%edi)
	movl	JUMP_UC(%esp), %eax
	movl	%eax, FRAME_UC(%edi)
	leal	ASIDE(%esp), %ecx
	movl	%edi, %esp
	xorl	%edx, %edx
	change_mask SIG_SETMASK
	movl	%edi, %eax
	movl	%ebp, %ecx
	movl	FRAME_UC(%eax), %edx
	movl	UC_REGISTERS + 16(%edx), %edi
	movl	UC_REGISTERS + 20(%edx), %esi
	movl	UC_REGISTERS + 24(%edx), %ebp
	movl	UC_REGISTERS + 32(%edx), %ebx
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
	endbr32
#endif
	movl	%esp, %eax
	movl	FRAME_UC(%eax), %edx
	if_small .Lentry_elsewhere
	testl	$EFLAGS_AC, UC_EFLAGS(%edx)
	jz	5f
	pushfl
	.cfi_adjust_cfa_offset 4
	andl	$~EFLAGS_AC, (%esp)
	popfl
	.cfi_adjust_cfa_offset -4
5:	movl	%esp, %eax
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
	call	sigbus_dispatch
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
3:
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
.Lentry_elsewhere:
	movl	FRAME_INFO(%eax), %ebp
	elsewhere sigbus_dispatch
	testl	%ecx, %ecx
	jnz	3b
	ret
	.cfi_endproc
	.size	sigbus_entry, .-sigbus_entry

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
	if_small .Lrestorer_elsewhere
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
	call	sigbus_returned
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
4:
	movl	%edx, %eax
	movl	%esi, %edx
	call	*%ebx
sigbus_restorer_end:
	jmp	sigbus_restorer
1:
	movl	$RT_SIGRETURN, %eax
	int	$0x80
.Lrestorer_elsewhere:
	xorl	%ebp, %ebp
	elsewhere sigbus_returned, sigbus_restorer_end
	leal	4(%eax), %esp
	testl	%ecx, %ecx
	jz	1b
	movl	%ecx, %ebx
	movl	FRAME_SIGNO(%eax), %edx
	movl	FRAME_INFO(%eax), %esi
	movl	FRAME_UC(%eax), %ecx
	jmp	4b
	.cfi_endproc
	.size	sigbus_restorer, .-sigbus_restorer

#include "base/asm-notes.h"
