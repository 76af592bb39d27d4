/* SPDX-License-Identifier: MIT */
/*
 * What the files of libsigbus share, grouped by file.
 *
 * [H] marks a function that the signal handler may reach: it is async-signal-safe, takes no lock,
 * never allocates with malloc, never resolves a symbol, and makes system calls only through sys_*.
 */
#ifndef SIGBUS_INTERNAL_H
#define SIGBUS_INTERNAL_H

#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <sys/types.h>
#include <sys/ucontext.h>
#include <sys/uio.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE ((uintptr_t)1 << PAGE_SHIFT)
#define PAGE_MASK (~(PAGE_SIZE - 1))
/* Mappings above are not tracked: they fail open. With one bit more, a range is shorter. */
#if defined(__aarch64__)
#define ADDRESS_BITS 48
#define RANGE_PAGES_BITS 27
#elif defined(__i386__)
#define ADDRESS_BITS 32
#define RANGE_PAGES_BITS 28
#else
#define ADDRESS_BITS 47
#define RANGE_PAGES_BITS 28
#endif
#if defined(__i386__)
#define ADDRESS_END (UINTPTR_MAX & PAGE_MASK) /* the last page is the kernel's */
#else
#define ADDRESS_END ((uintptr_t)1 << ADDRESS_BITS)
#endif

#define HIDDEN __attribute__((visibility("hidden")))
#define EXPORT __attribute__((visibility("default")))
#define TLS static __thread __attribute__((tls_model("initial-exec")))
/* For the stack's sake: a frame of its own, which is gone before the caller goes deeper. */
#define APART __attribute__((noinline))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* ---- process.c: what fork() must not hand to the child as it is ---- */

#define SCRATCH_SLOTS 64 /* no memory is spent on one that was never taken */
#define STASH_SLOTS 64

#define LOCKS 64       /* of ranges: state_lock() */
#define API_LOCK LOCKS /* of who adds or removes ranges: see api-range.c */

struct lock_word {
	/* Even: free, odd: held. It only grows, so it is a version too. */
	_Alignas(64) _Atomic uint64_t word;
};

/* A SIGBUS that was sent while virtually blocked; it waits as a queued shadow signal. */
struct stash {
	_Atomic int state;  /* 0 free, 1 being filled, 2 queued */
	_Atomic int target; /* thread id, or 0: the process */
	siginfo_t info;
};

/* They only grow. See report_count() and out.c. With the words in which sigbus-stat tells them. */
#define COUNTERS(X)                                                                                \
	X(faults, "faults")                                                                        \
	X(reported, "reported, or tried to")                                                       \
	X(suppressed, "not reported: too many in their range")                                     \
	X(quiet, "not reported: +quiet")                                                           \
	X(lost, "lines of reports that did not get out")                                           \
	X(repaired_pages, "pages replaced")                                                        \
	X(repaired_ranges, "ranges with replaced pages")                                           \
	X(owner_answered, "answered by an owner")                                                  \
	X(chained, "handed to the program's handler")                                              \
	X(fatal, "left to the default action")                                                     \
	X(untracked, "in memory that no hook had seen")                                            \
	X(failed_open, "mappings that could not be tracked")

struct counters {
#define COUNTER_MEMBER(name, words) _Atomic uint64_t name;
	COUNTERS(COUNTER_MEMBER)
#undef COUNTER_MEMBER
};

/* Lives in MADV_WIPEONFORK pages: a fork child finds all of it zero, whatever was held. */
struct process_state {
	struct lock_word lock[LOCKS + 1];
	_Atomic int pid;                              /* of the process that uses it; 0 in a new child */
	/* Writers come between cutting a range and its new state: how many came, and how many left. */
	_Atomic uint32_t writers_in, writers_out;
	_Atomic uint32_t writers_lost; /* writers_in when those who are in did not leave in time */
	_Atomic uint32_t scratch_busy[SCRATCH_SLOTS]; /* see scratch_get() */
	struct stash stash[STASH_SLOTS];
	struct counters counters;
};
extern struct process_state *process_state;

struct counters *counters(void); /* [H] of this process; never NULL */
void counter_add(_Atomic uint64_t *counter, uint64_t count); /* [H] */
int process_init(void);
/* Not our own: a vfork() or clone(CLONE_VM) child, which must not change what it shares. */
bool process_is_borrowed(void);
void *arena_allocate(size_t size); /* [H] zeroed, never freed; NULL: no memory */

/* ---- init.c ---- */

extern bool active;              /* false: dormant (SIGBUS_ONLY), or nothing works: only pass on */
extern const char *program_name; /* base name of what was executed */
extern const char *program_path; /* base name of the file it is, e.g. behind a link */
extern struct policy policy;
/* By set-user-ID or the like it can do more than who started it: who is not to be trusted. */
extern bool secure_mode;

/* ---- real.c: the next functions ---- */

struct epoll_event;
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
	X(int, __epoll_pwait2_time64,                                                              \
		(int, struct epoll_event *, int, const struct timespec *, const sigset_t *))
#else
#define TIME64_FUNCTIONS(X)
#endif

