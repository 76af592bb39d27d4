/* SPDX-License-Identifier: MIT */
/* Pages that several threads use while their owner maps, moves, cuts and loses them: see churn.c.
 */
#ifndef SIGBUS_TESTS_CHURN_H
#define SIGBUS_TESTS_CHURN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE 4096
#define MAPPERS 8
#define VISITORS 4
#define PARTIES (MAPPERS + VISITORS)
#define SLOTS 8
#define SLOT_PAGES 16

/*
 * What a page is, and from USER on how many parties use it now: only its mapper changes it, and
 * only while nobody uses it. LOST: each party has a word there, at first 0. HOLE: a page of a file
 * that is not lost yet, which reads as zeroes. CANARY: somebody else's memory.
 */
enum { NONE, LOST, HOLE, CANARY, KINDS, USER = 256 };

struct page {
	_Atomic uint32_t state;
	uint64_t word[PARTIES];
};

struct slot {
	char *base;
	size_t pages; /* 0: free */
	int fd;	      /* to be truncated, or -1 */
	struct page page[SLOT_PAGES];
};

struct party {
	unsigned id;
	uint64_t seed, stamp;
	_Atomic uint64_t turns;
	struct slot slot[SLOTS]; /* of a mapper */
	char *arena; /* SLOT_PAGES that it maps over and over, and may leave half done */
};
extern struct party party[PARTIES];
extern int lost_fd;

/* What was done, and what went wrong. */
extern struct churn_counts {
	_Atomic uint64_t mapped, unmapped, overlaid, moved, truncated, canaries, touched, forked;
	_Atomic uint64_t loaded, refused, jumped, signals;
	_Atomic uint64_t lost_writes, foreign, not_empty, bad_children, bad_signals;
} count;

unsigned random_below(struct party *me, unsigned limit);

/* A word of the page is checked or written. False: it is not there to be used. */
bool page_touch(struct party *me, struct slot *slot, size_t number);
void op_map(struct party *me, struct slot *slot);
void op_unmap(struct party *me, struct slot *slot);
void op_overlay(struct party *me, struct slot *slot);
void op_move(struct party *me, struct slot *slot);
void op_truncate(struct party *me, struct slot *slot);
bool slots_intact(struct party *me); /* what the party itself has written; in a fork child */
void *map_lost(char *where, size_t pages, int flags);

#endif
