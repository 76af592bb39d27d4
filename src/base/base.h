/* SPDX-License-Identifier: MIT */
/*
 * Room base: words that all rooms share, text, globs and raw system calls. No state, and no system
 * call but through base/syscall.h. Calls nothing; every room may call it.
 *
 * In all headers [H] marks a function that the signal handler may reach: it is async-signal-safe,
 * takes no lock that the interrupted code could hold, never allocates with malloc, never resolves a
 * symbol, and makes system calls only through sys_*.
 */
#ifndef SIGBUS_BASE_H
#define SIGBUS_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE ((uintptr_t)1 << PAGE_SHIFT)
#define PAGE_MASK (~(PAGE_SIZE - 1))
static inline size_t whole_pages(size_t size)
{
	return (size + PAGE_SIZE - 1) & PAGE_MASK;
}
/*
 * Mappings at addresses with more bits are not tracked, and counted as that. The number of a page and a
 * number of pages share 63 bits of a geometry (table/table.h), so each bit more of addresses halves the
 * longest range.
 */
#if defined(__aarch64__)
#define ADDRESS_BITS 48
#elif defined(__i386__)
#define ADDRESS_BITS 32
#else
#define ADDRESS_BITS 47
#endif
#if defined(__i386__)
#define ADDRESS_END (UINTPTR_MAX & PAGE_MASK) /* the last page is the kernel's */
#else
#define ADDRESS_END ((uintptr_t)1 << ADDRESS_BITS)
#endif

#define HIDDEN __attribute__((visibility("hidden")))
#define EXPORT __attribute__((visibility("default")))
/*
 * Another exported name of a function. gcc wants its attributes (nothrow, leaf) to be said of each
 * name; clang has no word for that, and no such want.
 */
#if __has_attribute(copy)
#define ALIAS(function) __attribute__((alias(#function), copy(function))) EXPORT
#else
#define ALIAS(function) __attribute__((alias(#function))) EXPORT
#endif
#define TLS static __thread __attribute__((tls_model("initial-exec")))
/*
 * Not inlined: its large locals must be off the stack before the caller calls on, for an alternate
 * signal stack may have 2 KiB.
 */
#define APART __attribute__((noinline))
/* Big or sparsely used: behind all else, so that what each process writes is on few pages. */
#define LARGE __attribute__((section(".bss.large")))
/* Once in each process: the linker puts it in front, so that a start runs code of few pages. */
#define ONCE __attribute__((section(".text.startup")))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define SIGNAL_BIT(signo) ((uint64_t)1 << ((signo)-1))

#endif
