/* SPDX-License-Identifier: MIT */
/**
 * \file
 * libsigbus: who owns a range of memory, and who answers when its pages are lost.
 *
 * Without libsigbus in the process (neither linked nor preloaded) a program can still be built
 * against this header: declare SIGBUS_WEAK before including it and every function becomes a weak
 * reference; test one of them against NULL before the first call.
 *
 * Every function returns 0 (or a value >= 0) or a negative errno value. None sets errno.
 */
#ifndef SIGBUS_SIGBUS_H
#define SIGBUS_SIGBUS_H

#include <signal.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifdef SIGBUS_WEAK
#define SIGBUS_API __attribute__((weak))
#else
#define SIGBUS_API
#endif

/** What an owner's callback is told. size is sizeof(struct sigbus_fault) of the library. */
struct sigbus_fault {
	size_t size;
	void *address;    /**< the byte that was accessed */
	void *start;      /**< the range that holds it ... */
	size_t length;    /**< ... and its length in bytes */
	int is_write;     /**< 1: the access was a write */
	siginfo_t *info;  /**< the kernel's siginfo */
	void *ucontext;   /**< the kernel's ucontext; may be edited */
};

/**
 * Answers a fault in a range of the owner. Runs in the faulting thread, in signal context: only
 * async-signal-safe functions may be called. It may leave by siglongjmp().
 *
 * \return 0 if the access may be tried again (the page is back or replaced, or the ucontext was
 * edited); a negative value to decline: then the next action of the policy is tried.
 */
typedef int (*sigbus_callback)(const struct sigbus_fault *fault, void *data);

/** An owner of ranges: a shared object's equal, made by hand. */
struct sigbus_owner;

/**
 * Makes an owner. In rules it is matched by owner:NAME.
 *
 * \param name 1 to 63 bytes, copied
 * \param callback may be NULL: then the action "owner" declines
 * \param owner is set on success
 * \return 0, -EINVAL (name), -ENOMEM, -ENOSPC (4095 owners in this process)
 *
 * Thread-safe, not async-signal-safe.
 */
SIGBUS_API int sigbus_owner_create(const char *name, sigbus_callback callback, void *data,
	struct sigbus_owner **owner);

/**
 * Ends an owner: its ranges go back to whom they belonged to before. The callback may still be
 * running in another thread when this returns; it is not called for faults that come later.
 *
 * \return 0, -EINVAL (not a live owner)
 *
 * Thread-safe, not async-signal-safe.
 */
SIGBUS_API int sigbus_owner_destroy(struct sigbus_owner *owner);

/**
 * Says that [address, address + length) belongs to the owner. Whole pages are meant: the range is
 * widened to page boundaries. munmap() and a new mapping in its place end it.
 *
 * \return 0, -EINVAL (owner, length 0, or not a user address), -EEXIST (part of it is a registered
 * range already), -ENOMEM
 *
 * Thread-safe, async-signal-safe.
 */
SIGBUS_API int sigbus_range_add(struct sigbus_owner *owner, void *address, size_t length);

/**
 * Takes back sigbus_range_add(). A part may be removed.
 *
 * \return 0, -EINVAL, -ENOENT (nothing of it is a range of this owner)
 *
 * Thread-safe, async-signal-safe.
 */
SIGBUS_API int sigbus_range_remove(struct sigbus_owner *owner, void *address, size_t length);

/**
 * How many pages of [address, address + length) are replaced now, because they were lost when they
 * were accessed. To be polled, and to see what sigbus_range_restore() would put back.
 *
 * \return the number of pages, or -EINVAL (not a user address), -ENODATA (the kernel could not be
 * asked: no /proc, no free file descriptor)
 *
 * Thread-safe, async-signal-safe.
 */
SIGBUS_API long sigbus_range_lost(const void *address, size_t length);

/**
 * Puts the file back in place of pages that were replaced, in every mapping that overlaps
 * [address, address + length): for a file that has grown again, or a device that is back. What was
 * written to the replacements is dropped; a page that is still lost faults again when it is accessed.
 *
 * \return how many mappings were put back, or -EINVAL (not a user address), -ENOENT (nothing there was
 * replaced), -ENOTSUP (a private mapping, or one that was cut up: its file is not known any more; or
 * memory of a device, which the kernel does not map again without a descriptor: the program that has
 * one puts it back with mmap(MAP_FIXED)),
 * -EAGAIN (a repair or an unmapping is under way), -E2BIG (more than 32 different protections in a
 * row), -ENOMEM
 *
 * Thread-safe, async-signal-safe. The caller sees to it that nobody uses the memory meanwhile who
 * does not expect it to change.
 */
SIGBUS_API int sigbus_range_restore(void *address, size_t length);

#ifdef __cplusplus
}
#endif

#endif
