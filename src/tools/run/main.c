/* SPDX-License-Identifier: MIT */
/* sigbus-run: starts a program with libsigbus preloaded, or says why that would be in vain. */
#include "tools/run/run.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policy/policy.h"
#include "tools/shown.h"

/* ---- what all say ---- */

char *format(const char *format, ...)
{
	va_list arguments;
	char *text;
	int length;

	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length < 0) {
		fputs("sigbus-run: out of memory\n", stderr);
		exit(STATUS_USAGE);
	}
	return text;
}

void fail(int status, const char *format, ...)
{
	va_list arguments;

	fputs("sigbus-run: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(status);
}

void warn(const char *format, ...)
{
	va_list arguments;

	fputs("sigbus-run: warning: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

void set_variable(const char *name, const char *value)
{
	if (setenv(name, value, 1) != 0)
		fail(STATUS_USAGE, "%s: %s", name, strerror(errno));
}

const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

const char *directory_of(const char *path)
{
	const char *base = base_of(path);

	return base == path ? "./" : format("%.*s", (int)(base - path), path);
}

/* ---- the command line ---- */

/* The parser, --help and the completion of shells are made from this table. */
static const struct run_option {
	const char *name;
	const char *value; /* NULL: takes none */
	const char *help;
	char letter; /* 0: has no short form */
} run_options[] = {
	{"policy", "POLICY", "rules, @PRESET or @FILE (default: $SIGBUS_POLICY, else *=owner|chain)",
		0},
	{"log", "DEST", "where reports go: stderr, off, journal, fd:N, PATH, json:PATH", 0},
	{"only", "GLOB[,GLOB]", "be active in programs of these names only, dormant in all others",
		0},
	{"check", NULL, "check the policy and whether libsigbus can work in COMMAND; run nothing",
		0},
	{"force", NULL, "start COMMAND even if libsigbus cannot be loaded into it", 0},
	{"list", NULL, "list actions, keys and presets", 0},
	{"help", NULL, "print this", 'h'},
	{"version", NULL, "print the version", 'V'},
	{0},
};
enum { OPTION_COUNT = sizeof(run_options) / sizeof(run_options[0]) - 1 };

static void print_options(FILE *file)
{
	for (const struct run_option *option = run_options; option->name; option++) {
		char *word = option->letter ? format("-%c, --%s", option->letter, option->name)
					    : format("--%s%s%s", option->name,
						      option->value ? " " : "",
						      option->value ? option->value : "");

		fprintf(file, "  %-20s  %s\n", word, option->help);
	}
}

static void print_usage(FILE *file)
{
	fputs("usage: sigbus-run [options] [--] COMMAND [ARG...]\n"
	      "       sigbus-run --check [options] [[--] COMMAND]\n"
	      "       sigbus-run --list | --help | --version\n"
	      "\n"
	      "Runs COMMAND with libsigbus: lost pages of mapped files are answered by the rules of "
	      "a policy\n"
	      "instead of killing the program.\n"
	      "\n",
		file);
	print_options(file);
	fputs("\n"
	      "Exit status: that of COMMAND; 2 usage, policy, or libsigbus cannot be loaded into "
	      "COMMAND,\n"
	      "126 COMMAND cannot be executed, 127 not found.\n"
	      "With --check: 0 all is well, 1 libsigbus would have no effect in COMMAND.\n",
		file);
}

__attribute__((noreturn)) static void print_and_exit(char letter)
{
	if (letter == 'h')
		print_usage(stdout);
	else
		puts("sigbus-run (libsigbus) " PACKAGE_VERSION);
	exit(fflush(stdout) ? 1 : 0);
}

/* optopt is 0 for a long option that is unknown, and a row's letter or 1 for one with a value too many. */
__attribute__((noreturn)) static void fail_option(char **argv, int result)
{
	static const char see[] = " (see sigbus-run --help)";
	const struct policy_words names = {&run_options[0].name, sizeof(run_options[0]), false};
	const char *word = shown(argv[optind - 1]), *nearest;

	if (result == ':')
		fail(STATUS_USAGE, "%s needs a value%s", word, see);
	if (optopt == 1 || optopt == 'h' || optopt == 'V')
		fail(STATUS_USAGE, "%s: this option takes no value%s", word, see);
	if (optopt)
		fail(STATUS_USAGE, "-%s: unknown option%s", shown((char[]){(char)optopt, '\0'}),
			see);
	word = argv[optind - 1] + 2;
	nearest = policy_nearest(names, word, strcspn(word, "="));
	if (nearest)
		fail(STATUS_USAGE, "--%s: unknown option, did you mean --%s?", shown(word),
			nearest);
	fail(STATUS_USAGE, "--%s: unknown option%s", shown(word), see);
}

static void take_option(struct settings *settings, const char *name)
{
	if (strcmp(name, "policy") == 0) {
		settings->policy = optarg;
		settings->policy_given = true;
	} else if (strcmp(name, "log") == 0) {
		settings->log = optarg;
		settings->log_given = true;
	} else if (strcmp(name, "only") == 0) {
		settings->only = optarg;
		settings->only_given = true;
	} else if (strcmp(name, "check") == 0) {
		settings->check = true;
	} else if (strcmp(name, "force") == 0) {
		settings->force = true;
	} else {
		list_words();
		exit(fflush(stdout) ? 1 : 0);
	}
}

static void parse_options(struct settings *settings, int argc, char **argv)
{
	struct option names[OPTION_COUNT + 1] = {0};
	int result, row;

	for (int i = 0; i < OPTION_COUNT; i++)
		names[i] = (struct option){.name = run_options[i].name,
			.has_arg = run_options[i].value ? required_argument : no_argument,
			.val = run_options[i].letter ? run_options[i].letter : 1};
	opterr = 0;
	while ((result = getopt_long(argc, argv, "+:hV", names, &row)) != -1) {
		if (result == 'h' || result == 'V')
			print_and_exit((char)result);
		if (result == '?' || result == ':')
			fail_option(argv, result);
		take_option(settings, run_options[row].name);
	}
	settings->command = argv + optind;
}

/* ---- to check, or to run ---- */

static int tell_findings(const struct settings *settings, const char *path, const struct target *target)
{
	bool works = true;

	if (settings->only && !target->is_script && !only_names(settings, path))
		printf("%s: note: dormant in it, for '%s' does not name it; what it starts may be "
		       "named\n",
			shown(path), shown(settings->only));
	for (unsigned i = 0; i < target->findings; i++) {
		const struct finding *finding = &target->finding[i];

		printf("%s: %s%s\n", shown(target->path),
			finding->kind == FINDING_NOTE ? "note: " : "", finding->text);
		works &= finding->kind == FINDING_NOTE;
	}
	if (works)
		printf("%s: libsigbus can work in it, but not in what it opens with "
		       "RTLD_DEEPBIND\n",
			shown(target->path));
	return fflush(stdout) || !works ? STATUS_INEFFECTIVE : STATUS_OK;
}

/* What starts without us is not to look as if it were protected. */
static void refuse_target(const struct settings *settings, const struct target *target)
{
	const char *path = shown(target->path);

	for (unsigned i = 0; i < target->findings; i++) {
		const struct finding *finding = &target->finding[i];
		const char *order = finding->is_secure ? better_order(settings) : NULL;

		if (finding->kind == FINDING_INERT)
			warn("%s: %s", path, finding->text);
		if (finding->kind != FINDING_IGNORED)
			continue;
		if (settings->force) {
			warn("%s: started without libsigbus: %s", path, finding->text);
			return;
		}
		if (order)
			fail(STATUS_USAGE, "%s: %s; for what it starts the right order is: %s",
				path, finding->text, order);
		fail(STATUS_USAGE, "%s: %s (--force starts it all the same)", path, finding->text);
	}
}

__attribute__((noreturn)) static void run_command(char *path, char **command)
{
	execvp(path, command); /* a path with a slash; what is no program is given to the shell */
	fail(errno == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE, "%s: %s", shown(path),
		strerror(errno));
}

static char *command_path(const struct settings *settings)
{
	const char *name = settings->command[0];
	int status;
	char *path = find_command(name, &status);

	if (!path && !*name)
		fail(STATUS_USAGE, "the name of the command is empty");
	if (!path && (*name == '@' || strchr(name, '=')))
		fail(status, "%s: not found; did you mean --policy '%s'?", shown(name), shown(name));
	if (!path)
		fail(status, "%s: %s", shown(name),
			status == STATUS_NOT_FOUND ? "not found" : "cannot be executed");
	return path;
}

int main(int argc, char **argv)
{
	struct settings settings = {.policy = getenv("SIGBUS_POLICY"),
		.log = getenv("SIGBUS_LOG"),
		.only = getenv("SIGBUS_ONLY")};
	struct library library = {0};
	struct target target = {0};
	char *path;

	words_init();
	parse_options(&settings, argc, argv);
	if (!settings.command[0] && !settings.check && argc > 1)
		fail(STATUS_USAGE, "no command is named (see sigbus-run --help)");
	if (!settings.command[0] && !settings.check) {
		print_usage(stderr);
		return STATUS_USAGE;
	}
	library_find(&library);
	if (library.obstacle && !settings.force)
		fail(STATUS_USAGE, "%s: %s", shown(library.path), library.obstacle);
	policy_check(&settings);
	only_check(&settings);
	log_check(&settings);
	if (!settings.command[0])
		return STATUS_OK;
	path = command_path(&settings);
	if (library.obstacle) {
		warn("%s: started without libsigbus: %s: %s", shown(path), shown(library.path),
			library.obstacle);
		run_command(path, settings.command);
	}
	target_look(&target, path, &library);
	if (settings.check)
		return tell_findings(&settings, path, &target);
	refuse_target(&settings, &target);
	preload(&library);
	run_command(path, settings.command);
}
