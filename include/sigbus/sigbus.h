/* SPDX-License-Identifier: MIT */
/**
 * \file
 * libsigbus: who owns a range of memory, who answers when its pages are lost, and access to memory
 * that may be lost at any time without a signal handler of one's own.
 *
 * A page is lost when its file was truncated, its device is gone, its file system has no space, or
 * the memory itself is broken: the kernel has nothing to put there, and an access raises SIGBUS.
 *
 * Every function returns 0 (or a value >= 0) or a negative errno value. None sets errno. -ENOSYS
 * means that libsigbus is not at work in this process: it is dormant (SIGBUS_ONLY), the kernel or
 * the C library lacks something, or it was loaded behind the C library. Ask sigbus_active(). -EPERM
 * means that this process shares the memory of another (a vfork() child): it changes no owner and no
 * range there, so all but brackets, copies, sigbus_range_lost() and sigbus_active() return it.
 *
 * With SIGBUS_OPTIONAL defined before this header is included a program needs no -lsigbus: if the
 * library is in the process when it starts (preloaded, or linked to anything else), it is used,
 * and if it is not, each function here returns -ENOSYS, and sigbus_active() 0. With compilers
 * other than GCC this needs -fPIE or -fPIC, which is the default nearly everywhere.
 */
#ifndef SIGBUS_SIGBUS_H
#define SIGBUS_SIGBUS_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifdef SIGBUS_OPTIONAL
#define SIGBUS_API static __inline__
#else
#define SIGBUS_API
#endif

/**
 * Will a lost page be answered by libsigbus in this process? If not, the functions below return
 * -ENOSYS; the two copying ones still work, with the kernel's help, where the library is there at
 * all.
 *
 * \return 1 or 0; the same for the life of the process
 *
 * Thread-safe, async-signal-safe.
 */
SIGBUS_API int sigbus_active(void);

/* ---- owners ---- */

/** What an owner's callback is told. size is sizeof(struct sigbus_fault) of the library. */
struct sigbus_fault {
	size_t size;
	void *address;  /**< the byte that was accessed */
	void *start;    /**< the range that holds it ... */
	size_t length;  /**< ... and its length in bytes */
	int is_write;   /**< 1: the access was a write */
	void *info;     /**< the kernel's siginfo_t */
	void *ucontext; /**< the kernel's ucontext_t; may be edited */
};

/** What a callback returns. */
enum sigbus_answer {
	SIGBUS_DECLINE = -1, /**< (or any negative value) the next action of the policy is tried */
	SIGBUS_RETRY = 0,    /**< the page is back or replaced, or the ucontext was edited: go on */
	SIGBUS_ZERO = 1,     /**< replace what is lost by zero pages, as the action "zero" does */
	SIGBUS_ONES = 2      /**< the same with 0xff bytes, which is what a vanished device reads as */
};

/**
 * Answers a fault in a range of the owner. Runs in the faulting thread, in signal context: only
 * async-signal-safe functions may be called. It may leave by siglongjmp().
 *
 * \return an enum sigbus_answer. If the page is still lost after SIGBUS_RETRY, that is a decline;
 * so is any value that is not in the list.
 */
typedef int (*sigbus_callback)(const struct sigbus_fault *fault, void *data);

/** An owner of ranges: a shared object's equal, made by hand. Not a pointer to anything. */
struct sigbus_owner;

/**
 * Makes an owner. In rules it is matched by owner:NAME.
 *
 * \param name 1 to 63 bytes, copied
 * \param callback may be NULL: then the action "owner" declines
 * \param data is handed to the callback, and has to live as long as that may be called
 * \param owner is set on success; it is good until sigbus_owner_destroy(), and in fork children
 * \return 0, -EINVAL (name, owner), -ENOMEM, -ENOSPC (4095 owners, shared objects that map files
 * included), -ENOSYS
 *
 * Thread-safe, not async-signal-safe.
 */
SIGBUS_API int sigbus_owner_create(const char *name, sigbus_callback callback, void *data,
	struct sigbus_owner **owner);

/**
 * Ends an owner: its ranges go back to whom they belonged to before, and the descriptor that
 * sigbus_owner_fd() gave is closed. No call of the callback begins after this has returned. One that
 * runs in another thread is waited for, a second at most: after that it may still be running. Called
 * from inside a callback it waits for nobody, and this callback goes on to its end. From then on the
 * owner is refused with -EINVAL everywhere.
 *
 * \return 0, -EINVAL (not a live owner), -ENOSYS
 *
 * Thread-safe, not async-signal-safe.
 */
