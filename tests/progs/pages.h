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

/* The steps of signals, and what may stop at a misaligned access. */
void do_handler(const char *mode);
void do_handlers(const char *number);
void do_forward(const char *unused);
void do_block(const char *how);
void do_unblock(const char *unused);
void do_mask(const char *unused);
void do_send(const char *how);
void do_forge(const char *number);
void do_late(const char *number);
void do_crowd(const char *number);
void do_signalfd(const char *unused);

#if defined(__x86_64__)
#define AC_SET "pushfq; orl $0x40000, (%%rsp); popfq"
#define AC_CLEAR "pushfq; andl $~0x40000, (%%rsp); popfq"
#elif defined(__i386__)
#define AC_SET "pushf; orl $0x40000, (%%esp); popf"
#define AC_CLEAR "pushf; andl $~0x40000, (%%esp); popf"
#else /* no such flag: align:P is an access like others */
#define AC_SET ""
#define AC_CLEAR ""
#endif

/* The steps that take something away. */
void do_limit(const char *what);
void do_refuse(const char *words);
void do_hang(const char *words);
void do_chroot(const char *directory);
void do_pivot(const char *directory);
void do_run(const char *command);
void do_undumpable(const char *unused);
void do_keepcaps(const char *user);

#endif
