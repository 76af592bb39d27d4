/* SPDX-License-Identifier: MIT */
/*
 * sent STEP...: a program that maps files which others send it over a Unix socket.
 *
 *   client:NAME   a process of that name connects to us      pair:NAME  one at the end of a socket pair
 *   bus:NAME      we connect to it; bound-bus:NAME: our end of the connection has a name, too
 *   inside:NAME   as client, in a name space of processes of its own
 *   send  it sends a new file of 4 pages     shared  it sends a file that all of them have
 *   socket  it sends a socket                text  it sends a byte without a descriptor
 *   rename  it calls itself "renamed"        end  it ends, and is waited for
 *   truncate  it takes the file's pages away
 *   reuse:NAME  another process, of that name, gets the number of the one that has ended
 *   disk:DIRECTORY  from now on files are in DIRECTORY, without a name   send-closed  one that it closes
 *   relay   it sends a file that another process sent to it
 *   recv, recvmmsg, raw   the descriptor comes (raw: past the C library)   recv-text  the byte does
 *   dup, dup2, dup3, fcntl  it is copied, and the copy used
 *   map  it is mapped   unmap   close        own  a file of our own, which gets a number that is free
 *   inode  prints the number of the descriptor, and of its file
 *   read  the last mapping's second page     fork  the other steps in a child
 *   space  the other steps in a child in a new name space of processes
 *   flood:N  it sends N files, which we close; flood-mapped:N: we map and unmap each
 *   report  prints our number and "ready"   wait  for a signal
 *   confine  from now on one question about the socket ends us   borrow  a vfork() child does so
 *   close-borrowed  a vfork() child closes the descriptor
 *   chroot:DIRECTORY
 *   check  is the connection open, for us and for it?    first, second  which of the clients, mappings
 */
#include "filter.h"

#include <fcntl.h>
#include <sched.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE ((size_t)4 * 4096)

struct peer {
	pid_t pid;
	int socket, commands, answers;
};
static struct peer peers[2], *peer = peers;
static int peer_count;
static int shared = -1, listener = -1, fd = -1;
static char *maps[2];
static int map_count;

static void fail(const char *what)
{
	perror(what);
	exit(99);
}

static const char *directory;

static int new_file(void)
{
	int file = directory ? open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)
			     : memfd_create("sent", MFD_CLOEXEC);

	if (file < 0 || ftruncate(file, (off_t)SIZE) < 0)
		fail("sent: memfd");
	return file;
}

/* ---- the other process ---- */

static void send_file(int socket, int file)
{
	char control[CMSG_SPACE(sizeof(int))] = {0}, byte = 'f';
	struct iovec part = {&byte, 1};
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &file, sizeof(file));
	if (sendmsg(socket, &message, 0) < 0)
		fail("sent: sendmsg");
}

static int receive(int socket, const char *how);

/* Of a file that a child of ours has. */
static int relay(int socket)
{
	int pair[2], file;
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		fail("sent: socketpair");
	child = fork();
	if (child == 0) {
		prctl(PR_SET_NAME, "origin");
		send_file(pair[1], new_file());
		_exit(0);
	}
	file = receive(pair[0], "recv");
	waitpid(child, NULL, 0);
	send_file(socket, file);
	return file;
}

static int socket_of_its_own(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

static char is_open(int socket)
{
	char byte;

	return recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0 ? 'c' : 'o';
}

static void obey(int socket, int commands, int answers)
{
	int file = shared;
	char command, answer;

	while (read(commands, &command, 1) == 1 && command != 'q') {
		answer = '.';
		if (command == 's') {
			file = new_file();
			send_file(socket, file);
		} else if (command == 'S') {
			file = shared;
			send_file(socket, file);
		} else if (command == 'r') {
			file = relay(socket);
		} else if (command == 'c') { /* the shared file's like: sent, and kept by nobody */
			int other = new_file();

			send_file(socket, other);
			close(other);
		} else if (command == 'k') {
			int other = socket_of_its_own();

			send_file(socket, other);
			close(other);
		} else if (command == 'x' && write(socket, "x", 1) != 1) {
			fail("sent: write");
		} else if (command == 't' && ftruncate(file, 0) < 0) {
			fail("sent: ftruncate");
		} else if (command == 'n') {
			prctl(PR_SET_NAME, "renamed");
		} else if (command == '?') {
			answer = is_open(socket);
		}
		if (write(answers, &answer, 1) != 1)
			break;
	}
	_exit(0);
}

static char tell(char command)
{
	char answer = '.';

	if (write(peer->commands, &command, 1) != 1)
		fail("sent: command");
	if (command != 'q' && read(peer->answers, &answer, 1) != 1)
		fail("sent: answer");
	return answer;
}

static struct sockaddr_un address(const char *what)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};

	snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "libsigbus-%d-%s", (int)getpid(), what);
	return name;
}