#define REAL_FUNCTIONS(X)                                                                          \
	X(void *, mmap, (void *, size_t, int, int, int, long))                                     \
	X(void *, mmap64, (void *, size_t, int, int, int, off_t))                                  \
	X(int, munmap, (void *, size_t))                                                           \
	X(void *, mremap, (void *, size_t, size_t, int, ...))                                      \
	X(int, mprotect, (void *, size_t, int))                                                    \
	X(int, pkey_mprotect, (void *, size_t, int, int))                                          \
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
	X(int, execve, (const char *, char *const *, char *const *))                               \
	X(int, execvpe, (const char *, char *const *, char *const *))                              \
	X(int, fexecve, (int, char *const *, char *const *))                                       \
	X(int, execveat, (int, const char *, char *const *, char *const *, int))                   \
	X(int, posix_spawn, SPAWN_PARAMETERS)                                                      \
	X(int, posix_spawnp, SPAWN_PARAMETERS)                                                     \
	X(int, system, (const char *))                                                             \
	X(FILE *, popen, (const char *, const char *))                                             \
	TIME64_FUNCTIONS(X)                                                                        \
	X(int, dlclose, (void *))                                                                  \
	X(int, __libc_start_main,                                                                  \
		(int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void),     \
			void (*)(void), void *))

struct real {
#define REAL_MEMBER(type, name, parameters) type(*name) parameters;
	REAL_FUNCTIONS(REAL_MEMBER)
#undef REAL_MEMBER
};
extern struct real real;
extern bool real_resolved;
void real_init(void);
/* For hooks that may be called before our constructor, by that of another -z initfirst object. */
static inline const struct real *next(void)
{
	if (unlikely(!real_resolved))
		real_init();
	return &real;
}

/* ---- policy.c, policy-parse.c, policy-rule.c, policy-error.c, glob.c: text -> rules -> rule. Pure: no
 * system call, and no state but the hit counter of the built-in rule. ---- */

enum policy_key {
	KEY_ANY, /* "*" */
	KEY_OWNER,
	KEY_PATH,
	KEY_KIND,
	KEY_FS,
	KEY_MAP,
	KEY_CAUSE,
	KEY_PROGRAM,
	KEY_COUNT
};

enum action_kind {
	ACTION_OWNER,
	ACTION_ZERO,
	ACTION_ONES,
	ACTION_WAIT,
	ACTION_RESERVE,
	ACTION_CHAIN,
	ACTION_ABORT,
	ACTION_COUNT
};

/* In the order of the arguments of zero and ones in policy_actions. */
enum action_extent { EXTENT_LOST, EXTENT_PAGE, EXTENT_RANGE };

struct action {
	uint8_t kind;   /* enum action_kind */
	uint8_t extent; /* enum action_extent, of zero and ones */
	uint32_t seconds; /* of wait: 1 to WAIT_SECONDS_MAX */
};
#define WAIT_SECONDS_MAX 86400

/*
 * What a text begins and ends with, up to 8 bytes of each (the first byte, and the last one, in the
 * lowest bits), and a bit for each two bytes in a row; what a text that matches a glob has to have
 * of these. Most globs of a policy are ruled out by that alone.
 */
struct sketch {
	uint64_t head, tail, pairs;
};
struct glob_sketch {
	struct sketch plain;
	uint64_t head_mask, tail_mask;
};

struct match {
	const char *glob; /* still escaped: the matcher knows the escapes */
	uint16_t glob_length;
	uint8_t key; /* enum policy_key */
	struct glob_sketch sketch;
};

#define RULE_MATCHES_MAX 8
#define RULE_ACTIONS_MAX 8
#define GLOB_MAX 4096                /* bytes of one glob */
#define POLICY_TEXT_MAX (1024 * 1024) /* bytes of one text */
#define POLICY_INCLUDES_MAX 16

struct rule {
	const char *text; /* as written, for reports; not terminated */
	uint32_t text_length;
	uint32_t item; /* in SIGBUS_POLICY, 1-based, of the "@NAME" for an included rule; 0: built-in */
	uint32_t line; /* in the included text, 1-based; 0: the rule stands in SIGBUS_POLICY itself */
	uint8_t match_count, action_count;
	bool quiet;
	const struct match *match; /* the rules of a policy share one array of each */
	const struct action *action;
	_Atomic uint64_t hits;
};

struct policy {
	struct rule *rule; /* the last one is the built-in *=owner|chain */
	uint32_t rule_count;
	bool strict;   /* right even if the rest of the text is not */
	/* 1 << key and 1 << kind for each that some rule but the built-in one uses. */
	uint32_t keys, actions;
};

/* A row of the tables from which the parser, its messages and --list are made. */
struct policy_word {
	const char *word;
	const char *const *values; /* all of them, NULL-terminated; NULL: any glob, or no argument */
	const char *help;
	bool final;    /* an action that never declines */
	bool seconds;  /* an action whose argument is a number of seconds, which it must have */
};
extern const struct policy_word policy_keys[], policy_actions[]; /* in enum order; word NULL ends */

/* Words stride bytes apart, up to a NULL: a column of a table, or an array. first NULL: none. */
struct policy_words {
	const char *const *first;
	size_t stride;
};
const char *policy_words_at(struct policy_words words, size_t i);
/* The word that was probably meant, or NULL when none is near. */
const char *policy_nearest(struct policy_words words, const char *word, size_t length);

