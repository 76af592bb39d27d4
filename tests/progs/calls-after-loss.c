/* SPDX-License-Identifier: MIT */
/*
 * calls-after-loss KIND CONTENT [lose [all]] [only:NAME]: each call that changes mappings, on each part of a mapping
 * of four units, and what is there afterwards; a line for each.
 *
 * KIND: shared, private, read-only (a memfd, the last shared by a descriptor that is not for writing),
 * file, private-file, huge (a shared memfd of huge pages; of private ones Linux 6.18 loses the
 * reservations, without us), anonymous, shared-anonymous, shm. CONTENT: zero or ones, of the units 2 and 3, or of all with "all".
 * With lose they have this content because a repair gave it to them: they are cut off the file and
 * touched, then the file is made longer again. So both ways of running it print the same, if what was
 * replaced is like the rest.
 *
 * A line: the call, the part, its result, then the units from the mapping's start, from where the
 * calls move it, and from the result if that is elsewhere: "." nothing there, else protection and
 * content: a letter, 0 or 1 (0xff), upper case, "z" or "o" where it was written to, "?" not to be
 * read, "!" to be read, but lost. "-" is a private page that was not written to.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif
#ifndef MFD_HUGETLB
#define MFD_HUGETLB 4
#endif
#ifndef MADV_COLD
#define MADV_COLD 20
#define MADV_PAGEOUT 21
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif

#define UNITS 4
#define FILE_UNITS 8
#define FIRST_LOST 2
#define TARGET 24 /* where calls move to */
#define SEEN 8	  /* units that are looked at from a place */
#define PLACE_UNITS 48
#define RW (PROT_READ | PROT_WRITE)

enum kind { SHARED, READ_ONLY, PRIVATE, PLAIN, PRIVATE_PLAIN, HUGE, ANONYMOUS, SHARED_ANONYMOUS, SHM };
static const char *const kind_name[] = {"shared", "read-only", "private", "file", "private-file",
	"huge", "anonymous", "shared-anonymous", "shm"};
static enum kind kind;
static bool loses;
static char fill;
static size_t first_lost = FIRST_LOST;
static const char *only = ""; /* how the names of calls begin */
static size_t unit;
static char *base; /* PLACE_UNITS are free there */
static int file_fd = -1, segment = -1;

static bool is(enum kind one, enum kind other)
{
	return kind == one || kind == other;
}

static bool is_shared(void)
{
	return kind == SHARED || kind == READ_ONLY || kind == PLAIN || kind == HUGE || kind == SHARED_ANONYMOUS ||
	       kind == SHM;
}

static char *at(size_t number)
{
	return base + number * unit;
}

static void not_here(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	exit(77);
}

_Noreturn static void fail(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	exit(99);
}

/* ---- the mapping ---- */

static char content_of(size_t number)
{
	return number >= first_lost && number < UNITS ? fill : (char)('a' + number);
}

static void fill_unit(char *start, size_t number)
{
	if (kind == HUGE) /* enough of a huge page */
		start[0] = content_of(number);
	else
		memset(start, content_of(number), unit);
}

/* All of the file, by a mapping that is gone afterwards. */
static void fill_file(size_t from, size_t to)
{
	char *view = mmap(NULL, to * unit, RW, MAP_SHARED, file_fd, 0);

	if (view == MAP_FAILED)
		not_here("mmap of the file");
	for (size_t number = from; number < to; number++)
		fill_unit(view + number * unit, number);
	munmap(view, to * unit);
}

static void open_file(void)
{
	static unsigned opened;
	char name[32];

	if (is(PLAIN, PRIVATE_PLAIN)) {
		snprintf(name, sizeof(name), "calls.%u", opened++);
		file_fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		unlink(name);
	} else {
		file_fd = memfd_create("calls", MFD_CLOEXEC | (kind == HUGE ? MFD_HUGETLB : 0));
	}
	if (file_fd < 0 || ftruncate(file_fd, (off_t)(FILE_UNITS * unit)) != 0)
		not_here("the file");
	fill_file(0, FILE_UNITS);
}

