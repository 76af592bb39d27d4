/* SPDX-License-Identifier: MIT */
/*
 * A backtrace of the interrupted code, made by another program. All [H].
 *
 * No unwinder may run here: libunwind's local one takes the loader's lock and allocates, and the
 * fault may have come in the middle of either. A fork would copy whole page tables, and whatever
 * lock was held. So the program sigbus-backtrace is started, which has nothing of this process but
 * a descriptor to read its memory, and a pipe for the result:
 *
 *   this thread --aside()--> watcher --clone(VM|VFORK), execveat--> sigbus-backtrace
 *                            watcher <------------pipe------------- sigbus-backtrace
 *
 * The memory is opened here, as /proc/self/mem, which needs no permission; nothing is attached with
 * ptrace, so Yama, a debugger and a program's own PR_SET_PTRACER do not matter. Whoever may inspect
 * the helper can take that descriptor (pidfd_getfd): so it cannot write, and there is no helper
 * where processes of the same user may not inspect this one.
 *
 * execveat() makes SIGCHLD the exit signal of a child, which the program would notice: so the helper
 * is a child of the watcher. Both die with their parent, and the watcher gives the helper a limited
 * time. Watcher and helper start with an empty table of descriptors; the kernel makes it from a copy
 * of the program's, and closing those flushes them: where a server has stopped to answer, that waits
 * for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include "base/syscall.h"
#include "base/text.h"
#include "kernel/kernel.h"
#include "kernel/scratch.h"
#include "report/backtrace.h"
#include "report/formats.h"
#include "rules/fault.h"
#include "signal/frame.h"

#define TURN 10000000 /* nanoseconds without a word of the helper, at most */
#define TURNS_MAX 350 /* a word ends one, too; there are fewer than 70 */
#define BUILD_DIR "/.libs"
#define HELPER "sigbus-backtrace"

_Static_assert(
	sizeof(struct backtrace_frame) * BACKTRACE_FRAMES <= sizeof(((struct scratch *)0)->path),
	"the frames fit into the buffer");

/* The program, as it was at the start. */
static struct {
	const char *path;
	struct identity identity;
} helper;

struct launch {
	char *const *arguments;
	struct backtrace_frame *frames;
	/* Written by the children, which share the memory: */
	volatile long error;
	const char *volatile problem; /* or NULL: error says it */
};

/* ---- in the children. They run on the stack of the thread, which waits: below its live frames.
 * ---- */

/* The table is empty, so these are the numbers that the descriptors get, in this order. */
enum { MEMORY, RESULT_IN, RESULT_OUT };

static long open_descriptors(struct launch *launch)
{
	int pipe[2];
	long error = SYS_3(SYS_close_range, 0, ~0u, CLOSE_RANGE_UNSHARE);

	if (error < 0)
		return error;
	error = kernel_open(AT_FDCWD, "/proc/self/mem");
	if (error == -ENODEV)
		launch->problem = "/proc is no procfs";
	if (error < 0)
		return error;
	SYS_3(SYS_fcntl, MEMORY, F_SETFD, 0);
	return SYS_2(SYS_pipe2, pipe, 0);
}

/* What was opened is what is looked at and what is executed. */
static long execute(struct launch *launch)
{
	static char *const no_environment[] = {NULL};
	long fd = SYS_4(SYS_openat, AT_FDCWD, helper.path, O_PATH | O_CLOEXEC, 0);
	struct identity found;

	if (fd < 0)
		return fd;
	found = identify((int)fd);
	if (!same_identity(&found, &helper.identity)) {
		launch->problem = HELPER " was replaced since the start";
		return -ESTALE;
	}
	return SYS_5(SYS_execveat, fd, "", launch->arguments, no_environment, AT_EMPTY_PATH);
}

