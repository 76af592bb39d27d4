/* SPDX-License-Identifier: MIT */
/*
 * int copy_bytes(void *to, const void *from, size_t length, size_t *copied): memcpy() that comes back
 * with -EFAULT when a page is lost.
 *
 * copied: NULL or where the count goes. The string instructions stop with exact registers: at a fault
 * ecx words are left in the first one, and the handler sends the thread to copy_retry, which goes on
 * byte by byte. A second fault, at copy_byte, leaves the exact count in ecx: the handler sends the
 * thread to copy_stop.
 */
#define EFAULT 14
#define TO 12
#define FROM 16
#define LENGTH 20
#define COPIED 24

	.text
	.globl	copy_bytes, copy_retry, copy_byte, copy_stop
	.hidden	copy_bytes, copy_retry, copy_byte, copy_stop
	.type	copy_bytes, @function
	.p2align 4
copy_bytes:
	.cfi_startproc
#ifdef __CET__
	endbr32
#endif
	pushl	%edi
	.cfi_adjust_cfa_offset 4
	.cfi_rel_offset edi, 0
	pushl	%esi
	.cfi_adjust_cfa_offset 4
	.cfi_rel_offset esi, 0
	movl	TO(%esp), %edi
	movl	FROM(%esp), %esi
	movl	LENGTH(%esp), %edx
	movl	%edx, %ecx
	shrl	$2, %ecx
	rep movsl
copy_retry:
	andl	$3, %edx
	leal	(%edx,%ecx,4), %ecx
copy_byte:
	rep movsb
copy_stop:
	movl	LENGTH(%esp), %edx
	subl	%ecx, %edx
	movl	COPIED(%esp), %esi
	testl	%esi, %esi
	jz	1f
	movl	%edx, (%esi)
1:	xorl	%eax, %eax
	testl	%ecx, %ecx
	jz	2f
	movl	$-EFAULT, %eax
2:	popl	%esi
	.cfi_adjust_cfa_offset -4
	.cfi_restore esi
	popl	%edi
	.cfi_adjust_cfa_offset -4
	.cfi_restore edi
	ret
	.cfi_endproc
	.size	copy_bytes, .-copy_bytes

#include "base/asm-notes.h"
