/* SPDX-License-Identifier: MIT */
/*
 * What a step of a sequence does, for the runner and for the programs that are printed for a
 * difference: those consist of script(), of which each case is a script (see sequence.h).
 */
#ifndef STEPS_H
#define STEPS_H

#include <signal.h>
#include <stddef.h>
#include "sequence.h"

void script(int number);

/* Objects, handlers (aA is handler A of object a) and pages by their names. */
enum { a, b, c };
enum { aA, aB, aC, bA, bB, bC, cA, cB, cC, DFL, IGN, OLD };
enum { a0, a1, b0, b1, c0, c1, n0, n1 };
enum { NONE, USR1, BUS };

void install(int object, int what, int flags, int mask);
void query(void);
void touch(int page);
void heal(int page);
void lose(int page);
void raise_bus(void);
void sent(void);
void jump(int flags);
void jump_out(int flags);
void block(void);
void unblock(void);
void pending(void);
void alt_on(void);
void alt_off(void);
void start(int page);
void yield(void);
void resume(void);
void bounce(void);
void skip(void);
void leave(void);
void other(int number); /* that script in the other thread, while this one waits */

/* ---- between steps.c and the objects ---- */

struct object {
	/* what < LETTERS: a handler of its own. The old action is kept for "restore". */
	int (*install)(int letter, int flags, int mask, struct sigaction *old);
	int (*install_action)(const struct sigaction *action, struct sigaction *old);
	int (*restore)(struct sigaction *old);
	void (*handler[LETTERS])(int, siginfo_t *, void *);
	void *(*map)(int fd);
	void (**entered)(int object, int letter, siginfo_t *info, void *context);
};

/* Maps the pages and loads the objects; directory: where part-b.so and part-c.so are. */
void steps_begin(const char *directory, char *trace, uint32_t *facts);
/* Runs script 0 and ends the process. */
void steps_run(int with_thread);
/* As before the first step; called in the parent of those that ran. */
void steps_reset(void);

#endif
