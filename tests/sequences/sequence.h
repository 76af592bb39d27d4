/* SPDX-License-Identifier: MIT */
/*
 * A sequence: what a program does about SIGBUS, in 2 to 8 steps, and what it saw.
 *
 * The steps stand in scripts. Script 0 is the program's main thread; script N is what the N-th
 * entry into any handler does, whichever handler that is. So a handler may do one thing when it is
 * entered first and another when it is entered again, and no sequence runs for ever: after
 * ENTRIES_MAX entries it ends itself.
 */
#ifndef SEQUENCE_H
#define SEQUENCE_H

#include <stdint.h>

#define STEPS_MAX 8
#define SCRIPTS (STEPS_MAX + 1)
#define OBJECTS 3
#define LETTERS 3
#define PAGES 8 /* two of each object, two that are nobody's (mapped by raw system calls) */
#define ENTRIES_MAX 14
#define TRACE_BYTES 1000

/* object: whose code calls sigaction(); page: what is touched, healed or lost. */
enum op {
	OP_INSTALL,  /* what, with flags and mask */
	OP_QUERY,    /* sigaction(SIGBUS, NULL, &old) */
	OP_TOUCH,    /* reads a byte of the page */
	OP_HEAL,     /* the page's file grows again */
	OP_LOSE,     /* ... and is truncated */
	OP_RAISE,    /* raise(SIGBUS) */
	OP_SENT,     /* the other thread sends this one SIGBUS by pthread_kill(), before the next step */
	OP_JUMP,     /* siglongjmp() to the step that the handler interrupted */
	OP_JUMP_OUT, /* ... to the outermost step of the thread */
	OP_BLOCK,
	OP_UNBLOCK,
	OP_PENDING, /* sigpending() */
	OP_ALT_ON,
	OP_ALT_OFF,
	OP_START,  /* a coroutine touches the page */
	OP_YIELD,  /* swapcontext() out of the coroutine, which stays where it is */
	OP_RESUME, /* ... and back into it */
	OP_BOUNCE, /* swapcontext() to another stack and back at once */
	OP_SKIP,   /* the handler moves the program counter behind the access */
	OP_EXIT,   /* _exit(33) */
	OPS
};

enum { /* step.what: the handlers of the objects in turn, LETTERS each, then: */
	WHAT_DFL = OBJECTS * LETTERS,
	WHAT_IGN,
	WHAT_OLD, /* what the object's last install found */
	WHATS
};

enum { /* step.flags */
	ONSTACK = 1,
	NODEFER = 2,
	RESETHAND = 4,
	NO_MASK = 1, /* of a jump: the mask stays as it is in the handler */
};

enum { /* step.mask: the handler's sa_mask */
	MASK_EMPTY,
	MASK_USR1,
	MASK_BUS,
	MASKS
};

struct step {
	uint8_t op, script, object, what, flags, mask, page;
	uint8_t other; /* the other thread does it, while this one waits */
};

struct sequence {
	uint8_t count;
	struct step step[STEPS_MAX];
};

/* What must not be compared, or compared with what. */
enum {
	FACT_BLOCKED = 1,    /* a fault with SIGBUS blocked outside of handlers that are still running */
	FACT_IGNORED = 2,    /* raise() in a handler while SIGBUS was ignored */
	FACT_OBJECTS = 4,    /* more than one object has changed the disposition */
	FACT_UNDEFINED = 8,  /* nobody can say what comes: a stack was used twice */
	FACT_SILENT = 16,    /* the rules do not say */
};

struct outcome {
	int32_t status;	 /* as of waitpid(); STATUS_HUNG */
	uint32_t facts;
	int32_t told; /* lines about a loss; 0 where nobody counts them */
	char trace[TRACE_BYTES]; /* ends in a zero byte */
};

#define LOG_FD 9 /* of a runner whose library writes its lines there */

#define STATUS_HUNG (-1)
#define EXIT_ENTRIES 44 /* the handler was entered ENTRIES_MAX times */
#define EXIT_STEP 33    /* OP_EXIT */

#endif
