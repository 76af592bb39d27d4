/* SPDX-License-Identifier: MIT */
/*
 * +hangup: when zeroes have taken the place of what a client took away, its connection is shut down.
 *
 * Only a connection that the program has accepted: those that it made itself are how it reaches its
 * bus, and a client's file may have come that way. An accepted socket has the name of the socket that
 * listened, and a client's end has none. A client that gave its end a name cannot be told from a
 * program that gave its own one a name: it is left alone. The descriptor stays the program's: it
 * reads the end of the file, as after any client's death.
 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "base/base.h"
#include "base/syscall.h"
#include "fault/hangup.h"
#include "owner/sender.h"
#include "policy/policy.h"

bool hangup_find(const struct fault *fault, struct sender *sender)
{
	struct vma vma;

	if (!fault->rule || !fault->rule->hangup || !fault->range.range)
		return false;
	if (fault->page->known) {
		*sender = fault->page->sender;
		return fault->page->sent;
	}
	return vma_query(fault->address, &vma, NULL, 0) == 0 && sender_of(fault->caller, &vma, sender);
}

/* The number may be another socket's by now. */
static bool is_connection(const struct sender *sender)
{
	uint64_t cookie = 0;
	socklen_t size = sizeof(cookie);

	return SYS_5(SYS_getsockopt, sender->socket, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 &&
	       cookie == sender->cookie;
}

static bool has_name(long get_name, int socket)
{
	struct sockaddr_un name;
	socklen_t size = sizeof(name);

	return SYS_3(get_name, socket, &name, &size) == 0 && size > sizeof(name.sun_family);
}

void hangup(struct fault *fault, const struct sender *sender)
{
	int socket = sender->socket;

	if (!has_name(SYS_getsockname, socket) || has_name(SYS_getpeername, socket) ||
		!is_connection(sender) || !sender_close_once(sender->cookie))
		return;
	fault->closed = SYS_2(SYS_shutdown, socket, SHUT_RDWR) == 0;
}
