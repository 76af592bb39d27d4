/* SPDX-License-Identifier: MIT */
/*
 * The next program gets the disposition and mask that this one believes it has.
 *
 * exec() keeps SIG_IGN and the mask. What the kernel has is our handler, which becomes SIG_DFL, and
 * the shadow signal in the mask. So around the call the kernel is told what the program said; if the
 * call returns, that is taken back. A SIGBUS that is pending stays pending.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>
#include "base/base.h"
#include "signal/pending.h"
#include "kernel/mask.h"
#include "kernel/next.h"
#include "kernel/process.h"
#include "owner/owner.h"
#include "signal/disposition.h"
#include "table/record.h"

/* What has to be taken back. */
struct handover {
	bool active, ignored;
	uint64_t mask;
};

static struct handover handover_begin(void)
{
	struct handover handover = {.active = active};
	uint64_t told;

	if (!active)
		return handover;
	handover.ignored = disposition_show_ignored();
	handover.mask = mask_swap(SIG_BLOCK, SIGNAL_BIT(SIGBUS));
	pending_unqueue();
	told = handover.mask & ~SIGNAL_BIT(shadow_signal);
	if (handover.mask & SIGNAL_BIT(shadow_signal))
		told = mask_from_kernel(handover.mask);
	mask_swap(SIG_SETMASK, told);
	return handover;
}

/* Also by pthread_cleanup_push(). */
static void handover_undo(void *data)
{
	const struct handover *handover = data;
	int saved_errno = errno;

	if (!handover->active)
		return;
	if (handover->ignored)
		disposition_hide_ignored();
	mask_swap(SIG_SETMASK, handover->mask);
	errno = saved_errno;
}

#define HAND_OVER(type, call)                             \
	struct handover handover = handover_begin();      \
	type result = next()->call;                       \
                                                          \
	handover_undo(&handover);                         \
	return result

EXPORT int execve(const char *path, char *const arguments[], char *const environment[])
{
	HAND_OVER(int, execve(path, arguments, environment));
}

EXPORT int execv(const char *path, char *const arguments[])
{
	HAND_OVER(int, execv(path, arguments));
}

EXPORT int execvpe(const char *file, char *const arguments[], char *const environment[])
{
	HAND_OVER(int, execvpe(file, arguments, environment));
}

EXPORT int execvp(const char *file, char *const arguments[])
{
	HAND_OVER(int, execvp(file, arguments));
}

EXPORT int fexecve(int fd, char *const arguments[], char *const environment[])
{
	HAND_OVER(int, fexecve(fd, arguments, environment));
}

EXPORT int execveat(int fd, const char *path, char *const arguments[], char *const environment[],
	int flags)
{
	HAND_OVER(int, execveat(fd, path, arguments, environment, flags));
}

/* ---- arguments in a list: counted, then copied to the stack, as the C library does ---- */

static size_t list_length(va_list list)
{
	va_list copy;
	size_t length = 1;

	va_copy(copy, list);
	while (va_arg(copy, char *))
		length++;
	va_end(copy);
	return length;
}

/* What follows the list, and the call. */
#define EXEC_LIST(name, rest, call)                                   \
	EXPORT int name(const char *file, const char *first, ...)     \
	{                                                             \
		va_list list;                                         \
                                                                      \
		va_start(list, first);                                \
		size_t length = list_length(list);                    \
		char *arguments[length + 1];                          \
                                                                      \
		arguments[0] = (char *)first;                         \
		for (size_t i = 1; i <= length; i++)                  \
			arguments[i] = va_arg(list, char *);          \
		rest;                                                 \
		va_end(list);                                         \
		return call;                                          \
	}
EXEC_LIST(execl, , execv(file, arguments))
EXEC_LIST(execlp, , execvp(file, arguments))
EXEC_LIST(execle, char *const *environment = va_arg(list, char *const *), execve(file, arguments, environment))

