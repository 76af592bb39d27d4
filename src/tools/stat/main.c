/* SPDX-License-Identifier: MIT */
/* sigbus-stat [PID or NAME ...]: what libsigbus has and did in running processes. */

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/text.h"
#include "tools/stat/stat.h"

#define LOOK_SECONDS 10
#define LOOK_MEMORY ((rlim_t)64 << 20)
#define WATCH_SECONDS 1
#define LINES_LEAST 6 /* of the screen, for each of several processes */

static const char usage_text[] =
	"usage: sigbus-stat [--json] [--watch] [PID or NAME ...]\n"
	"       sigbus-stat --metrics [PID or NAME ...]\n"
	"       sigbus-stat --help | --version\n"
	"\n"
	"Shows what libsigbus has in running processes: owners, their handlers, the ranges, the\n"
	"faults, the hits of each rule, and who else has the same files. Without a PID or NAME:\n"
	"one line for each process that has the library.\n"
	"\n"
	"  --json      one JSON object a line\n"
	"  --watch     once a second, until the processes end\n"
	"  --metrics   counters and gauges in the text format of Prometheus\n"
	"  -h, --help, -V, --version\n"
	"\n"
	"Exit status: 0, 1 no such process or nothing that can be read, 2 usage, 3 no access;\n"
	"of several processes the highest.\n";

struct options {
	bool json, watch, metrics;
	size_t lines; /* of the screen for each process, 0: any number */
};

/* One process that is looked at. Another one may get its number: it was born at another time. */
struct target {
	pid_t pid;
	uint64_t born;
	bool ended;
};

struct targets {
	struct target *item;
	size_t count;
	enum status status; /* of those that were named and are not there */
};

/* ---- one look ---- */

/* What a process makes of its memory costs the child that looks no more than this. */
void limit_look(unsigned seconds)
{
	struct rlimit memory = {LOOK_MEMORY, LOOK_MEMORY};

	setrlimit(RLIMIT_DATA, &memory);
	/* The default action ends even a wait that no handler could interrupt. */
	signal(SIGALRM, SIG_DFL);
	alarm(seconds);
}

__attribute__((noreturn)) static void look_and_print(const struct options *options, pid_t pid)
{
	struct view view;

	limit_look(LOOK_SECONDS);
	look(&view, pid, true);
	alarm(0);
	limit_lines(options->lines);
	if (options->json)
		print_json(&view);
	else
		print_text(&view);
	if (fflush(stdout) != 0)
		give_up(STATUS_NOTHING, "%s", strerror(errno));
	exit(STATUS_OK);
}

enum status wait_for_look(pid_t child, pid_t looked_at, unsigned seconds)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return STATUS_NOTHING;
	if (WIFEXITED(status))
		return (enum status)WEXITSTATUS(status);
	if (WTERMSIG(status) == SIGALRM)
		fprintf(stderr, "sigbus-stat: %d: reading its memory took longer than %u seconds\n",
			(int)looked_at, seconds);
	else
		fprintf(stderr, "sigbus-stat: %d: reading its memory ended with %s\n",
			(int)looked_at, strsignal(WTERMSIG(status)));
	return STATUS_NOTHING;
}

static enum status look_once(const struct options *options, pid_t pid)
{
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child < 0)
		give_up(STATUS_NOTHING, "fork: %s", strerror(errno));
	if (child == 0)
		look_and_print(options, pid);
	return wait_for_look(child, pid, LOOK_SECONDS);
}

/* ---- all processes that were named ---- */

static void tell_gone(const struct target *target, bool watched)
{
	const char *how = kill(target->pid, 0) == 0 && !target->born ? "has ended (a zombie)"
								      : "no such process";

	fprintf(stderr, watched ? "sigbus-stat: %d has ended\n" : "sigbus-stat: %d: %s\n",
		(int)target->pid, how);
}

static enum status look_at_all(const struct options *options, struct targets *targets)
{
	enum status worst = targets->status;
	bool any = false;

	for (size_t i = 0; i < targets->count; i++) {
		enum status status;

		if (any && !options->json)
			printf("\n");
		status = look_once(options, targets->item[i].pid);
		any |= status == STATUS_OK;
		if (status == STATUS_GONE) {
			tell_gone(&targets->item[i], false);
			status = STATUS_NOTHING;
		}
		worst = status > worst ? status : worst;
	}
	return worst;
}

/* ---- again and again ---- */

static size_t screen_lines(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || !size.ws_row)
		return 0;
	return size.ws_row;
}

static size_t lines_for_each(size_t processes)
{
	size_t lines = screen_lines();

	if (!lines || !processes)
		return 0;
	lines = (lines - 1) / processes - (processes > 1);
	return lines < LINES_LEAST ? LINES_LEAST : lines;
}

static void clear_screen(const struct options *options)
{
	if (!options->json && isatty(STDOUT_FILENO))
		printf("\033[H\033[2J");
}

static bool is_there(const struct target *target)
{
	return target->born && process_born(target->pid) == target->born;
}

