/* SPDX-License-Identifier: MIT */
/* Where lines go: the words of SIGBUS_LOG, and writing that never blocks, kills or strays. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "kernel/process.h"
#include "kernel/next.h"
#include "kernel/scratch.h"
#include "report/report.h"
#include "../harness/tap.h"

static struct process_state state;
struct process_state *process_state = &state;

static char error[512], content[1 << 18];

static void need(bool possible)
{
	if (!possible)
		exit(99);
}

static void line(const char *text)
{
	out_line(text, strlen(text));
}

static const char *file_content(const char *name)
{
	int fd = open(name, O_RDONLY);
	ssize_t length = fd < 0 ? -1 : read(fd, content, sizeof(content) - 1);

	if (fd >= 0)
		close(fd);
	if (length < 0)
		return "(no file)";
	content[length] = '\0';
	return content;
}

/* All that can be read now. */
static const char *drain(int fd)
{
	size_t length = 0;
	ssize_t got;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while ((got = read(fd, content + length, sizeof(content) - 1 - length)) > 0)
		length += (size_t)got;
	fcntl(fd, F_SETFL, 0);
	content[length] = '\0';
	return content;
}

/* What has come when it ends so. A terminal hands on later what was written to it. */
static const char *drain_until(int fd, const char *end)
{
	size_t length = 0, end_length = strlen(end);

	while (length < end_length || memcmp(content + length - end_length, end, end_length) != 0) {
		ssize_t got = read(fd, content + length, sizeof(content) - 1 - length);

		need(got > 0);
		length += (size_t)got;
	}
	content[length] = '\0';
	return content;
}

static void fill(int fd)
{
	char bytes[64];

	memset(bytes, '.', sizeof(bytes));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	for (size_t size = sizeof(bytes); size > 0; size /= 2)
		while (write(fd, bytes, size) > 0)
			;
	fcntl(fd, F_SETFL, 0);
}

static bool open_fd(int fd)
{
	char spec[16];

	snprintf(spec, sizeof(spec), "fd:%d", fd);
	return out_open(spec, error, sizeof(error)) == 0;
}

/* What was lost before this test is told now. */
static void settle(void)
{
	out_open("./settle", error, sizeof(error));
	line("\n");
	unlink("settle");
}

static void test_path(void)
{
	char name[64];
	struct stat file;

	out_open("./log%p-%%", error, sizeof(error));
	snprintf(name, sizeof(name), "log%d-%%", getpid());
	umask(0);
	need(mkdir("elsewhere", 0700) == 0 && chdir("elsewhere") == 0);
	line("one\n");
	line("two\n");
	need(chdir("..") == 0);
	is_string(file_content(name), "one\ntwo\n",
		"a relative path is that of the start; lines are appended");
	ok(stat(name, &file) == 0 && (file.st_mode & 0777) == 0600, "nobody else may read it");
	rmdir("elsewhere");
	unlink(name);
}

static uint64_t lost_lines(void)
{
	return counters()->lost;
}

static void test_link(void)
{
	uint64_t lost = lost_lines();

	close(open("victim", O_WRONLY | O_CREAT, 0600));
	need(symlink("victim", "link") == 0);
	out_open("./link", error, sizeof(error));
	line("one\n");
	is_string(file_content("victim"), "", "a symbolic link is not followed");
	ok(lost_lines() == lost + 1, "and the line is counted as lost");
	unlink("link");
	line("two\n");
	is_string(file_content("link"), "libsigbus: 1 line lost\ntwo\n", "the next line says so");
	unlink("link");
	unlink("victim");
}

static void test_fifo(void)
{
	int reader;

	mkfifo("fifo", 0600);
	out_open("./fifo", error, sizeof(error));
	line("one\n");
	reader = open("fifo", O_RDONLY | O_NONBLOCK);
	line("two\n");
	is_string(drain(reader), "libsigbus: 1 line lost\ntwo\n",
		"a FIFO without a reader loses the line, with one it is used");
	close(reader);
	unlink("fifo");
}

