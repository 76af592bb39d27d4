/* SPDX-License-Identifier: MIT */
/*
 * Raw system calls: no errno, no cancellation point, no interposition, nothing to bind.
 * They are what the signal handler uses, and what the hooks use before the next functions are known.
 */
#ifndef SIGBUS_SYSCALL_H
#define SIGBUS_SYSCALL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

/*
 * Part of its caller also where nothing is optimized: a clone() that shares the stack returns twice,
 * and a function of its own would have its frame written over when it does so first.
 */
#define IN_CALLER static inline __attribute__((always_inline))

#if defined(__x86_64__)
IN_CALLER long sys_call(long number, long a, long b, long c, long d, long e, long f)
{
	long result;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}
#elif defined(__aarch64__)
IN_CALLER long sys_call(long number, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}
#elif defined(__i386__)
/* All registers are taken: the last argument goes by the stack, on which no operand may lie then. */
IN_CALLER long sys_call(long number, long a, long b, long c, long d, long e, long f)
{
	long result;

	__asm__ volatile("pushl %7; pushl %%ebp; movl 4(%%esp), %%ebp; int $0x80;"
			 "popl %%ebp; addl $4, %%esp"
			 : "=a"(result)
			 : "0"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e), "g"(f)
			 : "memory");
	return result;
}

/* Of several, the call with 64 bits for offsets, sizes, times and the like. */
#undef SYS_clock_gettime
#undef SYS_fcntl
#undef SYS_fstat
#undef SYS_geteuid
#undef SYS_getuid
#undef SYS_mmap
#define SYS_clock_gettime SYS_clock_gettime64
#define SYS_fcntl SYS_fcntl64
#define SYS_fstat SYS_fstat64
#define SYS_geteuid SYS_geteuid32
#define SYS_getuid SYS_getuid32
#define SYS_mmap SYS_mmap2
#else
#error "libsigbus knows the system calls of x86-64, i386 and aarch64 only"
#endif

#define SYS_0(n) sys_call(n, 0, 0, 0, 0, 0, 0)
#define SYS_1(n, a) sys_call(n, (long)(a), 0, 0, 0, 0, 0)
#define SYS_2(n, a, b) sys_call(n, (long)(a), (long)(b), 0, 0, 0, 0)
#define SYS_3(n, a, b, c) sys_call(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define SYS_4(n, a, b, c, d) sys_call(n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define SYS_5(n, a, b, c, d, e)                                                                    \
	sys_call(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define SYS_6(n, a, b, c, d, e, f)                                                                 \
	sys_call(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* Of a call that returns an address: on i386 half of them are negative numbers. */
static inline int is_error(long result)
{
	return (unsigned long)result >= -4095ul;
}

/* Less than a second. */
static inline void sys_nap(int64_t nanoseconds)
{
	long time[2] = {0, (long)nanoseconds}; /* struct timespec */

	SYS_2(SYS_nanosleep, time, 0);
}

/* i386 has 64 bits in two arguments, and the size of the structure in one. */
static inline long sys_fallocate(int fd, int mode, int64_t offset, int64_t length)
{
#if defined(__i386__)
	return SYS_6(SYS_fallocate, fd, mode, offset, offset >> 32, length, length >> 32);
#else
	return SYS_4(SYS_fallocate, fd, mode, offset, length);
#endif
}

/* buffer: struct statfs */
static inline long sys_fstatfs(int fd, void *buffer, size_t size)
{
#if defined(__i386__)
	return SYS_3(SYS_fstatfs64, fd, size, buffer);
#else
	(void)size;
	return SYS_2(SYS_fstatfs, fd, buffer);
#endif
}

#endif
