/* SPDX-License-Identifier: MIT */
/* sigbus-stat PID: what libsigbus has and did in a running process. */

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/text.h"
#include "tools/stat/stat.h"

#define LOOK_SECONDS 10
#define WATCH_SECONDS 1

static const char usage_text[] =
	"usage: sigbus-stat [--json] [--watch] PID\n"
	"       sigbus-stat --help | --version\n"
	"\n"
	"Shows what libsigbus has in a running process: its owners, their handlers, the ranges,\n"
	"the faults, the hits of each rule, and who else has the same files.\n"
	"\n"
	"  --json      one JSON object\n"
	"  --watch     once a second, until the process ends\n"
	"  -h, --help, -V, --version\n"
	"\n"
	"Exit status: 0, 1 no such process or nothing that can be read, 2 usage, 3 no access.\n";

struct options {
	bool json, watch;
	pid_t pid;
};

/* ---- one look ---- */

__attribute__((noreturn)) static void look_and_print(const struct options *options)
{
	struct view view;

	/* The default action ends even a wait that no handler could interrupt. */
	signal(SIGALRM, SIG_DFL);
	alarm(LOOK_SECONDS);
	look(&view, options->pid);
	alarm(0);
	if (options->json)
		print_json(&view);
	else
		print_text(&view);
	if (fflush(stdout) != 0)
		give_up(STATUS_NOTHING, "%s", strerror(errno));
	exit(STATUS_OK);
}

static enum status look_once(const struct options *options)
{
	pid_t child = fork();
	int status;

	if (child < 0)
		give_up(STATUS_NOTHING, "fork: %s", strerror(errno));
	if (child == 0)
		look_and_print(options);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return STATUS_NOTHING;
	if (WIFEXITED(status))
		return (enum status)WEXITSTATUS(status);
	if (WTERMSIG(status) == SIGALRM)
		give_up(STATUS_NOTHING, "%d: reading its memory took longer than %d seconds",
			(int)options->pid, LOOK_SECONDS);
	signal(WTERMSIG(status), SIG_DFL);
	raise(WTERMSIG(status));
	return STATUS_NOTHING;
}

/* Until the process ends; another one may get its number. */
static enum status watch(const struct options *options, uint64_t born)
{
	enum status status = STATUS_OK;

	while (born && process_born(options->pid) == born) {
		if (!options->json && isatty(STDOUT_FILENO))
			printf("\033[H\033[2J");
		fflush(stdout);
		status = look_once(options);
		if (status != STATUS_OK)
			break;
		sleep(WATCH_SECONDS);
	}
	if (status != STATUS_OK && status != STATUS_GONE)
		return status;
	fprintf(stderr, "sigbus-stat: %d has ended\n", (int)options->pid);
	return STATUS_OK;
}

static enum status run(const struct options *options)
{
	uint64_t born = process_born(options->pid);
	enum status status;

	if (options->watch && born)
		return watch(options, born);
	status = look_once(options);
	if (status != STATUS_GONE)
		return status;
	fprintf(stderr, "sigbus-stat: %d: %s\n", (int)options->pid,
		kill(options->pid, 0) == 0 && !born ? "has ended (a zombie)" : "no such process");
	return STATUS_NOTHING;
}

/* ---- the command line ---- */

__attribute__((noreturn)) static void usage(void)
{
	fputs(usage_text, stderr);
	exit(STATUS_USAGE);
}

static pid_t parse_pid(const char *text)
{
	char *end;
	long pid;

	errno = 0;
	pid = strtol(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || pid <= 0 || pid > INT_MAX)
		give_up(STATUS_USAGE, "%s: not a process id (see sigbus-stat --help)", text);
	return (pid_t)pid;
}

static void print_and_exit(const char *text)
{
	fputs(text, stdout);
	exit(STATUS_OK);
}

__attribute__((noreturn)) static void fail_option(char **argv)
{
	const char short_form[] = {'-', (char)optopt, '\0'};
	bool is_long = !optopt || strncmp(argv[optind - 1], "--", 2) == 0;

	give_up(STATUS_USAGE, "%s: %s (see sigbus-stat --help)",
		is_long ? argv[optind - 1] : short_form,
		is_long && optopt ? "this option takes no value" : "unknown option");
}

static struct options parse(int argc, char **argv)
{
	static const struct option names[] = {{"json", no_argument, NULL, 'j'},
		{"watch", no_argument, NULL, 'w'}, {"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'}, {0}};
	struct options options = {0};
	int option;

	opterr = 0; /* for its messages show names as they are */
	while ((option = getopt_long(argc, argv, "hV", names, NULL)) != -1) {
		if (option == 'h')
			print_and_exit(usage_text);
		if (option == 'V')
			print_and_exit("sigbus-stat (libsigbus) " PACKAGE_VERSION "\n");
		if (option == '?')
			fail_option(argv);
		options.json |= option == 'j';
		options.watch |= option == 'w';
	}
	if (argc - optind != 1)
		usage();
	options.pid = parse_pid(argv[optind]);
	return options;
}

int main(int argc, char **argv)
{
	struct options options = parse(argc, argv);

	return (int)run(&options);
}
