/* SPDX-License-Identifier: MIT */
/*
 * int copy_bytes(void *to, const void *from, size_t length, size_t *copied): memcpy() that comes back
 * with -EFAULT when a page is lost.
 *
 * In: x0 to, x1 from, x2 length, x3 copied or NULL. There are no other tables than the labels: at
 * every instruction between copy_bytes and copy_retry the bytes before x0 are done and x2 are not, so
 * the handler sends a thread that faulted there to copy_retry, which goes on byte by byte. A second
 * fault, behind copy_byte, leaves the exact count in x2: the handler sends the thread to copy_stop.
 */
#define EFAULT 14

	.macro	done
	cbz	x3, .Lok\@
	str	x4, [x3]
.Lok\@:
	mov	w0, #0
	ret
	.endm

	.text
	.globl	copy_bytes, copy_retry, copy_byte, copy_stop
	.hidden	copy_bytes, copy_retry, copy_byte, copy_stop
	.type	copy_bytes, %function
	.p2align 6
copy_bytes:
	.cfi_startproc
	hint	#34			/* bti c */
	mov	x4, x2
	add	x5, x1, x2		/* the ends */
	add	x6, x0, x2
	cmp	x2, #16
	b.lo	.Lunder_16
	cmp	x2, #32
	b.hi	.Lover_32
	ldr	q0, [x1]
	ldur	q1, [x5, #-16]
	str	q0, [x0]
	stur	q1, [x6, #-16]
	done
.Lover_32:
	cmp	x2, #64
	b.hi	.Lover_64
	ldp	q0, q1, [x1]
	ldp	q2, q3, [x5, #-32]
	stp	q0, q1, [x0]
	stp	q2, q3, [x6, #-32]
	done
.Lunder_16:
	tbz	x2, #3, .Lunder_8
	ldr	x7, [x1]
	ldur	x8, [x5, #-8]
	str	x7, [x0]
	stur	x8, [x6, #-8]
	done
.Lunder_8:
	tbz	x2, #2, .Lunder_4
	ldr	w7, [x1]
	ldur	w8, [x5, #-4]
	str	w7, [x0]
	stur	w8, [x6, #-4]
	done
.Lunder_4:
	cbz	x2, 1f
	lsr	x9, x2, #1
	ldrb	w7, [x1]
	ldrb	w8, [x1, x9]
	ldurb	w10, [x5, #-1]
	strb	w7, [x0]
	strb	w8, [x0, x9]
	sturb	w10, [x6, #-1]
1:	done

.Lover_64:
	ldp	q0, q1, [x1]
	ldp	q2, q3, [x1, #32]
	stp	q0, q1, [x0]
	stp	q2, q3, [x0, #32]
	add	x1, x1, #64
	add	x0, x0, #64
	sub	x2, x2, #64
	cmp	x2, #64
	b.hi	.Lover_64
	ldp	q0, q1, [x5, #-64]
	ldp	q2, q3, [x5, #-32]
	stp	q0, q1, [x6, #-64]
	stp	q2, q3, [x6, #-32]
	done

copy_retry:
copy_byte:
	cbz	x2, copy_stop
	ldrb	w7, [x1]
	strb	w7, [x0]
	add	x1, x1, #1
	add	x0, x0, #1
	sub	x2, x2, #1
	b	copy_byte
copy_stop:
	sub	x4, x4, x2
	cbz	x3, 1f
	str	x4, [x3]
1:	mov	w0, #-EFAULT
	cmp	x2, #0
	csel	w0, wzr, w0, eq
	ret
	.cfi_endproc
	.size	copy_bytes, .-copy_bytes

#include "base/asm-notes.h"
