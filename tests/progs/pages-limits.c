/* SPDX-License-Identifier: MIT */
/*
 * The steps of the program pages that take something away: what there is no more of, and what the
 * kernel refuses from then on. So the library itself needs no hooks for its tests.
 */
#include "filter.h"
#include "pages.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Room for the 2^20 mappings that Debian 13 allows. */
#define FOR_MAPS ((size_t)1 << (sizeof(void *) == 8 ? 34 : 30))
#define PIECE ((size_t)4096)

static void set_limit(int resource, rlim_t value)
{
	struct rlimit limit = {value, value};

	if (setrlimit(resource, &limit) < 0)
		perror("pages: setrlimit");
}

static rlim_t address_space(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long size = 0;

	if (!file || fscanf(file, "%lu", &size) != 1)
		perror("pages: statm");
	if (file)
		fclose(file);
	return (rlim_t)size * PIECE;
}

/* Every second page of a large mapping is protected, until the kernel has no mapping left. */
static void use_up_mappings(void)
{
	char *large =
		mmap(NULL, FOR_MAPS, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t at = 0;

	if (large == MAP_FAILED)
		return;
	while (at < FOR_MAPS && mprotect(large + at, PIECE, PROT_READ) == 0)
		at += 2 * PIECE;
	if (at == FOR_MAPS)
		printf("limit: too many mappings are allowed\n");
}

/* Pieces, as long as there is room, each of another file offset so that they do not become one. */
static void use_up_room(const char *number)
{
	size_t count = strtoul(number, NULL, 10), i;
	int file = memfd_create("pieces", MFD_CLOEXEC);

	for (i = 0; i < count; i++)
		if (mmap(NULL, PIECE, PROT_READ, MAP_SHARED, file, (off_t)(2 * i * PIECE)) ==
			MAP_FAILED)
			break;
	printf("pieces %s\n", i == count ? "all" : "some");
}

/* Of so many shared mappings a page is lost, each keeps its file. */
static void use_up_anchors(void)
{
	int file = memfd_create("anchored", MFD_CLOEXEC);

	for (int i = 0; i < 5000; i++) {
		volatile char *piece = mmap(NULL, PIECE, PROT_READ, MAP_SHARED, file, 0);

		if (piece == MAP_FAILED || piece[0])
			perror("pages: anchors");
	}
}

/* limit:as[+BYTES] data files signals processes maps anchors pieces+COUNT */
void do_limit(const char *what)
{
	const char *plus = strchr(what, '+');

	if (strncmp(what, "as", 2) == 0)
		set_limit(RLIMIT_AS, address_space() + (plus ? strtoul(plus, NULL, 10) : 0));
	else if (strcmp(what, "data") == 0)
		set_limit(RLIMIT_DATA, 0);
	else if (strcmp(what, "files") == 0)
		set_limit(RLIMIT_NOFILE, 0);
	else if (strcmp(what, "signals") == 0)
		set_limit(RLIMIT_SIGPENDING, 0);
	else if (strcmp(what, "processes") == 0)
		set_limit(RLIMIT_NPROC, 0);
	else if (strcmp(what, "maps") == 0)
		use_up_mappings();
	else if (strcmp(what, "anchors") == 0)
		use_up_anchors();
	else if (plus)
		use_up_room(plus + 1);
}

static const struct {
	const char *name;
	unsigned number;
} calls[] = {{"mmap", SYS_mmap}, {"mremap", SYS_mremap}, {"madvise", SYS_madvise},
	{"mprotect", SYS_mprotect}, {"openat", SYS_openat}, {"ioctl", SYS_ioctl},
	{"read", SYS_read}, {"writev", SYS_process_vm_writev}, {"futex", SYS_futex},
	{"write", SYS_write}, {"statx", SYS_statx}, {"memfd_create", SYS_memfd_create},
	{"clock", SYS_clock_gettime}, {"tgsigqueue", SYS_rt_tgsigqueueinfo},
	{"sigqueue", SYS_rt_sigqueueinfo}, {"sigtimedwait", SYS_rt_sigtimedwait},
	{"uname", SYS_uname}, {"openat2", SYS_openat2}, {"mincore", SYS_mincore},
	{"sysinfo", SYS_sysinfo}, {"fcntl", SYS_fcntl}, {"nanosleep", SYS_nanosleep},
	{"clone", SYS_clone}};

static unsigned number_of(const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (strlen(calls[i].name) == length && strncmp(calls[i].name, name, length) == 0)
			return calls[i].number;
	errno = EINVAL;
	perror(name);
	exit(99);
}

static int install(const struct sock_fprog *program, unsigned flags)
{
	int result = filter_install(program, flags);

	if (result < 0) {
		perror("pages: seccomp");
		exit(77);
	}
	return result;
}

/*
 * refuse:CALL,ERRNO[,ARGUMENT&BITS|,ARGUMENT=P]: from now on, where the argument has all the bits,
 * or is the address of page P. Number 0 is no error: the answer is 0.
 */
void do_refuse(const char *words)
{
	unsigned length = (unsigned)strcspn(words, ",");
	char *next = NULL;
	unsigned error = (unsigned)strtoul(words + length + 1, &next, 10);
	unsigned argument = *next == ',' ? (unsigned)strtoul(next + 1, &next, 10) : 0;
	unsigned bits = *next == '&' ? (unsigned)strtoul(next + 1, NULL, 0) : 0;
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			(unsigned)offsetof(struct seccomp_data, args) + 8 * argument),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, bits),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, bits, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(filter) / sizeof(*filter), filter};

	filter[1].k = number_of(words, length);
	if (*next == '=') {
		filter[3].k = UINT32_MAX;
		filter[4].k = (unsigned)(uintptr_t)page(strtoul(next + 1, NULL, 10));
	}
	install(&program, 0);
}

