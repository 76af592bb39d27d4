/* SPDX-License-Identifier: MIT */
/* A view as one JSON object on one line; the schema is in sigbus-stat(1). */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "table/table.h"
#include "tools/stat/stat.h"

/* ---- values ---- */

static void put_string(const char *string)
{
	if (!string) {
		printf("null");
		return;
	}
	/* Only backslashes are left that JSON could misunderstand. */
	putchar('"');
	for (const char *byte = escape(string); *byte; byte++) {
		if (*byte == '\\')
			putchar('\\');
		putchar(*byte);
	}
	putchar('"');
}

static bool first_member = true;

static void put_key(const char *key)
{
	printf("%s\"%s\":", first_member ? "" : ",", key);
	first_member = false;
}

static void open_value(char bracket)
{
	putchar(bracket);
	first_member = true;
}

static void close_value(char bracket)
{
	putchar(bracket);
	first_member = false;
}

static void next_item(void)
{
	if (!first_member)
		putchar(',');
	first_member = false;
}

static void put_text(const char *key, const char *string)
{
	put_key(key);
	put_string(string);
}

static void put_number(const char *key, uint64_t number)
{
	put_key(key);
	printf("%" PRIu64, number);
}

/* An address does not fit into the numbers of every reader of JSON. */
static void put_address(const char *key, uint64_t address)
{
	put_key(key);
	printf("\"0x%" PRIx64 "\"", address);
}

static void put_bool(const char *key, bool value)
{
	put_key(key);
	printf(value ? "true" : "false");
}

static void put_null(const char *key)
{
	put_key(key);
	printf("null");
}

/* ---- the parts ---- */

static void put_rule(const struct rule_view *rule)
{
	next_item();
	open_value('{');
	put_text("rule", rule->text);
	put_number("item", rule->item);
	put_number("line", rule->line);
	put_number("hits", rule->hits);
	close_value('}');
}

static void put_handlers(const struct owner_view *owner)
{
	put_key("handlers");
	open_value('[');
	if (owner->handler) {
		next_item();
		put_string(owner->handler);
	}
	close_value(']');
}

static void put_owner(const struct owner_view *owner)
{
	if (!owner->name)
		return;
	next_item();
	open_value('{');
	put_text("owner", owner->name);
	put_text("resolved", owner->resolved);
	put_bool("registered", owner->registered);
	put_handlers(owner);
	put_text("callback", owner->callback);
	put_number("ranges", owner->ranges);
	put_number("faults", owner->faults);
	close_value('}');
}

static void put_file(const struct map *map)
{
	put_text("path", map->path);
	put_bool("deleted", map->deleted);
	put_text("device", format("%u:%u", map->major, map->minor));
	put_number("inode", map->inode);
}

static void put_range_file(const struct range_view *range)
{
	if (range->map) {
		put_file(range->map);
		put_address("offset", (uint64_t)range->offset);
		return;
	}
	put_null("path");
	put_bool("deleted", false);
	put_null("device");
	put_null("inode");
	put_null("offset");
}

static void put_range(const struct view *view, const struct range_view *range)
{
	const struct owner_view *owner = view_owner(view, range);

	next_item();
	open_value('{');
	put_address("map_start", range->start);
	put_address("map_end", range->end);
	put_text("map_prot", view_prot(range));
	put_range_file(range);
	put_text("owner", owner ? owner->name : NULL);
	put_text("mapped_by", view_mapper(view, range));
	if (range->sent) {
		put_number("sender_pid", (uint64_t)range->sender.pid);
		put_text("sender_name", range->sender.name[0] ? range->sender.name : NULL);
		put_number("sender_uid", range->sender.uid);
	} else {
		put_null("sender_pid");
		put_null("sender_name");
		put_null("sender_uid");
	}
	put_bool("registered", range->flags & RANGE_REGISTERED);
	put_bool("mapped", range->mapped);
	put_number("faults", range->faults);
	if (range->replaced_known)
		put_number("replaced", range->replaced);
	else
		put_null("replaced");
	close_value('}');
}

static void put_user(const struct view *view, const struct file_user *user)
{
	next_item();
	open_value('{');
	put_number("pid", (uint64_t)user->pid);
	put_text("name", user->name);
	put_file(view->range[user->file].map);
	put_text("map_prot", user->prot[0] ? user->prot : NULL);
	if (user->fd < 0)
		put_null("fd");
	else
		put_number("fd", (uint64_t)user->fd);
	put_text("fd_access", user->fd < 0 ? NULL : user->access);
	close_value('}');
}

