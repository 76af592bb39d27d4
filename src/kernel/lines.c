/* SPDX-License-Identifier: MIT */
/* A text of /proc, line by line, with the room that the caller gives. All [H]. */
#include <string.h>
#include "base/syscall.h"
#include "base/text.h"
#include "kernel/kernel.h"

bool lines_open(struct line_reader *reader, const char *name, char *bytes, size_t size)
{
	*reader = (struct line_reader){.fd = kernel_open_own(name), .bytes = bytes, .size = size};
	return reader->fd >= 0;
}

void lines_close(struct line_reader *reader)
{
	SYS_1(SYS_close, reader->fd);
}

static char *end_of_line(char *line, const char *behind)
{
	while (line < behind && *line != '\n')
		line++;
	return line < behind ? line : NULL;
}

char *lines_next(struct line_reader *reader)
{
	const size_t room = reader->size - 1;

	for (;;) {
		char *line = reader->bytes + reader->at;
		char *end = end_of_line(line, reader->bytes + reader->end);
		bool was_rest = reader->in_rest;
		long length;

		if (end) {
			*end = '\0';
			reader->at = (size_t)(end + 1 - reader->bytes);
			reader->in_rest = false;
			if (!was_rest)
				return line;
			continue;
		}
		reader->end -= reader->at;
		memmove(reader->bytes, line, reader->end);
		reader->at = 0;
		if (reader->end == room) { /* its beginning is all that is told of it */
			reader->bytes[room] = '\0';
			reader->at = room;
			reader->in_rest = true;
			if (!was_rest)
				return reader->bytes;
			continue;
		}
		length = SYS_3(SYS_read, reader->fd, reader->bytes + reader->end, room - reader->end);
		if (length <= 0) /* a last line without an end is none */
			return NULL;
		reader->end += (size_t)length;
	}
}

bool line_number(const char **at, unsigned base, char behind, uint64_t *value)
{
	return text_number(at, base, UINT64_MAX, value) && *(*at)++ == behind;
}
