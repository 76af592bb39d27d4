/* SPDX-License-Identifier: MIT */
/*
 * A reader of journal files in miniature (journal.h): no signal handler of its own. Small
 * structures are copied out; where much is read in place there is a bracket. Entries are a 32-bit
 * length and text.
 */
#include "journal.h"

#define SIGBUS_OPTIONAL
#include <sigbus/sigbus.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct journal {
	const unsigned char *map;
	size_t size, at;
	struct sigbus_owner *owner; /* NULL: a lost page ends the program, as ever */
};

/* What is read in place goes on with zeroes: the bracket's end tells. */
static int page_lost(const struct sigbus_fault *fault, void *data)
{
	(void)fault, (void)data;
	return SIGBUS_ZERO;
}

static void register_file(struct journal *journal)
{
	if (sigbus_owner_create("journal", page_lost, NULL, &journal->owner) == 0 &&
		sigbus_range_add(journal->owner, (void *)journal->map, journal->size) != 0) {
		sigbus_owner_destroy(journal->owner);
		journal->owner = NULL;
	}
}

static int map_file(struct journal *journal, int fd)
{
	struct stat status;
	void *map;

	if (fstat(fd, &status) < 0)
		return -errno;
	journal->size = (size_t)status.st_size;
	map = mmap(NULL, journal->size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	journal->map = map;
	register_file(journal);
	return 0;
}

int journal_open(const char *path, struct journal **result)
{
	struct journal *journal = calloc(1, sizeof(*journal));
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int error = !journal ? -ENOMEM : fd < 0 ? -errno : map_file(journal, fd);

	if (fd >= 0)
		close(fd);
	if (error)
		free(journal);
	else
		*result = journal;
	return error;
}

static int copy_out(const struct journal *journal, size_t at, void *to, size_t length)
{
	int error;

	if (at > journal->size || length > journal->size - at)
		return -EBADMSG;
	error = sigbus_copy_from(to, journal->map + at, length, NULL);
	if (error == -ENOSYS)
		memcpy(to, journal->map + at, length);
	return error == -EFAULT ? -EIO : 0;
}

int journal_next(struct journal *journal, char *text, size_t size)
{
	uint32_t length;
	int error;

	if (journal->at == journal->size)
		return 0;
	error = copy_out(journal, journal->at, &length, sizeof(length));
	if (error)
		return error;
	if (length < size)
		size = length + 1;
	error = copy_out(journal, journal->at + sizeof(length), text, size - 1);
	if (error)
		return error;
	text[size - 1] = '\0';
	journal->at += sizeof(length) + length;
	return 1;
}

int journal_checksum(struct journal *journal, uint32_t *sum)
{
	struct sigbus_access access;

	sigbus_access_begin(&access, journal->map, journal->size);
	*sum = 0;
	for (size_t i = 0; i < journal->size; i++)
		*sum = *sum * 31 + journal->map[i];
	return sigbus_access_end(&access) == -EFAULT ? -EIO : 0;
}

void journal_close(struct journal *journal)
{
	if (journal->owner)
		sigbus_owner_destroy(journal->owner);
	munmap((void *)journal->map, journal->size);
	free(journal);
}
