/* SPDX-License-Identifier: MIT */
/* Cores that systemd-coredump has stored, and what to do where there is none. */
#include "tools/explain/explain.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Where nobody else sees it; a core may be large. */
static int nameless_file(void)
{
	const char *directory = getenv("TMPDIR");

	return open(directory && *directory ? directory : "/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC,
		0600);
}

static bool run_coredumpctl(const char *match, int out)
{
	char *const arguments[] = {"coredumpctl", "--quiet", "dump", (char *)match, NULL};
	posix_spawn_file_actions_t actions;
	int status = -1, error;
	pid_t child;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	error = posix_spawnp(&child, arguments[0], &actions, NULL, arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (error)
		return false;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int stored_core(const char *match)
{
	int file = nameless_file();

	if (file >= 0 && run_coredumpctl(match, file) && lseek(file, 0, SEEK_END) > 0)
		return file;
	if (file >= 0)
		close(file);
	return -1;
}

/* ---- there is none ---- */

static char *core_pattern(void)
{
	size_t length;
	char *pattern = NULL;
	FILE *file = fopen("/proc/sys/kernel/core_pattern", "re");
	size_t size = 0;

	if (!file)
		return "";
	if (getline(&pattern, &size, file) < 0)
		pattern = NULL;
	fclose(file);
	length = pattern ? strcspn(pattern, "\n") : 0;
	return pattern ? format("%.*s", (int)length, pattern) : "";
}

static const char *where_cores_go(const char *pattern)
{
	if (strstr(pattern, "systemd-coredump"))
		return "  coredumpctl list SIGBUS                  cores are kept by systemd-coredump\n";
	if (*pattern == '|')
		return format("  (cores are handed to %s: see there)\n", escape(pattern + 1));
	return format("  ulimit -c unlimited; PROGRAM             writes the file %s, as "
		      "kernel.core_pattern says;\n"
		      "  sigbus-explain CORE                      or install systemd-coredump, "
		      "which keeps them\n",
		*pattern ? escape(pattern) : "core");
}

/* With kernel.core_uses_pid the name of a core ends in the process's number. */
char *numbered_core(const char *name)
{
	struct stat file, newest = {0};
	char *found = NULL;
	glob_t names;

	if (glob(format("%s.[0-9]*", name), GLOB_NOSORT, NULL, &names) != 0)
		return NULL;
	for (size_t i = 0; i < names.gl_pathc; i++) {
		if (stat(names.gl_pathv[i], &file) != 0 || file.st_mtime < newest.st_mtime)
			continue;
		newest = file;
		found = format("%s", names.gl_pathv[i]);
	}
	globfree(&names);
	return found;
}

static const char *core_here(void)
{
	char *name = access("core", R_OK) == 0 ? "core" : numbered_core("core");

	return name ? format("There is a file \"%s\" here: sigbus-explain %s\n", escape(name), escape(name))
		    : "";
}

void no_core(void)
{
	const char *pattern = core_pattern();

	fprintf(stderr,
		"sigbus-explain: coredumpctl has no core of a SIGBUS any more, or is not installed.\n"
		"%s"
		"To have one explained, now or the next time that it happens:\n"
		"%s"
		"  sigbus-run PROGRAM                       says at once what is lost, without a core\n",
		core_here(), where_cores_go(pattern));
	exit(STATUS_NOTHING);
}