static void test_full_pipe(void)
{
	int pipes[2];
	uint64_t lost = lost_lines();

	need(pipe(pipes) == 0);
	open_fd(pipes[1]);
	line("one\n");
	is_string(drain(pipes[0]), "one\n", "a pipe gets the line");
	fill(pipes[1]);
	line("two\n");
	line("three\n");
	ok(lost_lines() == lost + 2, "a full pipe does not block, the lines are lost");
	drain(pipes[0]);
	line("four\n");
	line("five\n");
	is_string(drain(pipes[0]), "libsigbus: 2 lines lost\nfour\nfive\n",
		"the next line tells how many, once");
	close(pipes[0]);
	close(pipes[1]);
}

static bool is_pending(int signo)
{
	sigset_t pending;

	sigpending(&pending);
	return sigismember(&pending, signo);
}

static bool is_blocked(int signo)
{
	sigset_t mask;

	sigprocmask(SIG_BLOCK, NULL, &mask);
	return sigismember(&mask, signo);
}

static void test_closed_reader(void)
{
	int pipes[2];
	sigset_t mask;
	uint64_t lost = lost_lines();

	need(pipe(pipes) == 0);
	close(pipes[0]);
	open_fd(pipes[1]);
	signal(SIGPIPE, SIG_DFL);
	line("one\n");
	ok(lost_lines() == lost + 1 && !is_blocked(SIGPIPE) && !is_pending(SIGPIPE),
		"a closed reader raises no SIGPIPE");
	sigemptyset(&mask);
	sigaddset(&mask, SIGPIPE);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	line("two\n");
	ok(!is_pending(SIGPIPE) && is_blocked(SIGPIPE),
		"nor leaves one to a thread that blocks it");
	raise(SIGPIPE);
	line("three\n");
	ok(is_pending(SIGPIPE), "but one of the program's stays pending");
	signal(SIGPIPE, SIG_IGN); /* drops it */
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_UNBLOCK, &mask, NULL);
	close(pipes[1]);
	settle();
}

static void test_socket(int type, const char *name)
{
	int sockets[2];
	uint64_t lost = lost_lines();

	need(socketpair(AF_UNIX, type, 0, sockets) == 0);
	open_fd(sockets[1]);
	line("one\n");
	is_string(drain(sockets[0]), "one\n", name);
	fill(sockets[1]);
	line("two\n");
	ok(lost_lines() == lost + 1, "which does not block when it is full");
	drain(sockets[0]);
	close(sockets[0]);
	line("three\n");
	ok(lost_lines() == lost + 2, "and raises no SIGPIPE when its peer is gone");
	close(sockets[1]);
	settle();
}

static void test_reused(void)
{
	int saved = dup(2), file;
	uint64_t lost = lost_lines();

	out_open("stderr", error, sizeof(error));
	close(2);
	line("one\n");
	ok(lost_lines() == lost + 1, "a closed stderr loses the line");
	file = open("database", O_RDWR | O_CREAT, 0600);
	line("two\n");
	dup2(saved, 2);
	ok(file == 2 && lost_lines() == lost + 2, "another file in its place");
	is_string(file_content("database"), "", "is not written to");
	unlink("database");
	close(saved);
	settle();
}

static void test_file(void)
{
	int fd = open("file", O_RDWR | O_CREAT, 0600);
	struct rlimit old, small = {10, RLIM_INFINITY};

	open_fd(fd);
	line("one\n");
	getrlimit(RLIMIT_FSIZE, &old);
	small.rlim_max = old.rlim_max;
	setrlimit(RLIMIT_FSIZE, &small);
	line("two two\n");
	line("three\n");
	setrlimit(RLIMIT_FSIZE, &old);
	ok(!is_pending(SIGXFSZ), "a file size limit raises no SIGXFSZ");
	line("four\n");
	is_string(file_content("file"), "one\ntwo tw\nlibsigbus: 2 lines lost\nfour\n",
		"a torn line is ended before the next one");
	close(fd);
	unlink("file");
}