SIGBUS_API int sigbus_owner_destroy(struct sigbus_owner *owner);

/**
 * An eventfd for an event loop: it becomes readable when a page of a range of the owner is found
 * lost, whatever the policy makes of that. It is made by the first call, close-on-exec and
 * non-blocking; later calls return the same one. Read its 8 bytes to clear it, then look which
 * range it was, with sigbus_range_lost() or what the callback has noted.
 *
 * It belongs to the owner: sigbus_owner_destroy() closes it. If the program closes it all the same
 * (closefrom(), a daemon's loop over all descriptors), nothing is written to whatever gets its
 * number: the next call makes a new one.
 *
 * A fork child has it too, but what is lost in the child does not signal the parent; the child's
 * own first call makes one for the child.
 *
 * \return the descriptor, -EINVAL (not a live owner), -EMFILE, -ENFILE, -ENOMEM, -ENOSYS
 *
 * Thread-safe, async-signal-safe.
 */
SIGBUS_API int sigbus_owner_fd(struct sigbus_owner *owner);

/* ---- ranges ---- */

/**
 * Says that [address, address + length) belongs to the owner. Whole pages are meant: the range is
 * widened to page boundaries. munmap() and a new mapping in its place end it; mremap() takes it
 * along.
 *
 * \return 0, -EINVAL (owner, length 0, or not a user address), -EEXIST (part of it is a registered
 * range already), -ENOMEM, -ENOSYS. On failure nothing has changed.
 *
 * Thread-safe, async-signal-safe.
 */
SIGBUS_API int sigbus_range_add(struct sigbus_owner *owner, void *address, size_t length);

/**
 * Takes back sigbus_range_add(). A part may be removed; what is not a range of this owner stays as
 * it is.
 *
 * \return 0, -EINVAL (as sigbus_range_add()), -ENOENT (nothing of it is a range of this owner),
 * -ENOMEM, -ENOSYS
 *
 * Thread-safe, async-signal-safe.
 */
SIGBUS_API int sigbus_range_remove(struct sigbus_owner *owner, void *address, size_t length);

/**
 * How many pages of [address, address + length) are replaced now, because they were lost when they
 * were accessed. To be polled, and to see what sigbus_range_restore() would put back.
 *
 * \return the number of pages, or -EINVAL (length 0, or not a user address), -ENODATA (the kernel
 * could not be asked: no /proc, no free file descriptor), -ENOSYS
 *
 * Thread-safe, async-signal-safe.
 */
SIGBUS_API long sigbus_range_lost(const void *address, size_t length);

/**
 * Puts the file back in place of pages that were replaced, in every mapping that overlaps
 * [address, address + length): for a file that has grown again, or a device that is back. What was
 * written to the replacements is dropped; a page that is still lost faults again when it is accessed.
 *
 * \return how many mappings were put back, or -EINVAL (length 0, or not a user address), -ENOENT
 * (nothing there was replaced), -ENOTSUP (a private mapping, or one that was cut up: its file is not known any more; or
 * memory of a device, which the kernel does not map again without a descriptor: the program that has
 * one puts it back with mmap(MAP_FIXED)),
 * -EAGAIN (a repair or an unmapping is under way), -E2BIG (more than 32 different protections in a
 * row), -ENOMEM, -ENOSYS
 *
 * Thread-safe, async-signal-safe. The caller sees to it that nobody uses the memory meanwhile who
 * does not expect it to change.
 */
SIGBUS_API int sigbus_range_restore(void *address, size_t length);

/* ---- access ---- */

/** A bracket around accesses. Lives where the caller likes, usually on its stack. */
struct sigbus_access {
	const void *address;   /**< what is accessed ... */
	size_t length;         /**< ... and how many bytes */
	uint64_t reserved[4];  /**< libsigbus's own */
};

/**
 * Opens a bracket around accesses to [address, address + length), by this thread or others. It
 * registers nothing and answers nothing: what an access to a lost page does is up to the owner and
 * the policy. Brackets nest and overlap as they like, and one that is left by siglongjmp() and never
 * ended leaves nothing behind.
 *
 * \return 0, -EINVAL (access is NULL, length 0, or not a user address), -ENOSYS
 *
 * Thread-safe, async-signal-safe, and cheap: no system call.
 */
SIGBUS_API int sigbus_access_begin(
	struct sigbus_access *access, const void *address, size_t length);