/* Whoever has ended is told once and left out. How many are left. */
static size_t drop_ended(struct targets *targets)
{
	size_t kept = 0;

	for (size_t i = 0; i < targets->count; i++) {
		if (is_there(&targets->item[i]))
			targets->item[kept++] = targets->item[i];
		else
			tell_gone(&targets->item[i], true);
	}
	return targets->count = kept;
}

static enum status watch_targets(struct options *options, struct targets *targets)
{
	enum status worst = targets->status;

	while (drop_ended(targets)) {
		options->lines = options->json ? 0 : lines_for_each(targets->count);
		clear_screen(options);
		for (size_t i = 0; i < targets->count; i++) {
			enum status status;

			if (i > 0 && !options->json)
				printf("\n");
			status = look_once(options, targets->item[i].pid);
			if (status != STATUS_GONE && status > worst)
				worst = status;
		}
		fflush(stdout);
		if (worst != STATUS_OK && targets->count == 1)
			return worst;
		sleep(WATCH_SECONDS);
	}
	return worst;
}

static enum status watch_list(const struct options *options)
{
	for (;;) {
		size_t lines = screen_lines();

		clear_screen(options);
		limit_lines(options->json || !lines ? 0 : lines - 1);
		list_processes(options->json);
		if (fflush(stdout) != 0)
			return STATUS_NOTHING;
		sleep(WATCH_SECONDS);
	}
}

/* ---- the command line ---- */

static pid_t parse_pid(const char *text)
{
	char *end;
	long pid;

	errno = 0;
	pid = strtol(text, &end, 10);
	if (*end || errno || pid <= 0 || pid > INT_MAX)
		give_up(STATUS_USAGE, "%s: not a process id (see sigbus-stat --help)", text);
	return (pid_t)pid;
}

static void print_and_exit(const char *text)
{
	fputs(text, stdout);
	exit(STATUS_OK);
}

static void add_target(struct targets *targets, pid_t pid)
{
	for (size_t i = 0; i < targets->count; i++)
		if (targets->item[i].pid == pid)
			return;
	targets->item = grow(targets->item, targets->count, sizeof(*targets->item));
	targets->item[targets->count++] =
		(struct target){.pid = pid, .born = process_born(pid)};
}

static void add_word(struct targets *targets, const char *word)
{
	struct pids pids = {0};
	bool is_number = !word[strspn(word, "0123456789")];

	if (!is_number)
		pids = pids_of_name(word);
	if (is_number || (!pids.count && strspn(word, "-0123456789"))) {
		add_target(targets, parse_pid(word));
		return;
	}
	for (size_t i = 0; i < pids.count; i++)
		add_target(targets, pids.item[i]);
	if (!pids.count) {
		char *name = escape(word);

		fprintf(stderr, "sigbus-stat: %s: no process has this name\n", name);
		free(name);
		targets->status = STATUS_NOTHING;
	}
	free(pids.item);
}

static struct options parse_options(int argc, char **argv)
{
	static const struct option names[] = {{"json", no_argument, NULL, 'j'},
		{"watch", no_argument, NULL, 'w'}, {"metrics", no_argument, NULL, 'm'},
		{"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'}, {0}};
	struct options options = {0};
	int option;

	opterr = 0; /* for its messages show names as they are */
	while ((option = getopt_long(argc, argv, "hV", names, NULL)) != -1) {
		if (option == 'h')
			print_and_exit(usage_text);
		if (option == 'V')
			print_and_exit("sigbus-stat (libsigbus) " PACKAGE_VERSION "\n");
		if (option == '?')
			wrong_option(argv);
		options.json |= option == 'j';
		options.watch |= option == 'w';
		options.metrics |= option == 'm';
	}
	if (options.metrics && (options.json || options.watch))
		give_up(STATUS_USAGE, "--metrics has a format of its own and is asked again by who "
				      "collects it: leave --json and --watch out");
	return options;
}

static enum status print_metrics_of(const struct targets *targets, bool all)
{
	struct pids pids = {0};
	enum status status;

	if (all)
		pids = pids_with_library();
	for (size_t i = 0; i < targets->count; i++) {
		pids.item = grow(pids.item, pids.count, sizeof(*pids.item));
		pids.item[pids.count++] = targets->item[i].pid;
	}
	status = print_metrics(&pids);
	free(pids.item);
	return status > targets->status ? status : targets->status;
}

int main(int argc, char **argv)
{
	struct options options = parse_options(argc, argv);
	struct targets targets = {0};
	bool all = optind == argc;
	enum status status;

	for (int i = optind; i < argc; i++)
		add_word(&targets, argv[i]);
	if (options.metrics)
		status = print_metrics_of(&targets, all);
	else if (all)
		status = options.watch ? watch_list(&options) : list_processes(options.json);
	else if (options.watch && targets.count && is_there(&targets.item[0]))
		status = watch_targets(&options, &targets);
	else
		status = look_at_all(&options, &targets);
	free(targets.item);
	if (fflush(stdout) != 0)
		give_up(STATUS_NOTHING, "%s", strerror(errno));
	return (int)status;
}
