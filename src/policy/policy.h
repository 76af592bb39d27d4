/* SPDX-License-Identifier: MIT */
/*
 * Room policy: text -> rules -> the rule that matches. Pure: no system call but for the texts behind
 * "@NAME" (policy/file.c), no state but the hit counters. Calls base.
 */
#ifndef SIGBUS_POLICY_H
#define SIGBUS_POLICY_H

#include <stdatomic.h>
#include "base/glob.h"

extern HIDDEN struct policy policy; /* of this process */

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

struct match {
	/* From the text of its rule: a pointer would be relocated in each process, for each preset. */
	intptr_t glob_at;
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
	bool quiet, hangup;
	const struct match *match; /* those of a preset that is compiled in are where it has them */
	const struct action *action;
	_Atomic uint64_t hits;
};
/* Still escaped: the matcher knows the escapes. */
static inline const char *match_glob(const struct rule *rule, const struct match *match)
{
	return (const char *)((uintptr_t)rule->text + (uintptr_t)match->glob_at);
}

struct policy {
	struct rule *rule; /* the last one is the built-in *=owner|chain */
	uint32_t rule_count;
	bool strict;   /* right even if the rest of the text is not */
	/* 1 << key and 1 << kind for each that some rule but the built-in one uses. */
	uint32_t keys, actions;
};

/*
 * A row of the tables from which the parser, its messages and --list are made. Words are in place in
 * all tables of the library: a pointer would be relocated in each process, which costs 17 instructions.
 */
typedef char policy_value[12];
struct policy_word {
	char word[8];
	char help[72];
	bool final;    /* an action that never declines */
	bool seconds;  /* an action whose argument is a number of seconds, which it must have */
	const policy_value *values; /* all of them, "" ends; NULL: any glob, or no argument */
};
extern HIDDEN const struct policy_word policy_keys[], policy_actions[]; /* in enum order; word "" ends */

/*
 * Words stride bytes apart: a column of a table, or an array. Either they are in place, and "" ends
 * them, or pointers to them are, and NULL does. first NULL: none.
 */
struct policy_words {
	const void *first;
	size_t stride;
	bool in_place;
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
	uint8_t word_length; /* 0 and not cut: no word to show */
	bool word_cut;
	const char *reason;  /* or NULL */
	const char *nearest; /* a valid word, or NULL: then all of valid are listed */
	char meant[POLICY_WORD_MAX + 32]; /* what was probably meant, in place of nearest; or "" */
	struct policy_words valid;
};

/* Where the parser gets memory and other texts from; the unit tests have their own. */
struct policy_env {
	void *(*allocate)(size_t size); /* zeroed, or NULL; never freed */
	/* The text of "@name" (a path if it has a "/", else a preset): 0 or -errno. */
	int (*load)(const char *name, const char **text, size_t *length);
	struct policy_words (*presets)(void); /* for messages only; may be NULL */
	const char *runtime_directory; /* behind "path:$XDG_RUNTIME_DIR/"; NULL: not known */
	/* The preset of that name if it is compiled in, or NULL; the function may be NULL. */
	const struct preset *(*compiled)(const char *name);
	const char *file; /* NULL: the text is that of SIGBUS_POLICY; else of this file, and secret */
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
const char *action_name(enum action_kind kind);
bool policy_rule_has(const struct rule *rule, enum action_kind kind); /* [H] */

/* ---- file.c: the files and presets behind "@NAME" ---- */

/* The presets of data/, in the library (policy/preset-texts.c, made by make). The last name is NULL. */
/* What compile-presets.awk makes of data/: the rules of a text, with offsets into it. */
struct compiled_rule {
	uint32_t text_at;
	uint16_t text_length, line;
	uint8_t match_count, action_count;
	bool quiet;
};
struct preset {
	const char *name, *text;
	size_t text_length;
	const struct compiled_rule *rule;
	uint32_t rule_count; /* 0: there are no tables, the text has to be parsed */
	const struct match *match;
	const struct action *action;
	uint32_t keys, actions; /* as in struct policy */
};
extern HIDDEN const struct preset compiled_presets[];

/* allocate: as in struct policy_env. preset_dir is kept; presets that are not compiled in are there. */
void policy_file_init(const char *preset_dir, void *(*allocate)(size_t size));
/*
 * The text behind "@name": 0 or -errno; -EOPNOTSUPP: not a regular file, -EFBIG: longer than
 * POLICY_TEXT_MAX. Never blocks on a FIFO.
 */
int policy_load(const char *name, const char **text, size_t *length);
const struct preset *policy_compiled(const char *name); /* NULL: none of that name is compiled in */
/*
 * The same for a program in secure mode: -EINVAL for a relative path, -EMLINK if a symbolic link is on
 * it, -EKEYREJECTED if others than root can write the file or a directory that leads to it.
 */
int policy_load_trusted(const char *name, const char **text, size_t *length);
/* The names of the presets, sorted: those compiled in, and the installed ones. */
struct policy_words policy_presets(void);

#endif