/* A file that has no descriptor, cut and made longer again. */
static void open_map_file(void)
{
	char name[96];

	snprintf(name, sizeof(name), "/proc/self/map_files/%lx-%lx", (unsigned long)base,
		(unsigned long)at(UNITS));
	file_fd = open(name, O_RDWR | O_CLOEXEC);
	if (file_fd < 0)
		not_here(name);
}

static int reopened(void)
{
	char name[32];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", file_fd);
	return open(name, O_RDONLY | O_CLOEXEC);
}

static void map(void)
{
	int flags = is_shared() ? MAP_SHARED : MAP_PRIVATE, fd;

	if (kind == SHM) {
		segment = shmget(IPC_PRIVATE, UNITS * unit, IPC_CREAT | 0600);
		if (segment < 0 || shmat(segment, base, 0) != base)
			not_here("shmat");
	} else {
		if (is(ANONYMOUS, SHARED_ANONYMOUS))
			flags |= MAP_ANONYMOUS;
		else
			open_file();
		fd = kind == READ_ONLY ? reopened() : file_fd;
		if (mmap(base, UNITS * unit, kind == READ_ONLY ? PROT_READ : RW, flags | MAP_FIXED, fd,
			    0) != base)
			not_here("mmap");
		if (fd != file_fd)
			close(fd);
	}
	if (file_fd < 0)
		for (size_t number = 0; number < UNITS; number++)
			fill_unit(at(number), number);
}

/* Of a unit that is replaced, all pages: zero(page) replaces one. */
static void lose(void)
{
	off_t length = (off_t)((kind == SHM || kind == SHARED_ANONYMOUS ? UNITS : FILE_UNITS) * unit);

	if (file_fd < 0)
		open_map_file();
	if (ftruncate(file_fd, (off_t)(first_lost * unit)) != 0)
		fail("ftruncate");
	for (size_t number = first_lost; number < UNITS; number++)
		(void)*(volatile char *)at(number);
	if (ftruncate(file_fd, length) != 0)
		fail("ftruncate");
	fill_file(first_lost, (size_t)length / unit);
}

struct part {
	const char *name;
	size_t from, to;
};
static const struct part parts[] = {
	{"whole", 0, UNITS}, {"left", 0, 2}, {"right", 2, UNITS}, {"middle", 1, 3}};

/*
 * A replaced page of a shared mapping is the process's own: what is written to it does not come to the
 * file, where calls on the left part find it.
 */
static void write_some(struct part part)
{
	if (kind == READ_ONLY)
		return;
	at(1)[1] = 'w';
	if (!is_shared() || part.to > FIRST_LOST)
		at(2)[1] = 'w';
}

static void prepare(struct part part)
{
	map();
	if (loses)
		lose();
	write_some(part);
}

/* ---- what is there ---- */

struct seen {
	char prot[SEEN][4];
};

static void look_up(uintptr_t start, struct seen *seen)
{
	static char line[4096];
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long from, to;
	char prot[5];

	memset(seen, 0, sizeof(*seen));
	if (!maps)
		fail("/proc/self/maps");
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %4s", &from, &to, prot) != 3)
			continue;
		for (size_t i = 0; i < SEEN; i++)
			if (from <= start + i * unit && start + i * unit < to)
				memcpy(seen->prot[i], prot, 3);
	}
	fclose(maps);
}

/* Read by the kernel: what is lost stays as it is. */
static char content_at(const char *start)
{
	char bytes[2];
	struct iovec local = {bytes, 2}, remote = {(void *)start, 2};

	if (process_vm_readv(getpid(), &local, 1, &remote, 1, 0) != 2)
		return '!';
	if (bytes[0] == 0)
		return bytes[1] == 'w' ? 'z' : '0';
	if (bytes[0] == (char)0xff)
		return bytes[1] == 'w' ? 'o' : '1';
	return (char)(bytes[1] == 'w' ? bytes[0] - 'a' + 'A' : bytes[0]);
}

static void print_units(char *start, size_t units)
{
	struct seen seen;

	look_up((uintptr_t)start, &seen);
	for (size_t i = 0; i < units; i++) {
		if (!seen.prot[i][0])
			printf(" .");
		else
			printf(" %s%c", seen.prot[i],
				seen.prot[i][0] == 'r' ? content_at(start + i * unit) : '?');
	}
}