/* A line that is longer than the room that is left, which poll() does not tell. */
static void test_terminal(void)
{
	static char longer[4096];
	int master, slave, saved = dup(2);

	need(openpty(&master, &slave, NULL, NULL, NULL) == 0);
	dup2(slave, 2);
	out_open("stderr", error, sizeof(error));
	line("one\n");
	is_string(drain_until(master, "\n"), "one\r\n", "a terminal gets the line");
	memset(longer, 'x', sizeof(longer) - 2);
	for (int i = 0; i < 100; i++)
		line(longer);
	ok(poll(&(struct pollfd){slave, POLLOUT, 0}, 1, 0) == 0,
		"a stopped terminal does not block");
	ok(!(fcntl(slave, F_GETFL) & O_NONBLOCK), "nor is it made non-blocking for the program");
	do
		drain(master);
	while (poll(&(struct pollfd){slave, POLLOUT, 0}, 1, 0) == 0);
	line("two\n");
	ok(strstr(drain_until(master, "two\r\n"), " lines lost\r\ntwo\r\n") != NULL,
		"it is used again later");
	dup2(saved, 2);
	close(saved);
	close(slave);
	close(master);
	settle();
}

static void test_stderr_line(void)
{
	int pipes[2], saved = dup(2);

	need(pipe(pipes) == 0);
	dup2(pipes[1], 2);
	out_open("off", error, sizeof(error));
	line("one\n");
	report_note("two");
	out_stderr_line("three\n", 6);
	is_string(drain(pipes[0]), "three\n", "off: only what must be said");
	dup2(saved, 2);
	close(saved);
	close(pipes[0]);
	close(pipes[1]);
}

static void test_notes(void)
{
	const char *note;

	out_open("json:./notes", error, sizeof(error));
	report_note("a \"b\" \\x0a\n");
	note = strstr(file_content("notes"), ",\"note\"");
	is_string(note ? note : content, ",\"note\":\"a \\\"b\\\" \\\\x0a\\u000a\"}\n",
		"a note in JSON");
	unlink("notes");
	mkdir("notes", 0700);
	line("one\n");
	rmdir("notes");
	line("two\n");
	note = strstr(file_content("notes"), ",\"note\"");
	is_string(note ? note : content, ",\"note\":\"1 line lost\"}\ntwo\n",
		"and so are the lost lines told");
	unlink("notes");
}

static void test_scratch(void)
{
	struct scratch *scratch[SCRATCH_SLOTS];
	bool distinct = true;

	for (int i = 0; i < SCRATCH_SLOTS; i++) {
		scratch[i] = scratch_get();
		distinct = distinct && scratch[i] && (i == 0 || scratch[i] != scratch[i - 1]);
	}
	ok(distinct && !scratch_get(), "each buffer is handed out once");
	out_open("./x", error, sizeof(error));
	line("one\n");
	is_string(file_content("x"), "(no file)", "without a buffer for the path the line is lost");
	for (int i = 0; i < SCRATCH_SLOTS; i++)
		scratch_put(scratch[i]);
	line("two\n");
	is_string(file_content("x"), "libsigbus: 1 line lost\ntwo\n", "and told of later");
	unlink("x");
}

int main(void)
{
	char directory[] = "/tmp/test-out-XXXXXX";

	if (!mkdtemp(directory) || chdir(directory) < 0)
		return 99;
	test_path();
	test_link();
	test_fifo();
	test_full_pipe();
	test_closed_reader();
	test_socket(SOCK_STREAM, "a stream socket");
	test_socket(SOCK_DGRAM, "a datagram socket");
	test_reused();
	test_file();
	test_terminal();
	test_stderr_line();
	test_notes();
	test_scratch();
	rmdir(directory);
	return tap_done();
}
