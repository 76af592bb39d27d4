/* SPDX-License-Identifier: MIT */
/* Random sequences, and the shortest of those that differ in the same way. */
#ifndef GENERATE_H
#define GENERATE_H

#include <stdbool.h>
#include <stdio.h>
#include "sequence.h"

/* The same for the same seed and number. objects: how many install handlers. */
void generate(struct sequence *sequence, uint64_t seed, uint64_t number, int objects);
/* Takes away what is not needed for differs() to hold. */
void shrink(struct sequence *sequence, bool (*differs)(const struct sequence *, void *), void *data);
/* As a C program; title: a comment at its top, of one or more lines. */
void print_program(FILE *file, const struct sequence *sequence, const char *title);
/* In one line. */
void print_line(FILE *file, const struct sequence *sequence);

#endif
