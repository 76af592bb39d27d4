/* SPDX-License-Identifier: MIT */
/*
 * pages STEP...: runs steps on one mapping of one file. P is a page, P-P a run of pages.
 *
 *   open:memfd|hugetlb|PATH  size:PAGES  fill (page by page with A, B, ...)  map:PAGES,WORDS
 *   protect:P-P,WORDS  read:P  write:P  exec:P  align:P   WORDS: shared private ro rw rx none
 *   unmap:P-P  anon:P-P ("c")  file:P-P (another memfd, "f")  own:P-P (the file's, as they were)
 *   remap:PAGES  move:PAGES
 *   show   runs of pages: = the file's bytes, 0 zeroes, ! lost, # no access, . no mapping, else
 *          the byte; two signs: the first byte, the others
 *   perms  runs of pages: as in /proc/self/maps     count  pages by sign     peek:P  some bytes
 *   fork, thread  where the other steps run         again  in the same program, executed anew
 *   chroot:DIRECTORY, pivot:DIRECTORY  another root      run:COMMAND  by the shell
 *   undumpable   keepcaps:USER  as that user, with the capabilities of before
 * Those of signals and limits are told of in pages-signals.c and pages-limits.c.
 */
#include "pages.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int fd = -1;
size_t page_size = 4096, pages;
char *base;

static void fail(const char *what)
{
	fprintf(stderr, "pages: %s: %s\n", what, strerror(errno));
	exit(99);
}

struct run {
	size_t first, last;
};

static struct run run_of(const char *text)
{
	char *end;
	struct run run;

	run.first = run.last = strtoul(text, &end, 10);
	if (*end == '-')
		run.last = strtoul(end + 1, NULL, 10);
	return run;
}

static size_t run_size(struct run run)
{
	return (run.last - run.first + 1) * page_size;
}

static int prot_of(const char *words)
{
	if (strstr(words, "none"))
		return PROT_NONE;
	return PROT_READ | (strstr(words, "rw") ? PROT_WRITE : 0) |
	       (strstr(words, "rx") ? PROT_EXEC : 0);
}

/* ---- the file and its mapping ---- */