/**
 * Ends a bracket, once, in any thread. In a fork child that got it from its parent, too.
 *
 * \return 0: nothing was lost: what was read came from the file. -EFAULT: an access to the bracket's
 * range found a page lost since it was opened, or a page there is a replacement, of whatever time.
 * -EINVAL (access was not begun, or is ended), -ENODATA (as sigbus_range_lost()), -ENOSYS
 *
 * Thread-safe, async-signal-safe. No system call unless something was replaced in the same mapping.
 */
SIGBUS_API int sigbus_access_end(struct sigbus_access *access);

/**
 * memcpy() from memory that may be lost. If a page is lost, the copy ends in front of it; no owner
 * and no policy is asked, nothing is replaced and nothing is reported, as in a system call. Brackets
 * and the descriptors of sigbus_owner_fd() learn of the loss.
 *
 * Either side may be lost; which function is taken says which one is expected to be. Where libsigbus
 * is not active (see sigbus_active()) the kernel copies, for the price of a system call. An address
 * where nothing is mapped is an error of the caller: SIGSEGV, or -EFAULT where the kernel copies.
 *
 * \param copied how many bytes were copied, on success and failure; may be NULL
 * \return 0, -EFAULT (a page was lost), -EINVAL (NULL, or beyond the end of the addresses), -ENOMEM
 * (of the kernel), -ENOSYS (neither libsigbus nor the kernel can do it)
 *
 * Thread-safe, async-signal-safe, with SIGBUS blocked too. The areas must not overlap.
 */
SIGBUS_API int sigbus_copy_from(void *to, const void *from, size_t length, size_t *copied);

/** The same to memory that may be lost. */
SIGBUS_API int sigbus_copy_to(void *to, const void *from, size_t length, size_t *copied);

#ifdef SIGBUS_OPTIONAL
/* noplt: the address is in the GOT, where the loader can still put NULL or the function. */
#if defined(__GNUC__) && !defined(__clang__)
#define SIGBUS_REFERENCE __attribute__((weak, noplt))
#else
#define SIGBUS_REFERENCE __attribute__((weak))
#endif

/* A function that is not inlined has a symbol of its own: it must not be that of the library's. */
#define SIGBUS_FORWARD(type, function, parameters, arguments, otherwise)                           \
	static __inline__ type sigbus_##function parameters __asm__("sigbus_optional_" #function); \
	extern type sigbus_library_##function parameters __asm__("sigbus_" #function)              \
		SIGBUS_REFERENCE;                                                                  \
	static __inline__ type sigbus_##function parameters                                            \
	{                                                                                          \
		return sigbus_library_##function ? sigbus_library_##function arguments : otherwise; \
	}
SIGBUS_FORWARD(int, active, (void), (), 0)
SIGBUS_FORWARD(int, owner_create,
	(const char *name, sigbus_callback callback, void *data, struct sigbus_owner **owner),
	(name, callback, data, owner), -ENOSYS)
SIGBUS_FORWARD(int, owner_destroy, (struct sigbus_owner * owner), (owner), -ENOSYS)
SIGBUS_FORWARD(int, owner_fd, (struct sigbus_owner * owner), (owner), -ENOSYS)
SIGBUS_FORWARD(int, range_add, (struct sigbus_owner * owner, void *address, size_t length),
	(owner, address, length), -ENOSYS)
SIGBUS_FORWARD(int, range_remove, (struct sigbus_owner * owner, void *address, size_t length),
	(owner, address, length), -ENOSYS)
SIGBUS_FORWARD(long, range_lost, (const void *address, size_t length), (address, length), -ENOSYS)
SIGBUS_FORWARD(int, range_restore, (void *address, size_t length), (address, length), -ENOSYS)
SIGBUS_FORWARD(int, access_begin,
	(struct sigbus_access * access, const void *address, size_t length),
	(access, address, length), -ENOSYS)
SIGBUS_FORWARD(int, access_end, (struct sigbus_access * access), (access), -ENOSYS)
SIGBUS_FORWARD(int, copy_from, (void *to, const void *from, size_t length, size_t *copied),
	(to, from, length, copied), ((void)(copied && (*copied = 0)), -ENOSYS))
SIGBUS_FORWARD(int, copy_to, (void *to, const void *from, size_t length, size_t *copied),
	(to, from, length, copied), ((void)(copied && (*copied = 0)), -ENOSYS))
#undef SIGBUS_FORWARD
#undef SIGBUS_REFERENCE
#endif

#undef SIGBUS_API

#ifdef __cplusplus
}
#endif

#endif
