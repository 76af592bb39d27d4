/* SPDX-License-Identifier: MIT */
/*
 * scenario DIRECTORY STEP...: runs the steps one after the other and prints what came out of each.
 *
 *   X.VERB[:ARGUMENT]  X is an actor (libs/actor.h): "p" is the program itself, any other name N is
 *                      DIRECTORY/actor-N.so, loaded at its first step
 *   install:MODE[,FLAGS]  uninstall:dfl|ign|old,MODE  map[:ro]  protect:ro|rw  truncate[:NUMBER]
 *   touch[:NUMBER]  store[:NUMBER]  begin  end  calls:MODE  sent  foreign
 *   query              what sigaction(SIGBUS, NULL, &old) says
 *   kill, raise        a stray SIGBUS
 *   block              SIGBUS, in this thread
 */
#include "../libs/actor.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ACTORS 8

static const char *directory;
static struct {
	char name[16];
	const struct actor *actor;
} actors[ACTORS] = {{"p", &actor}};
static int actor_count = 1;

static void fail(const char *what)
{
	fprintf(stderr, "scenario: %s\n", what);
	exit(99);
}

static const struct actor *load(const char *name)
{
	char path[4096];
	void *handle;

	snprintf(path, sizeof(path), "%s/actor-%s.so", directory, name);
	handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		fail(dlerror());
	return dlsym(handle, "actor");
}

static const struct actor *find(const char *name)
{
	for (int i = 0; i < actor_count; i++)
		if (strcmp(actors[i].name, name) == 0)
			return actors[i].actor;
	if (actor_count == ACTORS)
		fail("too many actors");
	snprintf(actors[actor_count].name, sizeof(actors[0].name), "%s", name);
	actors[actor_count].actor = load(name);
	return actors[actor_count++].actor;
}

static void query(void)
{
	struct sigaction old;

	if (sigaction(SIGBUS, NULL, &old) < 0)
		fail("query");
	if (old.sa_handler == SIG_DFL || old.sa_handler == SIG_IGN) {
		printf("query %s\n", old.sa_handler == SIG_DFL ? "dfl" : "ign");
		return;
	}
	for (int i = 0; i < actor_count; i++) {
		const char *mode = actors[i].actor->mode_of(&old);

		if (mode) {
			printf("query %s %s\n", actors[i].name, mode);
			return;
		}
	}
	printf("query unknown handler\n");
}

static void block(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGBUS);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static bool process_step(const char *step)
{
	if (strcmp(step, "query") == 0)
		query();
	else if (strcmp(step, "kill") == 0)
		kill(getpid(), SIGBUS);
	else if (strcmp(step, "raise") == 0)
		raise(SIGBUS);
	else if (strcmp(step, "block") == 0)
		block();
	else
		return false;
	return true;
}

/* The second word of an argument "FIRST,SECOND", cut off; "" if there is none. */
static const char *split(char *argument)
{
	char *comma = strchr(argument, ',');

	if (!comma)
		return "";
	*comma = '\0';
	return comma + 1;
}

static bool setup_verb(const struct actor *a, const char *verb, char *argument)
{
	int prot = strstr(argument, "ro") ? PROT_READ : PROT_READ | PROT_WRITE;
	const char *second = strcmp(verb, "map") == 0 ? "" : split(argument);
	int result;

	if (strcmp(verb, "install") == 0)
		result = a->install(argument, second);
	else if (strcmp(verb, "uninstall") == 0)
		result = a->uninstall(argument, second);
	else if (strcmp(verb, "map") == 0)
		result = a->map(prot, MAP_SHARED);
	else if (strcmp(verb, "protect") == 0)
		result = a->protect(0, prot);
	else if (strcmp(verb, "truncate") == 0)
		result = a->truncate(atoi(argument));
	else
		return false;
	if (result < 0)
		fail(verb);
	return true;
}

static void print_byte(const char *name, const char *verb, int byte)
{
	if (byte == ACTOR_JUMPED)
		printf("%s.%s jumped\n", name, verb);
	else
		printf("%s.%s %02x\n", name, verb, (unsigned)byte);
}

static bool report_verb(const char *name, const char *verb, const char *argument)
{
	const struct actor *a = find(name);

	if (strcmp(verb, "touch") == 0)
		print_byte(name, verb, a->touch(atoi(argument)));
	else if (strcmp(verb, "store") == 0)
		print_byte(name, verb, a->store(atoi(argument), 0x77));
	else if (strcmp(verb, "calls") == 0)
		printf("%s.calls:%s %d\n", name, argument, a->calls(argument));
	else if (strcmp(verb, "sent") == 0)
		printf("%s.sent %d\n", name, a->sent());
	else if (strcmp(verb, "foreign") == 0)
		printf("%s.foreign %d\n", name, a->foreign());
	else
		return false;
	return true;
}

static void actor_step(char *step)
{
	char none[] = "", *verb = strchr(step, '.'), *argument;

	if (!verb)
		fail(step);
	*verb++ = '\0';
	argument = strchr(verb, ':');
	if (argument)
		*argument++ = '\0';
	else
		argument = none;
	if (strcmp(verb, "begin") == 0 || strcmp(verb, "end") == 0)
		find(step)->bracket(*verb == 'b');
	else if (!setup_verb(find(step), verb, argument) && !report_verb(step, verb, argument))
		fail(verb);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	setvbuf(stdout, NULL, _IONBF, 0);
	directory = argv[1];
	for (int i = 2; i < argc; i++)
		if (!process_step(argv[i]))
			actor_step(argv[i]);
	return 0;
}
