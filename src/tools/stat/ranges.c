/* SPDX-License-Identifier: MIT */
/* The range table of another process, and what the kernel says of the same addresses. */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/mman.h>
#include "base/base.h"
#include "memory/memory.h"
#include "start/inspect.h"
#include "table/record.h"
#include "table/table.h"
#include "tools/stat/stat.h"

#define RECORD_TRIES 8
#define CHUNK_RECORDS_MAX 65536
#define RANGES_MAX 100000 /* more than a process can have mappings by default */

/* ---- records ---- */

/* Between two equal states a geometry is of that incarnation: see range.c. */
static bool same_incarnation(const struct range *a, const struct range *b)
{
	return a->state == b->state && a->geometry == b->geometry;
}

static bool read_again(
	const struct process *process, const struct range *place, struct range *range)
{
	struct range before = *range;

	for (int i = 0; i < RECORD_TRIES; i++) {
		if (!process_read(process, place, range, sizeof(*range)))
			return false;
		if (same_incarnation(&before, range))
			return true;
		before = *range;
	}
	return false;
}

static bool is_live(uint64_t geometry)
{
	return geometry && !(geometry & RANGE_HIDDEN);
}

static bool is_possible(uint64_t geometry)
{
	return geometry_size(geometry) && geometry_end(geometry) <= ADDRESS_END;
}

static void add_range(struct view *view, const struct range *range)
{
	uintptr_t anchor = range->anchor;

	if (view->range_count == RANGES_MAX) {
		view->skipped++;
		return;
	}
	view->range = grow(view->range, view->range_count, sizeof(*view->range));
	view->range[view->range_count++] = (struct range_view){
		.start = geometry_start(range->geometry),
		.end = geometry_end(range->geometry),
		.anchor = anchor,
		.owner = state_owner(range->state),
		.flags = state_flags(range->state),
		.caller = range->caller,
		.faults = range->faults,
	};
}

static void look_at_record(struct view *view, const struct process *process,
	const struct range *place, struct range records[2])
{
	if (!same_incarnation(&records[0], &records[1]) &&
		!read_again(process, place, &records[1])) {
		view->skipped++;
		return;
	}
	if (!is_live(records[1].geometry))
		return;
	if (is_possible(records[1].geometry))
		add_range(view, &records[1]);
	else
		view->skipped++;
}

static bool look_at_chunk(
	struct view *view, const struct process *process, const struct range *chunk, size_t count)
{
	struct range *copy[2] = {calloc(count, sizeof(**copy)), calloc(count, sizeof(**copy))};
	bool done = copy[0] && copy[1] &&
		    process_read(process, chunk, copy[0], count * sizeof(**copy)) &&
		    process_read(process, chunk, copy[1], count * sizeof(**copy));

	for (size_t i = 0; done && i < count; i++)
		look_at_record(view, process, chunk + i, (struct range[2]){copy[0][i], copy[1][i]});
	free(copy[0]);
	free(copy[1]);
	return done;
}

static void look_at_records(
	struct view *view, const struct process *process, const struct inspect_ranges *ranges)
{
	uint64_t records = ranges->chunk_records;
	uint32_t taken;

	if (records > CHUNK_RECORDS_MAX ||
		!process_read(process, ranges->taken, &taken, sizeof(taken)) ||
		taken / records >= ranges->chunks) {
		view->skipped++;
		return;
	}
	/* Record 0 is never used, and dead. */
	for (uint64_t i = 0; taken && i <= taken / records; i++) {
		uint64_t count = i < taken / records ? records : taken % records + 1;
		const struct range *chunk;

		if (!process_read(process, ranges->chunk + i, &chunk, sizeof(chunk)) ||
			!look_at_chunk(view, process, chunk, count)) {
			view->skipped++;
			return;
		}
	}
}

static int by_address(const void *a, const void *b)
{
	const struct range_view *first = a, *second = b;

	return (first->start > second->start) - (first->start < second->start);
}

/* ---- the kernel's view ---- */

/* Shared anonymous memory is a deleted /dev/zero to the kernel. */
static bool is_file(const struct map *map)
{
	return map->inode && !(map->deleted && !strcmp(map->path, "/dev/zero"));
}

static void set_file(const struct maps *maps, struct range_view *range)
{
	const struct map *end = maps->item + maps->count, *map;

	for (map = maps_at(maps, range->start); map < end && map->start < range->end; map++) {
		range->mapped = true;
		if (!is_file(map))
			continue;
		range->map = map;
		range->offset = (int64_t)(map->offset - (map->start - range->start));
		return;
	}
}

