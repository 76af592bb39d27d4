/* SPDX-License-Identifier: MIT */
/* The functions behind our hooks: the next definition of each name, found once at load. */
#ifndef SIGBUS_NEXT_H
#define SIGBUS_NEXT_H

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/ucontext.h>
#include "base/base.h"

struct dl_phdr_info;
struct epoll_event;
struct shmid_ds;
struct __jmp_buf_tag;
#define SPAWN_PARAMETERS                                                                           \
	(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,     \
		char *const *, char *const *)

/* Where long has 32 bits: of programs with 64 bits of time. The structure is only handed on. */
#if __SIZEOF_LONG__ == 4
#define TIME64_FUNCTIONS(X)                                                                        \
	X(int, __sigtimedwait64, (const sigset_t *, siginfo_t *, const struct timespec *))         \
	X(int, __ppoll64, (struct pollfd *, nfds_t, const struct timespec *, const sigset_t *))    \
	X(int, __pselect64,                                                                        \
		(int, fd_set *, fd_set *, fd_set *, const struct timespec *, const sigset_t *))    \
	X(int, __recvmmsg64, (int, struct mmsghdr *, unsigned, int, struct timespec *))            \
	X(int, __epoll_pwait2_time64,                                                              \
		(int, struct epoll_event *, int, const struct timespec *, const sigset_t *))
#else
#define TIME64_FUNCTIONS(X)
#endif

/* The first one is where sigsetjmp.S looks for it. */
#define REAL_FUNCTIONS(X)                                                                          \
	X(int, __sigsetjmp, (struct __jmp_buf_tag *, int))                                         \
	X(void *, mmap, (void *, size_t, int, int, int, long))                                     \
	X(void *, mmap64, (void *, size_t, int, int, int, off_t))                                  \
	X(int, munmap, (void *, size_t))                                                           \
	X(void *, mremap, (void *, size_t, size_t, int, ...))                                      \
	X(int, mprotect, (void *, size_t, int))                                                    \
	X(int, pkey_mprotect, (void *, size_t, int, int))                                          \
	X(int, madvise, (void *, size_t, int))                                                     \
	X(int, mlockall, (int))                                                                    \
	X(void *, shmat, (int, const void *, int))                                                 \
	X(int, shmdt, (const void *))                                                              \
	X(int, remap_file_pages, (void *, size_t, int, size_t, int))                               \
	X(int, sigaction, (int, const struct sigaction *, struct sigaction *))                     \
	X(sighandler_t, signal, (int, sighandler_t)) \
	X(sighandler_t, sysv_signal, (int, sighandler_t)) \
	X(sighandler_t, sigset, (int, sighandler_t)) \
	X(int, sigignore, (int))                                                                   \
	X(int, sighold, (int))                                                                     \
	X(int, sigrelse, (int))                                                                    \
	X(int, siginterrupt, (int, int))                                                           \
	X(int, sigprocmask, (int, const sigset_t *, sigset_t *))                                   \
	X(int, pthread_sigmask, (int, const sigset_t *, sigset_t *))                               \
	X(void, longjmp, (struct __jmp_buf_tag *, int))                                            \
	X(void, _longjmp, (struct __jmp_buf_tag *, int))                                           \
	X(void, siglongjmp, (struct __jmp_buf_tag *, int))                                         \
	X(void, __longjmp_chk, (struct __jmp_buf_tag *, int))                                      \
	X(int, setcontext, (const ucontext_t *))                                                   \
	X(int, swapcontext, (ucontext_t *, const ucontext_t *))                                    \
	X(int, kill, (pid_t, int))                                                                 \
	X(int, sigpending, (sigset_t *))                                                           \
	X(int, sigsuspend, (const sigset_t *))                                                     \
	X(int, sigtimedwait, (const sigset_t *, siginfo_t *, const struct timespec *))             \
	X(int, ppoll, (struct pollfd *, nfds_t, const struct timespec *, const sigset_t *))        \
	X(int, __ppoll_chk,                                                                        \
		(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *, size_t))      \
	X(int, pselect,                                                                            \
		(int, fd_set *, fd_set *, fd_set *, const struct timespec *, const sigset_t *))    \
	X(int, epoll_pwait, (int, struct epoll_event *, int, int, const sigset_t *))               \
	X(int, epoll_pwait2,                                                                       \
		(int, struct epoll_event *, int, const struct timespec *, const sigset_t *))       \
	X(int, signalfd, (int, const sigset_t *, int))                                             \
	X(int, pthread_attr_setsigmask_np, (pthread_attr_t *, const sigset_t *))                   \
	X(int, pthread_attr_getsigmask_np, (const pthread_attr_t *, sigset_t *))                   \
	X(pid_t, vfork, (void))                                                                    \
	X(int, clone, (int (*)(void *), void *, int, void *, ...))                                 \
	X(int, execv, (const char *, char *const *))                                               \
	X(int, execvp, (const char *, char *const *))                                              \
	X(int, execve, (const char *, char *const *, char *const *))                               \
	X(int, execvpe, (const char *, char *const *, char *const *))                              \
	X(int, fexecve, (int, char *const *, char *const *))                                       \
	X(int, execveat, (int, const char *, char *const *, char *const *, int))                   \
	X(int, posix_spawn, SPAWN_PARAMETERS)                                                      \
	X(int, posix_spawnp, SPAWN_PARAMETERS)                                                     \
	X(int, system, (const char *))                                                             \
	X(FILE *, popen, (const char *, const char *))                                             \
	X(ssize_t, recvmsg, (int, struct msghdr *, int))                                           \
	X(int, recvmmsg, (int, struct mmsghdr *, unsigned, int, struct timespec *))                \
	X(int, prctl, (int, ...))                                                                  \
	X(int, close, (int))                                                                       \
	X(int, dup, (int))                                                                         \
	X(int, dup2, (int, int))                                                                   \
	X(int, dup3, (int, int, int))                                                              \
	X(int, fcntl, (int, int, ...))                                                             \
	X(int, fcntl64, (int, int, ...))                                                           \
	TIME64_FUNCTIONS(X)                                                                        \
	X(int, dlclose, (void *))                                                                  \
	X(int, __libc_start_main,                                                                  \
		(int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void),     \
			void (*)(void), void *))

