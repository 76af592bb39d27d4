/* SPDX-License-Identifier: MIT */
/* The functions by which descriptors come and are copied: who sent a file is remembered with it. */
#define recvmmsg recvmmsg_renamed_by_headers
#define fcntl fcntl_renamed_by_headers
#define fcntl64 fcntl64_renamed_by_headers
#define prctl prctl_renamed_by_headers
#include <fcntl.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#undef recvmmsg
#undef fcntl
#undef fcntl64
#undef prctl
#include "base/base.h"
#include "kernel/next.h"
#include "kernel/process.h"
#include "owner/sender.h"

EXPORT ssize_t recvmsg(int socket, struct msghdr *message, int flags)
{
	ssize_t result = next()->recvmsg(socket, message, flags);

	if (active && result >= 0 && message->msg_controllen)
		sender_receive(socket, message);
	return result;
}

static int received(int socket, struct mmsghdr *messages, int count)
{
	for (int i = 0; active && i < count; i++)
		if (messages[i].msg_hdr.msg_controllen)
			sender_receive(socket, &messages[i].msg_hdr);
	return count;
}

EXPORT int recvmmsg(int socket, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout)
{
	return received(socket, messages, next()->recvmmsg(socket, messages, count, flags, timeout));
}

#if __SIZEOF_LONG__ == 4
EXPORT int __recvmmsg64(int socket, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout)
{
	return received(socket, messages, next()->__recvmmsg64(socket, messages, count, flags, timeout));
}
#endif

/*
 * A process that takes privileges from itself may have a filter next that ends it for a system call
 * that it does not make itself. A child that shares our memory speaks for itself only.
 */
EXPORT int prctl(int operation, ...)
{
	unsigned long argument[4];
	va_list arguments;

	va_start(arguments, operation);
	for (int i = 0; i < 4; i++)
		argument[i] = va_arg(arguments, unsigned long);
	va_end(arguments);
	if ((operation == PR_SET_NO_NEW_PRIVS || operation == PR_SET_SECCOMP) && active &&
		!process_is_borrowed())
		sender_ask_no_more();
	return next()->prctl(operation, argument[0], argument[1], argument[2], argument[3]);
}

/* ---- copies of a descriptor, and its end ---- */

EXPORT int close(int fd)
{
	if (active)
		sender_forget(fd);
	return next()->close(fd);
}

static int duplicated(int from, int to)
{
	if (active && to >= 0 && to != from)
		sender_duplicate(from, to);
	return to;
}

EXPORT int dup(int fd)
{
	return duplicated(fd, next()->dup(fd));
}

EXPORT int dup2(int fd, int number)
{
	return duplicated(fd, next()->dup2(fd, number));
}

EXPORT int dup3(int fd, int number, int flags)
{
	return duplicated(fd, next()->dup3(fd, number, flags));
}

/* The third argument is a number or a pointer, or there is none: it is handed on as it came. */
#define FCNTL(name)                                                                                \
	EXPORT int name(int fd, int command, ...)                                                  \
	{                                                                                          \
		va_list arguments;                                                                 \
		void *argument;                                                                    \
		int result;                                                                        \
                                                                                                   \
		va_start(arguments, command);                                                      \
		argument = va_arg(arguments, void *);                                              \
		va_end(arguments);                                                                 \
		result = next()->name(fd, command, argument);                                      \
		if (command == F_DUPFD || command == F_DUPFD_CLOEXEC)                              \
			duplicated(fd, result);                                                    \
		return result;                                                                     \
	}
FCNTL(fcntl)
FCNTL(fcntl64)