/* With all pages replaced, the anchor is what is left of the file: that of one page of the range. */
static void set_file_of_anchor(
	const struct process *process, const struct inspect *root, struct range_view *range)
{
	const struct maps *maps = &process->maps;
	const struct map *map = maps_at(maps, range->anchor);
	struct anchor_slot slot;
	uintptr_t area;

	if (!range->anchor || map == maps->item + maps->count || map->start > range->anchor ||
		!is_file(map) || !process_read(process, root->anchor_area, &area, sizeof(area)) ||
		!process_read(process, root->anchor_slots + (range->anchor - area) / PAGE_SIZE, &slot,
			sizeof(slot)))
		return;
	range->map = map;
	range->offset = (int64_t)(map->offset + (range->anchor - map->start) + (range->start - slot.page));
}

static uint64_t count_foreign(const struct maps *maps, const struct range_view *range)
{
	const struct map *end = maps->item + maps->count;
	uint64_t bytes = 0;

	for (const struct map *map = maps_at(maps, range->start);
		map < end && map->start < range->end; map++) {
		uintptr_t first = map->start > range->start ? map->start : range->start;
		uintptr_t last = map->end < range->end ? map->end : range->end;

		if (!range->map || !same_file(map, range->map))
			bytes += last - first;
	}
	return bytes / PAGE_SIZE;
}

/* Of a mapping of no file, which the program registered, nothing tells what was replaced. */
static void set_replaced(const struct maps *maps, struct range_view *range)
{
	range->replaced_known =
		!(range->flags & RANGE_REPAIRED) || range->map || range->flags & RANGE_MAPPED;
	if (range->flags & RANGE_REPAIRED && range->replaced_known)
		range->replaced = count_foreign(maps, range);
}

static void add_to_owner(struct view *view, const struct range_view *range)
{
	struct owner_view *owner = (struct owner_view *)view_owner(view, range);

	if (owner) {
		owner->ranges++;
		owner->faults += range->faults;
	}
}

/* Who sent its file: as sender_of() and sender_caller() do it in the process itself. */
static void look_at_sender(
	struct range_view *range, const struct process *process, const struct inspect *root)
{
	uint32_t packed = range->caller, index = packed % SENDER_FILES;
	const struct sender_file *chunk;
	struct sender_file file;

	if (!(packed & SENDER_SENT) || range->flags & RANGE_REGISTERED)
		return;
	if (!process_read(process, root->sender_sites + ((packed & ~SENDER_SENT) >> SENDER_SITE_SHIFT),
		    &range->caller, sizeof(range->caller)))
		range->caller = 0;
	if (!range->map ||
		!process_read(process, root->sender_chunks + index / SENDER_CHUNK, &chunk, sizeof(chunk)) ||
		!process_read(process, chunk + index % SENDER_CHUNK, &file, sizeof(file)))
		return;
	range->sent = !(file.version & 1) && file.inode == range->map->inode &&
		      file.device == makedev(range->map->major, range->map->minor);
	range->sender = file.sender;
	range->sender.name[sizeof(range->sender.name) - 1] = '\0';
}

void look_at_ranges(struct view *view, struct process *process, const struct inspect *root)
{
	struct maps maps;

	look_at_records(view, process, &root->ranges);
	if (view->range_count)
		qsort(view->range, view->range_count, sizeof(*view->range), by_address);
	/* Again: what was mapped since the first time is in the records already. */
	if (maps_read(process->pid, &maps) == 0)
		process->maps = maps;
	for (size_t i = 0; i < view->range_count; i++) {
		struct range_view *range = &view->range[i];

		set_file(&process->maps, range);
		if (!range->map)
			set_file_of_anchor(process, root, range);
		set_replaced(&process->maps, range);
		look_at_sender(range, process, root);
		add_to_owner(view, range);
	}
}

/* ---- for the printers ---- */

const struct owner_view *view_owner(const struct view *view, const struct range_view *range)
{
	if (!range->owner || range->owner >= view->owner_count || !view->owner[range->owner].name)
		return NULL;
	return &view->owner[range->owner];
}

char *view_mapper(const struct view *view, const struct range_view *range)
{
	const struct owner_view *owner = view_owner(view, range);

	if (!owner)
		return NULL;
	if (range->flags & RANGE_REGISTERED || !range->caller)
		return owner->name;
	return format("%s+0x%" PRIxPTR, owner->name, owner->linked_at + range->caller);
}

char *view_prot(const struct range_view *range)
{
	bool asked = range->map && range->map->start < range->end && range->map->end > range->start;
	unsigned flags = range->flags;

	if (asked)
		return format("%s", range->map->prot);
	if (flags & RANGE_PROTECTED)
		return NULL;
	return format("%c%c%c%c", flags & RANGE_READ ? 'r' : '-', flags & RANGE_WRITE ? 'w' : '-',
		flags & RANGE_EXEC ? 'x' : '-', flags & RANGE_SHARED ? 's' : 'p');
}
