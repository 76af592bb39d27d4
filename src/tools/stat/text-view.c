/* SPDX-License-Identifier: MIT */
/* A view as tables. Names that others chose are escaped, so that they can't look like the rest. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "base/text.h"
#include "table/record.h"
#include "table/table.h"
#include "tools/stat/stat.h"

#define COLUMNS_MAX 10
#define USERS_SHOWN 10 /* of each file */

/* ---- lines ---- */

/* 0: not a terminal. There a line is cut at its edge, or the table could not be read. */
static size_t terminal_width(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO))
		return 0;
	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
}

static bool is_continuation(char byte)
{
	return ((unsigned char)byte & 0xc0) == 0x80;
}

static size_t width_of(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += !is_continuation(*text);
	return width;
}

/* Lines that may still be printed, and those that were not. */
static struct {
	bool limited;
	size_t left, hidden;
} screen;

void limit_lines(size_t lines)
{
	screen.limited = lines > 0;
	screen.left = lines - (lines > 0); /* one for what was hidden */
	screen.hidden = 0;
}

static bool has_room(void)
{
	if (!screen.limited)
		return true;
	if (!screen.left) {
		screen.hidden++;
		return false;
	}
	screen.left--;
	return true;
}

static void print_cut(const char *line, size_t width)
{
	const char *end = line;

	if (!has_room())
		return;
	while (*end && (!width || is_continuation(*end) || width > 1)) {
		width -= width && !is_continuation(*end);
		end++;
	}
	if (*end && !end[1])
		end++;
	printf("%.*s\n", (int)(end - line), line);
}

static void print_heading(const char *line, size_t width)
{
	bool bold = width && (!screen.limited || screen.left);

	if (bold)
		printf("\033[1m");
	print_cut(line, width);
	if (bold)
		printf("\033[0m");
}

/* ---- tables ---- */

struct table {
	size_t columns;
	const char *heading[COLUMNS_MAX]; /* with a blank before it: a number */
	char **cell;
	size_t count;
};

static void add_cell(struct table *table, char *cell)
{
	table->cell = grow(table->cell, table->count, sizeof(*table->cell));
	table->cell[table->count++] = cell;
}

static const char *heading_of(const struct table *table, size_t column)
{
	return table->heading[column] + (table->heading[column][0] == ' ');
}

static void measure(const struct table *table, size_t widths[])
{
	for (size_t i = 0; i < table->columns; i++)
		widths[i] = width_of(heading_of(table, i));
	for (size_t i = 0; i < table->count; i++) {
		size_t width = width_of(table->cell[i]);

		if (widths[i % table->columns] < width)
			widths[i % table->columns] = width;
	}
}

static char *put_cell(char *line, const char *cell, size_t width, bool right)
{
	size_t pad = width - width_of(cell);
	char *wider = format("%s%s%*s%s%*s", line, *line ? "  " : "", right ? (int)pad : 0, "",
		cell, right ? 0 : (int)pad, "");

	free(line);
	return wider;
}

static char *make_line(const struct table *table, const size_t widths[], char *const cell[])
{
	char *line = format("%s", "");
	size_t length;

	for (size_t i = 0; i < table->columns; i++)
		line = put_cell(line, cell ? cell[i] : heading_of(table, i), widths[i],
			table->heading[i][0] == ' ');
	for (length = strlen(line); length && line[length - 1] == ' ';)
		line[--length] = '\0';
	return line;
}

static void print_table(const char *title, const struct table *table)
{
	size_t widths[COLUMNS_MAX], width = terminal_width();

	measure(table, widths);
	if (title) {
		print_cut("", width);
		print_heading(title, width);
	}
	print_cut(make_line(table, widths, NULL), width);
	for (size_t i = 0; i < table->count; i += table->columns) {
		char *line = make_line(table, widths, table->cell + i);

		print_cut(line, width);
		free(line);
	}
}

/* ---- the parts ---- */

static void print_rules(const struct view *view)
{
	struct table table = {.columns = 2, .heading = {" HITS", "RULE"}};

	bool folded = terminal_width() > 0;
	size_t without = 0;

	for (size_t i = 0; i < view->rule_count; i++) {
		const struct rule_view *rule = &view->rule[i];

		if (folded && !rule->hits) {
			without++;
			continue;
		}
		add_cell(&table, format("%" PRIu64, rule->hits));
		add_cell(&table, format("%s%s", escape(rule->text), rule->item ? "" : " (built-in)"));
	}
	if (without) {
		add_cell(&table, "0");
		add_cell(&table, format("(%zu %s without a hit)", without, without == 1 ? "rule" : "rules"));
	}
	print_table("Rules, the first that matches decides", &table);
}

