/* SPDX-License-Identifier: MIT */
/*
 * A program that does one kind of work over and over, for bench to compare with and without us.
 *
 *	work NAME RANGES SIZE HANDLER
 *
 * Each 32-bit number n on its input is answered by the nanoseconds that n operations took, as a
 * 64-bit number; the first answer, unasked, says that it is set up.
 */
#ifndef SIGBUS_BENCH_WORK_H
#define SIGBUS_BENCH_WORK_H

#include <stdint.h>
#include <stddef.h>

#define PAGE ((size_t)4096)

struct work {
	const char *name;
	void (*set_up)(void); /* or NULL */
	/* Nanoseconds for so many operations. */
	uint64_t (*run)(unsigned operations);
};
/* Ends with a nameless one. */
extern const struct work *const works[];

/* How it was called. */
struct order {
	unsigned ranges; /* live mappings of a file beside what is worked on */
	size_t size;	 /* of a mapping */
	const char *handler;
};
extern struct order order;

/* Of this thread alone: what others do on the machine is left out as far as can be. */
uint64_t processor_time(void);
uint64_t wall_time(void);
void fail(const char *what) __attribute__((noreturn));
/* A file of zeroes in memory. */
int make_file(size_t size);
void touch(const volatile char *page);

#endif
