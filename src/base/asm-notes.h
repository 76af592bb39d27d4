/* SPDX-License-Identifier: MIT */
/*
 * What each assembly file ends with: its stack is not executable, and its code goes with what the
 * compiler was told to make: shadow stacks and indirect branch tracking (x86), branch targets (aarch64).
 * One object without these notes takes them from the whole library.
 */
#if defined(__CET__)
#include <cet.h>
#elif defined(__ARM_FEATURE_BTI_DEFAULT)
	.pushsection .note.gnu.property, "a", %note
	.p2align 3
	.long	4, 16, 5 /* "GNU", what follows, NT_GNU_PROPERTY_TYPE_0 */
	.asciz	"GNU"
	.long	0xc0000000, 4, 1, 0 /* GNU_PROPERTY_AARCH64_FEATURE_1_AND: BTI */
	.popsection
#endif
	.section .note.GNU-stack, "", %progbits
