/* SPDX-License-Identifier: MIT */
/* The one mapping that the program pages works on. */
#ifndef TESTS_PAGES_H
#define TESTS_PAGES_H

#include <stddef.h>

extern char *base;
extern size_t pages, page_size;

static inline char *page(size_t number)
{
	return base + number * page_size;
}

/* What page number of the file is filled with. */
static inline char letter(size_t number)
{
	return (char)('A' + number % 26);
}

/* The steps that look at the mapping without touching it. */
void do_show(const char *unused);
void do_perms(const char *unused);
void do_count(const char *unused);
void do_peek(const char *number);

/* The steps that take something away. */
void do_limit(const char *what);
void do_refuse(const char *words);

#endif
