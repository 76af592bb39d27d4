/* SPDX-License-Identifier: MIT */
/*
 * sequences -d DIRECTORY [-n COUNT] [-s SEED] [-f FIRST] [-k KEEP] [-o OUTPUT] KIND...
 *
 * Runs COUNT random sequences of each kind and compares what comes of them, as TAP. DIRECTORY is
 * where the runner and its objects are; the library is $SIGBUS_LIB. A difference is shrunk, and
 * printed as a C program; after KEEP different ones (default 1) it is enough. OUTPUT: a directory
 * into which the programs are written instead, with one line for each here. The same seed and
 * number are the same sequence.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "generate.h"
#include "model.h"

#define BATCH 64 /* sequences fit into a pipe */
#define KEPT_MAX 400
#define LOG_NAME "fd:9" /* LOG_FD */

/* ---- who can say what comes of a sequence ---- */

struct side {
	const char *policy; /* of the library; NULL: none */
	bool preloaded, model, told;
	enum rules rules;
	int to, from; /* pipes, of a runner that is there */
	pid_t pid;
};

enum {
	BARE,
	OURS,
	OURS_CHAIN,
	OURS_ZERO,
	OURS_TOLD,
	OURS_MIXED,
	MODEL_BARE,
	MODEL_OWNER,
	MODEL_ZERO,
	MODEL_MIXED,
	SIDES
};
static struct side sides[SIDES] = {
	[BARE] = {NULL, false, false, false, 0, 0, 0, 0},
	[OURS] = {NULL, true, false, false, 0, 0, 0, 0},
	[OURS_CHAIN] = {"*=chain", true, false, false, 0, 0, 0, 0},
	[OURS_ZERO] = {"*=owner|zero", true, false, false, 0, 0, 0, 0},
	[OURS_TOLD] = {"*=owner|zero", true, false, true, 0, 0, 0, 0},
	[OURS_MIXED] = {"owner:part-b.so=owner|zero,owner:part-c.so=chain", true, false, false, 0, 0, 0, 0},
	[MODEL_BARE] = {NULL, false, true, false, RULES_BARE, 0, 0, 0},
	[MODEL_OWNER] = {NULL, false, true, false, RULES_OWNER, 0, 0, 0},
	[MODEL_ZERO] = {NULL, false, true, false, RULES_ZERO, 0, 0, 0},
	[MODEL_MIXED] = {NULL, false, true, false, RULES_MIXED, 0, 0, 0},
};

struct kind {
	const char *name, *says;
	int objects;
	int expected, tried;
	uint32_t skipped; /* FACT_*: not compared */
	bool told;        /* what is told is compared, too */
};

static const struct kind kinds[] = {
	{"bare-one", "the model and the kernel agree on one object", 1, BARE, MODEL_BARE, FACT_UNDEFINED, false},
	{"bare", "the model and the kernel agree on three objects", 3, BARE, MODEL_BARE, FACT_UNDEFINED, false},
	{"one", "one object without a policy is as bare", 1, BARE, OURS,
		FACT_BLOCKED | FACT_IGNORED | FACT_OBJECTS | FACT_UNDEFINED, false},
	{"chain", "under *=chain three objects are as bare", 3, BARE, OURS_CHAIN, FACT_UNDEFINED, false},
	{"owners", "without a policy three objects are as the rules say", 3, MODEL_OWNER, OURS,
		FACT_UNDEFINED | FACT_SILENT, false},
	{"blocked", "without a policy one object that blocks SIGBUS is as the rules say", 1, MODEL_OWNER,
		OURS, FACT_UNDEFINED | FACT_SILENT, false},
	{"zero", "under *=owner|zero three objects are as the rules say", 3, MODEL_ZERO, OURS_ZERO,
		FACT_UNDEFINED | FACT_SILENT, false},
	{"told", "under *=owner|zero each loss is told once, before the handler runs", 3, MODEL_ZERO,
		OURS_TOLD, FACT_UNDEFINED | FACT_SILENT, true},
	{"mixed", "three objects with a rule each are as the rules say", 3, MODEL_MIXED, OURS_MIXED,
		FACT_UNDEFINED | FACT_SILENT, false},
};

static const char *directory;
static uint64_t seed, first_number, count = 1000;
static unsigned keep = 1;
static const char *output;

