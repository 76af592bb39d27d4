/* SPDX-License-Identifier: MIT */
/* sigbus-explain [CORE | LOG | PID]: what was lost, why, and which policy answers it. */
#include "tools/explain/explain.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MEMORY_MAX ((rlim_t)1 << 30)
#define CPU_SECONDS 30
#define SECONDS 60

static const char usage_text[] =
	"usage: sigbus-explain [--json] [CORE | LOG | PID]\n"
	"       sigbus-explain --help | --version\n"
	"\n"
	"Says which page of which file was lost when a program got a SIGBUS, why, and the\n"
	"smallest policy that would have answered it.\n"
	"\n"
	"  CORE        a core of any program, without libsigbus too\n"
	"  LOG         what SIGBUS_LOG=json:PATH has written\n"
	"  PID         a running process with libsigbus (./123 is a file)\n"
	"  nothing     the newest core of a SIGBUS that coredumpctl has\n"
	"\n"
	"  --json      one JSON object a line\n"
	"  -h, --help, -V, --version\n"
	"\n"
	"Exit status: 0 explained, 1 there is nothing that can be, 2 usage, 3 no access.\n";

struct subject {
	bool json;
	char *name;
	int fd;	    /* -1: a process */
	pid_t pid;
};

/* ---- in the child ---- */

