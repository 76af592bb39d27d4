/* SPDX-License-Identifier: MIT */
/*
 * proc-start VIEW: starts VIEW in every way there is, from every state of SIGBUS, and prints what
 * that state is for the caller afterwards. VIEW prints what it was given. Without the library,
 * unless "preloaded" follows.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

static const char *view;
static char *view_arguments[] = {"view", "one", NULL};
static char *empty[] = {NULL};
static char **child_environment = empty;

/* ---- programs that take the place of this one ---- */

static void do_execve(const char *file)
{
	execve(file, view_arguments, child_environment);
}

static void do_execv(const char *file)
{
	execv(file, view_arguments);
}

static void do_execvp(const char *file)
{
	execvp(file, view_arguments);
}

static void do_execvpe(const char *file)
{
	execvpe(file, view_arguments, child_environment);
}

static void do_execl(const char *file)
{
	execl(file, "view", "a", "b", "c", "d", "e", "f", "g", NULL);
}

static void do_execlp(const char *file)
{
	execlp(file, "view", NULL);
}

static void do_execle(const char *file)
{
	execle(file, "view", "a", "b", NULL, child_environment);
}

static void do_fexecve(const char *file)
{
	fexecve(open(file, O_RDONLY | O_CLOEXEC), view_arguments, child_environment);
}

static void do_execveat(const char *file)
{
	execveat(AT_FDCWD, file, view_arguments, child_environment, 0);
}

/* ---- programs beside this one ---- */

static void print_status(int status)
{
	fflush(stdout);
	printf("status %x\n", status);
}

static void spawn(int (*function)(pid_t *, const char *, const posix_spawn_file_actions_t *,
			  const posix_spawnattr_t *, char *const *, char *const *),
	const char *file, const posix_spawnattr_t *attributes)
{
	pid_t pid;
	int status = 0, result;

	result = function(&pid, file, NULL, attributes, view_arguments, child_environment);
	if (result == 0)
		waitpid(pid, &status, 0);
	else
		printf("spawn %d\n", result);
	print_status(status);
}

static void do_spawn(const char *file)
{
	spawn(posix_spawn, file, NULL);
}

static void do_spawnp(const char *file)
{
	spawn(posix_spawnp, file, NULL);
}

static void spawn_with(const char *file, short flags, uint64_t mask, uint64_t defaults)
{
	posix_spawnattr_t attributes;
	sigset_t set;

	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, flags);
	sigemptyset(&set);
	memcpy(&set, &mask, sizeof(mask));
	posix_spawnattr_setsigmask(&attributes, &set);
	memcpy(&set, &defaults, sizeof(defaults));
	posix_spawnattr_setsigdefault(&attributes, &set);
	spawn(posix_spawn, file, &attributes);
	posix_spawnattr_getsigmask(&attributes, &set);
	posix_spawnattr_getflags(&attributes, &flags);
	printf("attributes after: %x %" PRIx64 "\n", flags, *(uint64_t *)&set);
}

static void do_spawn_mask(const char *file)
{
	spawn_with(file, POSIX_SPAWN_SETSIGMASK, 0, 0);
	spawn_with(file, POSIX_SPAWN_SETSIGMASK, 0x240, 0);
	spawn_with(file, POSIX_SPAWN_SETSIGDEF, 0x40, 0x40);
	spawn_with(file, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK, ~0ull, ~0ull);
	spawn_with(file, POSIX_SPAWN_SETPGROUP, 0x40, 0x40);
}

static void do_system(const char *file)
{
	print_status(system(file));
}

static void do_popen(const char *file)
{
	char line[256];
	FILE *stream = popen(file, "r");

	while (stream && fgets(line, sizeof(line), stream))
		printf("popen: %s", line);
	fflush(stdout);
	if (stream)
		print_status(pclose(stream));
}