#define POLICY_WORD_MAX 48

struct policy_error {
	char source[256]; /* "SIGBUS_POLICY", or the "@NAME" of the included text; may be cut */
	bool in_file;     /* item is a line of the text, and column counts from its start */
	uint32_t item;    /* 1-based; 0: the whole text is meant */
	uint32_t column;  /* 1-based, in bytes; in SIGBUS_POLICY from the start of the whole value */
	const char *what; /* "unknown", ... */
	const char *noun; /* "action", ... or NULL */
	char word[POLICY_WORD_MAX];
	uint8_t word_length; /* 0: no word to show */
	bool word_cut;
	const char *reason;  /* or NULL */
	const char *nearest; /* a valid word, or NULL: then all of valid are listed */
	struct policy_words valid;
};

/* Where the parser gets memory and other texts from; the unit tests have their own. */
struct policy_env {
	void *(*allocate)(size_t size); /* zeroed, or NULL; never freed */
	/* The text of "@name" (a path if it has a "/", else a preset): 0 or -errno. */
	int (*load)(const char *name, const char **text, size_t *length);
	struct policy_words (*presets)(void); /* for messages only; may be NULL */
	const char *file; /* NULL: the text is that of SIGBUS_POLICY; else of this file */
};

/*
 * 0, or -EINVAL/-ENOMEM with *error filled; then *policy is the built-in one. The policy keeps
 * pointers into text. Linear in the length of the texts.
 */
int policy_parse(const char *text, size_t length, const struct policy_env *env,
	struct policy *policy, struct policy_error *error);
/* One line without "\n" into buffer, always terminated (size > 0); returns its length. */
size_t policy_error_line(const struct policy_error *error, char *buffer, size_t size);
/* The built-in policy: *=owner|chain. */
void policy_builtin(struct policy *policy);

/* The i-th name of the fact behind a key, or NULL when there are no more. [H] */
#define FACT_NAMES_MAX 2
typedef const char *(*policy_fact)(void *context, enum policy_key key, unsigned i);
/* The names that were asked for so far. The caller gives the room, for the handler has little. */
struct policy_names {
	struct policy_name {
		const char *text;
		struct sketch sketch;
	} name[KEY_COUNT - 1][FACT_NAMES_MAX]; /* nobody asks for KEY_ANY */
	uint8_t count[KEY_COUNT - 1];
	bool complete[KEY_COUNT - 1];
};
/* The first rule that matches: never NULL. Asks for what it needs only, and once. [H] */
const struct rule *policy_match(const struct policy *policy, policy_fact fact, void *context,
	struct policy_names *names);
const char *action_name(enum action_kind kind); /* [H] */

/* Time: at most glob_length times the length of text; no recursion. [H] */
bool glob_match(const char *glob, size_t glob_length, const char *text);
/* Of a glob that glob_check() found right; of a text. */
struct glob_sketch glob_sketch(const char *glob, size_t glob_length);
struct sketch text_sketch(const char *text); /* [H] */
static inline bool sketch_fits(const struct glob_sketch *glob, const struct sketch *text)
{
	return !(((glob->plain.head ^ text->head) & glob->head_mask) |
		 ((glob->plain.tail ^ text->tail) & glob->tail_mask) |
		 (glob->plain.pairs & ~text->pairs));
}
/* NULL, or the place of an error with *what set: glob_match() would take the byte literally. */
const char *glob_check(const char *glob, size_t glob_length, const char **what);

/* ---- policy-file.c: the files and presets behind "@NAME" ---- */

/* allocate: as in struct policy_env. preset_dir is kept. */
void policy_file_init(const char *preset_dir, void *(*allocate)(size_t size));
/*
 * The text behind "@name": 0 or -errno; -EOPNOTSUPP: not a regular file, -EFBIG: longer than
 * POLICY_TEXT_MAX. Never blocks on a FIFO.
 */
int policy_load(const char *name, const char **text, size_t *length);
/* The same for a program in secure mode: -EKEYREJECTED if others than root can write the file. */
int policy_load_trusted(const char *name, const char **text, size_t *length);
/* The names of the installed presets, sorted. */
struct policy_words policy_presets(void);

/* ---- range*.c: address -> record. Lock-free writers, wait-free lookup. No system call. ---- */

/*
 * geometry: first page << RANGE_PAGES_BITS | pages; 0: dead. With RANGE_HIDDEN set no lookup finds it: a split
 * that is not done yet, or a piece in a range_cut list (then all bits are inverted).
 * state: generation << 32 | lock << 26 | owner << 14 | flags. Both are one atomic word each; a pair
 * that was read with the same state before and after is of one incarnation.
 */
struct range {
	_Atomic uint64_t geometry;
	_Atomic uint64_t state;
	_Atomic uint32_t caller;  /* offset of the mapping call in its object; next free record */
	_Atomic uint32_t faults;  /* so far; in a range_cut list: see range_link_piece() */
	_Atomic uint64_t anchor; /* see range_anchor() */
};

#define RANGE_HIDDEN ((uint64_t)1 << 63)
#define RANGE_LOCKS 64
#define OWNERS_MAX 4096