/* how: 'c' it connects to us, 'p' a pair, 'b' we connect to it, 'n' and our end has a name. */
static void start(const char *name, char how)
{
	struct sockaddr_un to = address("listen"), own = address("own");
	int commands[2], answers[2], pair[2] = {-1, -1};

	peer = &peers[peer_count++ % 2];
	if (listener < 0) {
		listener = socket(AF_UNIX, SOCK_STREAM, 0);
		if (bind(listener, (void *)&to, sizeof(to)) < 0 || listen(listener, 8) < 0)
			fail("sent: listen");
	}
	if (pipe(commands) < 0 || pipe(answers) < 0 ||
		(how == 'p' && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0))
		fail("sent: pipe");
	if (how != 'b' && how != 'n')
		fflush(stdout);
	peer->pid = fork();
	if (peer->pid == 0) {
		int end = pair[1];

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, name);
		close(commands[1]);
		close(answers[0]);
		if (how == 'c') {
			end = socket(AF_UNIX, SOCK_STREAM, 0);
			if (connect(end, (void *)&to, sizeof(to)) < 0)
				fail("sent: connect");
		} else if (how != 'p') {
			/* A socket that listens has its peer's credentials from here. */
			if (listen(listener, 8) < 0 || write(answers[1], ".", 1) != 1)
				fail("sent: listen");
			end = accept(listener, NULL, NULL);
		}
		obey(end, commands[0], answers[1]);
	}
	peer->commands = commands[1];
	peer->answers = answers[0];
	close(commands[0]);
	close(answers[1]);
	if (how == 'c') {
		peer->socket = accept(listener, NULL, NULL);
	} else if (how == 'p') {
		peer->socket = pair[0];
		close(pair[1]);
	} else {
		char byte;

		if (read(peer->answers, &byte, 1) != 1)
			fail("sent: answer");
		peer->socket = socket(AF_UNIX, SOCK_STREAM, 0);
		if ((how == 'n' && bind(peer->socket, (void *)&own, sizeof(own)) < 0) ||
			connect(peer->socket, (void *)&to, sizeof(to)) < 0)
			fail("sent: connect");
	}
}

/* ---- we ---- */

static int receive(int socket, const char *how)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec part = {&byte, 1};
	struct mmsghdr message = {.msg_hdr = {.msg_iov = &part,
					  .msg_iovlen = 1,
					  .msg_control = control,
					  .msg_controllen = sizeof(control)}};
	struct cmsghdr *head;
	long count;
	int file;

	if (strcmp(how, "recvmmsg") == 0)
		count = recvmmsg(socket, &message, 1, 0, NULL);
	else if (strcmp(how, "raw") == 0)
		count = syscall(SYS_recvmsg, socket, &message.msg_hdr, MSG_CMSG_CLOEXEC);
	else
		count = recvmsg(socket, &message.msg_hdr, MSG_CMSG_CLOEXEC);
	head = CMSG_FIRSTHDR(&message.msg_hdr);
	if (count != 1 || !head || head->cmsg_type != SCM_RIGHTS)
		fail("sent: nothing came");
	memcpy(&file, CMSG_DATA(head), sizeof(file));
	return file;
}

/* As libwayland does it: there is room for descriptors, and none comes. */
static void receive_text(void)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec part = {&byte, 1};
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};

	if (recvmsg(peer->socket, &message, 0) != 1)
		fail("sent: no byte came");
}

static void take(const char *how)
{
	fd = receive(peer->socket, how);
}

static void use_copy(int copy)
{
	if (copy < 0)
		fail("sent: dup");
	close(fd);
	fd = copy;
}

static void map(void)
{
	char *at = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		fail("sent: mmap");
	maps[map_count++ % 2] = at;
}

static char *last_map(void)
{
	return maps[(map_count - 1) % 2];
}

static void flood(long count, int mapped)
{
	for (long i = 0; i < count; i++) {
		tell('c');
		take("recv");
		if (mapped) {
			map();
			munmap(last_map(), SIZE);
			map_count--;
		}
		close(fd);
	}
}

static void check(void)
{
	char other = tell('?');

	printf("%s %s\n", is_open(peer->socket) == 'o' ? "open" : "closed",
		other == 'o' ? "open" : "closed");
}

static void in_child(char **step);

static int is(const char *step, const char *word)
{
	return strcmp(step, word) == 0;
}

static const char *after(const char *step, const char *word)
{
	size_t length = strlen(word);

	return strncmp(step, word, length) == 0 ? step + length : NULL;
}

