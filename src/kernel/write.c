/* SPDX-License-Identifier: MIT */
/*
 * One write that neither blocks nor raises a signal, to a descriptor that the program owns. All
 * [H].
 */
#include <signal.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include "base/base.h"
#include "base/syscall.h"
#include "base/text.h"
#include "kernel/kernel.h"

#define STATX_MNT_ID_ 0x1000	/* Linux 5.8; missing in older headers, with its place */
#define STATX_MNT_ID_AT 0x90
#define TTYAUX_MAJOR 5
#define PTMX_MINOR 2

/* Of a file system without times of birth: another generation of an inode has another handle. */
static APART uint64_t handle_hash(int fd)
{
	struct {
		struct file_handle head;
		unsigned char bytes[64];
	} handle = {.head.handle_bytes = sizeof(handle.bytes)};
	uint64_t hash = 14695981039346656037u;
	int mount;

	if (SYS_5(SYS_name_to_handle_at, fd, "", &handle, &mount, AT_EMPTY_PATH) < 0)
		return 0;
	for (unsigned i = 0; i < handle.head.handle_bytes && i < sizeof(handle.bytes); i++)
		hash = (hash ^ handle.bytes[i]) * 1099511628211u;
	return hash | 1;
}

/* As in st_dev; makedev() is a function of the C library. */
static dev_t device_number(uint64_t major, uint64_t minor)
{
	return (dev_t)((minor & 0xff) | (major & 0xfff) << 8 | (minor & ~(uint64_t)0xff) << 12 |
		       (major & ~(uint64_t)0xfff) << 32);
}

/* Under a filter that knows no statx(): enough for a pipe, a socket or a terminal. */
static APART struct identity identify_by_fstat(int fd)
{
	struct stat file;

	if (SYS_2(SYS_fstat, fd, &file) < 0 || S_ISREG(file.st_mode))
		return (struct identity){0};
	return (struct identity){
		.device = file.st_dev,
		.special = file.st_rdev,
		.inode = file.st_ino,
		.owner = file.st_uid,
		.type = file.st_mode & S_IFMT ? file.st_mode & S_IFMT : S_IFMT,
	};
}

struct identity identify(int fd)
{
	struct statx file;
	struct identity identity;
	mode_t type;

	if (SYS_5(SYS_statx, fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
		    STATX_TYPE | STATX_INO | STATX_UID | STATX_NLINK | STATX_BTIME | STATX_MNT_ID_,
		    &file) < 0)
		return identify_by_fstat(fd);
	type = file.stx_mode & S_IFMT;
	identity = (struct identity){
		.device = device_number(file.stx_dev_major, file.stx_dev_minor),
		.special = device_number(file.stx_rdev_major, file.stx_rdev_minor),
		.inode = (ino_t)file.stx_ino,
		.owner = file.stx_uid,
		.links = file.stx_nlink,
		.type = type ? type : S_IFMT, /* some anonymous inodes have no type */
	};
	if (type != S_IFREG)
		return identity;
	if (file.stx_mask & STATX_MNT_ID_)
		memcpy(&identity.mount, (char *)&file + STATX_MNT_ID_AT, sizeof(identity.mount));
	identity.born = file.stx_mask & STATX_BTIME
				? ((uint64_t)file.stx_btime.tv_sec << 30 ^ file.stx_btime.tv_nsec) | 1
				: handle_hash(fd);
	return identity;
}

bool same_identity(const struct identity *a, const struct identity *b)
{
	return a->type && a->type == b->type && a->device == b->device && a->inode == b->inode &&
	       a->special == b->special && a->mount == b->mount && a->born == b->born &&
	       (a->type != S_IFREG || a->born);
}

#define WRITE_SIGNALS (SIGNAL_BIT(SIGPIPE) | SIGNAL_BIT(SIGXFSZ) | SIGNAL_BIT(SIGTTOU))

struct write_guard {
	uint64_t mask, pending;
};

/*
 * A closed reader, a file size limit and a terminal that stops background writers answer with a
 * signal. Blocked, they leave it pending (the first two) or let us write (the last).
 */
