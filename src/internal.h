/* SPDX-License-Identifier: MIT */
/*
 * What the files of libsigbus share, grouped by file.
 *
 * [H] marks a function that the signal handler may reach: it is async-signal-safe, takes no lock,
 * never allocates with malloc, never resolves a symbol, and makes system calls only through sys_*.
 */
#ifndef SIGBUS_INTERNAL_H
#define SIGBUS_INTERNAL_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/ucontext.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE ((uintptr_t)1 << PAGE_SHIFT)
#define PAGE_MASK (~(PAGE_SIZE - 1))
#define ADDRESS_BITS 47 /* mappings above are not tracked: they fail open */

#define HIDDEN __attribute__((visibility("hidden")))
#define EXPORT __attribute__((visibility("default")))
#define TLS static __thread __attribute__((tls_model("initial-exec")))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* ---- process.c: what fork() must not hand to the child as it is ---- */

#define SCRATCH_SLOTS 8

struct lock_word {
	/* Even: free, odd: held by a repair. It only grows, so it is a version too. */
	_Alignas(64) _Atomic uint64_t word;
};

/* Lives in MADV_WIPEONFORK pages: a fork child finds all of it zero, whatever was held. */
struct process_state {
	struct lock_word lock[64];
	_Atomic int pid;                                /* of the process that uses it; 0 in a new child */
	_Atomic uint32_t writers;                       /* between cutting a range and the new state */
	_Atomic uint32_t scratch_busy[SCRATCH_SLOTS];   /* see scratch_get() */
};
extern struct process_state *process_state;

/* Buffers for the fault path: it has little stack and no malloc. */
struct scratch {
	char path[4096];
	char line[8192];
};
struct scratch *scratch_get(void); /* [H] NULL when all are in use */
void scratch_put(struct scratch *scratch); /* [H] */

/* ---- policy.c: text -> rules, facts -> rule. Pure: no system call, no global state. ---- */

enum policy_key {
	KEY_ANY, /* "*" */
	KEY_OWNER,
	KEY_PATH,
	KEY_KIND,
	KEY_PROGRAM,
	KEY_MAP,
	KEY_COUNT
};

enum action_kind { ACTION_OWNER, ACTION_ZERO, ACTION_CHAIN, ACTION_ABORT, ACTION_COUNT };

enum action_extent { EXTENT_LOST, EXTENT_PAGE, EXTENT_RANGE };

struct action {
	uint8_t kind;   /* enum action_kind */
	uint8_t extent; /* enum action_extent, of zero */
};

struct match {
	uint8_t key; /* enum policy_key */
	const char *glob;
	uint32_t glob_length; /* still escaped: the matcher knows the escapes */
};

#define RULE_MATCHES_MAX 8
#define RULE_ACTIONS_MAX 8

struct rule {
	const char *text; /* as written, for reports; not terminated */
	uint32_t text_length;
	uint32_t item; /* 1-based; 0: the built-in rule */
	uint8_t match_count, action_count;
	bool quiet;
	struct match match[RULE_MATCHES_MAX];
	struct action action[RULE_ACTIONS_MAX];
	_Atomic uint64_t hits;
};

struct policy {
	struct rule *rule; /* the last one is the built-in *=owner|chain */
	uint32_t rule_count;
	bool strict;
	uint32_t keys; /* 1 << key for each key that some rule uses */
};

#define POLICY_WORD_MAX 48

struct policy_error {
	const char *source; /* "SIGBUS_POLICY", or the name of the file or preset, in name[] */
	char name[256];
	uint32_t item, column; /* 1-based; column counts bytes in the item's own text (in a file: in the line) */
	const char *what;      /* "unknown action", ... */
	char word[POLICY_WORD_MAX];
	const char *nearest; /* a valid word, or NULL */
};

/* Where the parser gets memory and other texts from; the unit tests have their own. */
struct policy_env {
	void *(*allocate)(size_t size); /* zeroed, or NULL; never freed */
	/* The text of "@name" (a path if it has a "/", else a preset): 0 or -errno. */
	int (*load)(const char *name, const char **text, size_t *length);
};

/* 0, or -EINVAL/-ENOMEM with *error filled. The policy keeps pointers into text. */
int policy_parse(const char *text, size_t length, const struct policy_env *env, struct policy *policy,
	struct policy_error *error);
/* One line without "\n" into buffer, always terminated; returns its length. */
size_t policy_error_line(const struct policy_error *error, char *buffer, size_t size);
/* The built-in policy: *=owner|chain. */
void policy_builtin(struct policy *policy);

