/* SPDX-License-Identifier: MIT */
/* The words of a policy, of a place for reports and of --only, by the library's own parsers. */
#include "tools/run/run.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "policy/parse.h"
#include "policy/policy.h"
#include "report/report.h"
#include "tools/shown.h"

static void *allocate(size_t size)
{
	return calloc(1, size);
}

void words_init(void)
{
	policy_file_init(PRESET_DIR, allocate);
}

/* ---- --policy ---- */

/* Names have no directory, and paths are absolute: another glob is right in form, and does nothing. */
static void warn_of_match(const struct rule *rule, const struct match *match)
{
	const char *glob = match_glob(rule, match), *end = glob + match->glob_length, *key, *why;
	const char *slash = memrchr(glob, '/', match->glob_length);
	bool is_word = strspn(glob, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~$-");

	key = policy_keys[match->key].word;
	if (match->key == KEY_PATH && is_word && !memchr(glob, ':', match->glob_length)) {
		const char *name = *glob == '~' || *glob == '$' ? slash : NULL;

		if (text_starts(glob, "$XDG_RUNTIME_DIR/"))
			return;
		glob = name ? name : glob;
		why = "a path begins with '/'";
		key = *glob == '/' ? "path:*" : "path:*/";
	} else if (slash && (match->key == KEY_PROGRAM || (match->key == KEY_OWNER && *glob == '/'))) {
		why = "the name has no directory";
		key = format("%s:", key);
		glob = slash + 1;
	} else {
		return;
	}
	warn("'%s' can never match: %s, did you mean '%s%s'?",
		shown(format("%.*s", (int)rule->text_length, rule->text)), why, key,
		shown(format("%.*s", (int)(end - glob), glob)));
}

/* What can act when a file is mapped only knows no cause; +hangup is for what is replaced. */
static void warn_of_actions(const struct rule *rule)
{
	bool asks_cause = false, replaces = false;
	const char *why = NULL;

	for (uint32_t i = 0; i < rule->match_count; i++)
		asks_cause |= rule->match[i].key == KEY_CAUSE;
	for (uint32_t i = 0; i < rule->action_count; i++) {
		if (asks_cause && rule->action[i].kind == ACTION_RESERVE)
			why = "reserve acts when a file is mapped, and no cause is known then: match "
			      "its path, kind, fs or owner";
		replaces |= rule->action[i].kind == ACTION_ZERO || rule->action[i].kind == ACTION_ONES;
	}
	if (rule->hangup && !replaces && !policy_rule_has(rule, ACTION_OWNER))
		why = "+hangup acts where zero or ones has answered";
	if (why)
		warn("'%s' cannot act: %s", shown(format("%.*s", (int)rule->text_length, rule->text)),
			why);
}

/* In a text of its own rules may be for others. */
static void warn_of_rules(const struct policy *policy)
{
	for (uint32_t i = 0; i < policy->rule_count; i++) {
		const struct rule *rule = &policy->rule[i];

		if (rule->line)
			continue;
		for (uint32_t j = 0; j < rule->match_count; j++)
			warn_of_match(rule, &rule->match[j]);
		warn_of_actions(rule);
	}
}

/* As it was written; then as the program gets it. */
static void check_text(const char *text, bool warns)
{
	const struct policy_env env = {.allocate = allocate,
		.load = policy_load,
		.presets = policy_presets,
		.runtime_directory = getenv("XDG_RUNTIME_DIR")};
	struct policy_error error;
	struct policy parsed;
	char line[1024];

	if (!policy_parse(text, strlen(text), &env, &parsed, &error)) {
		if (warns)
			warn_of_rules(&parsed);
		return;
	}
	policy_error_line(&error, line, sizeof(line));
	fprintf(stderr, "%s\n", line);
	exit(STATUS_USAGE);
}

/* Where a file with a relative name is included: the name, else an empty span. */
static struct span relative_name(struct span item)
{
	struct span name = {item.end, item.end};

	if (!span_empty(item) && *item.start == '@')
		name = span_trim(item.start + 1, item.end);
	if (span_empty(name) || *name.start == '/' || !memchr(name.start, '/', span_length(name)))
		return (struct span){item.end, item.end};
	return name;
}

static void put_directory(FILE *result)
{
	const char *directory = get_current_dir_name();

	if (!directory || *directory != '/')
		fail(STATUS_USAGE, "there is no current directory for the files of the policy");
	if (strchr(directory, '\n'))
		fail(STATUS_USAGE,
			"the name of the current directory holds a newline, which no policy can "
			"name: %s",
			shown(directory));
	for (; *directory; directory++) {
		if (strchr(",&=\\+", *directory))
			fputc('\\', result);
		fputc(*directory, result);
	}
	fputc('/', result);
}

/* The program, or what it starts, may change its directory before it reads the files. */
static char *with_absolute_names(const char *text)
{
	struct source source = {.text = span_of(text), .next = text, .line = text, .before = ','};
	const char *done = text;
	char *result;
	size_t size;
	FILE *file = open_memstream(&result, &size);

	if (!file)
		fail(STATUS_USAGE, "out of memory");
	while (source.next) {
		struct span name = relative_name(policy_next_item(&source));

		if (span_empty(name))
			continue;
		fwrite(done, 1, (size_t)(name.start - done), file);
		put_directory(file);
		done = name.start;
	}
	fputs(done, file);
	if (fclose(file) != 0)
		fail(STATUS_USAGE, "out of memory");
	return result;
}

void policy_check(struct settings *settings)
{
	const char *written = settings->policy;

	if (!written)
		return;
	check_text(written, true);
	settings->policy = with_absolute_names(written);
	if (strcmp(settings->policy, written) != 0)
		check_text(settings->policy, false);
	if (settings->policy_given || strcmp(settings->policy, written) != 0)
		set_variable("SIGBUS_POLICY", settings->policy);
}

/* ---- --log ---- */

static void parse_log(const struct settings *settings, struct out_target *target)
{
	static const char variable[] = "SIGBUS_LOG: ";
	char line[1024];

	if (out_parse(settings->log, target, line, sizeof(line)) == 0)
		return;
	fail(STATUS_USAGE, "%s: %s", settings->log_given ? "--log" : "SIGBUS_LOG",
		strncmp(line, variable, strlen(variable)) ? line : line + strlen(variable));
}

static const char *file_obstacle(const char *path)
{
	const char *directory = directory_of(path);
	struct stat file;

	if (stat(directory, &file) != 0 || !S_ISDIR(file.st_mode))
		return format("there is no directory %s", shown(directory));
	if (lstat(path, &file) != 0)
		return access(directory, W_OK) ? format("may not be made in %s", shown(directory))
					       : NULL;
	if (S_ISLNK(file.st_mode))
		return "is a symbolic link, which is not followed";
	if (S_ISDIR(file.st_mode))
		return "is a directory";
	return access(path, W_OK) ? "may not be written" : NULL;
}

/* The program runs all the same; but it would be too late to say so when it dies. */
static void warn_of_log(const struct out_target *target)
{
	const char *name = NULL, *obstacle = NULL;
	struct stat file;

	if (target->kind == OUT_FD && target->fd != 2 && fcntl(target->fd, F_GETFD) < 0) {
		name = format("fd:%d", target->fd);
		obstacle = "is not open";
	} else if (target->kind == OUT_SOCKET && (stat("/run/systemd/journal/socket", &file) != 0 ||
							 !S_ISSOCK(file.st_mode))) {
		name = "journal";
		obstacle = "there is no journal here";
	} else if (target->kind == OUT_PATH) {
		name = target->path + (target->directory_length ? target->directory_length : 0);
		/* With % it is another file in each process. */
		obstacle = strchr(name, '%') ? NULL : file_obstacle(name);
	}
	if (obstacle)
		warn("reports will be lost: '%s': %s", shown(name), obstacle);
}

/* As out_parse() joins them, with each % of the directory's name doubled. */
static char *absolute_log(const char *log)
{
	const char *directory = get_current_dir_name();
	size_t prefix = strncmp(log, "json:", 5) ? 0 : 5;
	char *result = format("%.*s", (int)prefix, log);

	if (!directory || *directory != '/')
		fail(STATUS_USAGE, "there is no current directory for %s", shown(log));
	for (; *directory; directory++)
		result = format("%s%s%c", result, *directory == '%' ? "%" : "", *directory);
	return format("%s/%s", result, log + prefix);
}

void log_check(struct settings *settings)
{
	static struct out_target target;
	bool relative;

	if (!settings->log)
		return;
	parse_log(settings, &target);
	warn_of_log(&target);
	relative = target.kind == OUT_PATH && target.directory_length > 0;
	if (relative) {
		settings->log = absolute_log(settings->log);
		parse_log(settings, &target);
	}
	if (settings->log_given || relative)
		set_variable("SIGBUS_LOG", settings->log);
}

/* ---- --only ---- */

void only_check(const struct settings *settings)
{
	const char *list = settings->only, *from = settings->only_given ? "--only" : "SIGBUS_ONLY";
	const char *start, *what;
	bool named = false;
	size_t length;

	if (!list)
		return;
	while (glob_next(&list, &start, &length)) {
		char *glob = format("%.*s", (int)length, start);

		named = true;
		if (strchr(glob, '/'))
			fail(STATUS_USAGE,
				"%s: '%s': programs are named without their directory, did you "
				"mean '%s'?",
				from, shown(glob), shown(base_of(glob)));
		if (glob_check(glob, length, &what))
			fail(STATUS_USAGE, "%s: '%s': %s", from, shown(glob), what);
	}
	if (!named && settings->only_given)
		fail(STATUS_USAGE,
			"--only: no program is named, so libsigbus would be active in none");
	if (settings->only_given)
		set_variable("SIGBUS_ONLY", settings->only);
}

bool only_names(const struct settings *settings, const char *path)
{
	char *real = realpath(path, NULL);

	return glob_list_match(settings->only, base_of(path), base_of(real ? real : path));
}

/* ---- --list ---- */

static void list_keys(void)
{
	printf("keys:\n");
	for (const struct policy_word *key = policy_keys; *key->word; key++) {
		const char *word = format("%s%s", key->word, key == policy_keys ? "" : ":GLOB");

		printf("  %-16s %s", word, key->help);
		for (size_t i = 0; key->values && *key->values[i]; i++)
			printf("%s%s", i ? ", " : ": ", key->values[i]);
		printf("\n");
	}
}

static void list_actions(void)
{
	printf("actions:\n");
	for (const struct policy_word *action = policy_actions; *action->word; action++) {
		const char *word =
			format("%s%s", action->word, action->seconds ? "(SECONDS)" : "");

		printf("  %-16s %s", word, action->help);
		for (size_t i = 0; action->values && *action->values[i]; i++)
			printf("%s%s(%s)", i ? ", " : "; also ", action->word, action->values[i]);
		printf("\n");
	}
}

/* The text of the first line, if it is a comment. */
static const char *comment(const char *name)
{
	const char *text, *end;
	size_t length;

	if (policy_load(name, &text, &length) || !length || *text != '#')
		return "";
	end = memchr(text, '\n', length);
	end = end ? end : text + length;
	for (text++; text < end && (*text == ' ' || *text == '\t'); text++)
		;
	return shown(format("%.*s", (int)(end - text), text));
}

static void list_presets(void)
{
	const struct policy_words presets = policy_presets();
	const char *name;

	printf("presets:\n");
	for (size_t i = 0; (name = policy_words_at(presets, i)); i++)
		printf("  @%-15s %s\n", shown(name), comment(name));
}

void list_words(void)
{
	list_actions();
	list_keys();
	list_presets();
}