static void print_result(long result, int error)
{
	if (result == -1)
		printf("%s", strerrorname_np(error));
	else if ((uintptr_t)result - (uintptr_t)base < PLACE_UNITS * unit)
		printf("+%lu", (unsigned long)(((uintptr_t)result - (uintptr_t)base) / unit));
	else if (result >= 0 && result < 4096)
		printf("%ld", result);
	else
		printf("elsewhere");
}

/* ---- the calls ---- */

static char *elsewhere; /* what the call has mapped there, */
static size_t elsewhere_size;

static long moved(char *result, size_t size)
{
	if (result != MAP_FAILED && (size_t)(result - base) >= PLACE_UNITS * unit) {
		elsewhere = result;
		elsewhere_size = size;
	}
	return (long)result;
}

struct call {
	const char *name;
	long (*run)(struct part part, long first, long second);
	long first, second;
};

static size_t size_of(struct part part)
{
	return (part.to - part.from) * unit;
}

/* To its size and so many units more, with flags. */
static long call_mremap(struct part part, long flags, long more)
{
	size_t size = size_of(part) + (size_t)(more * (long)unit);

	return moved(mremap(at(part.from), size_of(part), size, (int)flags, at(TARGET)), size);
}

/* Onto what is there. */
static long call_mremap_over(struct part part, long flags, long more)
{
	if (mmap(at(TARGET), unit, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
		MAP_FAILED)
		fail("mmap");
	return call_mremap(part, flags, more);
}

/* With somebody else behind it. */
static long call_mremap_before(struct part part, long flags, long more)
{
	if (mmap(at(UNITS), unit, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
		MAP_FAILED)
		fail("mmap");
	return call_mremap(part, flags, more);
}

/* Where this is not allowed. */
static long call_mremap_to(struct part part, long place, long bytes)
{
	size_t size = size_of(part);

	return moved(mremap(at(part.from), size, size, MREMAP_MAYMOVE | MREMAP_FIXED,
			     at((size_t)place) + bytes),
		size);
}

static long call_mremap_copy(struct part part, long flags, long unused)
{
	(void)unused;
	return moved(mremap(at(part.from), 0, size_of(part), (int)flags, at(TARGET)), size_of(part));
}

static long call_mremap_odd(struct part part, long old_bytes, long new_bytes)
{
	return moved(mremap(at(part.from), size_of(part) - (size_t)old_bytes,
			     size_of(part) - (size_t)new_bytes, MREMAP_MAYMOVE),
		size_of(part));
}

/* There, longer, back. */
static long call_mremap_twice(struct part part, long more, long unused)
{
	size_t size = size_of(part), longer = size + (size_t)(more * (long)unit);
	int flags = MREMAP_MAYMOVE | MREMAP_FIXED;

	(void)unused;
	if (mremap(at(part.from), size, size, flags, at(TARGET)) == MAP_FAILED)
		return -1;
	if (more && mremap(at(TARGET), size, longer, MREMAP_MAYMOVE) != at(TARGET))
		return -1;
	return moved(mremap(at(TARGET), longer, longer, flags, at(part.from)), longer);
}

static long call_mremap_protected(struct part part, long prot, long more)
{
	if (mprotect(at(part.from), size_of(part), (int)prot) != 0)
		return -1;
	return call_mremap(part, MREMAP_MAYMOVE | MREMAP_FIXED, more);
}

static long call_mremap_then_unmap(struct part part, long first, long units)
{
	long result = call_mremap(part, MREMAP_MAYMOVE | MREMAP_FIXED, 0);

	if (result != -1)
		munmap(at(TARGET + (size_t)first), (size_t)units * unit);
	return result;
}

static long call_shmdt(struct part part, long bytes, long unused)
{
	(void)unused;
	return shmdt(at(part.from) + bytes);
}

static long call_mprotect(struct part part, long prot, long unused)
{
	(void)unused;
	return mprotect(at(part.from), size_of(part), (int)prot);
}

static long call_mprotect_twice(struct part part, long prot, long again)
{
	if (mprotect(at(part.from), size_of(part), (int)prot) != 0)
		return -1;
	return mprotect(at(part.from), unit, (int)again);
}

static long call_pkey_mprotect(struct part part, long prot, long key)
{
	return pkey_mprotect(at(part.from), size_of(part), (int)prot, (int)key);
}

static long call_madvise(struct part part, long advice, long less)
{
	return madvise(at(part.from), size_of(part) - (size_t)less, (int)advice);
}

static long call_munmap(struct part part, long more, long less)
{
	return munmap(at(part.from) + more, size_of(part) - (size_t)less);
}

static long call_munmap_hole(struct part part, long unused, long more)
{
	(void)unused;
	if (munmap(at(1), unit) != 0)
		return -1;
	return munmap(at(part.from), size_of(part) + (size_t)more * unit);
}

static long call_mmap(struct part part, long prot, long flags)
{
	int fd = -1;

	if (!((int)flags & MAP_ANONYMOUS)) {
		fd = memfd_create("over", MFD_CLOEXEC);
		if (ftruncate(fd, (off_t)size_of(part)) != 0 || pwrite(fd, "x", 1, 0) != 1)
			fail("ftruncate");
	}
	char *result = mmap(at(part.from), size_of(part), (int)prot, (int)flags, fd, 0);

	if (fd >= 0)
		close(fd);
	return moved(result, size_of(part));
}

/* What the call cannot do: the mapping stays. */
static long call_mmap_bad(struct part part, long fd, long offset)
{
	return moved(mmap(at(part.from), size_of(part), RW, MAP_SHARED | MAP_FIXED, (int)fd,
			     (off_t)offset),
		size_of(part));
}

static long call_remap_file_pages(struct part part, long page, long prot)
{
	size_t pages = unit / (size_t)sysconf(_SC_PAGESIZE);

	return remap_file_pages(at(part.from), size_of(part), (int)prot, (size_t)page * pages, 0);
}

static long call_mlock(struct part part, long unlock, long unused)
{
	(void)unused;
	if (mlock(at(part.from), size_of(part)) != 0)
		return -1;
	return unlock ? munlock(at(part.from), size_of(part)) : 0;
}

static long call_mlock2(struct part part, long flags, long unused)
{
	(void)unused;
	return mlock2(at(part.from), size_of(part), (unsigned)flags);
}

static long call_msync(struct part part, long flags, long unused)
{
	(void)unused;
	return msync(at(part.from), size_of(part), (int)flags);
}

/* In a child, which prints; the parent's own follows. */
static long in_child(struct part part, const struct call *call)
{
	int status;
	pid_t child;

	printf("[");
	fflush(stdout);
	child = fork();
	if (child == 0) {
		if (call) {
			long result = call->run(part, call->first, call->second);

			print_result(result, errno);
		}
		print_units(base, SEEN);
		print_units(at(TARGET), SEEN);
		fflush(stdout);
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		fail("fork");
	printf("] ");
	return status;
}

static long call_fork(struct part part, long advice, long unused)
{
	(void)unused;
	if (advice && madvise(at(part.from), size_of(part), (int)advice) != 0)
		return -1;
	return in_child(part, NULL);
}

static long call_fork_munmap(struct part part, long unused, long less)
{
	(void)unused;
	return in_child(part, &(struct call){"", call_munmap, 0, less});
}

static long call_fork_mremap(struct part part, long flags, long more)
{
	return in_child(part, &(struct call){"", call_mremap, flags, more});
}

#define MAYMOVE MREMAP_MAYMOVE
#define FIXED (MREMAP_MAYMOVE | MREMAP_FIXED)
#define OVER (MAP_FIXED | MAP_ANONYMOUS)
static const struct call calls[] = {
	{"mremap same", call_mremap, 0, 0},
	{"mremap shorter", call_mremap, 0, -1},
	{"mremap longer", call_mremap, 0, 2},
	{"mremap MAYMOVE same", call_mremap, MAYMOVE, 0},
	{"mremap MAYMOVE shorter", call_mremap, MAYMOVE, -1},
	{"mremap MAYMOVE longer", call_mremap, MAYMOVE, 2},
	{"mremap FIXED same", call_mremap, FIXED, 0},
	{"mremap FIXED shorter", call_mremap, FIXED, -1},
	{"mremap FIXED longer", call_mremap, FIXED, 2},
	{"mremap FIXED over", call_mremap_over, FIXED, 0},
	{"mremap FIXED over longer", call_mremap_over, FIXED, 1},
	{"mremap DONTUNMAP", call_mremap, MAYMOVE | MREMAP_DONTUNMAP, 0},
	{"mremap DONTUNMAP FIXED", call_mremap, FIXED | MREMAP_DONTUNMAP, 0},
	{"mremap DONTUNMAP longer", call_mremap, MAYMOVE | MREMAP_DONTUNMAP, 1},
	{"mremap DONTUNMAP alone", call_mremap, MREMAP_DONTUNMAP, 0},
	{"mremap FIXED alone", call_mremap, MREMAP_FIXED, 0},
	{"mremap unknown flag", call_mremap, 64 | MAYMOVE, 1},
	{"mremap longer, not free", call_mremap_before, 0, 1},
	{"mremap MAYMOVE longer, not free", call_mremap_before, MAYMOVE, 1},
	{"mremap FIXED unaligned", call_mremap_to, TARGET, 16},
	{"mremap FIXED onto itself", call_mremap_to, 1, 0},
	{"mremap copy", call_mremap_copy, MAYMOVE, 0},
	{"mremap copy FIXED", call_mremap_copy, FIXED, 0},
	{"mremap copy in place", call_mremap_copy, 0, 0},
	{"mremap old size odd", call_mremap_odd, 100, 0},
	{"mremap new size odd", call_mremap_odd, 0, 100},
	{"mremap there and back", call_mremap_twice, 0, 0},
	{"mremap there, longer, back", call_mremap_twice, 2, 0},
	{"mremap read-only", call_mremap_protected, PROT_READ, 0},
	{"mremap read-only longer", call_mremap_protected, PROT_READ, 2},
	{"mremap none longer", call_mremap_protected, PROT_NONE, 2},
	{"mremap then munmap first", call_mremap_then_unmap, 0, 1},
	{"mremap then munmap second", call_mremap_then_unmap, 1, 1},
	{"shmdt", call_shmdt, 0, 0},
	{"shmdt inside", call_shmdt, 1, 0},
	{"mprotect none", call_mprotect, PROT_NONE, 0},
	{"mprotect read", call_mprotect, PROT_READ, 0},
	{"mprotect write", call_mprotect, PROT_WRITE, 0},
	{"mprotect read write", call_mprotect, RW, 0},
	{"mprotect exec", call_mprotect, PROT_READ | PROT_EXEC, 0},
	{"mprotect GROWSDOWN", call_mprotect, PROT_READ | PROT_GROWSDOWN, 0},
	{"mprotect unknown", call_mprotect, 64, 0},
	{"mprotect none, back", call_mprotect_twice, PROT_NONE, RW},
	{"mprotect read, first exec", call_mprotect_twice, PROT_READ, PROT_READ | PROT_EXEC},
	{"pkey_mprotect no key", call_pkey_mprotect, PROT_READ, -1},
	{"pkey_mprotect bad key", call_pkey_mprotect, PROT_READ, 15},
	{"pkey_mprotect wild key", call_pkey_mprotect, PROT_READ, 1000},
	{"madvise NORMAL", call_madvise, MADV_NORMAL, 0},
	{"madvise RANDOM", call_madvise, MADV_RANDOM, 0},
	{"madvise WILLNEED", call_madvise, MADV_WILLNEED, 0},
	{"madvise DONTNEED", call_madvise, MADV_DONTNEED, 0},
	{"madvise DONTNEED_LOCKED", call_madvise, MADV_DONTNEED_LOCKED, 0},
	{"madvise FREE", call_madvise, MADV_FREE, 0},
	{"madvise REMOVE", call_madvise, MADV_REMOVE, 0},
	{"madvise DONTFORK", call_madvise, MADV_DONTFORK, 0},
	{"madvise DONTDUMP", call_madvise, MADV_DONTDUMP, 0},
	{"madvise DODUMP", call_madvise, MADV_DODUMP, 0},
	{"madvise WIPEONFORK", call_madvise, MADV_WIPEONFORK, 0},
	{"madvise MERGEABLE", call_madvise, MADV_MERGEABLE, 0},
	{"madvise COLD", call_madvise, MADV_COLD, 0},
	{"madvise POPULATE_READ", call_madvise, MADV_POPULATE_READ, 0},
	{"madvise POPULATE_WRITE", call_madvise, MADV_POPULATE_WRITE, 0},
	{"madvise unknown", call_madvise, 9999, 0},
	{"madvise length odd", call_madvise, MADV_NORMAL, 100},
	{"munmap", call_munmap, 0, 0},
	{"munmap length odd", call_munmap, 0, 100},
	{"munmap address odd", call_munmap, 16, 0},
	{"munmap with a hole", call_munmap_hole, 0, 0},
	{"munmap beyond", call_munmap_hole, 0, 2},
	{"mmap FIXED anonymous", call_mmap, PROT_READ, OVER | MAP_PRIVATE},
	{"mmap FIXED shared", call_mmap, RW, OVER | MAP_SHARED},
	{"mmap FIXED file", call_mmap, PROT_READ, MAP_FIXED | MAP_SHARED},
	{"mmap FIXED none", call_mmap, PROT_NONE, OVER | MAP_PRIVATE},
	{"mmap FIXED_NOREPLACE", call_mmap, RW, MAP_FIXED_NOREPLACE | MAP_ANONYMOUS | MAP_PRIVATE},
	{"mmap FIXED bad fd", call_mmap_bad, 999, 0},
	{"mmap FIXED offset odd", call_mmap_bad, 0, 100},
	{"remap_file_pages 4", call_remap_file_pages, 4, 0},
	{"remap_file_pages 5", call_remap_file_pages, 5, 0},
	{"remap_file_pages prot", call_remap_file_pages, 5, PROT_READ},
	{"mlock", call_mlock, 0, 0},
	{"mlock, munlock", call_mlock, 1, 0},
	{"mlock2 ONFAULT", call_mlock2, 1, 0},
	{"mlock2 unknown", call_mlock2, 64, 0},
	{"msync SYNC", call_msync, MS_SYNC, 0},
	{"msync INVALIDATE", call_msync, MS_INVALIDATE, 0},
	{"fork", call_fork, 0, 0},
	{"fork, DONTFORK", call_fork, MADV_DONTFORK, 0},
	{"fork, munmap", call_fork_munmap, 0, 0},
	{"fork, mremap longer", call_fork_mremap, MAYMOVE, 2},
	{"fork, mremap FIXED", call_fork_mremap, FIXED, 0},
};

static void clean_up(void)
{
	munmap(base, PLACE_UNITS * unit);
	if (elsewhere)
		munmap(elsewhere, elsewhere_size);
	elsewhere = NULL;
	if (file_fd >= 0)
		close(file_fd);
	if (segment >= 0)
		shmctl(segment, IPC_RMID, NULL);
	file_fd = segment = -1;
}

static void try(const struct call *call, struct part part)
{
	long result;
	int error;

	prepare(part);
	printf("%s, %s: ", call->name, part.name);
	result = call->run(part, call->first, call->second);
	error = errno;
	print_result(result, error);
	printf(" |");
	print_units(base, SEEN);
	printf(" |");
	print_units(at(TARGET), SEEN);
	if (elsewhere) {
		printf(" |");
		print_units(elsewhere, elsewhere_size / unit);
	}
	printf("\n");
	clean_up();
}

static void read_arguments(int argc, char **argv)
{
	int found = -1;

	for (int i = 0; argc > 2 && i <= SHM; i++)
		if (strcmp(argv[1], kind_name[i]) == 0)
			found = i;
	if (found < 0)
		exit(2);
	kind = (enum kind)found;
	fill = (char)(strcmp(argv[2], "ones") == 0 ? 0xff : 0);
	for (int i = 3; i < argc; i++) {
		if (strcmp(argv[i], "lose") == 0)
			loses = true;
		if (strcmp(argv[i], "all") == 0)
			first_lost = 0;
		if (strncmp(argv[i], "only:", 5) == 0)
			only = argv[i] + 5;
	}
	unit = kind == HUGE ? (size_t)2 << 20 : (size_t)sysconf(_SC_PAGESIZE);
}

int main(int argc, char **argv)
{
	read_arguments(argc, argv);
	base = (char *)(sizeof(long) == 8 ? 0x1000000000 : 0x20000000);
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		for (size_t part = 0; part < sizeof(parts) / sizeof(*parts); part++)
			if (strncmp(calls[i].name, only, strlen(only)) == 0)
				try(&calls[i], parts[part]);
	return 0;
}