/* The i-th name of the fact behind a key, or NULL when there are no more. [H] */
typedef const char *(*policy_fact)(void *context, enum policy_key key, unsigned i);
/* The first rule that matches: never NULL. [H] */
const struct rule *policy_match(const struct policy *policy, policy_fact fact, void *context);
bool glob_match(const char *glob, size_t glob_length, const char *text); /* [H] */
const char *action_name(enum action_kind kind);                          /* [H] */
/* The table of words for --list and for messages: i from 0 until NULL. */
struct policy_word {
	const char *word, *values, *help;
};
extern const struct policy_word policy_keys[], policy_actions[];

/* ---- range.c: address -> record. Lock-free writers, wait-free lookup. No system call. ---- */

/*
 * geometry: first page << 28 | pages; 0: dead.
 * state: generation << 32 | lock << 26 | owner << 14 | flags. Both are one atomic word each; a pair
 * that was read with the same state before and after is of one incarnation.
 */
struct range {
	_Atomic uint64_t geometry;
	_Atomic uint64_t state;
	_Atomic uint32_t caller; /* offset of the mapping call in its object; next free record */
	_Atomic uint32_t faults;
	_Atomic uintptr_t anchor; /* a page of the same file, kept since the first repair, or 0 */
};

#define RANGE_PAGES_BITS 28
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
	RANGE_MAPPED = 1 << 7,     /* a mapping that we saw, under a registered range too */
};
#define RANGE_FLAGS 0x3fffu

struct range_hit {
	struct range *range; /* NULL: nothing there */
	uint64_t geometry, state;
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

struct range_env {
	void *(*allocate)(size_t size); /* zeroed, never freed, or NULL; [H] */
	void (*wait)(unsigned lock);    /* until the holder of a lock word, if any, is gone */
};
void range_init(const struct range_env *env);

/* What a new record shall say. */
struct range_attributes {
	unsigned owner, flags;
	int lock; /* -1: the next one in turn */
	uint32_t caller;
	uintptr_t anchor;
};
int range_insert(uintptr_t start, size_t size, const struct range_attributes *attributes);
struct range_hit range_lookup(uintptr_t address); /* [H] wait-free */

/*
 * Takes [start, start + size) out of the table and waits for repairs in it. What was there comes
 * back as a list of unpublished records (linked by id in caller; 0 ends it), to be freed, or put back when the
 * system call failed.
 */
struct range_cut {
	uint32_t first; /* id of the first piece, 0: nothing was there */
	bool lost;      /* no memory for a piece: it is no longer tracked */
};
struct range_cut range_cut(uintptr_t start, size_t size);
void range_cut_free(struct range_cut cut);
void range_cut_restore(struct range_cut cut);
struct range *range_by_id(uint32_t id);
/* Calls visit for each live record that overlaps; used by mprotect and by the API. */
void range_each(uintptr_t start, size_t size, void (*visit)(struct range_hit hit, void *data), void *data);
uint64_t range_count(void);

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
/* What is mapped at address: 0, -ENOENT, or -errno when the kernel can't be asked. path: storage. [H] */
int vma_query(uintptr_t address, struct vma *vma, char *path, size_t path_size);
/* "hugetlb", "memfd", "shm", "device", "file" or "anon". [H] */
const char *vma_kind(const struct vma *vma);

/* ---- cause.c ---- */

enum cause { CAUSE_UNKNOWN, CAUSE_TRUNCATED, CAUSE_HWPOISON, CAUSE_COUNT };
struct loss {
	enum cause cause;
	uint64_t file_size; /* where the cause is CAUSE_TRUNCATED */
};
struct loss cause_find(const siginfo_t *info, const struct vma *vma); /* [H] */
const char *cause_name(enum cause cause);                             /* [H] */

/* ---- report.c, out.c ---- */

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
};
void report_fault(const struct fault *fault); /* [H] */
/* One line of ours that is not about a fault (bad policy, start). No "\n". */
void report_note(const char *text);

/* Parses SIGBUS_LOG (NULL: stderr): 0, or -EINVAL with a line in error. */
int out_open(const char *spec, char *error, size_t error_size);
bool out_wanted(void);                          /* [H] */
bool out_start_line_wanted(void);
void out_line(const char *line, size_t length); /* [H] with its "\n"; never blocks, never SIGPIPE */

/* Text into a bounded buffer; what does not fit is cut. All [H]. */
struct text {
	char *buffer;
	size_t size, length;
};
void text_add(struct text *text, const char *string);
void text_bytes(struct text *text, const char *bytes, size_t length);
void text_escaped(struct text *text, const char *string); /* control characters, \ and " as \xNN */
void text_decimal(struct text *text, int64_t value);
void text_hex(struct text *text, uint64_t value); /* with 0x */

#endif
