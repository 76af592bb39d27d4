/* SPDX-License-Identifier: MIT */
/*
 * Who sent the file of a mapping.
 *
 * recvmsg() is where a descriptor comes from, so what can be known of its sender is asked there: the
 * peer of the socket, and which file it is. A message with descriptors costs a system call for its
 * connection and one for each descriptor. The first file of a connection costs eight more, once: one
 * for the peer's credentials, four for its name (open, whose file system, read, close), three for
 * whether the number is still the peer's (a pidfd, a signal that is none, close). The name has to be
 * read while it is the peer's, not at a fault, when it may have another one or have ended: who sends a
 * file and takes it away need only end in between to be nobody. mmap() costs one look at a table by the
 * number of the descriptor. close() takes it out of there; but a number may have become another file's past
 * the C library, so at a fault the mapping's own device and inode have to be those of the file that came,
 * too, else nobody is named. (They alone do not tell: a disk gives the inode of a file that is gone to the
 * next one.)
 *
 * What came is one entry of a table, which is used in turns: of those that are not mapped the oldest
 * is given up first. An entry of which a mapping was made is left alone while some record of the range
 * table says its number. That is looked at, for all at once, when three quarters of the entries are
 * mapped (a sweep); the table grows only if they still are after it. So its size follows the
 * mappings, whatever a client sends.
 *
 * Nothing here is locked. An entry is written by who made its version odd; who reads it looks at the
 * version before and after. In a child of a fork() beside such a writer the version stays odd: it has
 * one entry less, or asks about that connection each time. An entry that was given up in the wrong
 * moment names another file, and so nobody.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include "base/base.h"
#include "base/syscall.h"
#include "base/text.h"
#include "kernel/process.h"
#include "owner/sender.h"
#include "table/table.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif

#define CHUNKS (SENDER_FILES / SENDER_CHUNK)

LARGE _Atomic uint64_t sender_slots[SENDER_SLOTS];
LARGE _Atomic uint32_t sender_sites[SENDER_SITES]; /* offsets of mapping calls; the first is of none */
LARGE static struct sender_file first_chunk[SENDER_CHUNK]; /* 64 KiB, of which unused pages cost nothing */
_Static_assert(sizeof(first_chunk) <= 65536, "what is not mapped takes no more");
LARGE _Atomic(struct sender_file *) sender_chunks[CHUNKS];
static _Atomic uint32_t chunks, cursor, mapped, epoch;

/* With the first file, for most processes never receive one. Two threads at once do the same. */
static void open_first_chunk(void)
{
	uint32_t none = 0;

	atomic_compare_exchange_strong(&epoch, &none, 1);
	none = 0;
	atomic_compare_exchange_strong(&chunks, &none, 1);
	atomic_store(&sender_chunks[0], first_chunk);
}

static struct sender_file *file_at(uint32_t index)
{
	struct sender_file *chunk = atomic_load(&sender_chunks[index / SENDER_CHUNK % CHUNKS]);

	return chunk ? &chunk[index % SENDER_CHUNK] : NULL;
}

/* ---- entries ---- */

static bool is_sent(uint32_t packed, unsigned flags)
{
	return packed & SENDER_SENT && !(flags & RANGE_REGISTERED);
}

static void mark_used(uint32_t now)
{
	const struct range *range;

	for (uint32_t id = 1; (range = range_by_id(id)) != NULL; id++) {
		uint32_t packed = atomic_load(&range->caller);
		struct sender_file *file;

		if (!atomic_load(&range->geometry) ||
			!is_sent(packed, state_flags(atomic_load(&range->state))))
			continue;
		file = file_at(packed % SENDER_FILES);
		if (file && atomic_load(&file->epoch))
			atomic_store(&file->epoch, now);
	}
}