static void set_limit(int what, rlim_t value)
{
	struct rlimit limit;

	if (getrlimit(what, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_cur < value ? limit.rlim_cur : value;
	limit.rlim_max = limit.rlim_max < value ? limit.rlim_max : value;
	setrlimit(what, &limit);
}

/* Also where the parent ignores or blocks the signals that a limit sends. */
static void limit_child(void)
{
	sigset_t none;

	sigemptyset(&none);
	signal(SIGALRM, SIG_DFL);
	signal(SIGXCPU, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	set_limit(RLIMIT_DATA, MEMORY_MAX);
	set_limit(RLIMIT_CPU, CPU_SECONDS);
	set_limit(RLIMIT_CORE, 0);
	alarm(SECONDS);
	/* libdwfl would ask servers for files by the build ids of a core. */
	unsetenv("DEBUGINFOD_URLS");
}

static void explain_file(struct incidents *incidents, const struct subject *subject)
{
	char first[4];

	if (pread(subject->fd, first, sizeof(first), 0) == sizeof(first) &&
		!memcmp(first, "\177ELF", sizeof(first)))
		explain_core(incidents, subject->name, subject->fd);
	else
		explain_log(incidents, subject->name, subject->fd);
}

/* Nothing is printed before all is known: who is killed at a limit has said nothing. */
__attribute__((noreturn)) static void explain_subject(const struct subject *subject)
{
	struct incidents incidents = {0};
	size_t size = 0;
	char *text = NULL;
	FILE *out;

	limit_child();
	if (subject->fd < 0)
		explain_process(&incidents, subject->pid);
	else
		explain_file(&incidents, subject);
	out = open_memstream(&text, &size);
	if (!out)
		give_up(STATUS_NOTHING, "out of memory");
	if (subject->json)
		print_incidents_json(out, &incidents);
	else
		print_incidents_text(out, &incidents);
	if (fclose(out) != 0 || fwrite(text, 1, size, stdout) != size || fflush(stdout) != 0)
		give_up(STATUS_NOTHING, "%s", strerror(errno));
	exit(STATUS_OK);
}

/* ---- in the parent ---- */

static const char *name_of(const struct subject *subject)
{
	return subject->fd < 0 ? format("%d", (int)subject->pid) : subject->name;
}

static enum status explain_apart(const struct subject *subject)
{
	pid_t child = fork();
	int status = 0;

	if (child < 0)
		give_up(STATUS_NOTHING, "fork: %s", strerror(errno));
	if (child == 0)
		explain_subject(subject);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return STATUS_NOTHING;
	if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_GONE)
		give_up(STATUS_NOTHING, "%d: no such process", (int)subject->pid);
	if (WIFEXITED(status))
		return (enum status)WEXITSTATUS(status);
	if (WTERMSIG(status) == SIGALRM || WTERMSIG(status) == SIGXCPU)
		give_up(STATUS_NOTHING, "%s: reading it took longer than %d seconds", name_of(subject),
			WTERMSIG(status) == SIGALRM ? SECONDS : CPU_SECONDS);
	give_up(STATUS_NOTHING, "%s: damaged: reading it ended with %s", name_of(subject),
		strsignal(WTERMSIG(status)));
}

/* ---- which file ---- */

static bool is_compressed(int fd)
{
	static const unsigned char zstd[] = {0x28, 0xb5, 0x2f, 0xfd}, xz[] = {0xfd, '7', 'z', 'X'},
				   lz4[] = {0x04, 0x22, 0x4d, 0x18};
	unsigned char first[4];

	if (pread(fd, first, sizeof(first), 0) != sizeof(first))
		return false;
	return !memcmp(first, zstd, 4) || !memcmp(first, xz, 4) || !memcmp(first, lz4, 4) ||
	       (first[0] == 0x1f && first[1] == 0x8b);
}

static int open_stored(const char *path)
{
	char *whole = realpath(path, NULL);
	int fd = whole ? stored_core(format("COREDUMP_FILENAME=%s", whole)) : -1;

	if (fd < 0)
		give_up(STATUS_NOTHING,
			"%s: compressed, and not one of coredumpctl's: decompress it first (zstd "
			"-d, xz -d, gunzip)",
			path);
	return fd;
}

static int open_subject(const char *path)
{
	int fd = open_regular(path);
	char byte;

	if (fd < 0 && errno == EINVAL)
		give_up(STATUS_NOTHING, "%s: not a regular file", path);
	if (fd < 0) {
		int error = errno;
		char *numbered = error == ENOENT ? numbered_core(path) : NULL;

		give_up(STATUS_NOTHING, "%s: %s%s%s", path, strerror(error),
			numbered ? "; there is a file " : "", numbered ? numbered : "");
	}
	if (pread(fd, &byte, 1, 0) == 0)
		give_up(STATUS_NOTHING, "%s: empty", path);
	return is_compressed(fd) ? open_stored(path) : fd;
}

/* ---- the command line ---- */

__attribute__((noreturn)) static void print_and_exit(const char *text)
{
	fputs(text, stdout);
	exit(fflush(stdout) == 0 ? STATUS_OK : STATUS_NOTHING);
}

static bool is_number(const char *word)
{
	return *word && word[strspn(word, "0123456789")] == '\0';
}

static pid_t parse_pid(const char *word)
{
	unsigned long pid;

	errno = 0;
	pid = strtoul(word, NULL, 10);
	if (errno || pid == 0 || pid > INT_MAX)
		give_up(STATUS_USAGE, "%s: not a process id (a file of that name is ./%s)", word,
			word);
	return (pid_t)pid;
}

static struct subject find_subject(const char *word)
{
	struct subject subject = {.name = (char *)word, .fd = -1};

	if (!word) {
		subject.name = "the newest core that coredumpctl has of a SIGBUS";
		subject.fd = stored_core(format("COREDUMP_SIGNAL=%d", SIGBUS));
		if (subject.fd < 0)
			no_core();
	} else if (is_number(word)) {
		subject.pid = parse_pid(word);
	} else {
		subject.fd = open_subject(word);
	}
	return subject;
}

int main(int argc, char **argv)
{
	static const struct option names[] = {{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'}, {0}};
	struct subject subject;
	bool json = false;
	int option;

	opterr = 0; /* for its messages show names as they are */
	while ((option = getopt_long(argc, argv, "hV", names, NULL)) != -1) {
		if (option == 'h')
			print_and_exit(usage_text);
		if (option == 'V')
			print_and_exit("sigbus-explain (libsigbus) " PACKAGE_VERSION "\n");
		if (option == '?')
			wrong_option(argv);
		json = true;
	}
	if (argc - optind > 1)
		give_up(STATUS_USAGE, "%s: one core, log or process at a time (see sigbus-explain "
				      "--help)",
			argv[optind + 1]);
	subject = find_subject(argv[optind]);
	subject.json = json;
	return (int)explain_apart(&subject);
}
