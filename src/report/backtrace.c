/* SPDX-License-Identifier: MIT */
/*
 * A backtrace of the interrupted code, made by another program. All [H].
 *
 * No unwinder may run here: libunwind's local one takes the loader's lock and allocates, and the
 * fault may have come in the middle of either. A fork would copy whole page tables, and whatever
 * lock was held. So the program sigbus-backtrace is started, which has nothing of this process but
 * a descriptor of its memory, where it also writes the result to:
 *
 *   this thread --aside()--> watcher --clone(VM|VFORK), execve--> sigbus-backtrace
 *
 * The memory is opened here, as /proc/self/mem, which needs no permission; nothing is attached with
 * ptrace, so Yama, a debugger and a program's own PR_SET_PTRACER do not matter. execve() makes
 * SIGCHLD the exit signal of a child, which the program would notice: so the helper is a child of
 * the watcher. Both die with their parent, and the watcher gives the helper a limited time. The
 * helper starts with an empty table of descriptors; the kernel makes it from a copy of the first 64,
 * and closing those flushes them: where a server has stopped to answer, that waits for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "base/syscall.h"
#include "base/text.h"
#include "kernel/kernel.h"
#include "kernel/scratch.h"
#include "report/backtrace.h"
#include "report/formats.h"
#include "rules/fault.h"
#include "signal/frame.h"

#define TIME_MAX 3000 /* milliseconds */
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
	/* Written by the children, which share the memory: */
	volatile long error;
	const char *volatile problem; /* or NULL: error says it */
};

/* ---- in the children. They run on the stack of the thread, which waits: below its live frames.
 * ---- */

/* The memory becomes descriptor 0, for the table is empty. */
static long open_memory(struct launch *launch)
{
	long fd = SYS_4(SYS_openat, AT_FDCWD, "/proc/self/mem", O_RDWR, 0);

	if (fd > 0 || (fd == 0 && !is_on_procfs((int)fd)))
		launch->problem = "/proc is no procfs";
	return fd;
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

/*
 * The root is this child's own copy: nobody can change it after the look, and the helper's loader
 * comes from the same root.
 */
static __attribute__((noinline, noreturn)) void become_helper(struct launch *launch)
{
	long error = SYS_3(SYS_close_range, 0, ~0u, CLOSE_RANGE_UNSHARE);

	SYS_5(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (!root_is_ours())
		launch->problem = "the root directory is not that of the start";
	else if (error == 0)
		error = open_memory(launch);
	if (error == 0 && !launch->problem)
		error = execute(launch);
	launch->error = error;
	for (;;)
		SYS_1(SYS_exit, 127);
}

static __attribute__((noinline)) long start_helper(struct launch *launch)
{
	long pid = SYS_5(SYS_clone, CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		become_helper(launch);
	return pid;
}

/* It may have been reaped already, where the program ignores SIGCHLD. */
static void wait_for_helper(struct launch *launch, long pid)
{
	for (int i = 0; i < TIME_MAX; i++) {
		if (SYS_4(SYS_wait4, pid, NULL, WNOHANG | __WALL, NULL) != 0)
			return;
		sys_nap(1000000);
	}
	launch->problem = "it took too long";
	SYS_2(SYS_kill, pid, SIGKILL);
	SYS_4(SYS_wait4, pid, NULL, __WALL, NULL);
}

static void watch(void *data)
{
	struct launch *launch = data;
	long pid = start_helper(launch);

	if (pid < 0)
		launch->error = pid;
	else
		wait_for_helper(launch, pid);
}

/* ---- in the thread ---- */

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
	static char path[4096];
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
		return HELPER " is not installed, or /proc is missing";
	case -ENOSYS:
		return "it needs Linux 5.9";
	default:
		return HELPER " could not be started";
	}
}

static void launch_helper(const struct fault *fault, struct scratch *scratch, struct launch *launch)
{
	char number[3][24];
	uint64_t value[3] = {
		(uint64_t)SYS_0(SYS_getpid), (uintptr_t)fault->uc, (uintptr_t)scratch->path};
	long error;
	char *arguments[5] = {HELPER, number[0], number[1], number[2], NULL};

	for (int i = 0; i < 3; i++) {
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
	struct launch launch = {.error = 0};

	trace->frame = (const struct backtrace_frame *)scratch->path;
	if (!fault->uc || frame_pc(fault->uc) != fault->pc) {
		trace->problem = "the handler has changed the registers";
		return;
	}
	memset(scratch->path, 0, sizeof(scratch->path));
	launch_helper(fault, scratch, &launch);
	trace->count = count_frames(trace->frame);
	if (!trace->count)
		trace->problem = problem_of(&launch);
}
