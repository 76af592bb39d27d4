/* SPDX-License-Identifier: MIT */
/*
 * fuzz-core CORE COUNT [FIRST]: damages a core COUNT times, in another way each time, and explains
 * each. Built with sanitizers by tests/fuzz/cores; what it finds ends it with the number of the
 * input, and "fuzz-core CORE 1 NUMBER" has it again.
 *
 * sigbus-explain reads one core and ends, and never frees anything. Here a child does so for many;
 * what ends a reading with a line is a jump back. What is asked of the system is not asked.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../progs/limit.h"
#include "base/text.h"
#include "tools/explain/explain.h"

#define BATCH 100 /* inputs a child */
#define CHANGES_MAX 12

static jmp_buf back;
static unsigned long explained, refused;

/* ---- in the place of tools/stat/util.c, file-now.c and users.c ---- */

void *grow(void *array, size_t count, size_t size)
{
	if (count & (count - 1))
		return array;
	array = reallocarray(array, count ? 2 * count : 1, size);
	if (!array)
		abort();
	return array;
}

char *format(const char *format, ...)
{
	va_list arguments;
	char *text;
	int length;

	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length < 0)
		abort();
	return text;
}

void give_up(enum status status, const char *format, ...)
{
	char line[8192];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	if (status != STATUS_NOTHING || !line[0])
		abort();
	longjmp(back, 1);
}

char *escape(const char *name)
{
	size_t size = 4 * strlen(name) + 1;
	struct text text = {.buffer = malloc(size), .size = size};

	text.buffer[0] = '\0';
	text_escaped(&text, name);
	return text.buffer;
}

const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

void look_at_users(struct view *view, const struct process *process)
{
	(void)view, (void)process;
}

struct file_now file_now(const char *path)
{
	struct file_now now = {.state = strlen(path) % 4, .error = EACCES, .fs = "tmpfs",
		.mode = S_IFREG, .size = strlen(path) * 1000};

	return now;
}

int open_regular(const char *path)
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* ---- damage ---- */

static uint64_t state;

/* A linear congruential generator: the same everywhere. */
static uint64_t random_below(uint64_t limit)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (state >> 33) % limit;
}

/* Most of what is read is in front: headers, notes, and the first pages of objects. */
static size_t random_place(size_t size)
{
	static const size_t reach[] = {64, 4096, 16384, 65536};
	size_t limit = random_below(5) < 4 ? reach[random_below(4)] : size;

	return random_below(limit < size ? limit : size);
}

static void change(unsigned char *core, size_t size)
{
	static const uint64_t special[] = {0, 1, 0x7f, 0xff, 0x7fffffff, 0xffffffff,
		0x7fffffffffffffff, UINT64_MAX, 0x8000000000000000, 4096, 0xfffffffffffff000};
	uint64_t value = special[random_below(sizeof(special) / sizeof(special[0]))];
	size_t at = random_place(size), length = 1 + random_below(8);

	if (length > size - at)
		length = size - at;
	switch (random_below(4)) {
	case 0:
		core[at] = (unsigned char)random_below(256);
		break;
	case 1:
		memcpy(core + (at & ~(size_t)7), &value,
			(at & ~(size_t)7) + 8 <= size ? 8 : size - (at & ~(size_t)7));
		break;
	case 2:
		core[at] ^= (unsigned char)(1u << random_below(8));
		break;
	case 3: /* a piece of it elsewhere */
		memmove(core + at, core + random_below(size - length + 1), length);
		break;
	}
}

/* ---- one input ---- */

static void check_output(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)text[i] < ' ' && text[i] != '\n')
			abort();
}

static void print_both(const struct incidents *incidents)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	print_incidents_text(out, incidents);
	print_incidents_json(out, incidents);
	fclose(out);
	check_output(text, size);
	free(text);
}

static void explain_one(const unsigned char *seed, size_t size, unsigned long number)
{
	static unsigned char *core;
	struct incidents incidents = {0};
	size_t kept = size;
	int fd = memfd_create("core", MFD_CLOEXEC);

	state = number * 2654435761u + 1;
	core = core ? core : malloc(size);
	memcpy(core, seed, size);
	for (uint64_t changes = 1 + random_below(CHANGES_MAX); changes; changes--)
		change(core, size);
	if (!random_below(20))
		kept = random_below(size);
	if (fd < 0 || write(fd, core, kept) != (ssize_t)kept)
		exit(2);
	if (setjmp(back) == 0) {
		explain_core(&incidents, "core", fd);
		print_both(&incidents);
		explained++;
	} else {
		refused++;
	}
	close_range(3, ~0u, 0); /* of files that nobody will use again */
}

/* ---- many ---- */

struct result {
	unsigned long explained, refused, number;
};

__attribute__((noreturn)) static void run_batch(
	const unsigned char *seed, size_t size, struct result *result, unsigned long last)
{
	while (result->number < last) {
		alarm(hang_limit());
		explain_one(seed, size, result->number);
		result->number++;
	}
	result->explained += explained;
	result->refused += refused;
	_exit(0);
}

static unsigned char *read_core(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	unsigned char *core;

	if (fd < 0 || fstat(fd, &status) != 0)
		return NULL;
	*size = (size_t)status.st_size;
	core = malloc(*size);
	if (read(fd, core, *size) != (ssize_t)*size)
		return NULL;
	close(fd);
	return core;
}

int main(int argc, char **argv)
{
	size_t size = 0;
	unsigned char *seed = argc > 2 ? read_core(argv[1], &size) : NULL;
	unsigned long count = seed ? strtoul(argv[2], NULL, 10) : 0;
	unsigned long first = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
	struct result *result = mmap(NULL, sizeof(*result), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (!count || result == MAP_FAILED) {
		fprintf(stderr, "usage: fuzz-core CORE COUNT [FIRST]\n");
		return 2;
	}
	unsetenv("DEBUGINFOD_URLS");
	result->number = first;
	while (result->number < first + count) {
		unsigned long left = first + count - result->number;
		unsigned long last = result->number + (left < BATCH ? left : BATCH);
		int status;
		pid_t child = fork();

		if (child == 0)
			run_batch(seed, size, result, last);
		if (child < 0 || waitpid(child, &status, 0) != child)
			return 2;
		if (status) {
			fprintf(stderr, "input %lu: status 0x%x\n", result->number, (unsigned)status);
			return 1;
		}
	}
	printf("%lu explained, %lu refused\n", result->explained, result->refused);
	return 0;
}
