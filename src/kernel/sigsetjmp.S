/* SPDX-License-Identifier: MIT */
/*
 * __sigsetjmp(), for ourselves: a jump to the C library's, which finds the caller's frame as if it had
 * been called there. It is the first member of struct real.
 */
	.text
	.globl	__sigsetjmp
	.hidden	__sigsetjmp
	.type	__sigsetjmp, %function
__sigsetjmp:
#if defined(__x86_64__)
	jmp	*real(%rip)
#elif defined(__i386__)
	call	1f
1:	popl	%ecx
	movl	real - 1b(%ecx), %ecx
	jmp	*%ecx
#elif defined(__aarch64__)
	adrp	x16, real
	ldr	x16, [x16, #:lo12:real]
	br	x16
#endif
	.size	__sigsetjmp, . - __sigsetjmp

#include "base/asm-notes.h"