static char *handlers_of(const struct owner_view *owner)
{
	if (owner->callback && owner->handler)
		return format("callback %s, %s", escape(owner->callback), escape(owner->handler));
	if (owner->callback)
		return format("callback %s", escape(owner->callback));
	return owner->handler ? escape(owner->handler) : "none";
}

static char *names_of(const struct owner_view *owner)
{
	if (owner->registered)
		return format("%s (registered)", escape(owner->name));
	if (!strcmp(owner->name, owner->resolved))
		return escape(owner->name);
	return format("%s (%s)", escape(owner->name), escape(owner->resolved));
}

static bool is_worth_telling(const struct owner_view *owner)
{
	return owner->name && (owner->ranges || owner->handler || owner->registered);
}

static void print_owners(const struct view *view)
{
	struct table table = {
		.columns = 4, .heading = {" RANGES", " FAULTS", "OWNER", "HANDLERS, NEWEST FIRST"}};

	for (size_t i = 0; i < view->owner_count; i++) {
		const struct owner_view *owner = &view->owner[i];

		if (!is_worth_telling(owner))
			continue;
		add_cell(&table, format("%zu", owner->ranges));
		add_cell(&table, format("%" PRIu64, owner->faults));
		add_cell(&table, names_of(owner));
		add_cell(&table, handlers_of(owner));
	}
	print_table("Owners", &table);
}

static char *size_text(uint64_t bytes)
{
	static const char units[] = "KMGT";
	int unit = 0;

	for (bytes /= 1024; bytes >= 10240 && units[unit + 1]; bytes /= 1024)
		unit++;
	return format("%" PRIu64 "%c", bytes, units[unit]);
}

static char *file_text(const struct range_view *range)
{
	if (!range->map)
		return range->mapped ? "(no file)" : "(not mapped any more)";
	return format("%s%s", escape(range->map->path), range->map->deleted ? " (deleted)" : "");
}

static char *owner_text(const struct view *view, const struct range_view *range)
{
	char *mapper = view_mapper(view, range);

	if (!mapper)
		return "unknown";
	if (range->sent)
		return format("%s, sent by %s[%d]", escape(mapper),
			range->sender.name[0] ? escape(range->sender.name) : "unknown",
			range->sender.pid);
	return format(
		"%s%s", escape(mapper), range->flags & RANGE_REGISTERED ? " (registered)" : "");
}

static void add_range(struct table *table, const struct view *view, const struct range_view *range)
{
	char *prot = view_prot(range);

	add_cell(table, format("%" PRIxPTR "-%" PRIxPTR, range->start, range->end));
	add_cell(table, prot ? prot : "?");
	add_cell(table, size_text(range->end - range->start));
	add_cell(table, format("%u", range->faults));
	add_cell(table, range->replaced_known ? format("%" PRIu64, range->replaced) : "?");
	add_cell(table, owner_text(view, range));
	add_cell(table, range->map ? format("0x%" PRIx64, range->offset) : "");
	add_cell(table, file_text(range));
}

static bool has_losses(const struct range_view *range)
{
	return range->faults || range->replaced;
}

static void print_ranges(const struct view *view)
{
	struct table table = {.columns = 8,
		.heading = {"ADDRESS", "PROT", " SIZE", " FAULTS", " REPLACED", "MAPPED BY",
			" OFFSET", "FILE"}};

	/* Those with losses first. */
	for (int losses = 1; losses >= 0; losses--)
		for (size_t i = 0; i < view->range_count; i++)
			if (has_losses(&view->range[i]) == losses)
				add_range(&table, view, &view->range[i]);
	print_table("Ranges, with the pages in them that were replaced", &table);
}

static void add_user(struct table *table, const struct view *view, const struct file_user *user)
{
	add_cell(table, format("%d", (int)user->pid));
	add_cell(table, format("\"%s\"", escape(user->name)));
	add_cell(table, user->prot[0] ? format("%s", user->prot) : "-");
	add_cell(table, user->fd < 0 ? "-" : format("%d %s", user->fd, user->access));
	add_cell(table, file_text(&view->range[user->file]));
}

