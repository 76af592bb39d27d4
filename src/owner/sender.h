/* SPDX-License-Identifier: MIT */
/*
 * Who sent the file of a mapping: a descriptor that came over a Unix socket (SCM_RIGHTS) is remembered
 * with its sender until it is mapped, and from then on as long as a mapping made of it lives.
 */
#ifndef SIGBUS_SENDER_H
#define SIGBUS_SENDER_H

#include <stdatomic.h>
#include <sys/socket.h>
#include "base/base.h"
#include "kernel/kernel.h"

struct sender {
	uint64_t cookie; /* of the connection: numbers of sockets are used again */
	int socket;	 /* its descriptor when the file came */
	int pid;
	uint32_t uid;
	char name[16]; /* of the process when the file came; "": not known */
	bool others;   /* somebody else sent the same file, too */
};

/* After recvmsg(): makes system calls only if descriptors came. */
void sender_receive(int socket, const struct msghdr *message);
/* From now on no system call is made for it: nobody is known as a sender. */
void sender_ask_no_more(void);
/* After dup() and the like: both numbers are of the same file. */
void sender_duplicate(int from, int to);

void sender_forget_sent(int fd);

/* ---- what a range remembers: SENT | site << SITE_SHIFT | file, else the caller itself ---- */

#define SENDER_SENT 0x80000000u
#define SENDER_SITE_SHIFT 18
#define SENDER_SITES (1u << (31 - SENDER_SITE_SHIFT))
#define SENDER_FILES (1u << SENDER_SITE_SHIFT)
#define SENDER_CHUNK 1024

#define SENDER_SLOTS 4096
/* Of descriptors, by number: (number + 1) << 32 | file. */
extern HIDDEN _Atomic uint64_t sender_slots[SENDER_SLOTS];
/* Before close(): as soon as it is done another thread may get the number. */
static inline void sender_forget(int fd)
{
	uint64_t slot = atomic_load_explicit(
		&sender_slots[(unsigned)fd % SENDER_SLOTS], memory_order_relaxed);

	if (unlikely(slot >> 32 == (uint32_t)fd + 1 && fd >= 0))
		sender_forget_sent(fd);
}

uint32_t sender_pack_sent(uint32_t file, uint32_t caller);

/* The offset of the mapping call, with the file's sender if there is one. */
static inline uint32_t sender_pack(int fd, uint32_t caller)
{
	uint64_t slot = atomic_load_explicit(
		&sender_slots[(unsigned)fd % SENDER_SLOTS], memory_order_relaxed);

	if (likely(slot >> 32 != (uint32_t)fd + 1 || fd < 0))
		return caller;
	return sender_pack_sent((uint32_t)slot, caller);
}

uint32_t sender_caller(uint32_t packed); /* [H] the offset of the mapping call */
/* False: not known, or vma is not of the file that was sent. [H] */
bool sender_of(uint32_t packed, const struct vma *vma, struct sender *sender);
/* Counts a fault in a file of this sender; how many there were, 0: it has none. [H] */
uint32_t sender_count(uint32_t packed);
/* True, once for each connection: it is to be closed. [H] */
bool sender_close_once(uint64_t cookie);

/* ---- for sigbus-stat ---- */

struct sender_file {
	_Atomic uint32_t version; /* odd: being written */
	_Atomic uint32_t epoch;	  /* of the sweep since which it is known to be mapped; 0: it is not */
	uint64_t device, inode;
	struct sender sender;
};
extern HIDDEN _Atomic(struct sender_file *) sender_chunks[SENDER_FILES / SENDER_CHUNK];
extern HIDDEN _Atomic uint32_t sender_sites[SENDER_SITES];

#endif
