/* SPDX-License-Identifier: MIT */
/*
 * An actor is a part of a process that maps files and installs SIGBUS handlers: a shared object, or
 * the program itself when actor.c is linked into it. Each has its own state.
 */
#ifndef TESTS_ACTOR_H
#define TESTS_ACTOR_H

#include <signal.h>

#define ACTOR_PAGE 4096
#define ACTOR_PAGES 2	   /* of each mapping */
#define ACTOR_DATA 0x42	   /* what the file is filled with */
#define ACTOR_OWN 0xa1	   /* what a handler that repairs leaves in a page of its own actor */
#define ACTOR_FOREIGN 0xf0 /* ... and in another's */
#define ACTOR_JUMPED (-1)  /* a handler left by siglongjmp() */

struct actor {
	/* Installs the handler called mode; flags: words of nodefer, resethand, signal, sysv. */
	int (*install)(const char *mode, const char *flags);
	/* Sets what a handler has to go for: "dfl", "ign", or "old", the saved action of mode. */
	int (*uninstall)(const char *what, const char *mode);
	int (*map)(int prot, int flags); /* a new memfd: the number of the mapping, or -1 */
	int (*protect)(int number, int prot);
	int (*truncate)(int number);
	int (*touch)(int number); /* the first byte, or ACTOR_JUMPED */
	int (*store)(int number, int value);
	void (*bracket)(int inside); /* for the handler "bracket" */
	void *(*address)(int number);
	int (*calls)(const char *mode); /* how often the handler was entered for a fault */
	int (*sent)(void);		/* how often any was entered for a sent signal */
	int (*foreign)(void);		/* ... for a fault outside the actor's mappings */
	const char *(*mode_of)(const struct sigaction *action); /* NULL: not ours */
};

extern const struct actor actor;

#endif
