/* SPDX-License-Identifier: MIT */
/*
 * journal-read DIRECTORY: a program that reads a journal which is truncated meanwhile, and goes on
 * with the next file. It is not told of libsigbus at all. Without that it dies of a SIGBUS.
 *
 *   cc -D_GNU_SOURCE journal-read.c journal.c -o journal-read && sigbus-run ./journal-read /tmp
 */
#include "journal.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENTRIES 3000
#define KEPT 20480 /* bytes: whole pages; what is cut off within a page reads as zeroes */

static void fail(const char *what)
{
	perror(what);
	exit(99);
}

static void write_journal(const char *path)
{
	FILE *file = fopen(path, "w");

	for (int i = 0; file && i < ENTRIES; i++) {
		char text[32];
		uint32_t length = (uint32_t)snprintf(text, sizeof(text), "entry %d", i);

		fwrite(&length, sizeof(length), 1, file);
		fwrite(text, length, 1, file);
	}
	if (!file || fclose(file) != 0)
		fail(path);
}

static void read_all(struct journal *journal, const char *path, int truncate_at)
{
	char text[32], expected[32];
	int count = 0, result;

	while ((result = journal_next(journal, text, sizeof(text))) == 1) {
		snprintf(expected, sizeof(expected), "entry %d", count);
		if (strcmp(text, expected) != 0) {
			printf("not an entry: %s\n", text);
			exit(1);
		}
		if (++count == truncate_at && truncate(path, KEPT) < 0)
			fail(path);
	}
	printf("%s after %s entries\n", result < 0 ? strerror(-result) : "end",
		count == ENTRIES      ? "all"
		: count > truncate_at ? "some"
				      : "too few");
}

static void checksum(struct journal *journal, const char *path, int how_often)
{
	uint32_t sum[2];
	int error;

	if (journal_checksum(journal, &sum[0]) != 0 || journal_checksum(journal, &sum[1]) != 0 ||
		sum[0] != sum[1])
		printf("no checksum of a good file\n");
	if (truncate(path, KEPT) < 0)
		fail(path);
	for (int i = 0; i < how_often; i++) {
		error = journal_checksum(journal, &sum[0]);
		printf("checksum: %s\n", error ? strerror(-error) : "ok");
	}
}

static struct journal *open_new(const char *path)
{
	struct journal *journal;

	write_journal(path);
	if (journal_open(path, &journal) != 0)
		fail(path);
	return journal;
}

int main(int argc, char **argv)
{
	struct sigaction action;
	struct journal *journal;

	if (argc != 2) {
		fprintf(stderr, "usage: journal-read DIRECTORY\n");
		return 2;
	}
	if (chdir(argv[1]) < 0)
		fail(argv[1]);
	setvbuf(stdout, NULL, _IONBF, 0);
	journal = open_new("system.journal");
	read_all(journal, "system.journal", 100);
	journal_close(journal);
	journal = open_new("next.journal");
	read_all(journal, "next.journal", 0);
	checksum(journal, "next.journal", 2);
	journal_close(journal);
	sigaction(SIGBUS, NULL, &action);
	printf("handler: %s\n", action.sa_handler == SIG_DFL ? "none" : "one");
	return 0;
}
