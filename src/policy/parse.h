/* SPDX-License-Identifier: MIT */
/* What parse.c (texts and items), rule.c (one rule) and error.c share. */
#ifndef SIGBUS_POLICY_PARSE_H
#define SIGBUS_POLICY_PARSE_H

#include <string.h>

#include "policy/policy.h"

struct span {
	const char *start, *end;
};

/* A text that is being read. */
struct source {
	struct span text, name;
	const char *next; /* where the next item starts, NULL after the last */
	const char *line; /* where columns count from */
	uint32_t item;	  /* of SIGBUS_POLICY; in a file the line */
	char before;	  /* what ended the item before next */
	bool in_file;
};

/* What a rule may end in, and the name of an included text for all of its rules. */
struct policy_options {
	bool quiet, hangup;
};

struct parser {
	const struct policy_env *env;
	struct policy_error *error;
	struct source *source; /* the one being read: value, or an included one */
	struct source value;   /* of SIGBUS_POLICY */
	struct span included[POLICY_INCLUDES_MAX];
	struct rule *rule; /* the arrays are NULL while counting */
	struct match *match;
	struct action *action;
	struct policy_options options; /* of the included text that is being read */
	uint32_t includes, rules, matches, actions;
	uint32_t keys, action_kinds;
	uint32_t variables; /* $XDG_RUNTIME_DIR so far */
	bool strict;
};

static inline size_t span_length(struct span span)
{
	return (size_t)(span.end - span.start);
}

static inline bool span_empty(struct span span)
{
	return span.start == span.end;
}

static inline struct span span_of(const char *word)
{
	return (struct span){word, word + strlen(word)};
}

static inline bool span_is(struct span span, const char *word)
{
	return span_length(span) == strlen(word) && !memcmp(span.start, word, span_length(span));
}

static inline struct policy_words list_of(const policy_value *values)
{
	return (struct policy_words){values, sizeof(*values), true};
}

/* Without the blanks around it. */
struct span span_trim(const char *start, const char *end);

/* The next item of a text, without the blanks around it; source->next is NULL after the last. */
struct span policy_next_item(struct source *source);

/* The rules of a preset that is compiled in, as if its text had been parsed. */
void policy_add_compiled(struct parser *parser, const struct preset *preset);
/* Cuts the options off the name of an included text. */
int policy_take_options(struct parser *parser, struct span *name, struct policy_options *options);

/* One item with an "=": 0, or -EINVAL with the error filled. */
int policy_parse_rule(struct parser *parser, struct span item);

/*
 * These fill the error and return -EINVAL. at is in the text being read; NULL: all of it is meant.
 */
int policy_fail(struct parser *parser, const char *at, const char *what);
int policy_fail_word(struct parser *parser, const char *at, const char *what, struct span word);
int policy_fail_empty(
	struct parser *parser, const char *at, const char *what, struct policy_words valid);
/* Afterwards: what the user probably meant is prefix and word. Returns -EINVAL too. */
int policy_meant(struct parser *parser, const char *prefix, struct span word);
/* Afterwards: why that is wrong, which says more than the words that would be valid. -EINVAL too. */
int policy_because(struct parser *parser, const char *reason);
int policy_fail_unknown(
	struct parser *parser, const char *noun, struct span word, struct policy_words valid);

#endif
