/* SPDX-License-Identifier: MIT */
/* Several processes: which they are, and what each has in a few numbers. */
#include "tools/stat/stat.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SUMMARY_SECONDS 3

#define COUNTER_NAME(name, words) #name,
const char *const counter_names[COUNTER_COUNT] = {COUNTERS(COUNTER_NAME)};

/* ---- which ---- */

static int by_number(const void *a, const void *b)
{
	pid_t first = *(const pid_t *)a, second = *(const pid_t *)b;

	return (first > second) - (first < second);
}

static struct pids pids_that(bool (*wanted)(pid_t pid, const char *word), const char *word)
{
	DIR *proc = opendir("/proc");
	struct pids pids = {0};
	struct dirent *entry;

	while (proc && (entry = readdir(proc))) {
		pid_t pid = atoi(entry->d_name);

		if (pid <= 0 || pid == getpid() || !wanted(pid, word))
			continue;
		pids.item = grow(pids.item, pids.count, sizeof(*pids.item));
		pids.item[pids.count++] = pid;
	}
	if (proc)
		closedir(proc);
	if (pids.count)
		qsort(pids.item, pids.count, sizeof(*pids.item), by_number);
	return pids;
}

/* Line by line: a hostile process may have any number of them. */
static bool has_library(pid_t pid, const char *word)
{
	char path[64], line[PATH_MAX + 128];
	bool found = false;
	FILE *maps;

	(void)word;
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	maps = fopen(path, "re");
	while (maps && !found && fgets(line, sizeof(line), maps))
		found = strstr(line, "/libsigbus.so") != NULL;
	if (maps)
		fclose(maps);
	return found;
}

static bool has_name(pid_t pid, const char *word)
{
	static const char deleted[] = " (deleted)";
	char link[64], path[PATH_MAX];
	char *name = process_name(pid);
	bool is_it = !strcmp(name, word);
	ssize_t length;
	char *end;

	free(name);
	if (is_it)
		return true;
	snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	length = readlink(link, path, sizeof(path) - 1);
	if (length <= 0)
		return false;
	path[length] = '\0';
	end = path + length - (sizeof(deleted) - 1);
	if (end > path && !strcmp(end, deleted))
		*end = '\0';
	return !strcmp(file_name(path), word);
}

struct pids pids_with_library(void)
{
	return pids_that(has_library, NULL);
}

struct pids pids_of_name(const char *name)
{
	return pids_that(has_name, name);
}

/* ---- a summary ---- */

static void fill_summary(struct summary *summary, const struct view *view)
{
	const struct range_view *last = view_last(view);

	summary->pid = view->pid;
	summary->active = !strcmp(view->state, "active");
	snprintf(summary->state, sizeof(summary->state), "%s", view->state);
	snprintf(summary->program, sizeof(summary->program), "%s", view->program);
	if (last && last->map) {
		snprintf(summary->last, sizeof(summary->last), "%s", last->map->path);
		summary->last_deleted = last->map->deleted;
	}
	summary->last_age = view->last_fault ? view->last_age : -1;
	summary->ranges = view->range_count;
	summary->waiting = view->waiting_count;
	for (size_t i = 0; i < view->counter_count; i++)
		summary->counter[i] = view->counter[i].count;
	memcpy(summary->tally, view->tally, sizeof(summary->tally));
}

uint64_t summary_counter(const struct summary *summary, const char *name)
{
	for (size_t i = 0; i < COUNTER_COUNT; i++)
		if (!strcmp(counter_names[i], name))
			return summary->counter[i];
	return 0;
}

__attribute__((noreturn)) static void look_and_hand_over(pid_t pid, int out)
{
	struct summary *summary = calloc(1, sizeof(*summary));
	struct view view;

	limit_look(SUMMARY_SECONDS);
	look(&view, pid, false);
	if (!summary)
		give_up(STATUS_NOTHING, "out of memory");
	fill_summary(summary, &view);
	exit(write(out, summary, sizeof(*summary)) == sizeof(*summary) ? STATUS_OK : STATUS_NOTHING);
}

static bool read_whole(int in, void *buffer, size_t size)
{
	for (size_t at = 0; at < size;) {
		ssize_t got = read(in, (char *)buffer + at, size - at);

		if (got == 0 || (got < 0 && errno != EINTR))
			return false;
		at += got > 0 ? (size_t)got : 0;
	}
	return true;
}

enum status summarize(pid_t pid, struct summary *summary)
{
	bool whole;
	int ends[2];
	pid_t child;
	enum status status;

	fflush(stdout);
	if (pipe2(ends, O_CLOEXEC) != 0)
		give_up(STATUS_NOTHING, "pipe: %s", strerror(errno));
	child = fork();
	if (child < 0)
		give_up(STATUS_NOTHING, "fork: %s", strerror(errno));
	if (child == 0)
		look_and_hand_over(pid, ends[1]);
	close(ends[1]);
	whole = read_whole(ends[0], summary, sizeof(*summary));
	close(ends[0]);
	status = wait_for_look(child, pid, SUMMARY_SECONDS);
	return status == STATUS_OK && !whole ? STATUS_NOTHING : status;
}

enum status list_processes(bool json)
{
	struct pids pids = pids_with_library();
	struct summary *summary = NULL;
	enum status worst = STATUS_OK;
	size_t count = 0;

	for (size_t i = 0; i < pids.count; i++) {
		enum status status;

		summary = grow(summary, count, sizeof(*summary));
		status = summarize(pids.item[i], &summary[count]);
		count += status == STATUS_OK;
		if (status != STATUS_GONE && status > worst)
			worst = status;
	}
	if (json)
		print_list_json(summary, count);
	else
		print_list(summary, count);
	free(summary);
	free(pids.item);
	return worst;
}