/* The helper has its result's descriptor where a program writes. */
static __attribute__((noinline, noreturn)) void become_helper(struct launch *launch)
{
	SYS_5(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	SYS_3(SYS_dup3, RESULT_OUT, RESULT_IN, 0);
	SYS_1(SYS_close, RESULT_OUT);
	launch->error = execute(launch);
	for (;;)
		SYS_1(SYS_exit, 127);
}

static __attribute__((noinline)) long start_helper(struct launch *launch)
{
	long pid = SYS_5(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		become_helper(launch);
	return pid;
}

/* A part comes again when its name is known. What is not a part of ours is the end of it. */
static bool read_part(struct backtrace_frame *frames)
{
	struct backtrace_part part;

	if (SYS_3(SYS_read, RESULT_IN, &part, sizeof(part)) != sizeof(part) ||
		part.number >= BACKTRACE_FRAMES)
		return false;
	part.frame.symbol[BACKTRACE_SYMBOL - 1] = '\0';
	frames[part.number] = part.frame;
	return true;
}

/* True: the helper has closed its end. */
static bool read_result(struct backtrace_frame *frames)
{
	struct pollfd poll = {.fd = RESULT_IN, .events = POLLIN};

	for (int turn = 0; turn < TURNS_MAX; turn++) {
		struct timespec pause = {0, TURN};

		if (SYS_5(SYS_ppoll, &poll, 1, &pause, NULL, 0) > 0 && !read_part(frames))
			return true;
	}
	return false;
}

/* It may have been reaped already, where the program ignores SIGCHLD. */
static void watch_helper(struct launch *launch, long pid)
{
	SYS_1(SYS_close, RESULT_OUT);
	if (!read_result(launch->frames))
		launch->problem = "it took too long";
	SYS_2(SYS_kill, pid, SIGKILL);
	SYS_4(SYS_wait4, pid, NULL, __WALL, NULL);
}

/*
 * The root is this child's own copy: nobody can change it after the look, and the helper and its
 * loader come from the same root.
 */
static void watch(void *data)
{
	struct launch *launch = data;
	long pid;

	if (!root_is_ours()) {
		launch->problem = "the root directory is not that of the start";
		return;
	}
	launch->error = open_descriptors(launch);
	if (launch->error)
		return;
	pid = start_helper(launch);
	if (pid < 0)
		launch->error = pid;
	else
		watch_helper(launch, pid);
}

/* ---- in the thread ---- */

struct capabilities { /* struct __user_cap_data_struct, for capabilities of 64 bits */
	uint32_t effective, permitted, inheritable;
};

static bool has_capabilities(void)
{
	uint32_t header[2] = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct capabilities of[2] = {{0, 0, 0}, {0, 0, 0}};

	return SYS_2(SYS_capget, header, of) != 0 || of[0].permitted || of[1].permitted;
}

static bool ids_differ(long number)
{
	uint32_t id[3] = {0, 1, 2};

	return SYS_3(number, &id[0], &id[1], &id[2]) != 0 || id[0] != id[1] || id[1] != id[2];
}

/*
 * May another process of this user look into this one? The rules of ptrace(2): else the helper,
 * which has no more rights than the user, would be a way in.
 */
static bool may_be_inspected(void)
{
	return SYS_5(SYS_prctl, PR_GET_DUMPABLE, 0, 0, 0, 0) == 1 && !ids_differ(SYS_getresuid) &&
	       !ids_differ(SYS_getresgid) && (SYS_0(SYS_geteuid) == 0 || !has_capabilities());
}

/* Next to the library as long as that is in its build tree. */
static void find_helper(char *path, size_t size)
{
	struct vma vma;
	struct text text = {path, size, 0, false};
	char *end = NULL;

	if (vma_query((uintptr_t)find_helper, &vma, path, size) == 0)
		end = strrchr(path, '/');
	if (end && end - path >= (long)strlen(BUILD_DIR) &&
		!strncmp(end - strlen(BUILD_DIR), BUILD_DIR, strlen(BUILD_DIR))) {
		text.length = (size_t)(end - path) - strlen(BUILD_DIR);
		text_add(&text, "/" HELPER);
	} else {
		text_add(&text, HELPER_DIR "/" HELPER);
	}
}

void backtrace_init(void)
{
	LARGE static char path[4096];
	long fd;

	find_helper(path, sizeof(path));
	helper.path = path;
	fd = SYS_4(SYS_openat, AT_FDCWD, path, O_PATH | O_CLOEXEC, 0);
	if (fd < 0)
		return;
	helper.identity = identify((int)fd);
	SYS_1(SYS_close, fd);
}

static unsigned count_frames(const struct backtrace_frame *frame)
{
	unsigned count = 0;

	while (count < BACKTRACE_FRAMES && frame[count].pc)
		count++;
	return count;
}

static const char *problem_of(const struct launch *launch)
{
	if (launch->problem)
		return launch->problem;
	switch (launch->error) {
	case 0:
		return HELPER " found nothing";
	case -ENOENT:
		return HELPER " is not installed (in " HELPER_DIR "), or /proc is missing";
	case -ENOSYS:
		return "it needs Linux 5.9";
	default:
		return HELPER " could not be started";
	}
}

static void launch_helper(const struct fault *fault, struct launch *launch)
{
	char number[2][24];
	uint64_t value[2] = {(uint64_t)SYS_0(SYS_getpid), (uintptr_t)fault->uc};
	long error;
	char *arguments[4] = {HELPER, number[0], number[1], NULL};

	for (int i = 0; i < 2; i++) {
		struct text text = {number[i], sizeof(number[i]), 0, false};

		text_decimal(&text, (int64_t)value[i]);
	}
	launch->arguments = arguments;
	error = aside(watch, launch);
	if (error)
		launch->error = error;
}

void backtrace_take(const struct fault *fault, struct scratch *scratch, struct backtrace *trace)
{
	struct launch launch = {.frames = (struct backtrace_frame *)scratch->path};

	trace->frame = launch.frames;
	if (!fault->uc || frame_pc(fault->uc) != fault->pc) {
		trace->problem = "the handler has changed the registers";
		return;
	}
	if (!may_be_inspected()) {
		trace->problem = "this process may not be inspected by others of its user";
		return;
	}
	memset(scratch->path, 0, sizeof(scratch->path));
	launch_helper(fault, &launch);
	trace->count = count_frames(trace->frame);
	if (!trace->count)
		trace->problem = problem_of(&launch);
}