enum range_flag {
	RANGE_READ = 1 << 0, /* the first three are PROT_* */
	RANGE_WRITE = 1 << 1,
	RANGE_EXEC = 1 << 2,
	RANGE_SHARED = 1 << 3,
	RANGE_PROTECTED = 1 << 4,  /* mprotect() touched it: ask the kernel for the protection */
	RANGE_REPAIRED = 1 << 5,   /* some page was replaced: mremap() needs care */
	RANGE_REGISTERED = 1 << 6, /* by sigbus_range_add() */
	RANGE_RESERVED = 1 << 8,   /* its blocks were made sure of, and so shall be its growth */
	RANGE_MAPPED = 1 << 7,     /* a mapping that we saw, under a registered range too */
	RANGE_LOST = 1 << 9,       /* sigbus_copy_from() or _to() found a lost page */
};
#define RANGE_FLAGS 0x3fffu

struct range_hit {
	struct range *range; /* NULL: nothing there */
	uint64_t geometry, state;
	bool unsettled; /* nothing found while others were changing it: access again and look again */
};

static inline uintptr_t geometry_start(uint64_t geometry)
{
	return (uintptr_t)(geometry >> RANGE_PAGES_BITS) << PAGE_SHIFT;
}
static inline size_t geometry_size(uint64_t geometry)
{
	return (size_t)(geometry & (((uint64_t)1 << RANGE_PAGES_BITS) - 1)) << PAGE_SHIFT;
}
static inline uintptr_t geometry_end(uint64_t geometry)
{
	return geometry_start(geometry) + geometry_size(geometry);
}
static inline unsigned state_lock(uint64_t state)
{
	return (state >> 26) & (RANGE_LOCKS - 1);
}
static inline unsigned state_owner(uint64_t state)
{
	return (state >> 14) & (OWNERS_MAX - 1);
}
static inline unsigned state_flags(uint64_t state)
{
	return state & RANGE_FLAGS;
}

/*
 * Pieces that were cut out: hidden records, linked by id in faults. Who looked one up before may
 * still count a fault in it, so the lowest bits are left to such late comers.
 */
struct range_cut {
	uint32_t first; /* id of the first piece, 0: nothing was there */
	bool lost;      /* something is no longer tracked, or can't be put back: no memory */
};
#define PIECE_SHIFT 8
static inline uint32_t range_next_piece(const struct range *piece)
{
	return atomic_load_explicit(&piece->faults, memory_order_acquire) >> PIECE_SHIFT;
}
static inline void range_link_piece(struct range *piece, uint32_t next)
{
	atomic_store_explicit(&piece->faults, next << PIECE_SHIFT, memory_order_release);
}

struct range_env {
	void *(*allocate)(size_t size); /* zeroed, never freed, or NULL; [H] */
	void (*wait)(unsigned lock);    /* until the holder of a lock word, if any, is gone */
	void (*release)(struct range_cut cut); /* what was stale: range_cut_free() in the end */
};
void range_init(const struct range_env *env);

/* What a new record shall say. */
struct range_attributes {
	unsigned owner, flags;
	int lock; /* -1: any */
	uint32_t caller;
	uintptr_t anchor;
};
/* 0, -EINVAL (alignment, size 0), -E2BIG (too long, or too high), -ENOMEM. What the table
 * still has there is stale (unmapped behind our back): it is cut and released, so this may wait. [H]
 */
int range_insert(uintptr_t start, size_t size, const struct range_attributes *attributes);
struct range_hit range_lookup(uintptr_t address); /* [H] wait-free */

/*
 * Takes [start, start + size) out of the table and waits for repairs in it. What was there comes
 * back, to be freed, or put back when the system call failed. state and caller stay readable in a
 * piece, and the anchor in one that has the start of its record; the part that stays in the table
 * has the anchor otherwise. [H]
 */
struct range_cut range_cut(uintptr_t start, size_t size);
void range_cut_free(struct range_cut cut); /* [H] */
void range_cut_restore(struct range_cut cut);
struct range *range_by_id(uint32_t id); /* [H] NULL: no such id */
/* The page of the same file that is kept since the first repair, or 0. It is set by compare and
 * swap against the word itself: with bit 0 set that is the table's own note, equal to "none". */
static inline uintptr_t range_anchor(const struct range *range)
{
	uint64_t anchor = atomic_load(&range->anchor);

	return anchor & 1 ? 0 : (uintptr_t)anchor;
}
/* Where a piece of a range_cut list was. */
static inline uint64_t range_piece(const struct range *range)
{
	return ~atomic_load(&range->geometry);
}
/*
 * Change the state of a live incarnation; false: it is gone. A repair compares the whole state, so
 * a change costs one that is under way another look, never more: it takes the new state over. It
 * does not wait, so the holder of the lock word may do it. [H]
 */
bool range_set_flags(struct range_hit hit, unsigned set, unsigned clear);
/* Under the lock word: is it still what was looked up, and [start, start + size) inside? [H] */
bool range_still(const struct range_hit *hit, uintptr_t start, size_t size);
/* Calls visit for each live record that overlaps, perhaps twice if others split it meanwhile. [H] */
void range_each(uintptr_t start, size_t size, void (*visit)(struct range_hit hit, void *data), void *data);
uint64_t range_count(void); /* live ones; looks at every record */

