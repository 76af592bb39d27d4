/* SPDX-License-Identifier: MIT */
/* The cells of sig-matrix, and what is noted in one. */
#ifndef SIG_MATRIX_H
#define SIG_MATRIX_H

#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>

#define LOST ((char *)(sizeof(long) == 8 ? 0x200000000 : 0x20000000))
#ifdef SYS_mmap2
#undef SYS_mmap
#define SYS_mmap SYS_mmap2
#endif
#define PAGE 4096
#define CALLS_MAX 4

enum send { FAULT, RAISE, KILL, QUEUE, THREAD_KILL, FORGED, SENDS };
enum disposition { DEFAULT, IGNORED, HANDLER, DISPOSITIONS };
enum context { MAIN, THREAD, FORK, CONTEXTS };
enum nested { PLAIN, SAME, OTHER, NESTED };

extern struct cell {
	unsigned flags;
	int alternate, blocked;
	enum send send;
	enum disposition disposition;
	enum context context;
	enum nested nested;
} cell;

/* What a handler saw. */
struct call {
	int signo, code, about, alternate, errno_kept, right_thread;
	uint64_t mask, saved_mask;
};

/* What the acting thread saw after the signal, and after it unblocked SIGBUS. */
struct view {
	int seen, calls, pending, handler, flags, errno_now;
	uint64_t mask;
};

extern struct notes {
	volatile int calls;
	struct call call[CALLS_MAX], other;
	struct view after, unblocked;
	int inner_status;
} * notes;

int run_cell(void); /* returns the wait status */

#endif
