/* SPDX-License-Identifier: MIT */
/*
 * runner DIRECTORY: runs sequences that it reads from standard input, each in a child of its own,
 * and writes to standard output what came of them (struct sequence, struct outcome).
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "steps.h"

#define HANG_SECONDS 120
#define CPU_SECONDS 20 /* of a child: what spins has a limit that no load of the machine changes */

static struct sequence sequence;

static void perform(const struct step *step)
{
	switch ((enum op)step->op) {
	case OP_INSTALL:
		install(step->object, step->what, step->flags, step->mask);
		break;
	case OP_QUERY:
		query();
		break;
	case OP_TOUCH:
		touch(step->page);
		break;
	case OP_HEAL:
		heal(step->page);
		break;
	case OP_LOSE:
		lose(step->page);
		break;
	case OP_RAISE:
		raise_bus();
		break;
	case OP_SENT:
		sent();
		break;
	case OP_JUMP:
		jump(step->flags);
		break;
	case OP_JUMP_OUT:
		jump_out(step->flags);
		break;
	case OP_BLOCK:
		block();
		break;
	case OP_UNBLOCK:
		unblock();
		break;
	case OP_PENDING:
		pending();
		break;
	case OP_ALT_ON:
		alt_on();
		break;
	case OP_ALT_OFF:
		alt_off();
		break;
	case OP_START:
		start(step->page);
		break;
	case OP_YIELD:
		yield();
		break;
	case OP_RESUME:
		resume();
		break;
	case OP_BOUNCE:
		bounce();
		break;
	case OP_SKIP:
		skip();
		break;
	case OP_EXIT:
		leave();
		break;
	case OPS:
		break;
	}
}

/* From SCRIPTS on: the single step of another thread. */
void script(int number)
{
	if (number >= SCRIPTS) {
		perform(&sequence.step[number - SCRIPTS]);
		return;
	}
	for (int i = 0; i < sequence.count; i++) {
		if (sequence.step[i].script != number)
			continue;
		if (sequence.step[i].other)
			other(SCRIPTS + i);
		else
			perform(&sequence.step[i]);
	}
}

static int needs_thread(void)
{
	for (int i = 0; i < sequence.count; i++)
		if (sequence.step[i].other || sequence.step[i].op == OP_SENT)
			return 1;
	return 0;
}

static void run(void)
{
	static const struct rlimit cpu = {CPU_SECONDS, CPU_SECONDS};

	setrlimit(RLIMIT_CPU, &cpu);
	steps_run(needs_thread());
}

/* The child's status, or STATUS_HUNG. SIGCHLD is blocked. */
static int wait_for(pid_t child)
{
	const char *slow = getenv("SIGBUS_TEST_SLOW");
	struct timespec limit = {HANG_SECONDS * (slow && atoi(slow) > 1 ? atoi(slow) : 1), 0};
	sigset_t ended;
	int status;

	sigemptyset(&ended);
	sigaddset(&ended, SIGCHLD);
	while (waitpid(child, &status, WNOHANG) == 0) {
		if (sigtimedwait(&ended, NULL, &limit) >= 0)
			continue;
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
		return STATUS_HUNG;
	}
	return status;
}

/* The lines with "is lost" since the last time. */
static int count_lines(void)
{
	static const char text[] = "is lost";
	static char log[65536];
	static off_t seen;
	ssize_t got = pread(LOG_FD, log, sizeof(log) - 1, seen);
	int lines = 0;

	if (got <= 0)
		return 0;
	seen += got;
	log[got] = 0;
	for (char *at = log; (at = strstr(at, text)); at++)
		lines++;
	return lines;
}

static int transfer(ssize_t (*function)(int, void *, size_t), int fd, void *data, size_t size)
{
	char *at = data;

	while (size > 0) {
		ssize_t moved = function(fd, at, size);

		if (moved <= 0)
			return 0;
		at += moved;
		size -= (size_t)moved;
	}
	return 1;
}

static ssize_t write_out(int fd, void *data, size_t size)
{
	return write(fd, data, size);
}

int main(int argc, char **argv)
{
	static const struct rlimit no_core = {1, 1}; /* 1: not to a program that takes cores, either */
	struct outcome *outcome = mmap(NULL, sizeof(*outcome), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	sigset_t ended;

	setrlimit(RLIMIT_CORE, &no_core);
	sigemptyset(&ended);
	sigaddset(&ended, SIGCHLD);
	steps_begin(argc > 1 ? argv[1] : NULL, outcome->trace, &outcome->facts);
	while (transfer(read, 0, &sequence, sizeof(sequence))) {
		pid_t child;

		memset(outcome, 0, sizeof(*outcome));
		sigprocmask(SIG_BLOCK, &ended, NULL);
		child = fork();
		if (child == 0) {
			sigprocmask(SIG_UNBLOCK, &ended, NULL);
			run();
		}
		outcome->status = child < 0 ? STATUS_HUNG : wait_for(child);
		outcome->told = count_lines();
		steps_reset();
		if (!transfer(write_out, 1, outcome, sizeof(*outcome)))
			return 1;
	}
	return 0;
}
