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

/* Rows of processor time: what a process, or a build with its hundreds of processes, pays at its start. */
static const struct setting {
	const char *name, *policy, *only;
	double start, build; /* targets */
} settings[] = {
	{"no policy", NULL, NULL, 1.08, 0},
	{"@compositor", "@compositor", NULL, 1.12, 1.03},
	{"dormant, --only", NULL, "sway", 1.04, 1.01},
};

static void processor_row(const char *what, const struct setting *setting, double target,
	const char *const *arguments, unsigned rounds)
{
	struct command command = {.arguments = arguments,
		.preload_a = built("bench/empty.so"),
		.preload_b = our_library,
		.policy = setting->policy,
		.only = setting->only,
		.processor_time = true,
		.rounds = rounds};
	char name[96];

	snprintf(name, sizeof(name), "%s, %s", what, setting->name);
	if (wanted(name))
		row(name, target, "", command_measure(&command));
}

static void start_up(void)
{
	static const char *const program[] = {"/bin/true", NULL};

	for (size_t i = 0; i < LENGTH(settings); i++)
		processor_row("processor time of true", &settings[i], settings[i].start, program, 200);
}

static void build_project(void)
{
	const char *what = "processor time of configure and make -j2";
	const char *source = getenv("top_srcdir") ? getenv("top_srcdir") : ".";
	char make[8192];

	if (!wanted("processor time of configure and make -j2, @compositor, dormant"))
		return;
	snprintf(make, sizeof(make), "'%s/bench/project' '%s'", source, built("bench/project.dir"));
	if (!command_exists("autoreconf") || system(make) != 0) {
		row_missing(what, 0, "", "there are no autotools");
		return;
	}
	snprintf(make, sizeof(make),
		"export CCACHE_DISABLE=1; cd '%s' && rm -rf build && mkdir build && cd build && ../configure -q && make -s -j2",
		built("bench/project.dir"));
	for (size_t i = 1; i < LENGTH(settings); i++)
		processor_row(what, &settings[i], settings[i].build,
			(const char *const[]){"sh", "-c", make, NULL}, 5);
}

static void work(const char *what, double target, const char *const *arguments, unsigned rounds)
{
	struct command command = {
		.arguments = arguments, .preload_b = our_library, .rounds = rounds};

	if (!wanted(what))
		return;
	if (command_exists(arguments[0]))
		row(what, target, "", command_measure(&command));
	else
		row_missing(what, target, "", "it is not installed");
}

static void start_weston(void)
{
	const char *what = "weston, until it takes clients", *directory = built("bench/runtime");
	struct command command = {
		.arguments = (const char *const[]){"weston", "--backend=headless-backend.so",
			"--use-pixman", "--no-config", "--idle-time=0", "--socket=bench", NULL},
		.until = built("bench/runtime/bench"),
		.policy = "@compositor",
		.preload_b = our_library,
		.rounds = 8};

	if (!wanted(what))
		return;
	mkdir(directory, 0700);
	setenv("XDG_RUNTIME_DIR", directory, 1);
	if (command_exists("weston"))
		row(what, 1.03, "", command_measure(&command));
	else
		row_missing(what, 1.03, "", "it is not installed");
}

static void compile(void)
{
	const char *source = getenv("top_srcdir") ? getenv("top_srcdir") : ".";
	char src[4096], include[4096], file[4096];

	snprintf(src, sizeof(src), "-I%s/src", source);
	snprintf(include, sizeof(include), "-I%s/include", source);
	snprintf(file, sizeof(file), "%s/src/fault/dispatch.c", source);
	work("gcc -O2 of one file", 0,
		(const char *const[]){"gcc", "-std=gnu17", "-O2", "-D_GNU_SOURCE=", src, include,
			"-c", "-o", built("bench/compiled.o"), file, NULL},
		8);
}

void rows_program(void)
{
	heading("Whole programs, against the same without us; processor time: against an empty preload");
	start_up();
	build_project();
	start_weston();
	work("rg --mmap through /usr/include", 1.01,
		(const char *const[]){
			"rg", "--mmap", "-j1", "-c", "sigaction", "/usr/include", NULL},
		12);
	work("Python, 40000 times mmap, read, unmap", 1.02,
		(const char *const[]){PYTHON, "-c", MAP_LOOP, NULL}, 8);
	compile();
}
