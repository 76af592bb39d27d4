/* SPDX-License-Identifier: MIT */
/*
 * sigbus-stat: what its files share. One look at a process becomes a struct view, which is then
 * printed. A look runs in a process of its own: nothing is ever freed, and if it got stuck on what
 * the other process made of its memory it would be killed.
 *
 * All that is read from the other process may be garbage, and changes while it is read.
 */
#ifndef SIGBUS_STAT_H
#define SIGBUS_STAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "start/inspect.h"

/* ---- util.c ---- */

enum status { STATUS_OK, STATUS_NOTHING, STATUS_USAGE, STATUS_DENIED, STATUS_GONE };

void *grow(void *array, size_t count, size_t size); /* room for one more; exits without memory */
__attribute__((format(printf, 1, 2))) char *format(const char *format, ...);
/* One line on stderr, then the end of this look. */
__attribute__((noreturn, format(printf, 2, 3))) void give_up(
	enum status status, const char *format, ...);
char *escape(const char *name); /* as text_escaped() */
__attribute__((noreturn)) void wrong_option(char **argv); /* that getopt_long() has found */

/* ---- processes.c: another process as the kernel shows it ---- */

struct map {
	uintptr_t start, end;
	uint64_t offset, inode; /* inode 0: anonymous */
	unsigned major, minor;
	char prot[5]; /* "rw-s" */
	bool deleted;
	char *path; /* never NULL */
};

struct maps {
	struct map *item;
	size_t count;
};

struct process {
	pid_t pid;
	struct maps maps;
	const struct map *library; /* the first mapping of libsigbus, or NULL */
};

int maps_read(pid_t pid, struct maps *maps); /* 0 or -errno */
const struct map *maps_at(
	const struct maps *maps, uintptr_t address); /* the first that ends behind */
bool same_file(const struct map *a, const struct map *b);
char *process_file(pid_t pid, const char *name, size_t *length); /* terminated; NULL: errno */
char *process_name(pid_t pid);
/* When it started, which no other process of this number did. 0: there is none, or it has ended. */
uint64_t process_born(pid_t pid);
bool process_is_kernel(pid_t pid);
/* False: it can't be read, or is not memory that is safe to be read. errno EPERM: not allowed. */
bool process_read(
	const struct process *process, const volatile void *address, void *buffer, size_t size);
/* At most limit bytes; NULL: can't be read. */
char *process_string(const struct process *process, const char *address, size_t limit);
const char *file_name(const char *path); /* the part behind the last slash */

/* ---- find.c: libsigbus in it ---- */

/* The root in its memory. False: *reason says why not, and *state whether it is there at all. */
bool find_root(struct process *process, struct inspect *root, const char **state, char **reason);
char *why_denied(pid_t pid);

/* ---- absent.c ---- */

char *why_absent(const struct process *process);

/* ---- look.c, ranges.c, users.c ---- */

struct rule_view {
	char *text;
	uint32_t item, line; /* as in struct rule */
	uint64_t hits;
};

struct owner_view {
	char *name, *resolved;
	uintptr_t start, end; /* of the object */
	uintptr_t linked_at;  /* as in struct owner */
	bool registered;
	char *callback; /* NULL: none */
	char *handler; /* NULL: it has none */
	size_t ranges;
	uint64_t faults;
};

struct range_view {
	uintptr_t start, end, anchor;
	unsigned owner, flags;
	uint32_t caller, faults;
	const struct map *map; /* of its file, NULL: no mapping of a file is left there */
	bool mapped;	       /* something is */
	int64_t offset;	       /* in the file, of start */
	uint64_t replaced;     /* pages */
	bool replaced_known;
	bool sent; /* its file came over a socket: */
	struct sender sender;
};

struct file_user {
	size_t file; /* index of the range_view whose file it is */
	pid_t pid;
	char *name;
	char prot[5];	/* "": does not map it */
	int fd;		/* -1: has none open */
	char access[3]; /* of fd */
};