static void guard_begin(struct write_guard *guard)
{
	uint64_t block = WRITE_SIGNALS;

	SYS_4(SYS_rt_sigprocmask, SIG_BLOCK, &block, &guard->mask, sizeof(block));
	SYS_2(SYS_rt_sigpending, &guard->pending, sizeof(guard->pending));
}

/* Takes our own signal away, unless the program had one waiting. */
static void guard_end(const struct write_guard *guard, long result)
{
	uint64_t raised = result == -EPIPE   ? SIGNAL_BIT(SIGPIPE)
			  : result == -EFBIG ? SIGNAL_BIT(SIGXFSZ)
					     : 0;
	struct timespec no_time = {0, 0};

	raised &= ~guard->pending;
	if (raised)
		SYS_4(SYS_rt_sigtimedwait, &raised, NULL, &no_time, sizeof(raised));
	SYS_4(SYS_rt_sigprocmask, SIG_SETMASK, &guard->mask, NULL, sizeof(guard->mask));
}

static long write_socket(int fd, struct lines *lines)
{
	struct msghdr message = {.msg_iov = lines->part, .msg_iovlen = 2};

	return SYS_3(SYS_sendmsg, fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static long write_if_writable(int fd, const struct lines *lines)
{
	struct pollfd poll = {.fd = fd, .events = POLLOUT};
	struct timespec no_time = {0, 0};

	/* Writable means room for so much in a pipe, and no more. */
	if (lines->length > PIPE_BUF)
		return -EAGAIN;
	if (SYS_5(SYS_ppoll, &poll, 1, &no_time, NULL, 0) != 1 ||
		!(poll.revents & (POLLOUT | POLLERR)))
		return -EAGAIN;
	return SYS_3(SYS_writev, fd, lines->part, 2);
}

/* Others may do something when they are opened; for the master side it makes a new terminal. */
static bool may_be_reopened(int fd, const struct identity *identity)
{
	struct winsize size;

	if (identity->type == S_IFIFO)
		return true;
	return identity->type == S_IFCHR &&
	       identity->special != makedev(TTYAUX_MAJOR, PTMX_MINOR) &&
	       SYS_3(SYS_ioctl, fd, TIOCGWINSZ, &size) == 0;
}

/*
 * Terminals, and pipes before Linux 6.4: a terminal is writable with less room than a line needs.
 * An open file of our own may be non-blocking, the program's must stay as it is.
 */
static long write_reopened(int fd, const struct identity *identity, const struct lines *lines)
{
	char path[40];
	struct text text = {path, sizeof(path), 0, false};
	struct identity found;
	long own, result;

	text_add(&text, "/proc/thread-self/fd/");
	text_decimal(&text, fd);
	own = SYS_4(SYS_openat, AT_FDCWD, path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
	if (own < 0)
		return write_if_writable(fd, lines);
	found = identify((int)own);
	result = same_identity(&found, identity) ? SYS_3(SYS_writev, own, lines->part, 2) : -ESTALE;
	SYS_1(SYS_close, own);
	return result;
}

static long write_stream(int fd, const struct identity *identity, const struct lines *lines)
{
	long result;

	if (identity->type == S_IFREG)
		return SYS_3(SYS_writev, fd, lines->part, 2);
	result = SYS_6(SYS_pwritev2, fd, lines->part, 2, -1, -1, RWF_NOWAIT);
	/* A system call filter may say EPERM of what it does not know. */
	if (result != -EOPNOTSUPP && result != -ENOSYS && result != -EPERM)
		return result;
	if (may_be_reopened(fd, identity))
		return write_reopened(fd, identity, lines);
	return write_if_writable(fd, lines);
}

long write_lines(int fd, const struct identity *identity, struct lines *lines)
{
	struct write_guard guard;
	long result;

	if (identity->type == S_IFSOCK)
		return write_socket(fd, lines);
	guard_begin(&guard);
	result = write_stream(fd, identity, lines);
	guard_end(&guard, result);
	return result;
}