/* ---- spawning: the child starts from what the parent has in the kernel ---- */

typedef int (*spawn_function)(pid_t *, const char *, const posix_spawn_file_actions_t *,
	const posix_spawnattr_t *, char *const *, char *const *);

/* The mask goes by a copy of the attributes: there is no window in which this thread is different. */
static const posix_spawnattr_t *with_mask(const posix_spawnattr_t *given, posix_spawnattr_t *copy)
{
	uint64_t mask = mask_swap(SIG_BLOCK, 0);

	if (!(mask & SIGNAL_BIT(shadow_signal)) || (given && given->__flags & POSIX_SPAWN_SETSIGMASK))
		return given;
	*copy = given ? *given : (posix_spawnattr_t){0}; /* as posix_spawnattr_init() does */
	copy->__ss = (sigset_t){0};
	mask_set_word(&copy->__ss, mask_from_kernel(mask));
	copy->__flags |= POSIX_SPAWN_SETSIGMASK;
	return copy;
}

static int spawn(spawn_function next, pid_t *pid, const char *file,
	const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes,
	char *const *arguments, char *const *environment)
{
	posix_spawnattr_t copy;
	bool ignored;
	int result;

	if (!active)
		return next(pid, file, actions, attributes, arguments, environment);
	ignored = disposition_show_ignored();
	result = next(pid, file, actions, with_mask(attributes, &copy), arguments, environment);
	if (ignored)
		disposition_hide_ignored();
	return result;
}

EXPORT int posix_spawn(pid_t *restrict pid, const char *restrict path,
	const posix_spawn_file_actions_t *restrict actions,
	const posix_spawnattr_t *restrict attributes, char *const arguments[restrict],
	char *const environment[restrict])
{
	return spawn(next()->posix_spawn, pid, path, actions, attributes, arguments, environment);
}

EXPORT int posix_spawnp(pid_t *restrict pid, const char *restrict file,
	const posix_spawn_file_actions_t *restrict actions,
	const posix_spawnattr_t *restrict attributes, char *const arguments[restrict],
	char *const environment[restrict])
{
	return spawn(next()->posix_spawnp, pid, file, actions, attributes, arguments, environment);
}

/*
 * Waiting for the command is a cancellation point. <pthread.h> makes these functions of its two macros,
 * and __sigsetjmp(), which is in kernel/sigsetjmp.S, for it returns twice.
 */
#define AS_DECLARED(name) ((__typeof__(name) *)real.name) /* i386 has an argument in a register */

HIDDEN void __cleanup_fct_attribute __pthread_register_cancel(__pthread_unwind_buf_t *buffer)
{
	AS_DECLARED(__pthread_register_cancel)(buffer);
}

HIDDEN void __cleanup_fct_attribute __pthread_unregister_cancel(__pthread_unwind_buf_t *buffer)
{
	AS_DECLARED(__pthread_unregister_cancel)(buffer);
}

HIDDEN void __cleanup_fct_attribute __pthread_unwind_next(__pthread_unwind_buf_t *buffer)
{
	AS_DECLARED(__pthread_unwind_next)(buffer);
	__builtin_unreachable();
}

static int system_cancellable(const char *command)
{
	struct handover handover = handover_begin();
	int result;

	pthread_cleanup_push(handover_undo, &handover);
	result = next()->system(command);
	pthread_cleanup_pop(1);
	return result;
}

EXPORT int system(const char *command)
{
	return active ? system_cancellable(command) : next()->system(command);
}

EXPORT FILE *popen(const char *command, const char *mode)
{
	HAND_OVER(FILE *, popen(command, mode));
}

extern __typeof__(popen) _IO_popen ALIAS(popen);

/* ---- an object that is gone owns no handlers any more ---- */

EXPORT int dlclose(void *handle)
{
	int result = next()->dlclose(handle);

	if (active)
		owner_drop_unloaded();
	return result;
}
