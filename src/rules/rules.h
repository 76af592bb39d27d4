/* SPDX-License-Identifier: MIT */
/*
 * Room rules: which rule decides, and why a page is lost. Calls base, kernel, table, policy and owner.
 */
#ifndef SIGBUS_RULES_H
#define SIGBUS_RULES_H

#include <signal.h>
#include "kernel/kernel.h"
#include "kernel/scratch.h"
#include "policy/policy.h"

struct fault;

/* ---- decide.c: what rules ask about. All [H]. ---- */

struct facts {
	unsigned owner;
	const struct fault *fault;     /* NULL: there is none, a file is being mapped */
	const struct mapping *mapping; /* then: which */
	struct scratch *scratch; /* NULL: not held; else it holds the path of vma, and signals are blocked */
	uint64_t mask;		 /* before that */
	bool looked, viewed; /* the kernel was asked, and gave an answer: */
	bool no_descriptor;  /* or could not be asked, for want of one */
	struct vma vma;
	char fs[FS_TYPE_MAX];
};

static inline void facts_begin(struct facts *facts, unsigned owner, const struct fault *fault,
	const struct mapping *mapping)
{
	facts->owner = owner;
	facts->fault = fault;
	facts->mapping = mapping;
	facts->scratch = NULL;
	facts->looked = facts->viewed = facts->no_descriptor = false;
}
/* The rule that decides. Behind all that asks facts comes facts_end(). */
const struct rule *facts_match(struct facts *facts);
bool facts_hold(struct facts *facts); /* false: nothing can be asked */
/* What is mapped there; the kernel is asked once. NULL: not known. The facts are held. */
const struct vma *facts_view(struct facts *facts);
const char *facts_fs(struct facts *facts); /* its file system; "": not known */
void facts_end(struct facts *facts);


/* ---- cause.c ---- */

enum cause {
	CAUSE_UNKNOWN,
	CAUSE_TRUNCATED,
	CAUSE_NOSPACE,
	CAUSE_DEVICE,
	CAUSE_HWPOISON,
	CAUSE_COUNT
};
enum huge_lack { HUGE_LACK_NONE, HUGE_LACK_POOL, HUGE_LACK_LIMIT };
struct loss {
	enum cause cause;
	uint64_t file_size; /* CAUSE_TRUNCATED: the file's size now */
	bool size_is_bound; /* the file may be smaller: only the first lost page is known */
	bool free_known;    /* the file system's free space was asked for */
	uint64_t free_bytes, free_inodes;
	char fs[FS_TYPE_MAX]; /* file system type, "" where not known */
	enum huge_lack huge; /* CAUSE_NOSPACE, of huge pages: why there are none */
};
/* vma: NULL: not known. write: what the access was. [H] */
struct loss cause_find(const siginfo_t *info, const struct vma *vma, bool write,
	struct line_room *reader);
/* The size of the mapped file, from its name or a descriptor that is the same file. [H] */
bool file_size(const struct vma *vma, uint64_t *size);
/* Is a lost page that is neither poisoned nor watched surely behind the end of its file? [H] */
bool file_end_only_explains(const struct vma *vma);
bool swap_is_used(void); /* [H] true, too, where the kernel does not say */
extern HIDDEN const char cause_names[CAUSE_COUNT][12]; /* as rules and reports have them */
static inline const char *cause_name(enum cause cause)
{
	return cause_names[cause];
}

/* ---- huge-pages.c ---- */

/* Of a mapping of huge pages. The reader is room only. [H] */
enum huge_lack huge_page_lack(const struct vma *vma, struct line_room *reader);
/* How many the pool can still have, those included that are promised to somebody. */
bool huge_pages_left(uint32_t page_size, uint64_t *pages);
/* The number in a small file of the kernel's: 0, or -errno. [H] */
int number_in_file(int directory, const char *path, uint64_t *number);

#endif
