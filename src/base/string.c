/* SPDX-License-Identifier: MIT */
/*
 * What the library uses of <string.h>, under the usual names and for itself alone: the loader has
 * nothing to look up, which costs each process about 700 instructions a name, and the handler runs
 * neither vector code nor an indirect function. Strings are short here; nothing is tuned.
 *
 * In each loop the compiler is kept from seeing what the loop does: it would call the function that
 * the loop is in.
 */
#include <stdint.h>
#include <string.h>

#define OPAQUE(pointer) __asm__("" : "+r"(pointer))
#define WORD sizeof(uintptr_t)

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
	char *at = to;

	for (; size >= WORD; size -= WORD, at += WORD, from = (const char *)from + WORD) {
		OPAQUE(from);
		__builtin_memcpy(at, from, WORD);
	}
	for (; size; size--, from = (const char *)from + 1) {
		OPAQUE(from);
		*at++ = *(const char *)from;
	}
	return to;
}

void *memmove(void *to, const void *from, size_t size)
{
	const char *source = from;
	char *at = to;

	if ((uintptr_t)at - (uintptr_t)source >= size)
		return memcpy(to, from, size);
	while (size--) {
		OPAQUE(source);
		at[size] = source[size];
	}
	return to;
}

void *memset(void *to, int byte, size_t size)
{
	uintptr_t word = (unsigned char)byte * (UINTPTR_MAX / 0xff);
	char *at = to;

	for (; size >= WORD; size -= WORD, at += WORD) {
		OPAQUE(at);
		__builtin_memcpy(at, &word, WORD);
	}
	for (; size; size--) {
		OPAQUE(at);
		*at++ = (char)byte;
	}
	return to;
}

int memcmp(const void *one, const void *other, size_t size)
{
	const unsigned char *a = one, *b = other;

	for (; size; size--, a++, b++) {
		OPAQUE(a);
		if (*a != *b)
			return *a - *b;
	}
	return 0;
}

/* Some compilers call it for memcmp() == 0. */
int bcmp(const void *one, const void *other, size_t size)
{
	return memcmp(one, other, size);
}

void *memchr(const void *bytes, int byte, size_t size)
{
	const unsigned char *at = bytes;

	for (; size; size--, at++) {
		OPAQUE(at);
		if (*at == (unsigned char)byte)
			return (void *)at;
	}
	return NULL;
}

void *memrchr(const void *bytes, int byte, size_t size)
{
	const unsigned char *at = bytes;

	while (size--) {
		OPAQUE(at);
		if (at[size] == (unsigned char)byte)
			return (void *)(at + size);
	}
	return NULL;
}

size_t strnlen(const char *string, size_t size)
{
	size_t length = 0;

	while (length < size && string[length]) {
		OPAQUE(length);
		length++;
	}
	return length;
}

size_t strlen(const char *string)
{
	return strnlen(string, SIZE_MAX);
}

int strncmp(const char *one, const char *other, size_t size)
{
	for (; size && *one && *one == *other; size--, one++, other++)
		OPAQUE(one);
	return size ? (unsigned char)*one - (unsigned char)*other : 0;
}

int strcmp(const char *one, const char *other)
{
	return strncmp(one, other, SIZE_MAX);
}

char *strchr(const char *string, int byte)
{
	return memchr(string, byte, strlen(string) + 1);
}

char *strrchr(const char *string, int byte)
{
	return memrchr(string, byte, strlen(string) + 1);
}

char *strstr(const char *string, const char *wanted)
{
	size_t length = strlen(wanted);

	for (; *string; string++)
		if (strncmp(string, wanted, length) == 0)
			return (char *)string;
	return *wanted ? NULL : (char *)string;
}
