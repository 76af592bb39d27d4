/* SPDX-License-Identifier: MIT */
/*
 * sigbus-explain: what its files share. A core, a log or a process is read into incidents; each is
 * completed by what its file is now, by the causes that are possible and by the policy that answers
 * them, and is then printed.
 *
 * All this happens in a process with limits of memory and time that explains one thing and ends:
 * nothing is ever freed. What it reads may be damaged, or made to deceive.
 */
#ifndef SIGBUS_EXPLAIN_H
#define SIGBUS_EXPLAIN_H

#include <libelf.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "tools/regular.h"
#include "tools/stat/stat.h"

#define POSSIBLE_MAX 4

struct frame {
	uint64_t pc;
	bool in_signal;		/* a signal interrupted it */
	char *place, *symbol; /* escaped; NULL: not known */
};

/* The file that has the name now. That it is the one that was mapped is known only if it is so. */
struct file_now {
	enum { FILE_UNKNOWN, FILE_IS, FILE_IS_GONE, FILE_IS_UNREACHABLE } state;
	int error; /* of FILE_UNKNOWN and FILE_IS_UNREACHABLE */
	uint64_t size, allocated, inode; /* allocated: bytes */
	unsigned mode, major, minor;
	int64_t changed, born; /* nanoseconds; born 0: not known */
	char fs[32];	       /* type of its file system, "": not known */
	bool space_known, disk_gone;
	uint64_t free_bytes;
};

/* Why a page can have been lost, in a word of the policy language and in a clause. */
struct possible {
	const char *cause;
	char *text;
};

/*
 * What happened, once, or several times in the same way. Texts are escaped but where it is said;
 * NULL and 0 are what is not known, where they can't be meant.
 */
struct incident {
	enum { FROM_CORE, FROM_LOG, FROM_PROCESS } from;
	const char *event;
	char *program, *command, *thread, *time;
	pid_t pid, tid;
	char *code; /* si_code by name, or in digits */
	bool sent, misaligned;
	bool handed_on; /* by the program's own handler, which got it first */
	/* of the signal that was sent, or of the file; others: it has more than one */
	bool sender_known, sender_others;
	pid_t sender_pid;
	uid_t sender_uid;
	char *sender_name;
	bool addr_known;
	uint64_t addr, pc;
	bool map_known;
	uint64_t map_start, map_end;
	char prot[5]; /* "?": not known */
	char *path;   /* "": no file */
	char *file;   /* the same, not escaped, "": no name that could be looked up */
	bool deleted, offset_known;
	uint64_t offset;
	uint64_t reach; /* of the mapping, in the file; 0: not known */
	char *owner, *mapped_by, *touched_by, *symbol, *access;
	struct frame *frame;
	size_t frame_count;
	bool frames_missing;
	bool serves_wayland; /* libwayland-server is loaded */
	int64_t begun, written; /* when the core was, in nanoseconds; 0: not known */
	/* of reports */
	char *rule, *action, *hint;
	const char *cause; /* proved; NULL: see possible */
	uint64_t file_size;
	bool file_size_known, hangup;
	double waited; /* seconds; 0: not */
	uint64_t pages, faults, lines, processes, wanted;
	/* what is made of it */
	struct file_now now;
	bool replaced;	    /* the file of that name is another one now */
	bool overwritten; /* it is an object that has other contents now */
	struct possible possible[POSSIBLE_MAX];
	size_t possible_count;
	const char *policy, *warning; /* policy NULL: none answers it, warning says why */
	struct file_user *writer;	/* processes that have the file open for writing now */
	size_t writer_count;
};

struct incidents {
	struct incident *item;
	size_t count;
	size_t others; /* that found no room */
	char *note;    /* a sentence about all of it, or NULL */
};

/* ---- core.c, log.c, live.c. What can't be explained ends it with a line. ---- */

void explain_core(struct incidents *incidents, const char *name, int fd);
void explain_log(struct incidents *incidents, const char *name, int fd);
void explain_process(struct incidents *incidents, pid_t pid);

/* ---- image.c: the objects in a core ---- */

/* A stretch of a core in which one object is mapped, and the object. */
struct object {
	const char *path; /* not escaped */
	uint64_t start, end, offset;
	uint64_t bias;	/* from addresses in the file to those in the process */
	bool bias_known;
	const unsigned char *id; /* its build id */
	size_t id_size;
	bool changed; /* the file has another build id now */
};

struct objects {
	struct object *item; /* as NT_FILE has them, by address */
	size_t count;
};

/* Memory of the process, and how much of it is in the core, from offset on. */
struct segment {
	uint64_t start, size, offset, written;
	unsigned flags; /* PF_R... */
};

struct core {
	const char *name;
	Elf *elf;
	pid_t tid; /* of the thread that got the signal */
	/* The fault in whose handler it was, from the stack: where, how, and in which frame. */
	bool was_handled;
	uint64_t handled_address;
	int handled_code; /* 0: not known, for the handler did not ask for it */
	const char *handled_access;
	size_t handled_frame;
	struct segment *segment; /* by address */
	size_t segment_count;
	struct objects objects;
};

const struct segment *segment_of(const struct core *core, uint64_t address);
const struct object *object_of(const struct objects *objects, uint64_t address);
/* The mapping in which the file of this one begins. */
const struct object *first_of(const struct objects *objects, const struct object *object);
/*
 * OBJECT+0xOFFSET, escaped, as addr2line takes it; NULL: in no object. A return address may be that
 * of the next object, so it is looked up by the byte in front of it.
 */
char *object_place(const struct core *core, uint64_t pc, bool is_return);
char *core_string(const struct core *core, uint64_t address); /* not escaped; NULL: not there */
bool core_read(const struct core *core, uint64_t address, void *buffer, size_t size);
/* Fills in what can be known of the objects from their first pages in the core. */
void identify_objects(struct core *core);

/* ---- threads.c: the stack of the thread ---- */

void add_frames(struct core *core, struct incident *incident);
/* The access was there. */
void set_place(struct incident *incident, const struct core *core, size_t frame);

/* ---- newest.c ---- */

/* A core as coredumpctl has it, in a file without a name; the match is one of its own. -1: none. */
int stored_core(const char *match);
/* The newest file NAME.PID, or NULL. */
char *numbered_core(const char *name);
__attribute__((noreturn)) void no_core(void);

/* ---- file-now.c ---- */

struct file_now file_now(const char *path);
const char *fs_of(const char *path, char *buffer, size_t size); /* asks no file system */

/* ---- advice.c ---- */

void advise(struct incident *incident);

/* ---- text-view.c, json-view.c ---- */

void print_incidents_text(FILE *out, const struct incidents *incidents);
void print_incidents_json(FILE *out, const struct incidents *incidents);

/* ---- util ---- */

struct incident *add_incident(struct incidents *incidents);
const char *code_name(int code); /* NULL: has none */

#endif