/* ---- owner.c: address -> shared object -> owner, and each owner's handlers ---- */

struct disposition;

/* The owner of the code at address; 0 when no object holds it. */
unsigned owner_at(uintptr_t address);
/* The same for the caller of a mapping function, past objects that only wrap mmap(). */
unsigned owner_of_caller(uintptr_t caller, uint32_t *offset);
const char *base_name(const char *path);
/* Do the symbols of the object that holds the one come before those of the other's? */
bool object_precedes(const void *one, const void *other);
bool object_at(uintptr_t address, const char **name, uintptr_t *offset); /* [H] */
const char *owner_name(unsigned owner);                                  /* [H] */
/* The i-th name by which rules know the owner; NULL when there are no more. [H] */
const char *owner_alias(unsigned owner, unsigned i);
/* The handler that answers for the owner now, or NULL. [H] */
const struct disposition *owner_handler(unsigned owner);
/* What the owners learn from a sigaction(SIGBUS) outside of handlers, made by code at caller. [H] */
void owner_note(const struct disposition *disposition, const struct disposition *before,
	uintptr_t caller);
/* Takes a handler away from every owner that has it as its newest (SA_RESETHAND). [H] */
void owner_forget(const struct disposition *disposition);

/* ---- wrapper.c: whose mmap() was it, when the caller only wraps mmap() ---- */

void wrapper_init(void);
bool wrapper_is(const char *object_name); /* [H] */
/* The first return address on this thread's stack outside of wrappers, or caller. */
uintptr_t wrapper_caller(uintptr_t caller);

/* ---- disposition.c: the virtual SIGBUS action ---- */

/* Immutable and interned: equal actions are the same pointer. */
struct disposition {
	const struct disposition *next; /* in the intern table */
	void *handler;
	uint64_t flags, mask; /* as the program gave them; the mask has SIGBUS, not the shadow */
	_Atomic bool leaves;  /* the handler was seen to leave by siglongjmp() */
};

extern HIDDEN int shadow_signal; /* its blocked bit is "SIGBUS is virtually blocked" */
#define SYNCHRONOUS                                                                                \
	(SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(SIGILL) | SIGNAL_BIT(SIGTRAP) |     \
		SIGNAL_BIT(SIGFPE) | SIGNAL_BIT(SIGSYS))
#define SIGNAL_BIT(signo) ((uint64_t)1 << ((signo)-1))
#define SA_RESTORER_ ((uint64_t)0x04000000) /* the kernel's, not in the C library's headers */

int disposition_init(void);
/* NULL: no memory. [H] */
const struct disposition *disposition_intern(void *handler, uint64_t flags, uint64_t mask);
/* What a query sigaction(signo, NULL, &old) would say: signo is SIGBUS or shadow_signal. [H] */
const struct disposition *disposition_now(int signo);
bool disposition_replace(int signo, const struct disposition *old, const struct disposition *new); /* [H] */
/* sigaction() for SIGBUS and the shadow signal. new may be NULL. Returns the old one. [H] */
const struct disposition *disposition_set(int signo, const struct disposition *new, uintptr_t caller);
/* Gives the kernel's disposition up, so that the next fault, or the queued signal, is fatal. [H] */
void disposition_die(int signo);
bool disposition_show_ignored(void);
/* SA_RESTORER_ where the C library sets it: elsewhere the kernel has a restorer of its own. */
uint64_t disposition_restorer_flag(void);
/* As the kernel shows it with the action: the C library's, if the action was set by it. */
void (*disposition_restorer(const struct disposition *disposition))(void);
void disposition_rearm(void); /* [H] after a death that did not happen */
extern _Atomic bool disposition_disarmed;

/* ---- mask.c: the virtual blocked bit ---- */

/* Blocked together with the shadow only by masks like sigfillset()'s. */
extern HIDDEN uint64_t mask_neighbours;

/* SIGBUS -> shadow [H] */
static inline uint64_t mask_to_kernel(uint64_t mask)
{
	uint64_t shadow = SIGNAL_BIT(shadow_signal);
	uint64_t blocked = mask & SIGNAL_BIT(SIGBUS);

	mask &= ~(SIGNAL_BIT(SIGBUS) | shadow);
	return blocked ? mask | shadow : mask;
}

/* shadow -> SIGBUS. The program's own bit of it is not kept: a full mask reads back as full. */
static inline uint64_t mask_from_kernel(uint64_t mask)
{
	uint64_t shadow = SIGNAL_BIT(shadow_signal);

	if (mask & shadow)
		mask |= SIGNAL_BIT(SIGBUS);
	mask &= ~shadow;
	return (mask & mask_neighbours) == mask_neighbours ? mask | shadow : mask;
}

uint64_t mask_swap(int how, uint64_t mask); /* [H] raw rt_sigprocmask; returns the old mask */
void mask_init(void);

/* The kernel's part of the C library's sigset_t. [H] */
static inline uint64_t mask_word(const sigset_t *set)
{
	uint64_t word;

	memcpy(&word, set, sizeof(word));
	return word;
}
/* [H] */
static inline void mask_set_word(sigset_t *set, uint64_t word)
{
	memcpy(set, &word, sizeof(word));
}