static void start(struct side *side)
{
	int to[2], from[2];

	if (side->pid || side->model)
		return;
	if (pipe(to) < 0 || pipe(from) < 0)
		exit(2);
	side->pid = fork();
	if (side->pid == 0) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/runner", directory);
		dup2(to[0], 0);
		dup2(from[1], 1);
		close(to[0]), close(to[1]), close(from[0]), close(from[1]);
		unsetenv("LD_PRELOAD"), unsetenv("SIGBUS_POLICY");
		setenv("SIGBUS_LOG", side->told ? LOG_NAME : "off", 1);
		if (side->told)
			dup2(memfd_create("log", 0), LOG_FD);
		if (side->policy)
			setenv("SIGBUS_POLICY", side->policy, 1);
		if (side->preloaded)
			setenv("LD_PRELOAD", getenv("SIGBUS_LIB") ? getenv("SIGBUS_LIB") : "", 1);
		execl(path, path, directory, (char *)NULL);
		_exit(127);
	}
	close(to[0]), close(from[1]);
	side->to = to[1], side->from = from[0];
}

/* A library that cannot be loaded is only warned of: then all would be as bare. */
static bool is_loaded(const struct side *side)
{
	char path[64], line[4096];
	bool found = false;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)side->pid);
	maps = fopen(path, "r");
	while (maps && !found && fgets(line, sizeof(line), maps))
		found = strstr(line, "libsigbus.so");
	if (maps)
		fclose(maps);
	return found;
}

static void hand_over(const struct side *side, const struct sequence *sequence)
{
	if (!side->model && write(side->to, sequence, sizeof(*sequence)) != sizeof(*sequence)) {
		printf("Bail out! the runner is gone\n");
		exit(2);
	}
}

static void take_back(const struct side *side, const struct sequence *sequence, struct outcome *outcome)
{
	size_t have = 0;

	if (side->model) {
		model_run(sequence, side->rules, outcome);
		return;
	}
	while (have < sizeof(*outcome)) {
		ssize_t got = read(side->from, (char *)outcome + have, sizeof(*outcome) - have);

		if (got <= 0) {
			printf("Bail out! the runner is gone\n");
			exit(2);
		}
		have += (size_t)got;
	}
}

/* ---- comparing ---- */

static bool is_compared(const struct kind *kind, const struct outcome *expected)
{
	return !(expected->facts & kind->skipped);
}

static bool is_same(const struct kind *kind, const struct outcome *one, const struct outcome *other)
{
	return one->status == other->status && strcmp(one->trace, other->trace) == 0 &&
	       (!kind->told || WIFSIGNALED(one->status) || one->told == other->told);
}

struct both {
	const struct kind *kind;
	struct outcome expected, got;
};

static bool differs(const struct sequence *sequence, void *data)
{
	struct both *both = data;
	const struct side *expected = &sides[both->kind->expected], *tried = &sides[both->kind->tried];

	hand_over(expected, sequence);
	hand_over(tried, sequence);
	take_back(expected, sequence, &both->expected);
	take_back(tried, sequence, &both->got);
	return is_compared(both->kind, &both->expected) && !is_same(both->kind, &both->expected, &both->got);
}

static int describe(char *text, size_t size, const char *who, const struct outcome *outcome)
{
	const char *way = WIFSIGNALED(outcome->status) ? "signal" : "exit";
	int number = WIFSIGNALED(outcome->status) ? WTERMSIG(outcome->status) : WEXITSTATUS(outcome->status);

	if (outcome->status == STATUS_HUNG)
		return snprintf(text, size, "%s %s, and hangs", who, outcome->trace);
	return snprintf(text, size, "%s %s %s %d, %d told", who, outcome->trace, way, number, outcome->told);
}

static struct sequence kept[KEPT_MAX];
static unsigned kept_count;

static bool is_new(const struct sequence *sequence)
{
	for (unsigned i = 0; i < kept_count; i++)
		if (memcmp(&kept[i], sequence, sizeof(*sequence)) == 0)
			return false;
	if (kept_count < KEPT_MAX)
		kept[kept_count++] = *sequence;
	return true;
}

static void show_comment(char *text)
{
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		printf("# %s\n", line);
}

