/* SPDX-License-Identifier: MIT */
/* All [H]. */
#include "kernel/tally.h"

#include <string.h>

static const char *const actions[] = TALLY_ACTIONS, *const causes[] = TALLY_CAUSES,
				*const file_systems[] = TALLY_FILE_SYSTEMS;
_Static_assert(sizeof(actions) / sizeof(*actions) == TALLY_ACTION_COUNT, "actions");
_Static_assert(sizeof(causes) / sizeof(*causes) == TALLY_CAUSE_COUNT, "causes");
_Static_assert(sizeof(file_systems) / sizeof(*file_systems) == TALLY_FS_COUNT, "file systems");

static size_t index_of(const char *word, const char *const list[], size_t count, size_t otherwise)
{
	/* Mostly the first byte tells: this is part of each fault. */
	for (size_t i = 0; i < count; i++)
		if (word[0] == list[i][0] && !strcmp(word, list[i]))
			return i;
	return otherwise;
}

/* fuse.sshfs is fuse, nfs4 is nfs: as in rules. */
static size_t file_system(const char *fs)
{
	if (!*fs)
		return 0;
	if (!strncmp(fs, "fuse", 4))
		fs = "fuse";
	if (!strcmp(fs, "nfs4"))
		fs = "nfs";
	return index_of(fs, file_systems, TALLY_FS_COUNT, TALLY_FS_COUNT - 1);
}

void tally_add(struct tally *tally, const char *action, const char *cause, const char *fs)
{
	size_t a = index_of(action, actions, TALLY_ACTION_COUNT, TALLY_ACTION_COUNT - 1);
	size_t c = index_of(cause, causes, TALLY_CAUSE_COUNT, 0);

	atomic_fetch_add_explicit(&tally->count[a][c][file_system(fs)], 1, memory_order_relaxed);
}