/* What we call ourselves: each name that the loader would bind costs it about 700 instructions. */
#define OWN_FUNCTIONS(X)                                                                           \
	X(int *, __errno_location, (void))                                                         \
	X(unsigned long, getauxval, (unsigned long))                                               \
	X(int, clock_gettime, (clockid_t, struct timespec *))                                      \
	X(int, __libc_allocate_rtsig, (int))                                                       \
	X(int, __register_atfork, (void (*)(void), void (*)(void), void (*)(void), void *))        \
	X(void, __pthread_register_cancel, (__pthread_unwind_buf_t *))                             \
	X(void, __pthread_unregister_cancel, (__pthread_unwind_buf_t *))                           \
	X(void, __pthread_unwind_next, (__pthread_unwind_buf_t *))                                 \
	X(int, shmctl, (int, int, struct shmid_ds *))                                              \
	X(void *, dlopen, (const char *, int))                                                     \
	X(int, dl_iterate_phdr,                                                                    \
		(int (*)(struct dl_phdr_info *, size_t, void *), void *))                          \
	X(char *, dlerror, (void))

#define ALL_FUNCTIONS(X) REAL_FUNCTIONS(X) OWN_FUNCTIONS(X)

struct real {
#define REAL_MEMBER(type, name, parameters) type(*name) parameters;
	ALL_FUNCTIONS(REAL_MEMBER)
#undef REAL_MEMBER
} __attribute__((aligned(4096))); /* on pages of its own: see real_protect() */
extern HIDDEN struct real real;
extern HIDDEN bool real_resolved;
extern HIDDEN bool real_is_behind; /* the C library: there are no next functions, and nobody calls ours */
void real_init(void);
/* From now on nobody can make a hook call something else by writing to memory. */
void real_protect(void);
/* For hooks that may be called before our constructor, by that of another -z initfirst object. */
static inline const struct real *next(void)
{
	if (unlikely(!real_resolved))
		real_init();
	return &real;
}

#endif
