/* SPDX-License-Identifier: MIT */
/* All [H]. */
#include "kernel/tally.h"

#include <string.h>

static const char file_systems[][12] = TALLY_FILE_SYSTEMS;
_Static_assert(sizeof(file_systems) / sizeof(*file_systems) == TALLY_FS_COUNT, "file systems");

/* fuse.sshfs is fuse, nfs4 is nfs: as in rules. */
static size_t file_system(const char *fs)
{
	if (!*fs)
		return 0;
	if (!strncmp(fs, "fuse", 4))
		fs = "fuse";
	if (!strcmp(fs, "nfs4"))
		fs = "nfs";
	for (size_t i = 0; i < TALLY_FS_COUNT; i++)
		if (!strcmp(fs, file_systems[i]))
			return i;
	return TALLY_FS_COUNT - 1;
}

void tally_add(struct tally *tally, unsigned action, unsigned cause, const char *fs)
{
	if (action >= TALLY_ACTION_COUNT)
		action = TALLY_ACTION_COUNT - 1;
	atomic_fetch_add_explicit(&tally->count[action][cause][file_system(fs)], 1, memory_order_relaxed);
}
