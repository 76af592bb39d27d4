/* SPDX-License-Identifier: MIT */
/* Whole programs: starting, and real work. */
#include "bench.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PYTHON "/usr/bin/python3" /* not a wrapper that some have in their PATH */
#define MAP_LOOP                                            \
	"import mmap, tempfile\n"                           \
	"f = tempfile.TemporaryFile(); f.truncate(65536)\n" \
	"for i in range(40000):\n"                          \
	"    m = mmap.mmap(f.fileno(), 65536); m[4096]; m.close()\n"

static void start_up(void)
{
	const char *what = "start-up of true, against an empty preload";
	struct command command = {.arguments = (const char *const[]){"/bin/true", NULL},
		.preload_a = built("bench/empty.so"),
		.preload_b = our_library,
		.rounds = 400};

	if (wanted(what))
		row(what, 1.04, "", command_measure(&command));
}

static void work(const char *what, const char *const *arguments, unsigned rounds)
{
	struct command command = {
		.arguments = arguments, .preload_b = our_library, .rounds = rounds};

	if (!wanted(what))
		return;
	if (command_exists(arguments[0]))
		row(what, 0, "", command_measure(&command));
	else
		row_missing(what, 0, "", "it is not installed");
}

static void start_weston(void)
{
	const char *what = "weston, until it takes clients", *directory = built("bench/runtime");
	struct command command = {
		.arguments = (const char *const[]){"weston", "--backend=headless-backend.so",
			"--use-pixman", "--no-config", "--idle-time=0", "--socket=bench", NULL},
		.until = built("bench/runtime/bench"),
		.preload_b = our_library,
		.rounds = 8};

	if (!wanted(what))
		return;
	mkdir(directory, 0700);
	setenv("XDG_RUNTIME_DIR", directory, 1);
	setenv("SIGBUS_POLICY", "@compositor", 1);
	if (command_exists("weston"))
		row(what, 0, "", command_measure(&command));
	else
		row_missing(what, 0, "", "it is not installed");
	unsetenv("SIGBUS_POLICY");
}

static void compile(void)
{
	const char *source = getenv("top_srcdir") ? getenv("top_srcdir") : ".";
	char src[4096], include[4096], file[4096];

	snprintf(src, sizeof(src), "-I%s/src", source);
	snprintf(include, sizeof(include), "-I%s/include", source);
	snprintf(file, sizeof(file), "%s/src/fault/dispatch.c", source);
	work("gcc -O2 of one file",
		(const char *const[]){"gcc", "-std=gnu17", "-O2", "-D_GNU_SOURCE=", src, include,
			"-c", "-o", built("bench/compiled.o"), file, NULL},
		8);
}

void rows_program(void)
{
	heading("Whole programs, against the same without us");
	start_up();
	start_weston();
	work("rg --mmap through /usr/include",
		(const char *const[]){
			"rg", "--mmap", "-j1", "-c", "sigaction", "/usr/include", NULL},
		12);
	work("Python, 40000 times mmap, read, unmap",
		(const char *const[]){PYTHON, "-c", MAP_LOOP, NULL}, 8);
	compile();
}