/* Who is between sender_pack() and its record's insertion has the epoch before: that one stays, too. */
static void sweep(void)
{
	uint32_t count = atomic_load(&chunks) * SENDER_CHUNK, now, seen;

	if (atomic_exchange(&process_state->is_sweeping, true))
		return;
	now = atomic_fetch_add(&epoch, 1) + 1;
	mark_used(now);
	for (uint32_t i = 0; i < count; i++) {
		struct sender_file *file = file_at(i);

		seen = atomic_load(&file->epoch);
		if (seen && seen < now - 1 && atomic_compare_exchange_strong(&file->epoch, &seen, 0))
			atomic_fetch_sub(&mapped, 1);
	}
	atomic_store(&process_state->is_sweeping, false);
}

static bool is_crowded(void)
{
	return atomic_load(&mapped) > atomic_load(&chunks) * (SENDER_CHUNK / 4 * 3);
}

static void grow(void)
{
	uint32_t count = atomic_load(&chunks);
	struct sender_file *fresh, *none = NULL;

	if (count == CHUNKS || !(fresh = arena_allocate(sizeof(*fresh) * SENDER_CHUNK)))
		return;
	/* Somebody else was faster: the memory is not had back, which happens a few times at most. */
	if (atomic_compare_exchange_strong(&sender_chunks[count], &none, fresh))
		atomic_store(&chunks, count + 1);
}

/* The oldest one that is not mapped, with its version odd; NULL: all are. */
static struct sender_file *take(uint32_t *index)
{
	uint32_t count;

	if (!atomic_load(&sender_chunks[0]))
		open_first_chunk();
	if (is_crowded()) {
		sweep();
		sweep(); /* the first one only ends the epoch of what was mapped last */
	}
	if (is_crowded())
		grow();
	count = atomic_load(&chunks) * SENDER_CHUNK;
	for (uint32_t i = 0; i < count; i++) {
		struct sender_file *file;
		uint32_t version;

		*index = atomic_fetch_add(&cursor, 1) % count;
		file = file_at(*index);
		version = atomic_load(&file->version);
		if (!atomic_load(&file->epoch) && !(version & 1) &&
			atomic_compare_exchange_strong(&file->version, &version, version + 1)) {
			atomic_thread_fence(memory_order_release); /* pairs with read_file() */
			return file;
		}
	}
	return NULL;
}

static void finish(struct sender_file *file)
{
	atomic_fetch_add(&file->version, 1);
}

/* ---- peers: a connection is asked about once, as long as it is among the last ones ---- */

#define PEERS 256

struct peer {
	_Atomic uint32_t version; /* odd: being written */
	_Atomic uint32_t faults;
	_Atomic bool closed;
	struct sender sender; /* pid 0: it shall not be named */
};
LARGE static struct peer peers[PEERS];

static struct peer *peer_at(uint64_t cookie)
{
	return &peers[cookie % PEERS];
}

/*
 * A sequence lock without waiting: the copy counts only if the version was even before it and is the same
 * behind it. The acquire fence keeps the plain reads in front of the second load of the version; it
 * pairs with the release fence of write_peer(), which keeps the plain writes behind the odd version.
 */
static bool read_peer(uint64_t cookie, struct sender *sender)
{
	struct peer *peer = peer_at(cookie);
	uint32_t version = atomic_load(&peer->version);

	if (version & 1)
		return false;
	*sender = peer->sender;
	atomic_thread_fence(memory_order_acquire);
	return atomic_load(&peer->version) == version && sender->cookie == cookie;
}

static void write_peer(const struct sender *sender)
{
	struct peer *peer = peer_at(sender->cookie);
	uint32_t version = atomic_load(&peer->version);

	if (version & 1 || !atomic_compare_exchange_strong(&peer->version, &version, version + 1))
		return; /* it will be asked again */
	atomic_thread_fence(memory_order_release);
	peer->sender = *sender;
	atomic_store(&peer->faults, 0);
	atomic_store(&peer->closed, false);
	atomic_store(&peer->version, version + 2);
}

static long get_option(int socket, int option, void *value, socklen_t size)
{
	return SYS_5(SYS_getsockopt, socket, SOL_SOCKET, option, value, &size);
}

