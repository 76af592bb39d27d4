/* SPDX-License-Identifier: MIT */
/*
 * watched: what a program could notice of a report. It holds a lock, has a handler
 * for SIGCHLD, and waits for any child; then a page is lost and read.
 *
 * Prints one word for each thing that is not as it was, then "done".
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DESCRIPTORS 64

static volatile sig_atomic_t children;

static void on_child(int signo)
{
	(void)signo;
	children++;
}

/* Which files are behind which numbers. */
static void list_descriptors(char *list, size_t size)
{
	size_t length = 0;
	struct stat file;

	list[0] = '\0';
	for (int fd = 0; fd < DESCRIPTORS; fd++)
		if (fstat(fd, &file) == 0 && length < size)
			length += (size_t)snprintf(list + length, size - length, "%d:%lx:%lx ", fd,
				(long)file.st_dev, (long)file.st_ino);
}

static void expect(int same, const char *what)
{
	if (!same)
		puts(what);
}

static int lock(int fd)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return fcntl(fd, F_SETLK, &whole);
}

/* As somebody else sees it. */
static int is_locked(int fd)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		fcntl(fd, F_GETLK, &whole);
		_exit(whole.l_type != F_UNLCK);
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

static volatile char *lost_page(int fd)
{
	char *page;

	if (ftruncate(fd, 4096) < 0)
		exit(99);
	page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED || ftruncate(fd, 0) < 0)
		exit(99);
	return page;
}

static __attribute__((noinline)) int touch_the_page(volatile char *page)
{
	return *page + 1;
}

static int same_mask(const sigset_t *a, const sigset_t *b)
{
	for (int signo = 1; signo <= SIGRTMAX; signo++)
		if (sigismember(a, signo) != sigismember(b, signo))
			return 0;
	return 1;
}

static void check(const sigset_t *mask_before, const char *descriptors_before)
{
	char descriptors[1024];
	sigset_t mask;

	sigprocmask(SIG_BLOCK, NULL, &mask);
	expect(same_mask(&mask, mask_before), "mask");
	list_descriptors(descriptors, sizeof(descriptors));
	expect(strcmp(descriptors, descriptors_before) == 0, "descriptors");
	expect(children == 0, "SIGCHLD");
	expect(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "child");
	expect(waitpid(-1, NULL, WNOHANG | __WALL) == -1 && errno == ECHILD, "other child");
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "watched.tmp";
	int fd = open(name, O_RDWR | O_CREAT, 0600);
	char descriptors[1024];
	volatile char *page = lost_page(fd);
	sigset_t mask;

	signal(SIGCHLD, on_child);
	expect(lock(fd) == 0, "no lock");
	sigprocmask(SIG_BLOCK, NULL, &mask);
	list_descriptors(descriptors, sizeof(descriptors));
	if (touch_the_page(page) != 1)
		puts("content");
	check(&mask, descriptors);
	expect(is_locked(fd), "lock");
	puts("done");
	unlink(name);
	return 0;
}
