/* SPDX-License-Identifier: MIT */
/*
 * sigbus-run: what its files share. The process becomes COMMAND by exec(), so memory is never freed.
 *
 * Invariant: what is put into SIGBUS_POLICY and SIGBUS_LOG is the text that the library's own parser
 * has found right, byte for byte.
 */
#ifndef SIGBUS_TOOLS_RUN_H
#define SIGBUS_TOOLS_RUN_H

#include <stdbool.h>
#include <stddef.h>

enum { STATUS_OK, STATUS_INEFFECTIVE, STATUS_USAGE, STATUS_NOT_EXECUTABLE = 126, STATUS_NOT_FOUND };

/* ---- main.c ---- */

struct settings {
	const char *policy, *log, *only; /* NULL: neither given nor in the environment */
	bool policy_given, log_given, only_given; /* by an option */
	bool check, force;
	char **command; /* NULL at its end; its first NULL: none */
};

/* One line on stderr, then the end. Names in it are to be shown() by the caller. */
__attribute__((noreturn, format(printf, 2, 3))) void fail(int status, const char *format, ...);
__attribute__((format(printf, 1, 2))) void warn(const char *format, ...);
__attribute__((format(printf, 1, 2))) char *format(const char *format, ...);
void set_variable(const char *name, const char *value);
const char *base_of(const char *path);	    /* the part behind the last slash */
const char *directory_of(const char *path); /* the part in front of it, with the slash */

/* ---- words.c: --policy, --log, --only and --list ---- */

void words_init(void);
void policy_check(struct settings *settings); /* makes names of files absolute, too */
void log_check(struct settings *settings);    /* the same */
void only_check(const struct settings *settings);
/* Is the program of this file one that --only names? */
bool only_names(const struct settings *settings, const char *path);
void list_words(void);

/* ---- preload.c: which library, and LD_PRELOAD ---- */

struct library {
	char *path;
	const char *preload;  /* the word for LD_PRELOAD: its name, or its path */
	const char *obstacle; /* why it cannot be preloaded, or NULL */
};
void library_find(struct library *library);
/* The library that programs of another word size get by our bare name, or NULL at the end. */
const char *library_in_cache(unsigned i);
/* Is a library whose name begins so in LD_PRELOAD already? */
bool preloads(const char *name);
void preload(const struct library *library);

/* ---- target.c: does the library work in the program? ---- */

enum finding_kind {
	FINDING_NOTE,	 /* works */
	FINDING_UNKNOWN, /* cannot be told */
	FINDING_INERT,	 /* is loaded, and does nothing */
	FINDING_IGNORED, /* the loader will not take it */
};
struct finding {
	enum finding_kind kind;
	bool is_secure; /* by set-user-ID or set-group-ID: what it starts has no LD_PRELOAD either */
	char *text; /* names in it are shown() */
};
#define FINDINGS_MAX 16
struct target {
	char *path; /* of the program that the kernel starts: behind a script, its interpreter */
	struct finding finding[FINDINGS_MAX];
	unsigned findings;
	bool is_script;
};
/* path: of a file that can be executed. */
void target_look(struct target *target, const char *path, const struct library *library);

/* ---- order.c ---- */

/*
 * A command that would start another one and takes LD_PRELOAD from it: the command line that has
 * sigbus-run behind it, shown(), or NULL.
 */
char *better_order(const struct settings *settings);

/* ---- find.c ---- */

/* The file that exec takes for a name; NULL: *status says why, as a shell does. */
char *find_command(const char *name, int *status);

#endif