static void print_users(const struct view *view)
{
	struct table table = {.columns = 5, .heading = {" PID", "NAME", "MAPS IT", "FD", "FILE"}};
	size_t of_file = 0, hidden = 0;

	for (size_t i = 0; i < view->user_count; i++) {
		of_file = i && view->user[i].file == view->user[i - 1].file ? of_file + 1 : 0;
		if (of_file < USERS_SHOWN)
			add_user(&table, view, &view->user[i]);
		else
			hidden++;
	}
	print_table("Other processes with the same files", &table);
	if (hidden)
		print_cut(format("and %zu more", hidden), 0);
}

static void print_waiting(const struct view *view)
{
	struct table table = {
		.columns = 4, .heading = {" THREAD", " SECONDS", "ADDRESS", "FILE"}};

	for (size_t i = 0; i < view->waiting_count; i++) {
		const struct wait_view *wait = &view->waiting[i];

		add_cell(&table, format("%d", wait->thread));
		add_cell(&table, format("%" PRId64, wait->seconds));
		add_cell(&table, format("%" PRIxPTR, wait->page));
		add_cell(&table, format("%s", wait->map ? escape(wait->map->path) : ""));
	}
	if (table.count)
		print_table("Threads that wait for a page", &table);
}

/* How long ago it was, in the largest unit of which there are two. */
static char *age_text(int64_t seconds)
{
	static const struct {
		int64_t seconds;
		const char *unit;
	} units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
	size_t i = 0;

	while (seconds < 2 * units[i].seconds && units[i].seconds > 1)
		i++;
	return format("%" PRId64 " %s", seconds / units[i].seconds, units[i].unit);
}

/* What never happened is no news. */
static void print_counters(const struct view *view)
{
	struct table table = {.columns = 2, .heading = {" COUNT", "WHAT"}};

	for (size_t i = 0; i < view->counter_count; i++) {
		if (!view->counter[i].count)
			continue;
		add_cell(&table, format("%" PRIu64, view->counter[i].count));
		if (!strcmp(view->counter[i].name, "faults") && view->last_age >= 0)
			add_cell(&table, format("%s, the last one %s ago", view->counter[i].words,
					    age_text(view->last_age)));
		else
			add_cell(&table, format("%s", view->counter[i].words));
	}
	if (table.count)
		print_table("Counted since the process started", &table);
}

static void print_notes(const struct view *view)
{
	if (view->unreadable) {
		print_cut("", 0);
		print_cut(format("Other processes that could not be looked at, but may have the "
				 "same files: %zu",
				  view->unreadable),
			0);
	}
	if (view->skipped) {
		print_cut("", 0);
		print_cut(format("Entries that could not be read, or were changing: %zu",
				  view->skipped),
			0);
	}
}

static void print_hidden(void)
{
	if (screen.hidden)
		printf("(%zu more lines do not fit)\n", screen.hidden);
}

void print_text(const struct view *view)
{
	char *first = format(
		"%s[%d]: libsigbus is %s", escape(view->program), (int)view->pid, view->state);

	if (view->reason)
		first = format("%s: %s", first, view->reason);
	if (view->handler)
		first = format(
			"%s, the program's SIGBUS handler: %s", first, escape(view->handler));
	print_cut(first, 0);
	if (strcmp(view->state, "active") != 0)
		return;
	print_rules(view);
	print_owners(view);
	print_ranges(view);
	print_waiting(view);
	print_counters(view);
	if (view->user_count)
		print_users(view);
	print_notes(view);
	print_hidden();
}

/* ---- many processes ---- */

void print_list(const struct summary *summary, size_t count)
{
	struct table table = {.columns = 7,
		.heading = {" PID", "PROGRAM", "STATE", " RANGES", " FAULTS", " AGO", "LAST LOSS"}};

	for (size_t i = 0; i < count; i++) {
		const struct summary *one = &summary[i];

		add_cell(&table, format("%d", (int)one->pid));
		add_cell(&table, escape(one->program));
		add_cell(&table, format("%s", one->state));
		add_cell(&table, format("%" PRIu64, one->ranges));
		add_cell(&table, format("%" PRIu64, summary_counter(one, "faults")));
		add_cell(&table, one->last_age < 0 ? format("%s", "") : age_text(one->last_age));
		add_cell(&table, format("%s%s", escape(one->last), one->last_deleted ? " (deleted)" : ""));
	}
	print_table(NULL, &table);
	print_hidden();
	for (size_t i = 0; i < table.count; i++)
		free(table.cell[i]);
	free(table.cell);
}
