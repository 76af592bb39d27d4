/* SPDX-License-Identifier: MIT */
/* Between the library and the program sigbus-backtrace, which fills the frames in. */
#ifndef SIGBUS_BACKTRACE_H
#define SIGBUS_BACKTRACE_H

#include <stdbool.h>
#include <stdint.h>

#define BACKTRACE_FRAMES 32
#define BACKTRACE_SYMBOL 112

/* The first is where the thread was interrupted, the others are return addresses. */
struct backtrace_frame {
	uint64_t pc;		       /* 0: there are no more */
	uint64_t offset;	       /* from the start of the symbol */
	char symbol[BACKTRACE_SYMBOL]; /* "": not known */
};

/* What the program writes: of each frame at least one. */
struct backtrace_part {
	uint64_t number;
	struct backtrace_frame frame;
};

struct backtrace {
	const char *problem; /* NULL: there is one */
	unsigned count;
	const struct backtrace_frame *frame;
};

/* Finds the program that makes them. At the start, where they are wanted. */
void backtrace_init(void);

#endif
