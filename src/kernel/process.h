/* SPDX-License-Identifier: MIT */
/* What this process is: what fork() must not hand to the child as it is, counters, names. */
#ifndef SIGBUS_PROCESS_H
#define SIGBUS_PROCESS_H

#include <signal.h>
#include <stdatomic.h>
#include "base/base.h"
#include "kernel/tally.h"

#define SCRATCH_SLOTS 64 /* no memory is spent on one that was never taken */
#define STACKS 16 /* see fault/stacks.h */
#define WINDOWS 4 /* see reserved.c */

#define LOCKS 64       /* of ranges: state_lock() */
#define API_LOCK LOCKS /* of who adds or removes ranges: see api/range-api.c */

struct lock_word {
	/* Even: free, odd: held. It only grows, so it is a version too. */
	_Alignas(64) _Atomic uint64_t word;
};

/* They only grow. See report_count() and out.c. With the words in which sigbus-stat tells them. */
#define COUNTERS(X)                                                                                \
	X(faults, "faults")                                                                        \
	X(reported, "reported, or tried to")                                                       \
	X(suppressed, "not reported: too many of them")                                            \
	X(quiet, "not reported: +quiet")                                                           \
	X(lost, "lines of reports that did not get out")                                           \
	X(repaired_pages, "pages replaced")                                                        \
	X(repaired_ranges, "ranges with replaced pages")                                           \
	X(owner_answered, "answered by an owner")                                                  \
	X(chained, "handed to the program's handler")                                              \
	X(fatal, "left to the default action")                                                     \
	X(untracked, "in memory that no hook had seen")                                            \
	X(refused, "mappings refused by reserve")                                                  \
	X(unpopulated, "mappings that reserve did not populate: read-only huge pages")              \
	X(refused_untold, "refusals not reported: too many")                                       \
	X(failed_open, "mappings that could not be tracked")                                       \
	X(senders_lost, "files of which the sender could not be kept") \
	X(borrowed, "not replaced: in a process that shares the memory")                           \
	X(owners_full, "mappings of unknown owner: too many objects")

struct counters {
#define COUNTER_MEMBER(name, words) _Atomic uint64_t name;
	COUNTERS(COUNTER_MEMBER)
#undef COUNTER_MEMBER
};

#define CALLBACK_SLOTS 64 /* owners share them: see registered.c */

struct callbacks {
	_Atomic uint32_t running; /* those that were left by siglongjmp() included */
	_Atomic uint32_t left;    /* as many of them are not waited for */
};

/* A thread that waits for a page to come back (fault/wait.c). */
struct waiting {
	_Atomic int thread; /* 0: free */
	_Atomic uintptr_t page;
	_Atomic int64_t since; /* milliseconds of CLOCK_MONOTONIC */
};
#define WAITING_SLOTS 32

/* A page whose time to wait has run out, when its range had had so many faults. */
struct waited {
	_Atomic uintptr_t page; /* 0: free */
	_Atomic uint32_t count;
};
#define WAITED_SLOTS 512