static void do_vfork(const char *file)
{
	pid_t pid = vfork();
	int status;

	if (pid == 0) {
		signal(SIGBUS, SIG_DFL);
		execve(file, view_arguments, child_environment);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	print_status(status);
}

static void do_vfork_ignoring(const char *file)
{
	pid_t pid = vfork();
	int status;

	if (pid == 0) {
		sighold(SIGBUS);
		signal(SIGBUS, SIG_IGN);
		execv(file, view_arguments);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	print_status(status);
}

static int clone_child(void *file)
{
	signal(SIGBUS, SIG_IGN);
	execve(file, view_arguments, child_environment);
	_exit(126);
}

static void do_clone(const char *file)
{
	static char stack[65536];
	pid_t pid = clone(clone_child, stack + sizeof(stack), CLONE_VM | SIGCHLD, (void *)file);
	int status;

	waitpid(pid, &status, 0);
	print_status(status);
}

static void daemon_like(const char *file)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		setsid();
		pid = fork();
		if (pid == 0) {
			execve(file, view_arguments, child_environment);
			_exit(127);
		}
		waitpid(pid, &status, 0);
		_exit(WEXITSTATUS(status));
	}
	waitpid(pid, &status, 0);
	print_status(status);
}

static const struct {
	const char *name;
	void (*start)(const char *file);
} ways[] = {
	{"execve", do_execve},
	{"execv", do_execv},
	{"execvp", do_execvp},
	{"execvpe", do_execvpe},
	{"execl", do_execl},
	{"execlp", do_execlp},
	{"execle", do_execle},
	{"fexecve", do_fexecve},
	{"execveat", do_execveat},
	{"posix_spawn", do_spawn},
	{"posix_spawnp", do_spawnp},
	{"posix_spawn with attributes", do_spawn_mask},
	{"system", do_system},
	{"popen", do_popen},
	{"vfork", do_vfork},
	{"vfork, ignoring", do_vfork_ignoring},
	{"clone(CLONE_VM)", do_clone},
	{"fork twice", daemon_like},
};

/* ---- states ---- */

enum { DEFAULT, IGNORED, HANDLER };
static const char *const action_names[] = {"default", "ignored", "handler"};
static const char *const pending_names[] = {
	"unblocked", "blocked", "pending", "pending for all", "pending twice"};
static int action, blocked;

static void on_bus(int signo)
{
	printf("handler of %d\n", signo);
}

static void prepare(void)
{
	static const sighandler_t actions[] = {SIG_DFL, SIG_IGN, on_bus};

	signal(SIGBUS, actions[action]);
	signal(SIGUSR1, SIG_IGN);
	if (blocked > 0)
		sighold(SIGBUS);
	if (blocked == 2 || blocked == 4)
		raise(SIGBUS);
	if (blocked == 3 || blocked == 4)
		kill(getpid(), SIGBUS);
}

static void print_state(void)
{
	struct sigaction now;
	sigset_t mask, pending;

	sigaction(SIGBUS, NULL, &now);
	sigprocmask(SIG_BLOCK, NULL, &mask);
	sigpending(&pending);
	printf("caller: %s flags %x blocked %" PRIx64 " pending %" PRIx64 "\n",
		now.sa_handler == SIG_DFL   ? "default"
		: now.sa_handler == SIG_IGN ? "ignored"
					    : "handler",
		(unsigned)now.sa_flags, *(uint64_t *)&mask, *(uint64_t *)&pending);
}

/* Starts VIEW, or something that does not exist. */
static void in_child(int way, const char *file)
{
	prepare();
	ways[way].start(file);
	printf("errno %d\n", errno);
	print_state();
	if (blocked > 1 && action == HANDLER)
		sigrelse(SIGBUS);
	fflush(stdout);
	_exit(7);
}

static void run(int way, const char *file)
{
	pid_t pid;
	int status;

	printf("%s, %s, %s, %s:\n", ways[way].name, action_names[action], pending_names[blocked],
		file == view ? "started" : "failing");
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		in_child(way, file);
	waitpid(pid, &status, 0);
	printf("end %x\n", status);
}

int main(int argc, char **argv)
{
	static char preload[4096];
	static char *with_preload[] = {preload, "SIGBUS_LOG=off", NULL};

	view = argv[1];
	if (argc > 2 && getenv("LD_PRELOAD")) {
		snprintf(preload, sizeof(preload), "LD_PRELOAD=%s", getenv("LD_PRELOAD"));
		child_environment = with_preload;
	}
	unsetenv("LD_PRELOAD");
	for (int way = 0; way < (int)(sizeof(ways) / sizeof(*ways)); way++)
		for (action = DEFAULT; action <= HANDLER; action++)
			for (blocked = 0; blocked < 5; blocked++) {
				run(way, view);
				run(way, "/no/such/program");
			}
	return 0;
}
