/* SPDX-License-Identifier: MIT */
/* The tables of the library in another process: rules, owners, the disposition. */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "kernel/process.h"
#include "owner/owner.h"
#include "policy/policy.h"
#include "signal/disposition.h"
#include "start/inspect.h"
#include "table/record.h"
#include "table/table.h"
#include "tools/stat/stat.h"

#define NAME_LIMIT 256
#define RULES_MAX (POLICY_TEXT_MAX / 4) /* a rule has so many bytes at least */
#define OWNERS_AT_ONCE 64

/* ---- where code is ---- */

/* As the reports name it: the offset is from the first mapping of the object. */
static char *place_in_file(const struct maps *maps, uintptr_t address)
{
	const struct map *map = maps_at(maps, address), *first = map;

	if (map == maps->item + maps->count || map->start > address)
		return format("0x%" PRIxPTR " (in no object)", address);
	while (first > maps->item && same_file(first - 1, map))
		first--;
	return format(
		"%s+0x%" PRIxPTR, *map->path ? file_name(map->path) : "?", address - first->start);
}

static char *place(const struct view *view, const struct maps *maps, uintptr_t address)
{
	for (size_t i = 1; i < view->owner_count; i++) {
		const struct owner_view *owner = &view->owner[i];

		if (owner->name && owner->start <= address && address < owner->end)
			return format("%s+0x%" PRIxPTR, owner->name,
				address - owner->start + owner->linked_at);
	}
	return place_in_file(maps, address);
}

static char *handler_place(const struct view *view, const struct maps *maps, void *handler)
{
	if (handler == SIG_DFL)
		return "default";
	if (handler == SIG_IGN)
		return "ignore";
	return place(view, maps, (uintptr_t)handler);
}

/* ---- rules ---- */

static bool look_at_rule(struct view *view, const struct process *process, const struct rule *rule)
{
	uint32_t length = rule->text_length;
	char *text;

	if (length > POLICY_TEXT_MAX)
		return false;
	text = calloc(1, length + 1u);
	if (!text || !process_read(process, rule->text, text, length)) {
		free(text);
		return false;
	}
	view->rule[view->rule_count++] = (struct rule_view){
		.text = text, .item = rule->item, .line = rule->line, .hits = rule->hits};
	return true;
}

static void look_at_rules(
	struct view *view, const struct process *process, const struct inspect *root)
{
	struct policy policy;

	if (!process_read(process, root->policy, &policy, sizeof(policy)) ||
		policy.rule_count > RULES_MAX) {
		view->skipped++;
		return;
	}
	for (uint32_t i = 0; i < policy.rule_count; i++) {
		struct rule rule;

		view->rule = grow(view->rule, view->rule_count, sizeof(*view->rule));
		if (!process_read(process, policy.rule + i, &rule, sizeof(rule))) {
			view->skipped += policy.rule_count - i;
			return;
		}
		view->skipped += !look_at_rule(view, process, &rule);
	}
}

/* ---- owners ---- */

static void look_at_owner(
	struct view *view, const struct process *process, const struct owner *owner)
{
	struct owner_view *seen = &view->owner[view->owner_count++];

	/* Read as a byte: foreign memory may hold what is neither 0 nor 1, and no bool may be that. */
	*seen = (struct owner_view){.start = owner->start,
		.linked_at = owner->linked_at,
		.end = owner->end,
		.registered = *(const volatile unsigned char *)&owner->registered != 0};
	if (!owner->name)
		return;
	seen->name = process_string(process, owner->name, NAME_LIMIT);
	if (owner->resolved)
		seen->resolved = process_string(process, owner->resolved, NAME_LIMIT);
	if (!seen->resolved)
		seen->resolved = seen->name;
	view->skipped += !seen->name;
}

static void look_at_handler(struct view *view, const struct process *process,
	const struct owner *owner, struct owner_view *seen)
{
	struct disposition disposition;

	if (!owner->handler)
		return;
	if (process_read(process, owner->handler, &disposition, sizeof(disposition)))
		seen->handler = handler_place(view, &process->maps, disposition.handler);
	else
		view->skipped++;
}

static size_t read_owners(
	const struct process *process, const struct inspect *root, struct owner *owners)
{
	size_t count = 0;

	while (count < OWNERS_MAX) {
		bool any = false;

		if (!process_read(process, root->owner + count, owners + count,
			    OWNERS_AT_ONCE * sizeof(*owners)))
			break;
		for (size_t i = 0; i < OWNERS_AT_ONCE; i++)
			any |= owners[count + i].name != NULL;
		if (!any)
			break;
		count += OWNERS_AT_ONCE;
	}
	return count;
}

/* All names first: a handler may be in the object of an owner that comes later. */
static void look_at_owners(
	struct view *view, const struct process *process, const struct inspect *root)
{
	struct owner *owners = calloc(OWNERS_MAX, sizeof(*owners));
	size_t count;

	view->owner = calloc(OWNERS_MAX, sizeof(*view->owner));
	if (!owners || !view->owner)
		give_up(STATUS_NOTHING, "out of memory");
	count = read_owners(process, root, owners);
	for (size_t i = 0; i < count; i++)
		look_at_owner(view, process, &owners[i]);
	for (size_t i = 1; i < count; i++) {
		if (!view->owner[i].name)
			continue;
		look_at_handler(view, process, &owners[i], &view->owner[i]);
		if (owners[i].callback)
			view->owner[i].callback =
				place(view, &process->maps, (uintptr_t)owners[i].callback);
	}
	free(owners);
}