static void do_open(const char *what)
{
	if (strcmp(what, "memfd") == 0) {
		fd = memfd_create("pages", MFD_CLOEXEC);
	} else if (strcmp(what, "hugetlb") == 0) {
		fd = memfd_create("pages", MFD_CLOEXEC | MFD_HUGETLB);
		page_size = (size_t)2 << 20;
	} else {
		fd = open(what, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	}
	if (fd < 0)
		fail(what);
}

static void do_size(const char *number)
{
	if (ftruncate(fd, (off_t)(strtoul(number, NULL, 10) * page_size)) < 0)
		fail("ftruncate");
}

static void do_fill(const char *unused)
{
	off_t size = lseek(fd, 0, SEEK_END);
	char *view = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	(void)unused;
	if (view == MAP_FAILED)
		fail("fill");
	for (size_t i = 0; i < (size_t)size / page_size; i++)
		memset(view + i * page_size, letter(i), page_size);
	munmap(view, (size_t)size);
}

static void do_map(const char *words)
{
	int flags = strstr(words, "private") ? MAP_PRIVATE : MAP_SHARED;

	pages = strtoul(words, NULL, 10);
	base = strstr(words, "raw") ? (char *)syscall(SYS_mmap, NULL, pages * page_size,
					      prot_of(words), flags, fd, 0)
				    : mmap(NULL, pages * page_size, prot_of(words), flags, fd, 0);
	if (base == MAP_FAILED)
		fail("mmap");
}

static void do_protect(const char *words)
{
	struct run run = run_of(words);

	if (mprotect(page(run.first), run_size(run), prot_of(words)) < 0)
		fail("mprotect");
}

static void do_unmap(const char *text)
{
	struct run run = run_of(text);

	if (munmap(page(run.first), run_size(run)) < 0)
		fail("munmap");
}

static void do_anon(const char *text)
{
	struct run run = run_of(text);

	if (mmap(page(run.first), run_size(run), PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		fail("mmap");
	memset(page(run.first), 'c', run_size(run));
}

static void do_file(const char *text)
{
	struct run run = run_of(text);
	int other = memfd_create("other", MFD_CLOEXEC);

	if (ftruncate(other, (off_t)run_size(run)) < 0)
		fail("ftruncate");
	if (mmap(page(run.first), run_size(run), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		    other, 0) == MAP_FAILED)
		fail("mmap");
	memset(page(run.first), 'f', run_size(run));
	close(other);
}

static void do_own(const char *text)
{
	struct run run = run_of(text);

	if (mmap(page(run.first), run_size(run), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
		    (off_t)(run.first * page_size)) == MAP_FAILED)
		fail("mmap");
}

static void remap_to(size_t new_pages, int flags, void *target)
{
	char *moved = mremap(base, pages * page_size, new_pages * page_size, flags, target);

	if (moved == MAP_FAILED) {
		printf("mremap %s\n", strerrorname_np(errno));
		return;
	}
	base = moved;
	pages = new_pages;
	printf("mremap ok\n");
}

static void do_remap(const char *number)
{
	remap_to(strtoul(number, NULL, 10), MREMAP_MAYMOVE, NULL);
}

static void do_move(const char *number)
{
	size_t count = strtoul(number, NULL, 10);
	char *target = mmap(NULL, count * page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	remap_to(count, MREMAP_MAYMOVE | MREMAP_FIXED, target);
}

/* ---- accesses ---- */

static void do_read(const char *number)
{
	volatile unsigned char *byte = (unsigned char *)page(strtoul(number, NULL, 10));

	printf("read %s %02x\n", number, (unsigned)*byte);
}

static void do_write(const char *number)
{
	volatile char *byte = page(strtoul(number, NULL, 10));

	*byte = 'w';
	printf("write %s\n", number);
}

static void do_exec(const char *number)
{
	((void (*)(void))(uintptr_t)page(strtoul(number, NULL, 10)))();
	printf("exec %s\n", number);
}

static void do_align(const char *number)
{
	char *misaligned = page(strtoul(number, NULL, 10)) + 1;

	__asm__ volatile(AC_SET : : : "memory", "cc");
	*(volatile int *)misaligned;
	__asm__ volatile(AC_CLEAR : : : "memory", "cc");
	printf("align %s\n", number);
}

/* ---- running ---- */

static const struct step {
	const char *name;
	void (*run)(const char *argument);
} steps[] = {
	{"open", do_open},
	{"size", do_size},
	{"fill", do_fill},
	{"map", do_map},
	{"protect", do_protect},
	{"unmap", do_unmap},
	{"anon", do_anon},
	{"file", do_file},
	{"own", do_own},
	{"remap", do_remap},
	{"move", do_move},
	{"read", do_read},
	{"write", do_write},
	{"exec", do_exec},
	{"align", do_align},
	{"show", do_show},
	{"perms", do_perms},
	{"count", do_count},
	{"peek", do_peek},
	{"handler", do_handler},
	{"handlers", do_handlers},
	{"forward", do_forward},
	{"block", do_block},
	{"unblock", do_unblock},
	{"mask", do_mask},
	{"send", do_send},
	{"forge", do_forge},
	{"late", do_late},
	{"crowd", do_crowd},
	{"signalfd", do_signalfd},
	{"limit", do_limit},
	{"refuse", do_refuse},
	{"hang", do_hang},
	{"chroot", do_chroot},
	{"pivot", do_pivot},
	{"run", do_run},
	{"undumpable", do_undumpable},
	{"keepcaps", do_keepcaps},
};

static void run_step(const char *text)
{
	size_t length = strcspn(text, ":");

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		if (strlen(steps[i].name) == length && strncmp(steps[i].name, text, length) == 0) {
			steps[i].run(text[length] ? text + length + 1 : "");
			return;
		}
	}
	errno = EINVAL;
	fail(text);
}

static void run_steps(char **step);

static void *thread_main(void *step)
{
	run_steps(step);
	return NULL;
}

static void in_thread(char **step)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, thread_main, step) == 0)
		pthread_join(thread, NULL);
}

static void in_child(char **step)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		run_steps(step);
		_exit(0);
	}
	waitpid(child, &status, 0);
	if (WIFSIGNALED(status))
		printf("child signal %d\n", WTERMSIG(status));
	else
		printf("child exit %d\n", WEXITSTATUS(status));
}

/* "again" itself is the name that it gets. */
static void anew(char **step)
{
	execv("/proc/self/exe", step);
	fail("again");
}

static void run_steps(char **step)
{
	for (; *step; step++) {
		if (strcmp(*step, "fork") == 0)
			return in_child(step + 1);
		if (strcmp(*step, "thread") == 0)
			return in_thread(step + 1);
		if (strcmp(*step, "again") == 0)
			return anew(step);
		run_step(*step);
	}
}

int main(int argc, char **argv)
{
	(void)argc;
	setvbuf(stdout, NULL, _IONBF, 0);
	run_steps(argv + 1);
	return 0;
}
