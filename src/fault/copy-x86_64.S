/* SPDX-License-Identifier: MIT */
/*
 * int copy_bytes(void *to, const void *from, size_t length, size_t *copied): memcpy() that comes back
 * with -EFAULT when a page is lost.
 *
 * In: rdi to, rsi from, rdx length, rcx copied or NULL. There are no other tables than the labels: at
 * every instruction between copy_bytes and copy_retry the bytes before rdi are done and rdx are not,
 * so the handler sends a thread that faulted there to copy_retry, which goes on byte by byte. A second
 * fault, at copy_byte, leaves the exact count in rcx: the handler sends the thread to copy_stop.
 *
 * Not "rep movsb" for the bulk: where the two addresses have nearly the same offset in a page some
 * processors are forty times slower with it than with a loop.
 */
#define EFAULT 14

	.macro	done
	testq	%rcx, %rcx
	jz	.Lok\@
	movq	%r8, (%rcx)
.Lok\@:
	xorl	%eax, %eax
	ret
	.endm

	.text
	.globl	copy_bytes, copy_retry, copy_byte, copy_stop
	.hidden	copy_bytes, copy_retry, copy_byte, copy_stop
	.type	copy_bytes, @function
	.p2align 6
copy_bytes:
	.cfi_startproc
#ifdef __CET__
	endbr64
#endif
	movq	%rdx, %r8
	cmpq	$16, %rdx
	jb	.Lunder_16
	cmpq	$32, %rdx
	ja	.Lover_32
	movups	(%rsi), %xmm0
	movups	-16(%rsi,%rdx), %xmm1
	movups	%xmm0, (%rdi)
	movups	%xmm1, -16(%rdi,%rdx)
	done
.Lover_32:
	cmpq	$64, %rdx
	ja	.Lover_64
	movups	(%rsi), %xmm0
	movups	16(%rsi), %xmm1
	movups	-32(%rsi,%rdx), %xmm2
	movups	-16(%rsi,%rdx), %xmm3
	movups	%xmm0, (%rdi)
	movups	%xmm1, 16(%rdi)
	movups	%xmm2, -32(%rdi,%rdx)
	movups	%xmm3, -16(%rdi,%rdx)
	done
.Lunder_16:
	cmpq	$8, %rdx
	jb	.Lunder_8
	movq	(%rsi), %rax
	movq	-8(%rsi,%rdx), %r9
	movq	%rax, (%rdi)
	movq	%r9, -8(%rdi,%rdx)
	done
.Lunder_8:
	cmpq	$4, %rdx
	jb	.Lunder_4
	movl	(%rsi), %eax
	movl	-4(%rsi,%rdx), %r9d
	movl	%eax, (%rdi)
	movl	%r9d, -4(%rdi,%rdx)
	done
.Lunder_4:
	testq	%rdx, %rdx
	jz	1f
	movq	%rdx, %r11
	shrq	%r11
	movzbl	(%rsi), %eax
	movzbl	(%rsi,%r11), %r9d
	movzbl	-1(%rsi,%rdx), %r10d
	movb	%al, (%rdi)
	movb	%r9b, (%rdi,%r11)
	movb	%r10b, -1(%rdi,%rdx)
1:	done

.Lover_64:
	.p2align 5
1:	movups	(%rsi), %xmm0
	movups	16(%rsi), %xmm1
	movups	32(%rsi), %xmm2
	movups	48(%rsi), %xmm3
	movups	%xmm0, (%rdi)
	movups	%xmm1, 16(%rdi)
	movups	%xmm2, 32(%rdi)
	movups	%xmm3, 48(%rdi)
	addq	$64, %rsi
	addq	$64, %rdi
	subq	$64, %rdx
	cmpq	$64, %rdx
	ja	1b
	movups	-64(%rsi,%rdx), %xmm0
	movups	-48(%rsi,%rdx), %xmm1
	movups	-32(%rsi,%rdx), %xmm2
	movups	-16(%rsi,%rdx), %xmm3
	movups	%xmm0, -64(%rdi,%rdx)
	movups	%xmm1, -48(%rdi,%rdx)
	movups	%xmm2, -32(%rdi,%rdx)
	movups	%xmm3, -16(%rdi,%rdx)
	done

copy_retry:
	movq	%rcx, %r9
	movq	%rdx, %rcx
copy_byte:
	rep movsb
copy_stop:
	xorl	%eax, %eax
	movl	$-EFAULT, %edx
	testq	%rcx, %rcx
	cmovnz	%edx, %eax
	subq	%rcx, %r8
	testq	%r9, %r9
	jz	1f
	movq	%r8, (%r9)
1:	ret
	.cfi_endproc
	.size	copy_bytes, .-copy_bytes

#include "base/asm-notes.h"
