/* SPDX-License-Identifier: MIT */
/*
 * loss-victim STEP...: the steps of the program pages, with which it is linked (there is no main(),
 * but pages_main()), and those that need another memory or change what is around the process:
 *
 *   uffd:PAGES        anonymous memory, userfaultfd in its SIGBUS mode; even pages are filled
 *   poison:P          userfaultfd poisons the page where it is mapped; its file keeps it
 *   bad:P             is bad memory (MADV_HWPOISON: for guests only, it is lost until they end)
 *   early             wants to know of bad memory before it is accessed
 *   huge:file|anon    huge pages without a reservation: all free ones, filled, and one more
 *   shared-anon:PAGES, then cut:PAGES (its file is truncated)
 *   bytes             runs of pages that are in every byte: = the file's, 0, f (0xff), w (one is)
 *   blocks            how many pages of the file exist
 *   restore:P-P       sigbus_range_restore()
 *   lost:P-P          sigbus_range_lost()
 *   sh:COMMAND        by the shell, without us
 *   alarm             a handler of SIGALRM, that makes the file as long as the mapping
 *   altstack:BYTES    more than the least that the kernel takes
 *   no-descriptors    no-data    no-addresses    (no more of them)    user:UID    root:DIR
 */
#undef main
#define SIGBUS_OPTIONAL
#include <sigbus/sigbus.h>
#include "pages.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECTORS_IN_PAGE 8

int pages_main(int argc, char **argv);

/* 77: the system does not let us; the test is skipped. */
_Noreturn static void cannot(const char *what)
{
	fprintf(stderr, "loss-victim: %s: %s\n", what, strerror(errno));
	exit(77);
}

static void take(size_t count, int flags, int fd)
{
	pages = count;
	base = mmap(NULL, pages * page_size, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (base == MAP_FAILED)
		cannot("mmap");
}

/* The highest descriptor. */
static int last_file(void)
{
	int next = dup(STDIN_FILENO);

	close(next);
	return next - 1;
}

/* ---- memory ---- */

static void do_uffd(const char *count)
{
	struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_SIGBUS};
	struct uffdio_register range = {.mode = UFFDIO_REGISTER_MODE_MISSING};
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) < 0)
		cannot("userfaultfd");
	take(strtoul(count, NULL, 10), MAP_PRIVATE | MAP_ANONYMOUS, -1);
	for (size_t i = 0; i < pages; i += 2)
		memset(page(i), letter(i), page_size);
	range.range = (struct uffdio_range){(uintptr_t)base, pages * page_size};
	if (ioctl(fd, UFFDIO_REGISTER, &range) < 0)
		cannot("UFFDIO_REGISTER");
}

#ifndef UFFDIO_POISON
struct uffdio_poison {
	struct uffdio_range range;
	uint64_t mode;
	int64_t updated;
};
#define UFFDIO_POISON _IOWR(UFFDIO, 0x08, struct uffdio_poison)
#endif

static void do_poison(const char *number)
{
	char *address = page(strtoul(number, NULL, 10));
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register range = {
		{(uintptr_t)address, page_size}, UFFDIO_REGISTER_MODE_MISSING, 0};
	struct uffdio_poison poison = {.range = range.range};
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) < 0 || ioctl(fd, UFFDIO_REGISTER, &range) < 0)
		cannot("userfaultfd");
	madvise(address, page_size, MADV_DONTNEED);
	if (ioctl(fd, UFFDIO_POISON, &poison) < 0)
		cannot("UFFDIO_POISON");
}

static void do_bad(const char *number)
{
	if (madvise(page(strtoul(number, NULL, 10)), page_size, MADV_HWPOISON) < 0)
		cannot("MADV_HWPOISON");
}

static void do_early(const char *unused)
{
	(void)unused;
	if (prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0) < 0)
		cannot("PR_MCE_KILL");
}

static size_t free_huge_pages(void)
{
	FILE *file = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "re");
	size_t count;

	if (!file || fscanf(file, "%zu", &count) != 1)
		cannot("free_hugepages");
	fclose(file);
	return count;
}

static void do_huge(const char *kind)
{
	size_t count = free_huge_pages() + 1;
	int fd = -1, flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB;

	page_size = (size_t)2 << 20;
	if (*kind == 'f') {
		fd = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB);
		if (fd < 0 || ftruncate(fd, (off_t)(count * page_size)) < 0)
			cannot("huge pages");
		flags = MAP_SHARED;
	}
	take(count, flags | MAP_NORESERVE, fd);
	for (size_t i = 0; i < count - 1; i++)
		memset(page(i), letter(i), page_size);
}

static void do_shared_anon(const char *count)
{
	take(strtoul(count, NULL, 10), MAP_SHARED | MAP_ANONYMOUS, -1);
	for (size_t i = 0; i < pages; i++)
		memset(page(i), letter(i), page_size);
}

static void do_cut(const char *count)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx", (unsigned long)base,
		(unsigned long)page(pages));
	if (truncate(path, (off_t)(strtoul(count, NULL, 10) * page_size)) < 0)
		cannot(path);
}

static void do_blocks(const char *unused)
{
	struct stat file;

	(void)unused;
	if (fstat(last_file(), &file) < 0)
		cannot("fstat");
	printf("blocks %ld\n", (long)file.st_blocks / SECTORS_IN_PAGE);
}

