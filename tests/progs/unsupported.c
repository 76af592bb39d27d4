/* SPDX-License-Identifier: MIT */
/* Stands for a program that looks at the registers of another machine. */
#include <stdio.h>

int main(void)
{
	puts("not written for this machine");
	return 77;
}
