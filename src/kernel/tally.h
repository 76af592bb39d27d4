/* SPDX-License-Identifier: MIT */
/*
 * Faults by what answered first, why the page was lost, and on which file system: for metrics. The
 * words are these and no others, so that nobody can make ever more of them; what is none of them,
 * or was not asked for, is the last or the first one of its list.
 */
#ifndef SIGBUS_TALLY_H
#define SIGBUS_TALLY_H

#include <stdatomic.h>
#include <stdint.h>

#define TALLY_ACTIONS \
	{"owner", "zero", "ones", "wait", "chain", "abort", "default", "other"}
#define TALLY_CAUSES \
	{"unknown", "truncated", "nospace", "device", "hwpoison"}
#define TALLY_FILE_SYSTEMS                                                                          \
	{"unknown", "tmpfs", "hugetlbfs", "devtmpfs", "ext4", "xfs", "btrfs", "f2fs", "zfs", "vfat", \
		"overlay", "nfs", "cifs", "9p", "virtiofs", "fuse", "other"}

enum { TALLY_ACTION_COUNT = 8, TALLY_CAUSE_COUNT = 5, TALLY_FS_COUNT = 17 };

struct tally {
	_Atomic uint64_t count[TALLY_ACTION_COUNT][TALLY_CAUSE_COUNT][TALLY_FS_COUNT];
};

/* action: enum outcome, cause: enum cause. [H] */
void tally_add(struct tally *tally, unsigned action, unsigned cause, const char *fs);

#endif