/* One of COUNTERS. */
struct counter_view {
	const char *name, *words;
	uint64_t count;
};
#define COUNT_ONE(name, words) +1
enum { COUNTER_COUNT = COUNTERS(COUNT_ONE) };

/* A thread that waits for a page (the action "wait"). */
struct wait_view {
	int thread;
	uintptr_t page;
	int64_t seconds; /* so far */
	const struct map *map; /* of its file, or NULL */
};

struct view {
	pid_t pid;
	const char *state;
	char *program, *reason, *library, *version;
	char *handler; /* "default", "ignore" or where it is */
	uint64_t handler_flags, handler_mask;
	struct rule_view *rule;
	size_t rule_count;
	struct owner_view *owner; /* by id */
	size_t owner_count;
	struct range_view *range; /* by address */
	size_t range_count;
	struct file_user *user; /* by file */
	size_t user_count;
	struct counter_view counter[COUNTER_COUNT];
	size_t counter_count; /* 0: they could not be read */
	uint64_t tally[TALLY_ACTION_COUNT][TALLY_CAUSE_COUNT][TALLY_FS_COUNT];
	struct wait_view waiting[WAITING_SLOTS];
	size_t waiting_count;
	uintptr_t last_fault; /* its address; 0: there was none */
	int64_t last_age; /* seconds since then; -1: not known */
	size_t skipped;	   /* entries that could not be read, or changed all the time */
	size_t unreadable; /* processes that might map the files too */
};

/* users: look also which other processes have the files. */
void look(struct view *view, pid_t pid, bool users);
uint64_t view_counter(const struct view *view, const char *name);
/* The range of the last fault; NULL: none, or it is gone. */
const struct range_view *view_last(const struct view *view);
void look_at_ranges(struct view *view, struct process *process, const struct inspect *root);
void look_at_users(struct view *view, const struct process *process);
const struct owner_view *view_owner(const struct view *view, const struct range_view *range);
/* Who called mmap(): "object+0x123", the owner's name for a registered range; NULL: unknown. */
char *view_mapper(const struct view *view, const struct range_view *range);
char *view_prot(const struct range_view *range);

/* ---- many.c: several processes ---- */

#define PROGRAM_LIMIT 256
#define PATH_LIMIT 1024

struct pids {
	pid_t *item;
	size_t count;
};

struct pids pids_with_library(void);
struct pids pids_of_name(const char *name); /* of a program, or of a process */

/* What one process has and did, for those who look at many. Names are not escaped. */
struct summary {
	pid_t pid;
	bool active;
	char state[16], program[PROGRAM_LIMIT], last[PATH_LIMIT];
	bool last_deleted;
	int64_t last_age; /* as in struct view */
	uint64_t ranges, waiting, counter[COUNTER_COUNT];
	uint64_t tally[TALLY_ACTION_COUNT][TALLY_CAUSE_COUNT][TALLY_FS_COUNT];
};
extern const char *const counter_names[COUNTER_COUNT];
uint64_t summary_counter(const struct summary *summary, const char *name);

/* By a process of its own, as each look. What is in the way is told, but for one that has ended. */
enum status summarize(pid_t pid, struct summary *summary);
enum status list_processes(bool json);

/* ---- metrics.c ---- */

enum status print_metrics(const struct pids *pids);

/* ---- main.c ---- */

void limit_look(unsigned seconds); /* of memory and time, for a child that looks */
enum status wait_for_look(pid_t child, pid_t looked_at, unsigned seconds);

/* ---- text-view.c, json-view.c ---- */

void limit_lines(size_t lines); /* 0: none. What does not fit is counted in the last line. */
void print_list(const struct summary *summary, size_t count);
void print_list_json(const struct summary *summary, size_t count);

void print_text(const struct view *view);
void print_json(const struct view *view);

#endif
