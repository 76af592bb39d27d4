/* SPDX-License-Identifier: MIT */
/*
 * A reader of journal files in miniature, for programs of others: files may be truncated, rotated or
 * on a disk that goes while they are mapped. That is an error of the call, not the end of the program.
 */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <stddef.h>
#include <stdint.h>

struct journal;

/* 0 or -errno, as everywhere here. -EIO: the file was lost below us; it may be closed and opened anew. */
int journal_open(const char *path, struct journal **journal);
/* The next entry, cut to size - 1 bytes: 1, or 0 at the end. */
int journal_next(struct journal *journal, char *text, size_t size);
/* Of the whole file. */
int journal_checksum(struct journal *journal, uint32_t *sum);
void journal_close(struct journal *journal);

#endif