/* ---- copy.c ---- */

void copy_init(void);
/* Ends the copy if the fault is one's, or lets it go on byte by byte; else false. [H] */
bool copy_answer(const siginfo_t *info, ucontext_t *uc);

/* ---- loss.c: who wants to know that a page was found lost ---- */

void loss_note(uintptr_t address, const struct range_hit *hit); /* [H] */

/* ---- fault.c, chain.c, repair.c, remap.c: see there ---- */

struct fault;

/* Made by entry-*.S, which knows the layout: what came, and what to do after sigbus_dispatch(). */
struct jump {
	uintptr_t frame; /* the kernel's signal frame, perhaps moved */
	siginfo_t *info;
	ucontext_t *uc;
	uintptr_t signo;
	void *handler; /* NULL: return from the signal */
#if defined(__aarch64__)
	uintptr_t record, restorer; /* x29, the end of the frame, and x30 */
#endif
};
HIDDEN void sigbus_entry(int signo, siginfo_t *info, void *uc); /* [H] */
HIDDEN void sigbus_dispatch(int signo, struct jump *jump);     /* [H] */
void fault_report(struct fault *fault); /* [H] at most once a fault */

/* A call of an owner's handler, in the caller's frame (call.c). */
struct call {
	uint64_t cookie;
	struct call *outer;
	const struct disposition *handler; /* NULL: a callback of the C API */
	bool declined;
	void *unwind[5]; /* __builtin_setjmp() */
};
struct call *call_live(void); /* [H] the innermost call that is still on the stack, or NULL */
/* What sigaction() inside of the live call put in place, NULL: nothing. [H] */
const struct disposition *call_placed(void);
void call_place(const struct disposition *disposition); /* [H] */
bool chained_handler_is_live(void); /* [H] a handler that chain jumped into is still on the stack */

enum answer { ANSWER_DONE, ANSWER_DECLINED, ANSWER_RETRY };
enum answer repair(struct fault *fault, const struct action *action); /* [H] zero, ones */
/* Can the page not be read (or written)? 0: it can; -EFAULT/-EHWPOISON: lost; else: no telling. [H] */
int probe(uintptr_t page, bool write);
/* Is it poisoned? Only of memory that no file system has to read. [H] */
bool probe_poison(uintptr_t page);
bool probe_may_populate(void); /* MADV_POPULATE_* of any page comes to an end */
void probe_init(void);
void repair_wait(unsigned lock); /* [H] until the present holder of the lock word, if any, is gone */
void anchor_free(uintptr_t anchor); /* [H] */
void range_cut_release(struct range_cut cut); /* [H] range_cut_free() and what hangs on the records */

struct chain_target {
	const struct disposition *disposition;
	int signo;
	uint64_t mask; /* of the thread at delivery */
};
void *chain_jump(const struct chain_target *target, struct jump *jump); /* [H] */
void chain_reset(int signo, const struct disposition *handler); /* [H] SA_RESETHAND at delivery */
/* Moves the kernel's frame to the interrupted stack if the handler may not use the alternate one. [H] */
bool frame_move(const struct disposition *handler, struct jump *jump);

/* ---- track.c: what the mapping hooks tell the range table ---- */

struct mapping {
	void *address;
	size_t length;
	int prot, flags, fd;
	off_t offset;
};
void *track_mmap(void *(*next)(void *, size_t, int, int, int, off_t), const struct mapping *mapping,
	uintptr_t caller);
/* After an mmap() that replaced nothing. */
void track_mapped(uintptr_t start, size_t length, int prot, int flags, uintptr_t caller);
/* flags: of mmap(). */
#define mapping_is_tracked(flags) (!((flags)&MAP_ANONYMOUS) || (flags)&MAP_HUGETLB)
int track_munmap(void *address, size_t length);
/* Around a cut after which the pages are put in again: until then they are nobody's. */
void track_enter(void);
void track_leave(void);
/* The action "reserve": RANGE_RESERVED, 0 (no rule asks for it), or -ENOMEM: refuse the mapping. */
int reserve(const struct mapping *mapping, unsigned owner);
bool reserve_tail(uintptr_t start, size_t size);
struct remapping {
	void *old;
	size_t old_size, new_size;
	int flags;
	void *new; /* with MREMAP_FIXED */
};
void *track_mremap(const struct remapping *move);
struct protecting {
	uint64_t locks; /* a bit for each lock word of a range that is concerned */
	uint64_t version[RANGE_LOCKS];
};
void track_protect(struct protecting *protecting, void *address, size_t length, int prot);
/* After the system call: a repair came in between, which knew the old protection. */
bool track_must_repeat(struct protecting *protecting);
void *track_shmat(int id, const void *address, int flags, uintptr_t caller);
int track_shmdt(const void *address);
/* mremap() of a range of which pages were replaced: the kernel sees several mappings there. */
void *remap_repaired(const struct remapping *move, uintptr_t anchor, unsigned prot);

/* ---- aside.c: with a limit of descriptors of its own ---- */

