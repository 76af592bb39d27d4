/* SPDX-License-Identifier: MIT */
/* "ssh-agent sigbus-run ... -- sway" instead of "sigbus-run ... -- ssh-agent sway". */
#include "tools/run/run.h"

#include <stdlib.h>
#include <string.h>

#include "tools/shown.h"

/* For a shell, as far as names that are shown() can be. */
static const char *quoted(const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "@%+=:,./_-";

	return *word && !word[strspn(word, plain)] ? shown(word) : format("'%s'", shown(word));
}

static char *add_option(char *line, bool given, const char *name, const char *value)
{
	return given ? format("%s %s %s", line, name, quoted(value)) : line;
}

/* The first argument that is a command, behind options and their values; 0: none. */
static int inner_command(char *const *command)
{
	int status;

	for (int i = 1; command[i]; i++)
		if (command[i][0] != '-' && find_command(command[i], &status))
			return i;
	return 0;
}

char *better_order(const struct settings *settings)
{
	int inner = inner_command(settings->command);
	char *line = format("%s", "");

	if (!inner)
		return NULL;
	for (int i = 0; i < inner; i++)
		line = format("%s%s ", line, quoted(settings->command[i]));
	line = format("%ssigbus-run", line);
	line = add_option(line, settings->policy_given, "--policy", settings->policy);
	line = add_option(line, settings->log_given, "--log", settings->log);
	line = add_option(line, settings->only_given, "--only", settings->only);
	line = format("%s --", line);
	for (int i = inner; settings->command[i]; i++)
		line = format("%s %s", line, quoted(settings->command[i]));
	return line;
}