static void read_name(struct sender *sender)
{
	char path[32];
	struct text text = {path, sizeof(path), 0, false};
	long fd, length;

	text_add(&text, "/proc/");
	text_decimal(&text, sender->pid);
	text_add(&text, "/comm");
	fd = kernel_open(AT_FDCWD, path);
	if (fd < 0)
		return;
	length = SYS_3(SYS_read, fd, sender->name, sizeof(sender->name));
	SYS_1(SYS_close, fd);
	if (length > 0) /* its last byte is a line feed */
		sender->name[length - 1] = '\0';
}

/* The number may be another process's by now: then the name is not the sender's. */
static bool has_ended(int socket)
{
	int fd = -1;
	long error;

	if (get_option(socket, SO_PEERPIDFD, &fd, sizeof(fd)) == -ENOPROTOOPT)
		return false; /* an older kernel cannot tell */
	if (fd < 0)
		return true;
	error = SYS_4(SYS_pidfd_send_signal, fd, 0, NULL, 0);
	SYS_1(SYS_close, fd);
	return error == -ESRCH;
}

/* A socket pair's peer is who made it: ourselves. One in another pid name space has number 0. */
static bool learn_peer(int socket, struct sender *sender)
{
	struct ucred {
		int pid;
		uint32_t uid, gid;
	} peer;

	if (get_option(socket, SO_PEERCRED, &peer, sizeof(peer)) != 0)
		return false;
	sender->uid = peer.uid;
	if (peer.pid > 0 && peer.pid != process_pid())
		sender->pid = peer.pid;
	if (sender->pid) {
		read_name(sender);
		if (sender->name[0] && has_ended(socket))
			sender->name[0] = '\0';
	}
	write_peer(sender);
	return true;
}

/* False: not a Unix socket, or nobody whom we could name. */
static bool find_sender(int socket, struct sender *sender)
{
	uint64_t cookie = 0;

	if (get_option(socket, SO_COOKIE, &cookie, sizeof(cookie)) != 0)
		return false;
	if (!read_peer(cookie, sender)) {
		*sender = (struct sender){.cookie = cookie};
		if (!learn_peer(socket, sender))
			return false;
	}
	sender->socket = socket;
	return sender->pid != 0;
}

/* ---- what comes ---- */

static void set_slot(int fd, uint64_t file)
{
	atomic_store(&sender_slots[(unsigned)fd % SENDER_SLOTS],
		file == UINT64_MAX ? 0 : ((uint64_t)(uint32_t)fd + 1) << 32 | file);
}

/* What may be mapped. */
static bool is_mappable(const struct identity *identity)
{
	return identity->type == S_IFREG || identity->type == S_IFCHR || identity->type == S_IFMT;
}

static atomic_bool asks_no_more;

void sender_ask_no_more(void)
{
	atomic_store(&asks_no_more, true);
}

/* A message that came: who has sent it is asked about for the first of its files that may be mapped. */
struct arrival {
	int socket;
	bool asked, known;
	struct sender sender;
};

static bool has_sender(struct arrival *arrival)
{
	if (!arrival->asked)
		arrival->known = find_sender(arrival->socket, &arrival->sender);
	arrival->asked = true;
	return arrival->known;
}

static void remember(int fd, struct arrival *arrival)
{
	struct identity identity;
	struct sender_file *file;
	uint32_t index;

	set_slot(fd, UINT64_MAX);
	if (atomic_load(&asks_no_more))
		return;
	identity = identify(fd);
	if (!is_mappable(&identity) || !has_sender(arrival))
		return;
	file = take(&index);
	if (!file) {
		counter_add(&counters()->senders_lost, 1);
		return;
	}
	file->device = identity.device;
	file->inode = identity.inode;
	file->sender = arrival->sender;
	finish(file);
	set_slot(fd, index);
}

static bool holds_descriptors(const struct cmsghdr *part)
{
	return part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS &&
	       part->cmsg_len >= CMSG_LEN(sizeof(int));
}

void sender_receive(int socket, const struct msghdr *message)
{
	struct arrival arrival = {.socket = socket};

	if (!message->msg_control || message->msg_controllen < sizeof(struct cmsghdr))
		return;
	for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part;
		part = CMSG_NXTHDR((struct msghdr *)message, part)) {
		size_t count;

		if (!holds_descriptors(part))
			continue;
		count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(part) + i * sizeof(fd), sizeof(fd));
			if (fd >= 0)
				remember(fd, &arrival);
		}
	}
}