/* Runs work(data) in a child that shares the memory. 0, or -errno: it was not run. [H] */
long aside(void (*work)(void *), void *data);
/* Whoever did not ask for it may have it, too: no system call filter is in the way. [H] */
bool aside_is_harmless(void);
bool aside_finds_descriptors(void); /* [H] where the program finds none: -EMFILE */
/* Runs work(data) here, or aside if no descriptor is free. [H] */
void with_descriptors(void (*work)(void *), void *data);

/* ---- kernel view: vma.c ---- */

struct vma {
	uintptr_t start, end;
	uint64_t offset, inode;
	uint32_t dev_major, dev_minor;
	uint32_t page_size; /* 0: not known */
	uint8_t prot;       /* PROT_* */
	bool shared;
	bool deleted;     /* the name ended in " (deleted)", which is cut off */
	const char *path; /* never NULL; "" for anonymous memory */
};
/* What is mapped at address: 0, -ENOENT, or -errno when the kernel can't be asked. path: storage,
 * or NULL with size 0. [H] */
int vma_query(uintptr_t address, struct vma *vma, char *path, size_t path_size);
bool vma_query_is_cheap(void); /* [H] false: it reads text, perhaps a lot of it */
/* "hugetlb", "memfd", "shm", "device", "file" or "anon". [H] */
const char *vma_kind(const struct vma *vma);

/* The text of /proc/PID/maps, fed in pieces. Pure; here for its tests. */
#define MAPS_FIELDS 7
struct maps_scan {
	uintptr_t address; /* the caller sets these three; all else is zero at first */
	char *path;
	size_t path_size;
	uint64_t value[MAPS_FIELDS];
	size_t length;           /* of the name, also of what did not fit into the path */
	size_t deleted, escape;  /* how much of " (deleted)" and of "\012" it ends with */
	unsigned field;
	bool skip; /* to the end of the line */
};
/* True: the line that holds the address is complete; then ask for the result. [H] */
bool maps_scan(struct maps_scan *scan, const char *bytes, size_t length);
void maps_scan_result(const struct maps_scan *scan, struct vma *vma); /* [H] */

/* ---- fs.c: the file system of a mapping ---- */

#define FS_TYPE_MAX 64 /* bytes of a type's name that are kept, its end included */

struct mount_reader; /* room that the caller gives, for the handler has little */

/*
 * The type as mountinfo names it, in buffer, or NULL: not known. Neither the file nor its server is
 * asked. [H]
 */
const char *fs_type(
	const struct vma *vma, struct mount_reader *reader, char *buffer, size_t size);
const char *fs_type_here(const struct vma *vma, struct mount_reader *reader, char *buffer,
	size_t size); /* [H] with a descriptor that is free */
/* A file in memory on the kernel's own mount: a memfd, or shared anonymous memory. [H] */
bool fs_is_internal(const struct vma *vma);
/* Who closes a file there, or ends with one open, may wait for a server. [H] */
bool fs_is_served(const char *type);
/* The i-th name by which rules know the type, or NULL when there are no more. [H] */
const char *fs_alias(const char *type, unsigned i);
/* What this process can still get there: local file systems with a limit only, else false. [H] */
bool fs_space(const struct vma *vma, struct mount_reader *reader, uint64_t *free_bytes,
	uint64_t *free_inodes);

/* The text of /proc/PID/mountinfo, fed in pieces. Pure; here for its tests. */
struct mount_scan {
	uint32_t dev_major, dev_minor; /* the caller sets these; all else is zero at first */
	uint64_t id, major, minor;
	char type[FS_TYPE_MAX], point[256];
	size_t type_length, point_length; /* also of what did not fit */
	unsigned field, octal;            /* octal: digits of an escape that are still to come */
	size_t column;                    /* of the field */
	unsigned char byte;
	bool dash;  /* the field is "-" so far */
	bool ended; /* by a newline */
};
/*
 * True: a line of the device is complete, and *length is how much of bytes was read for it; the
 * next call goes on with the rest. [H]
 */
bool mount_scan(struct mount_scan *scan, const char *bytes, size_t *length);

struct mount_reader {
	struct mount_scan scan;
	char chunk[512];
};

/* ---- scratch.c: buffers for the fault path: it has little stack and no malloc ---- */

struct scratch {
	_Alignas(uint64_t) char path[4096];
	char line[8192];
	struct policy_names names;
	struct mount_reader mounts;
};
struct scratch *scratch_get(void);         /* [H] NULL when all are in use */
void scratch_put(struct scratch *scratch); /* [H] */

/* ---- cause.c ---- */

enum cause {
	CAUSE_UNKNOWN,
	CAUSE_TRUNCATED,
	CAUSE_NOSPACE,
	CAUSE_DEVICE,
	CAUSE_HWPOISON,
	CAUSE_COUNT
};
struct loss {
	enum cause cause;
	uint64_t file_size; /* CAUSE_TRUNCATED: the file's size now */
	bool size_is_bound; /* the file may be smaller: only the first lost page is known */
	bool free_known;    /* the file system's free space was asked for */
	uint64_t free_bytes, free_inodes;
	char fs[16]; /* file system type, "" where not known */
};
/* vma: NULL: not known. write: what the access was. [H] */
struct loss cause_find(const siginfo_t *info, const struct vma *vma, bool write,
	struct mount_reader *reader);
