/* SPDX-License-Identifier: MIT */
/* A process that has the library: what its counters and its ranges say. */
#include "tools/explain/explain.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Where in the range the faults were is not kept: its end is where a truncation shows. */
static void add_range(struct incidents *incidents, const struct view *view,
	const struct range_view *range)
{
	const struct owner_view *owner = view_owner(view, range);
	struct incident *incident = add_incident(incidents);
	char *prot = view_prot(range), *mapper = view_mapper(view, range);

	if (!incident)
		return;
	*incident = (struct incident){.from = FROM_PROCESS,
		.event = "fault",
		.program = escape(view->program),
		.pid = view->pid,
		.map_known = true,
		.map_start = range->start,
		.map_end = range->end,
		.path = range->map ? escape(range->map->path) : "",
		.file = range->map ? range->map->path : "",
		.reach = range->map ? (uint64_t)range->offset + (range->end - range->start) : 0,
		.deleted = range->map && range->map->deleted,
		.owner = owner ? escape(owner->name) : NULL,
		.mapped_by = mapper ? escape(mapper) : NULL,
		.serves_wayland = owner && !strncmp(owner->name, "libwayland-server", 17),
		.faults = range->faults,
		.pages = range->replaced_known ? range->replaced : 0};
	snprintf(incident->prot, sizeof(incident->prot), "%s", prot ? prot : "");
	if (range->sent) {
		incident->sender_known = true;
		incident->sender_others = range->sender.others;
		incident->sender_pid = range->sender.pid;
		incident->sender_uid = range->sender.uid;
		incident->sender_name = range->sender.name[0] ? escape(range->sender.name) : NULL;
	}
	advise(incident);
}

static char *describe(const struct view *view, size_t shown)
{
	uint64_t faults = view_counter(view, "faults");

	if (!faults)
		return format("%s[%d]: libsigbus is active, and there was no fault.",
			escape(view->program), (int)view->pid);
	return format("%s[%d]: %" PRIu64 " faults since it started, %" PRIu64
		      " pages replaced, %" PRIu64 " answered by an owner, %" PRIu64
		      " handed to the program's handler; mappings with faults that are still "
		      "there: %zu. See also sigbus-stat %d.",
		escape(view->program), (int)view->pid, faults, view_counter(view, "repaired_pages"),
		view_counter(view, "owner_answered"), view_counter(view, "chained"), shown, (int)view->pid);
}

void explain_process(struct incidents *incidents, pid_t pid)
{
	struct view view;

	look(&view, pid, false);
	if (strcmp(view.state, "active") != 0)
		give_up(STATUS_NOTHING, "%d: libsigbus is %s there%s%s", (int)pid, view.state,
			view.reason ? ": " : "", view.reason ? view.reason : "");
	for (size_t i = 0; i < view.range_count; i++)
		if (view.range[i].faults)
			add_range(incidents, &view, &view.range[i]);
	incidents->note = describe(&view, incidents->count);
}