/* ---- buffers that are never given back ---- */

static void *touch(void *address)
{
	(void)*(volatile char *)address;
	return NULL;
}

/*
 * hang:CALL,THREADS: they touch the last page, and whoever makes that call with AT_FDCWD, for a name
 * and not for a descriptor, never comes back.
 */
void do_hang(const char *words)
{
	size_t length = strcspn(words, ",");
	unsigned long threads = strtoul(words + length + 1, NULL, 10);
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number_of(words, length), 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)AT_FDCWD, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(filter) / sizeof(*filter), filter};
	int listener = install(&program, SECCOMP_FILTER_FLAG_NEW_LISTENER);
	pthread_t thread;

	for (unsigned long i = 0; i < threads; i++) {
		struct seccomp_notif caller = {0};

		pthread_create(&thread, NULL, touch, page(pages - 1));
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &caller) < 0)
			perror("pages: hang");
	}
	printf("hang %lu\n", threads);
}

/* ---- another root ---- */

void do_chroot(const char *directory)
{
	if (chroot(directory) < 0 || chdir("/") < 0)
		perror("pages: chroot");
}

/* As containers are made: in a mount name space of its own, and the old root is gone. */
void do_pivot(const char *directory)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount(directory, directory, NULL, MS_BIND, NULL) < 0 || chdir(directory) < 0 ||
		syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 ||
		chdir("/") < 0)
		perror("pages: pivot_root");
}

void do_run(const char *command)
{
	if (system(command) != 0)
		printf("run: %s failed\n", command);
}

void do_undumpable(const char *unused)
{
	(void)unused;
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		perror("pages: prctl");
}

void do_keepcaps(const char *user)
{
	uid_t id = (uid_t)strtoul(user, NULL, 10);

	if (prctl(PR_SET_KEEPCAPS, 1) < 0 || setresuid(id, id, id) < 0 ||
		prctl(PR_SET_DUMPABLE, 1) < 0)
		perror("pages: keepcaps");
}