static void do_restore(const char *text)
{
	char *end;
	size_t first = strtoul(text, &end, 10), last = *end ? strtoul(end + 1, NULL, 10) : first;
	int result = sigbus_range_restore(page(first), (last - first + 1) * page_size);

	if (result < 0)
		printf("restore %s\n", strerrorname_np(-result));
	else
		printf("restore %d\n", result);
}

static void do_lost(const char *text)
{
	char *end;
	size_t first = strtoul(text, &end, 10), last = *end ? strtoul(end + 1, NULL, 10) : first;

	printf("lost %ld\n", sigbus_range_lost(page(first), (last - first + 1) * page_size));
}

/* ---- every byte ---- */

static char sign_of_page(size_t number)
{
	const char *start = page(number);
	char first = *start;
	size_t same = 1;

	if (first == 'w')
		first = *++start;
	while (same < page_size - (size_t)(start - page(number)) && start[same] == first)
		same++;
	if (start + same != page(number + 1))
		return '?';
	if (*page(number) == 'w')
		return 'w';
	if (first == 0)
		return '0';
	return first == letter(number) ? '=' : first == (char)0xff ? 'f' : '?';
}

static void do_bytes(const char *unused)
{
	size_t first = 0;
	char now = sign_of_page(0), next = 0;

	(void)unused;
	printf("bytes");
	for (size_t i = 1; i <= pages; i++) {
		if (i < pages && (next = sign_of_page(i)) == now)
			continue;
		printf(" %zu-%zu:%c", first, i - 1, now);
		first = i;
		now = next;
	}
	printf("\n");
}

/* ---- the process ---- */

static void on_alarm(int signo)
{
	(void)signo;
	if (write(STDOUT_FILENO, "alarm\n", 6) < 0 ||
		ftruncate(last_file(), (off_t)(pages * page_size)) < 0)
		_exit(98);
}

static void do_alarm(const char *unused)
{
	(void)unused;
	signal(SIGALRM, on_alarm);
}

static void limit_to(int resource, rlim_t value)
{
	struct rlimit limit;

	getrlimit(resource, &limit);
	limit.rlim_cur = value;
	setrlimit(resource, &limit);
}

static void do_sh(const char *command)
{
	char *environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
	pid_t child = vfork();
	int status = 0;

	if (child == 0) {
		execle("/bin/sh", "sh", "-c", command, NULL, environment);
		_exit(127);
	}
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (child < 0 || status != 0)
		cannot(command);
}

static void do_no_descriptors(const char *unused)
{
	(void)unused;
	limit_to(RLIMIT_NOFILE, (rlim_t)last_file() + 1);
	if (dup(STDIN_FILENO) >= 0 || errno != EMFILE)
		cannot("RLIMIT_NOFILE");
}

static void do_no_data(const char *unused)
{
	(void)unused;
	limit_to(RLIMIT_DATA, 4096); /* Linux takes 0 for something else */
}

static void do_no_addresses(const char *unused)
{
	FILE *file = fopen("/proc/self/statm", "re");
	size_t count;

	(void)unused;
	if (!file || fscanf(file, "%zu", &count) != 1)
		cannot("statm");
	fclose(file);
	limit_to(RLIMIT_AS, count * 4096);
}

static void do_user(const char *id)
{
	uid_t user = (uid_t)strtoul(id, NULL, 10);

	if (setgid(user) < 0 || setuid(user) < 0)
		cannot("setuid");
}

static void do_root(const char *directory)
{
	if (chroot(directory) < 0 || chdir("/") < 0)
		cannot("chroot");
}

/* With a page below that must not be touched. */
static void do_altstack(const char *more)
{
	size_t size = getauxval(AT_MINSIGSTKSZ) + strtoul(more, NULL, 10), guard = 4096;
	size_t room = (size + guard - 1) & ~(guard - 1);
	char *area = mmap(
		NULL, guard + room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	stack_t stack = {.ss_sp = area + guard, .ss_size = size};

	if (area == MAP_FAILED || mprotect(area, guard, PROT_NONE) < 0 ||
		sigaltstack(&stack, NULL) < 0)
		cannot("sigaltstack");
}

/* ---- running ---- */

static const struct {
	const char *name;
	void (*run)(const char *argument);
} steps[] = {
	{"uffd", do_uffd},
	{"poison", do_poison},
	{"bad", do_bad},
	{"early", do_early},
	{"huge", do_huge},
	{"shared-anon", do_shared_anon},
	{"cut", do_cut},
	{"blocks", do_blocks},
	{"restore", do_restore},
	{"lost", do_lost},
	{"bytes", do_bytes},
	{"sh", do_sh},
	{"alarm", do_alarm},
	{"no-descriptors", do_no_descriptors},
	{"no-data", do_no_data},
	{"no-addresses", do_no_addresses},
	{"user", do_user},
	{"root", do_root},
	{"altstack", do_altstack},
};

static void run_step(char *text)
{
	size_t length = strcspn(text, ":");

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		if (strlen(steps[i].name) == length && strncmp(steps[i].name, text, length) == 0) {
			steps[i].run(text[length] ? text + length + 1 : "");
			return;
		}
	}
	pages_main(2, (char *[]){"pages", text, NULL});
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	for (int i = 1; i < argc; i++)
		run_step(argv[i]);
	return 0;
}