bool swap_is_used(void); /* [H] true, too, where the kernel does not say */
const char *cause_name(enum cause cause);                             /* [H] */

/* ---- report.c, out.c ---- */

/* The lost page and what is mapped there, as far as a report tells it. */
struct page_facts {
	bool asked;            /* the kernel was asked ... */
	bool known;            /* ... and gave an answer */
	bool path_cut;         /* path is only the end of it */
	struct vma vma;        /* but its path is here: */
	char path[256];
	struct loss loss;
};

/* One fault (or one fatal sent SIGBUS) as the dispatch saw it. */
struct fault {
	siginfo_t *info;
	ucontext_t *uc;
	uintptr_t address, pc;
	bool write;     /* the access was a write */
	bool sent;      /* kill() and the like: no address, no range */
	struct range_hit range;
	const struct rule *rule; /* NULL for sent ones */
	const char *action;      /* what decided: "owner", "zero", "chain", "abort", "default" */
	unsigned pages;          /* replaced by it */
	uintptr_t handler;       /* the code that was called or jumped to, or 0 */
	uint32_t count;          /* faults in this range so far */
	uint32_t caller;         /* of its record: a handler may end it before the report */
	const struct page_facts *page; /* never NULL; see report_look() */
	bool reported, counted, noted;
	const struct disposition *declined; /* the handler that did */
	const struct disposition *placed;   /* what it put in its place, or NULL */
	_Atomic bool *left;                 /* to be set if the handler leaves by siglongjmp() */
};
void report_fault(struct fault *fault); /* [H] */
bool report_is_due(const struct fault *fault); /* [H] */
/*
 * Asks the kernel about the page, if there will be a report: to be called before anything is
 * replaced, for afterwards nothing there tells what was lost. page: room for the answer, which few
 * faults need and the stack has little of. [H]
 */
void report_look(struct fault *fault, struct page_facts *page);
extern const struct page_facts page_unknown; /* before anybody looked */
/*
 * Counts a fault, reported or not: to be called for each answer, before fault->reported is set. [H]
 */
void report_count(struct fault *fault);
void report_summary(void);       /* at the end of the process, if anything was not told */
/* One line of ours that is not about a fault (bad policy, start). No "\n". */
void report_note(const char *text);

enum out_kind { OUT_FD, OUT_OFF, OUT_PATH, OUT_SOCKET };
enum out_format { OUT_TEXT, OUT_JSON, OUT_JOURNAL };

struct out_target {
	enum out_kind kind;
	enum out_format format;
	int fd;
	bool start_line, backtrace;
	size_t directory_length; /* of what is in front of the relative path */
	char path[2 * PATH_MAX]; /* directory, "/", and then with %p as written */
};

/* SIGBUS_LOG (NULL: stderr): 0, or -EINVAL with a line in error, and then the target is stderr. */
int out_parse(const char *spec, struct out_target *target, char *error, size_t error_size);
/* The same, for all lines from now on. */
int out_open(const char *spec, char *error, size_t error_size);
bool out_wanted(void);                          /* [H] */
bool out_start_line_wanted(void);
bool out_backtrace_wanted(void);   /* [H] */
enum out_format out_format(void); /* [H] */
void out_line(const char *line, size_t length); /* [H] with its "\n"; never blocks, never SIGPIPE */
void out_stderr_line(const char *line, size_t length); /* the same, to fd 2 in any case */
void out_count_lost(void);                      /* [H] for a line that could not even be made */

/* ---- write.c ---- */

struct identity {
	dev_t device, special;
	ino_t inode;
	mode_t type; /* 0: there was none */
};

struct identity identify(int fd);                                             /* [H] */
bool same_identity(const struct identity *a, const struct identity *b);        /* [H] */

/* The note and the line: one call, so that nobody else's text comes between or into them. */
struct lines {
	struct iovec part[2];
	size_t length;
};

/* Bytes written, or -errno; never blocks, raises no signal. [H] */
long write_lines(int fd, const struct identity *identity, struct lines *lines);

/* ---- text.c ---- */

static inline bool text_starts(const char *string, const char *prefix)
{
	while (*prefix && *string == *prefix) {
		string++;
		prefix++;
	}
	return !*prefix;
}

/* Text into a bounded buffer, always terminated; what does not fit is cut. All [H]. */
struct text {
	char *buffer;
	size_t size, length;
	bool cut; /* something did not fit: nothing is added any more */
};
void text_add(struct text *text, const char *string);
void text_bytes(struct text *text, const char *bytes, size_t length);
/* As \xNN: controls, \ and ", what is invisible or changes direction, and what is not UTF-8. */
void text_escaped(struct text *text, const char *string);
void text_escaped_bytes(struct text *text, const char *bytes, size_t length);
void text_decimal(struct text *text, int64_t value);
void text_hex(struct text *text, uint64_t value); /* with 0x */
void text_hex_digits(struct text *text, uint64_t value); /* without */
/* Since 1970, as ISO 8601 in UTC: 2026-11-22T21:30:00.000000Z */
void text_time(struct text *text, int64_t seconds, int64_t microseconds);
void text_now(struct text *text);

#endif
