/* SPDX-License-Identifier: MIT */
#include <string.h>
#include "base/base.h"
#include "kernel/process.h"
#include "memory/memory.h"
#include "owner/owner.h"
#include "policy/policy.h"
#include "signal/disposition.h"
#include "start/inspect.h"
#include "table/table.h"

HIDDEN struct inspect inspect_root __attribute__((used));

/* A note is in a loaded segment, and no strip takes it away. */
__asm__(".pushsection .note.sigbus, \"a\", %note\n"
	"	.balign 4\n"
	"	.long 2f - 1f, 4f - 3f, 1\n"
	"1:	.asciz \"sigbus\"\n"
	"2:	.balign 4\n"
	"3:	.long inspect_root - .\n"
	"4:	.popsection\n");

void inspect_init(void)
{
	inspect_root = (struct inspect){
		.magic = INSPECT_MAGIC,
		.version = INSPECT_VERSION,
		.size = sizeof(inspect_root),
		.library = PACKAGE_VERSION,
		.sizes = {.range = sizeof(struct range),
			.owner = sizeof(struct owner),
			.disposition = sizeof(struct disposition),
			.policy = sizeof(struct policy),
			.rule = sizeof(struct rule),
			.process_state = sizeof(struct process_state),
			.sender_file = sizeof(struct sender_file),
			.anchor_slot = sizeof(struct anchor_slot)},
		.program_name = &program_name,
		.owner = owner_by_id(0),
		.ranges = range_inspect(),
		.policy = &policy,
		.disposition = disposition_inspect(),
		.process_state = &process_state,
		.sender_chunks = sender_chunks,
		.sender_sites = sender_sites,
	};
	inspect_root.anchor_slots = anchor_inspect(&inspect_root.anchor_area);
}

void inspect_set_state(enum inspect_state state)
{
	atomic_store(&inspect_root.state, state);
}