static void put_disposition(const struct view *view)
{
	put_key("disposition");
	open_value('{');
	put_text("handler", view->handler);
	put_address("flags", view->handler_flags);
	put_address("mask", view->handler_mask);
	close_value('}');
}

static void put_counters(const struct view *view)
{
	put_key("counters");
	if (!view->counter_count) {
		printf("null");
		return;
	}
	open_value('{');
	for (size_t i = 0; i < view->counter_count; i++)
		put_number(view->counter[i].name, view->counter[i].count);
	close_value('}');
}

/* Negative: not known. */
static void put_seconds(const char *key, int64_t seconds)
{
	put_key(key);
	if (seconds < 0)
		printf("null");
	else
		printf("%" PRId64, seconds);
}

static void put_last_fault(const struct view *view)
{
	const struct range_view *last = view_last(view);

	put_key("last_fault");
	if (!view->last_fault) {
		printf("null");
		return;
	}
	open_value('{');
	put_address("addr", view->last_fault);
	put_text("path", last && last->map ? last->map->path : NULL);
	put_seconds("seconds", view->last_age);
	close_value('}');
}

static void put_tally(const uint64_t tally[][TALLY_CAUSE_COUNT][TALLY_FS_COUNT])
{
	static const char *const actions[] = TALLY_ACTIONS, *const causes[] = TALLY_CAUSES,
					*const file_systems[] = TALLY_FILE_SYSTEMS;

	put_key("faults_by");
	open_value('[');
	for (int a = 0; a < TALLY_ACTION_COUNT; a++)
		for (int c = 0; c < TALLY_CAUSE_COUNT; c++)
			for (int f = 0; f < TALLY_FS_COUNT; f++) {
				if (!tally[a][c][f])
					continue;
				next_item();
				open_value('{');
				put_text("action", actions[a]);
				put_text("cause", causes[c]);
				put_text("fs", file_systems[f]);
				put_number("count", tally[a][c][f]);
				close_value('}');
			}
	close_value(']');
}

static void put_waiting(const struct view *view)
{
	put_key("waiting");
	open_value('[');
	for (size_t i = 0; i < view->waiting_count; i++) {
		const struct wait_view *wait = &view->waiting[i];

		next_item();
		open_value('{');
		put_number("tid", (uint64_t)wait->thread);
		put_address("addr", wait->page);
		put_text("path", wait->map ? wait->map->path : NULL);
		put_number("seconds", (uint64_t)wait->seconds);
		close_value('}');
	}
	close_value(']');
}

static void put_tables(const struct view *view)
{
	put_disposition(view);
	put_key("rules");
	open_value('[');
	for (size_t i = 0; i < view->rule_count; i++)
		put_rule(&view->rule[i]);
	close_value(']');
	put_key("owners");
	open_value('[');
	for (size_t i = 0; i < view->owner_count; i++)
		put_owner(&view->owner[i]);
	close_value(']');
	put_key("ranges");
	open_value('[');
	for (size_t i = 0; i < view->range_count; i++)
		put_range(view, &view->range[i]);
	close_value(']');
	put_key("users");
	open_value('[');
	for (size_t i = 0; i < view->user_count; i++)
		put_user(view, &view->user[i]);
	close_value(']');
	put_counters(view);
	put_tally(view->tally);
	put_last_fault(view);
	put_waiting(view);
	put_number("skipped", view->skipped);
	put_number("unreadable", view->unreadable);
}

void print_json(const struct view *view)
{
	open_value('{');
	put_number("pid", (uint64_t)view->pid);
	put_text("program", view->program);
	put_text("state", view->state);
	put_text("reason", view->reason);
	put_text("library", view->library);
	put_text("version", view->version);
	if (!strcmp(view->state, "active"))
		put_tables(view);
	close_value('}');
	printf("\n");
}

void print_list_json(const struct summary *summary, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct summary *one = &summary[i];

		open_value('{');
		put_number("pid", (uint64_t)one->pid);
		put_text("program", one->program);
		put_text("state", one->state);
		put_number("ranges", one->ranges);
		put_number("faults", summary_counter(one, "faults"));
		put_text("last_loss", one->last[0] ? one->last : NULL);
		put_seconds("last_loss_seconds", one->last_age);
		close_value('}');
		printf("\n");
	}
}