/* As a sandbox has it: one system call that it does not expect is the end. */
static void confine(void)
{
	if (filter_call(SYS_getsockopt, SECCOMP_RET_KILL_PROCESS, 0) != 0)
		fail("sent: seccomp");
}

static void borrow(int closes)
{
	pid_t child = vfork();

	if (child == 0) {
		if (closes)
			close(fd);
		else
			prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

static void reuse(const char *name)
{
	struct clone_args how = {
		.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&peer->pid, .set_tid_size = 1};
	int ready[2];
	char byte;
	long child = -1;

	if (pipe(ready) == 0)
		child = syscall(SYS_clone3, &how, sizeof(how));
	if (child < 0)
		fail("sent: clone3");
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, name);
		while (write(ready[1], ".", 1) == 1)
			pause();
	}
	if (read(ready[0], &byte, 1) != 1)
		fail("sent: answer");
}

static void print_inode(void)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		fail("sent: fstat");
	printf("%d %llu\n", fd, (unsigned long long)status.st_ino);
}

static void do_step(const char *step)
{
	const char *value;

	if ((value = after(step, "client:")))
		start(value, 'c');
	else if ((value = after(step, "inside:"))) {
		if (unshare(CLONE_NEWPID) < 0)
			fail("sent: unshare");
		start(value, 'c');
	} else if ((value = after(step, "pair:")))
		start(value, 'p');
	else if ((value = after(step, "bus:")))
		start(value, 'b');
	else if ((value = after(step, "bound-bus:")))
		start(value, 'n');
	else if ((value = after(step, "reuse:")))
		reuse(value);
	else if ((value = after(step, "flood:")))
		flood(atol(value), 0);
	else if ((value = after(step, "flood-mapped:")))
		flood(atol(value), 1);
	else if (is(step, "send"))
		tell('s');
	else if (is(step, "shared"))
		tell('S');
	else if (is(step, "relay"))
		tell('r');
	else if ((value = after(step, "disk:")))
		directory = value;
	else if (is(step, "send-closed"))
		tell('c');
	else if (is(step, "inode"))
		print_inode();
	else if (is(step, "socket"))
		tell('k');
	else if (is(step, "text"))
		tell('x');
	else if (is(step, "recv-text"))
		receive_text();
	else if (is(step, "rename"))
		tell('n');
	else if (is(step, "truncate"))
		tell('t');
	else if (is(step, "end")) {
		tell('q');
		waitpid(peer->pid, NULL, 0);
	} else if (is(step, "recv") || is(step, "recvmmsg") || is(step, "raw"))
		take(step);
	else if (is(step, "dup"))
		use_copy(dup(fd));
	else if (is(step, "dup2"))
		use_copy(dup2(fd, 200));
	else if (is(step, "dup3"))
		use_copy(dup3(fd, 201, O_CLOEXEC));
	else if (is(step, "fcntl"))
		use_copy(fcntl(fd, F_DUPFD_CLOEXEC, 202));
	else if (is(step, "map"))
		map();
	else if (is(step, "unmap"))
		munmap(last_map(), SIZE);
	else if (is(step, "close"))
		close(fd);
	else if (is(step, "own"))
		fd = new_file();
	else if (is(step, "cut-own")) {
		if (ftruncate(fd, 0) < 0)
			fail("sent: ftruncate");
	} else if (is(step, "read"))
		printf("read %02x\n", (unsigned)(unsigned char)*(volatile char *)(last_map() + 4096));
	else if (is(step, "check"))
		check();
	else if (is(step, "confine"))
		confine();
	else if (is(step, "borrow"))
		borrow(0);
	else if (is(step, "close-borrowed"))
		borrow(1);
	else if (strncmp(step, "chroot:", 7) == 0) {
		if (chroot(step + 7) < 0)
			fail("sent: chroot");
	}
	else if (is(step, "report"))
		printf("%d\nready\n", (int)getpid());
	else if (is(step, "wait"))
		pause();
	else if (is(step, "first"))
		peer = &peers[0], map_count = 1;
	else if (is(step, "second"))
		peer = &peers[1], map_count = 2;
	else
		fail(step);
}

static void run(char **step)
{
	for (; *step; step++) {
		if (is(*step, "space") && unshare(CLONE_NEWPID) < 0)
			fail("sent: unshare");
		if (is(*step, "fork") || is(*step, "space"))
			return in_child(step + 1);
		do_step(*step);
	}
}

static void in_child(char **step)
{
	pid_t child = fork();

	if (child == 0) {
		run(step);
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

int main(int argc, char **argv)
{
	(void)argc;
	setvbuf(stdout, NULL, _IONBF, 0);
	shared = new_file();
	run(argv + 1);
	return 0;
}