void sender_duplicate(int from, int to)
{
	uint64_t slot = atomic_load(&sender_slots[(unsigned)from % SENDER_SLOTS]);

	if (slot >> 32 == (uint32_t)from + 1)
		set_slot(to, (uint32_t)slot);
	else
		sender_forget(to);
}

/* A child that shares our memory has descriptors of its own. */
void sender_forget_sent(int fd)
{
	if (!process_is_borrowed())
		set_slot(fd, UINT64_MAX);
}

/* ---- what is mapped ---- */

static uint32_t site_of(uint32_t caller)
{
	for (uint32_t i = 1; i < SENDER_SITES; i++) {
		uint32_t seen = atomic_load(&sender_sites[i]);

		if (seen == caller)
			return i;
		if (!seen && (atomic_compare_exchange_strong(&sender_sites[i], &seen, caller) ||
				     seen == caller))
			return i;
	}
	return 0;
}

uint32_t sender_pack_sent(uint32_t index, uint32_t caller)
{
	struct sender_file *file = file_at(index);
	uint32_t none = 0, site = caller ? site_of(caller) : 0;

	if (!file || (caller && !site))
		return caller;
	if (atomic_compare_exchange_strong(&file->epoch, &none, atomic_load(&epoch)))
		atomic_fetch_add(&mapped, 1);
	else
		atomic_store(&file->epoch, atomic_load(&epoch));
	return SENDER_SENT | site << SENDER_SITE_SHIFT | index % SENDER_FILES;
}

uint32_t sender_caller(uint32_t packed)
{
	if (likely(!(packed & SENDER_SENT)))
		return packed;
	return atomic_load(&sender_sites[(packed & ~SENDER_SENT) >> SENDER_SITE_SHIFT]);
}

/* ---- what is lost ---- */

/* A sequence lock, as in read_peer(). */
static bool read_file(uint32_t index, struct sender_file *copy)
{
	struct sender_file *file = file_at(index);
	uint32_t version = file ? atomic_load(&file->version) : 1;

	if (version & 1 || !version)
		return false;
	copy->device = file->device;
	copy->inode = file->inode;
	copy->sender = file->sender;
	atomic_thread_fence(memory_order_acquire);
	return atomic_load(&file->version) == version;
}

static bool is_file(const struct sender_file *file, const struct vma *vma)
{
	return file->inode == vma->inode && file->device == makedev(vma->dev_major, vma->dev_minor);
}

static bool others_sent(const struct sender_file *file)
{
	uint32_t count = atomic_load(&chunks) * SENDER_CHUNK;
	struct sender_file other;

	for (uint32_t i = 0; i < count; i++)
		if (file_at(i)->inode == file->inode && read_file(i, &other) &&
			other.device == file->device && other.inode == file->inode &&
			(other.sender.pid != file->sender.pid || other.sender.uid != file->sender.uid))
			return true;
	return false;
}

bool sender_of(uint32_t packed, const struct vma *vma, struct sender *sender)
{
	struct sender_file file;

	if (!(packed & SENDER_SENT) || !read_file(packed % SENDER_FILES, &file) ||
		!is_file(&file, vma))
		return false;
	*sender = file.sender;
	sender->others = others_sent(&file);
	return true;
}

uint32_t sender_count(uint32_t packed)
{
	struct sender_file file;
	struct peer *peer;

	if (likely(!(packed & SENDER_SENT)) || !read_file(packed % SENDER_FILES, &file))
		return 0;
	peer = peer_at(file.sender.cookie);
	if (peer->sender.cookie != file.sender.cookie)
		return 0;
	return atomic_fetch_add(&peer->faults, 1) + 1;
}

/* One that is not among the last ones any more is closed anew at each fault: that does no harm. */
bool sender_close_once(uint64_t cookie)
{
	struct peer *peer = peer_at(cookie);

	return peer->sender.cookie != cookie || !atomic_exchange(&peer->closed, true);
}
