/* SPDX-License-Identifier: MIT */
/*
 * journald's native protocol: one datagram a message. All [H].
 *
 * Each value is given with its length in front: so it may hold anything, also line feeds. What does
 * not fit is left out as a whole field, for half a one would make journald drop the message.
 */
#include <endian.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "base/syscall.h"
#include "base/text.h"
#include "kernel/kernel.h"
#include "report/formats.h"

static void add_name(struct text *text, const char *prefix, const char *name)
{
	text_add(text, prefix);
	for (; *name; name++) {
		char letter = *name >= 'a' && *name <= 'z' ? (char)(*name - 'a' + 'A') : *name;

		text_bytes(text, &letter, 1);
	}
	text_add(text, "\n");
}

struct journal_field journal_begin(struct text *text, const char *prefix, const char *name)
{
	struct journal_field field = {.before = *text};
	const char zero[sizeof(uint64_t)] = {0};

	add_name(text, prefix, name);
	text_bytes(text, zero, sizeof(zero));
	field.value_at = text->length;
	return field;
}

void journal_end(struct text *text, const struct journal_field *field)
{
	uint64_t length = htole64(text->length - field->value_at);

	text_add(text, "\n");
	if (text->cut)
		*text = field->before;
	else
		memcpy(text->buffer + field->value_at - sizeof(length), &length, sizeof(length));
}

static void add_text(struct text *text, const char *name, const char *value)
{
	struct journal_field field = journal_begin(text, "", name);

	text_add(text, value);
	journal_end(text, &field);
}

void journal_head(struct text *text, enum journal_priority priority)
{
	char digit[] = {(char)('0' + priority), '\0'};

	add_text(text, "SYSLOG_IDENTIFIER", "libsigbus");
	add_text(text, "PRIORITY", digit);
}

void journal_note(struct text *text, const char *note)
{
	journal_head(text, JOURNAL_WARNING);
	add_text(text, "MESSAGE", note);
}

static long send_datagram(int fd, struct iovec *part)
{
	static const struct sockaddr_un address = {
		.sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET};
	struct msghdr message = {.msg_name = (void *)&address,
		.msg_namelen = sizeof(address),
		.msg_iov = part,
		.msg_iovlen = 1};

	return SYS_3(SYS_sendmsg, fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* A socket for each report: the program sees no descriptor of ours, and can't close it. */
long journal_send(struct lines *lines)
{
	long fd = SYS_3(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	long sent = 0;

	if (fd < 0)
		return fd;
	for (int i = 0; i < 2; i++) {
		long result = lines->part[i].iov_len ? send_datagram((int)fd, &lines->part[i]) : 0;

		if (result < 0) {
			sent = sent > 0 ? sent : result;
			break;
		}
		sent += result;
	}
	SYS_1(SYS_close, fd);
	return sent;
}
