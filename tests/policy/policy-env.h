/* SPDX-License-Identifier: MIT */
/* What the tests of the policy parser give it in place of files and of a preload's memory. */
#ifndef SIGBUS_TESTS_POLICY_ENV_H
#define SIGBUS_TESTS_POLICY_ENV_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "policy/policy.h"

/* Names and texts behind "@"; a NULL text: loading fails with the error. */
struct fake_file {
	const char *name, *text;
	int error;
};

static const struct fake_file *fake_files; /* up to a NULL name */
static int loads, allocations, allocations_left = -1;

static void *fake_allocate(size_t size)
{
	if (allocations_left == 0)
		return NULL;
	allocations_left -= allocations_left > 0;
	allocations++;
	return calloc(1, size ? size : 1);
}

static int fake_load(const char *name, const char **text, size_t *length)
{
	const struct fake_file *file = fake_files;

	loads++;
	while (file && file->name && strcmp(file->name, name))
		file++;
	if (!file || !file->name)
		return -ENOENT;
	if (!file->text)
		return file->error;
	*text = file->text;
	*length = strlen(file->text);
	return 0;
}

static inline struct policy_words fake_presets(void)
{
	static const char *const names[] = {"compositor", "diagnose", NULL};

	return (struct policy_words){names, sizeof(names[0]), false};
}

static const struct policy_env fake_env = {.allocate = fake_allocate, .load = fake_load, .presets = fake_presets};

#endif