static void look_at_disposition(
	struct view *view, const struct process *process, const struct inspect *root)
{
	const struct disposition *current;
	struct disposition disposition;

	if (!process_read(process, root->disposition, &current, sizeof(current)) ||
		!process_read(process, current, &disposition, sizeof(disposition))) {
		view->skipped++;
		return;
	}
	view->handler = handler_place(view, &process->maps, disposition.handler);
	view->handler_flags = disposition.flags;
	view->handler_mask = disposition.mask;
}

/* Seconds since then, or -1: there was no clock, or what is there is none. */
static int64_t age_of(int64_t milliseconds)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (milliseconds <= 0 || milliseconds / 1000 > now.tv_sec)
		return -1;
	return now.tv_sec - milliseconds / 1000;
}

static void look_at_counters(
	struct view *view, const struct process *process, const struct inspect *root)
{
	const struct process_state *state;
	struct counters counters;
	int64_t last_at;

	if (!process_read(process, root->process_state, &state, sizeof(state)) ||
		!process_read(process, &state->counters, &counters, sizeof(counters)) ||
		!process_read(process, &state->tally, view->tally, sizeof(view->tally)) ||
		!process_read(process, &state->last_fault, &view->last_fault,
			sizeof(view->last_fault)) ||
		!process_read(process, &state->last_fault_at, &last_at, sizeof(last_at))) {
		view->skipped++;
		return;
	}
	view->last_age = age_of(last_at);
#define VIEW_COUNTER(name_, words_)            \
	view->counter[view->counter_count++] = \
		(struct counter_view){.name = #name_, .words = words_, .count = counters.name_};
	COUNTERS(VIEW_COUNTER)
#undef VIEW_COUNTER
}

/* ---- who waits ---- */

/* A thread that ended, or left by siglongjmp() and ended, may have left its entry behind. */
static bool has_thread(pid_t pid, int thread)
{
	return access(format("/proc/%d/task/%d", (int)pid, thread), F_OK) == 0;
}

static void look_at_waiting(
	struct view *view, const struct process *process, const struct inspect *root)
{
	const struct process_state *state;
	struct waiting waiting[WAITING_SLOTS];

	if (!process_read(process, root->process_state, &state, sizeof(state)) ||
		!process_read(process, &state->waiting, waiting, sizeof(waiting))) {
		view->skipped++;
		return;
	}
	for (size_t i = 0; i < WAITING_SLOTS; i++) {
		const struct waiting *entry = &waiting[i];
		const struct map *map = maps_at(&process->maps, entry->page);
		int64_t seconds = age_of(entry->since);

		if (entry->thread <= 0 || !entry->page || seconds < 0 ||
			!has_thread(process->pid, entry->thread))
			continue;
		view->waiting[view->waiting_count++] = (struct wait_view){.thread = entry->thread,
			.page = entry->page,
			.seconds = seconds,
			.map = map && map->start <= entry->page && map->path[0] ? map : NULL};
	}
}

/* ---- all ---- */

static char *program_of(const struct process *process, const struct inspect *root)
{
	const char *name;
	char *text = NULL;

	if (root->program_name && process_read(process, root->program_name, &name, sizeof(name)))
		text = process_string(process, name, NAME_LIMIT);
	return text ? text : process_name(process->pid);
}

static void read_maps(struct process *process)
{
	int error = maps_read(process->pid, &process->maps);

	if (error == -EACCES || error == -EPERM)
		give_up(STATUS_DENIED, "%s", why_denied(process->pid));
	if (error == -ENOENT && kill(process->pid, 0) != 0 && errno == EPERM)
		give_up(STATUS_DENIED,
			"%d: no access: /proc is mounted with hidepid: run this as root",
			(int)process->pid);
	if (error || (!process->maps.count && !process_is_kernel(process->pid)))
		exit(STATUS_GONE);
}

void look(struct view *view, pid_t pid, bool users)
{
	struct process process = {.pid = pid};
	struct inspect root = {0};
	bool found;

	*view = (struct view){.pid = pid};
	read_maps(&process);
	found = find_root(&process, &root, &view->state, &view->reason);
	view->program = program_of(&process, &root);
	if (process.library)
		view->library = process.library->path;
	if (!found)
		return;
	view->version = format("%.*s", (int)sizeof(root.library), root.library);
	if (root.state != INSPECT_ACTIVE)
		return;
	look_at_rules(view, &process, &root);
	look_at_owners(view, &process, &root);
	look_at_disposition(view, &process, &root);
	look_at_counters(view, &process, &root);
	look_at_waiting(view, &process, &root);
	look_at_ranges(view, &process, &root);
	if (users)
		look_at_users(view, &process);
}

/* ---- for the printers ---- */

uint64_t view_counter(const struct view *view, const char *name)
{
	for (size_t i = 0; i < view->counter_count; i++)
		if (!strcmp(view->counter[i].name, name))
			return view->counter[i].count;
	return 0;
}

const struct range_view *view_last(const struct view *view)
{
	for (size_t i = 0; i < view->range_count; i++)
		if (view->range[i].start <= view->last_fault &&
			view->last_fault < view->range[i].end)
			return &view->range[i];
	return NULL;
}