static void show_difference(const struct kind *kind, struct sequence *sequence, uint64_t number)
{
	struct both both = {.kind = kind};
	char title[4096], *text = NULL;
	size_t at, size = 0;
	FILE *file;

	if (!differs(sequence, &both)) {
		printf("# sequence %llu: the difference does not come again\n", (unsigned long long)number);
		print_line(stdout, sequence);
		return;
	}
	shrink(sequence, differs, &both);
	differs(sequence, &both);
	if (!is_new(sequence))
		return;
	at = (size_t)snprintf(title, sizeof(title), "%s (seed %llu, number %llu)\n", kind->says,
		(unsigned long long)seed, (unsigned long long)number);
	at += (size_t)describe(title + at, sizeof(title) - at, "expected:", &both.expected);
	at += (size_t)snprintf(title + at, sizeof(title) - at, "\n");
	describe(title + at, sizeof(title) - at, "got:     ", &both.got);
	file = open_memstream(&text, &size);
	print_program(file, sequence, title);
	fclose(file);
	if (output) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s-%03u.c", output, kind->name, kept_count);
		file = fopen(path, "w");
		if (file)
			fputs(text, file), fclose(file);
		printf("# %s-%03u: ", kind->name, kept_count);
		print_line(stdout, sequence);
		printf("\n#   %.*s\n", (int)strcspn(strchr(title, '\n') + 1, "\n"), strchr(title, '\n') + 1);
		printf("#   %s\n", strrchr(title, '\n') + 1);
	} else {
		show_comment(text);
	}
	free(text);
}

struct tally {
	uint64_t compared, differ;
};

static struct tally compare(const struct kind *kind)
{
	struct side *expected = &sides[kind->expected], *tried = &sides[kind->tried];
	struct tally tally = {0, 0};
	static struct sequence batch[BATCH];
	static struct outcome outcome[2];

	start(expected);
	start(tried);
	differs(&(struct sequence){0}, &(struct both){.kind = kind}); /* they are under way */
	if (tried->preloaded && !is_loaded(tried)) {
		printf("Bail out! the library is not loaded (SIGBUS_LIB)\n");
		exit(2);
	}
	kept_count = 0;
	for (uint64_t done = 0; done < count; done += BATCH) {
		unsigned size = count - done < BATCH ? (unsigned)(count - done) : BATCH;
		bool differ[BATCH] = {false};

		for (unsigned i = 0; i < size; i++) {
			generate(&batch[i], seed, first_number + done + i, kind->objects);
			hand_over(expected, &batch[i]);
			hand_over(tried, &batch[i]);
		}
		for (unsigned i = 0; i < size; i++) {
			take_back(expected, &batch[i], &outcome[0]);
			take_back(tried, &batch[i], &outcome[1]);
			if (!is_compared(kind, &outcome[0]))
				continue;
			tally.compared++;
			differ[i] = !is_same(kind, &outcome[0], &outcome[1]);
			tally.differ += differ[i];
		}
		for (unsigned i = 0; i < size; i++)
			if (differ[i] && kept_count < keep)
				show_difference(kind, &batch[i], first_number + done + i);
		if (kept_count >= keep)
			break;
	}
	return tally;
}

static const struct kind *find(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	fprintf(stderr, "sequences: no kind is named \"%s\"\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	const char *given = getenv("SIGBUS_TEST_SEED");
	int option, failed = 0, number = 0;

	signal(SIGPIPE, SIG_IGN);
	seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	while ((option = getopt(argc, argv, "d:n:s:f:k:o:")) != -1)
		switch (option) {
		case 'd':
			directory = optarg;
			break;
		case 'n':
			count = strtoull(optarg, NULL, 0);
			break;
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 'f':
			first_number = strtoull(optarg, NULL, 0);
			break;
		case 'k':
			keep = (unsigned)atoi(optarg);
			break;
		case 'o':
			output = optarg;
			break;
		default:
			return 2;
		}
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("1..%d\n# seed %llu (SIGBUS_TEST_SEED)\n", argc - optind, (unsigned long long)seed);
	for (; optind < argc; optind++) {
		const struct kind *kind = find(argv[optind]);
		struct tally tally = compare(kind);

		failed |= tally.differ != 0;
		printf("%sok %d - %s: %llu sequences, %llu compared, %llu differ\n", tally.differ ? "not " : "",
			++number, kind->says, (unsigned long long)count, (unsigned long long)tally.compared,
			(unsigned long long)tally.differ);
	}
	return failed;
}