/* Lives in MADV_WIPEONFORK pages: a fork child finds all of it zero, whatever was held. */
struct process_state {
	/* First what the start and the end of a process look at, on one page. */
	_Atomic int pid; /* of the process that uses it; 0 in a new child */
	struct counters counters;
	struct lock_word lock[LOCKS + 1];
	/*
	 * Threads that have cut a range out of the table and are not yet done with the system call behind
	 * it: writers_in - writers_out. A fault in no range naps while there are any (fault/dispatch.c,
	 * find_range). Two counters that only grow, for a writer that leaves by siglongjmp() never leaves.
	 */
	_Atomic uint32_t writers_in, writers_out;
	_Atomic uint32_t writers_lost; /* of those who are in: how many were waited for in vain */
	_Atomic uint32_t scratch_busy[SCRATCH_SLOTS]; /* see scratch_get() */
	_Atomic uint32_t stack_busy[STACKS];
	_Atomic int showing_ignored; /* threads that execute something: see disposition_show_ignored() */
	_Atomic uint32_t window_busy[WINDOWS];        /* see window_take() */
	_Atomic bool is_pending; /* a SIGBUS for the process: signal/pending.c */
	_Atomic int unwinder_loader;   /* the thread that loads it, or has: see wrapper.c */
	_Atomic uint32_t is_lending;   /* address space is given back around mlockall() */
	struct callbacks callbacks[CALLBACK_SLOTS];
	_Atomic bool is_sweeping; /* see sender.c */
	struct tally tally;
	struct waiting waiting[WAITING_SLOTS];
	struct waited waited[WAITED_SLOTS];
	_Atomic int64_t report_time; /* see may_tell_now() */
	_Atomic uintptr_t last_fault; /* its address; 0: there was none */
	_Atomic int64_t last_fault_at; /* milliseconds of CLOCK_MONOTONIC; 0: there was no clock */
} __attribute__((aligned(4096)));
extern HIDDEN struct process_state *process_state;

struct counters *counters(void); /* [H] of this process; never NULL */
void counter_add(_Atomic uint64_t *counter, uint64_t count); /* [H] */
int process_init(void (*forked)(void)); /* what a fork child has to do */
/*
 * Of who runs. Known as a rule: only a thread that has called vfork() may be its child, until it is
 * seen to be the parent again; and once clone() has made another process that shares the memory, the
 * kernel is asked each time. [H]
 */
int process_ask_pid(void);    /* [H] */
void process_is_shared(void); /* by another process, from now on */
/* Takes one of these flags of process_state; all are taken: waits about a second for one. -1: none.
 * (scratch.c) [H] */
int busy_take(_Atomic uint32_t *busy, unsigned count);
void *arena_allocate(size_t size); /* [H] zeroed, never freed; NULL: no memory */

/* What there is to look at in this thread; as a rule nothing. */
#define WATCH_HANDLERS 0xffu   /* so many handlers of the program run because of us (fault/running.h) */
#define WATCH_OUR_STACK 0x100u /* it is on a stack of ours (fault/stacks.h) */
#define WATCH_VFORK 0x200u     /* it has called vfork(): see process_pid() */
#define WATCH_SUSPENDED 0x400u /* it is in a wait: see suspended_at */
extern HIDDEN __thread unsigned running_watch __attribute__((tls_model("initial-exec")));
/* A stack pointer just above that of sigsuspend() or the like, whose mask lets SIGBUS through. */
extern HIDDEN __thread uintptr_t suspended_at __attribute__((tls_model("initial-exec")));

extern HIDDEN bool memory_is_shared;
/* Relaxed: a thread compares what it, or the fork before it, has written; nothing is read by way of it. */
static inline int process_pid(void)
{
	int pid = atomic_load_explicit(&process_state->pid, memory_order_relaxed);

	return likely(pid && !(running_watch & WATCH_VFORK) && !memory_is_shared) ? pid : process_ask_pid();
}

/*
 * Not our own: a vfork() or clone(CLONE_VM) child, which must not change what it shares. It may be
 * killed at any instruction, so it takes nothing that somebody waits for. [H]
 */
static inline bool process_is_borrowed(void)
{
	int pid = process_pid();

	return atomic_load_explicit(&process_state->pid, memory_order_relaxed) != pid;
}

extern bool active;              /* false: dormant (SIGBUS_ONLY), or nothing works: only pass on */
extern HIDDEN const char *program_name; /* base name of what was executed */
extern HIDDEN const char *program_path; /* base name of the file it is, e.g. behind a link */
extern HIDDEN const char *runtime_directory; /* XDG_RUNTIME_DIR, or NULL */
/* By set-user-ID or the like it can do more than who started it: who is not to be trusted. */
extern HIDDEN bool secure_mode;

#endif
