/* SPDX-License-Identifier: MIT */
/* Causes of real losses. What needs root happens in a mount namespace of our own. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/base.h"
#include "base/text.h"
#include "kernel/kernel.h"
#include "rules/rules.h"
#include "signal/frame.h"
#include "../harness/tap.h"

#define PAGES 16
#ifndef MFD_HUGE_2MB
#define MFD_HUGE_2MB (21u << 26)
#endif

static char directory[] = "/tmp/test-cause.XXXXXX";
static char path[4096];
static bool no_page_size; /* as before Linux 6.11 */

static void skip(const char *reason)
{
	printf("ok %d # SKIP %s\n", ++tap_count, reason);
}

static const char *file_at(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static int open_at(const char *name)
{
	return open(file_at(name), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

static char *map(int fd, size_t size)
{
	if (ftruncate(fd, (off_t)size))
		perror("ftruncate");
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

static struct loss ask(int code, char *address, bool write)
{
	static char name[4096];
	static struct line_room reader;
	siginfo_t info = {.si_code = code, .si_addr = address};
	struct vma vma;

	if (vma_query((uintptr_t)address, &vma, name, sizeof(name)))
		return cause_find(&info, NULL, write, NULL);
	if (no_page_size)
		vma.page_size = 0;
	return cause_find(&info, &vma, write, &reader);
}

static struct loss is_cause(enum cause cause, char *address, bool write, const char *name)
{
	struct loss loss = ask(BUS_ADRERR, address, write);

	ok(probe((uintptr_t)address & PAGE_MASK, write) == -EFAULT, "%s: lost", name);
	is_string(cause_name(loss.cause), cause_name(cause), name);
	return loss;
}

static void test_truncated(void)
{
	int fd = memfd_create("pool", MFD_CLOEXEC), file = open_at("file");
	char *memory = map(fd, PAGES * PAGE_SIZE), *disk = map(file, PAGES * PAGE_SIZE);
	struct loss loss;

	memset(memory, 1, PAGES * PAGE_SIZE);
	if (ftruncate(fd, 2 * PAGE_SIZE + 5) || ftruncate(file, 5))
		perror("ftruncate");
	loss = is_cause(CAUSE_TRUNCATED, memory + 3 * PAGE_SIZE, false, "memfd, open");
	ok(loss.file_size == 2 * PAGE_SIZE + 5 && !loss.size_is_bound, "its exact size");
	is_string(loss.fs, "tmpfs", "its file system");
	close(fd);
	no_page_size = true;
	is_cause(CAUSE_TRUNCATED, memory + 3 * PAGE_SIZE, false, "memfd, closed, older kernel");
	no_page_size = false;
	loss = is_cause(CAUSE_TRUNCATED, memory + 3 * PAGE_SIZE, true, "memfd, closed");
	ok(loss.size_is_bound ? loss.file_size == 3 * PAGE_SIZE
			      : loss.file_size == 2 * PAGE_SIZE + 5,
		"its size, or the page after it");
	loss = is_cause(CAUSE_TRUNCATED, disk + PAGE_SIZE, false, "a file on disk");
	ok(loss.file_size == 5 && !loss.size_is_bound, "its size");
	loss = ask(BUS_ADRERR, disk, false);
	ok(loss.cause == CAUSE_UNKNOWN, "not for a page that is inside");
	unlink(file_at("file"));
	close(open_at("file"));
	loss = ask(BUS_ADRERR, disk + PAGE_SIZE, false);
	ok(geteuid() == 0 || loss.cause == CAUSE_UNKNOWN, "another file of that name is not it");
	close(file);
}

/* The pool of huge pages is empty where nobody has filled it. */
static void test_pool_is_empty(void)
{
	size_t size = 2u << 20;
	int fd = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB);
	char *memory = MAP_FAILED;

	if (fd >= 0 && ftruncate(fd, (off_t)(2 * size)) == 0)
		memory = mmap(
			NULL, 2 * size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (memory == MAP_FAILED || probe((uintptr_t)memory, false) != -EFAULT) {
		skip("the pool of huge pages is not empty, or there is none: not tested");
		return;
	}
	is_cause(CAUSE_NOSPACE, memory + size + PAGE_SIZE, true, "no huge page is free");
	if (ftruncate(fd, (off_t)size))
		perror("ftruncate");
	is_cause(CAUSE_TRUNCATED, memory + size + PAGE_SIZE, true, "truncated, and none is free");
	munmap(memory, 2 * size);
	close(fd);
}

static void test_codes(void)
{
	int fd = memfd_create("codes", MFD_CLOEXEC);
	char *memory = map(fd, PAGE_SIZE);

	if (ftruncate(fd, 0))
		perror("ftruncate");
	ok(ask(BUS_MCEERR_AR, memory, false).cause == CAUSE_HWPOISON, "hwpoison by its code");
	ok(ask(BUS_MCEERR_AR, NULL, false).cause == CAUSE_HWPOISON, "also at an unknown place");
	ok(ask(BUS_OBJERR, memory, false).cause == CAUSE_UNKNOWN, "another code");
	ok(ask(BUS_ADRERR, NULL, false).cause == CAUSE_UNKNOWN, "no mapping");
	close(fd);
}

/* A file of the size: blocks are there for the first half. */
static void test_tmpfs_is_full(void)
{
	char data[PAGE_SIZE];
	int fd = open_at("shm"), fill = open_at("fill");
	char *memory = map(fd, PAGES * PAGE_SIZE);
	struct loss loss;

	memset(data, 1, sizeof(data));
	memset(memory, 1, PAGES / 2 * PAGE_SIZE);
	while (write(fill, data, sizeof(data)) > 0)
		;
	loss = is_cause(CAUSE_NOSPACE, memory + PAGES / 2 * PAGE_SIZE, false, "read, tmpfs full");
	ok(loss.free_known && loss.free_bytes == 0, "its free space");
	is_string(loss.fs, "tmpfs", "its type");
	is_cause(CAUSE_NOSPACE, memory + PAGES / 2 * PAGE_SIZE, true, "written, tmpfs full");
	unlink(file_at("shm"));
	is_cause(CAUSE_NOSPACE, memory + PAGES / 2 * PAGE_SIZE, true, "unlinked, but open");
	if (ftruncate(fd, 0))
		perror("ftruncate");
	is_cause(CAUSE_TRUNCATED, memory, false, "truncated and full");
	if (ftruncate(fill, 0))
		perror("ftruncate");
	close(fd);
	close(fill);
	munmap(memory, PAGES * PAGE_SIZE);
}

static bool run(const char *format, const char *argument)
{
	char command[5000];

	snprintf(command, sizeof(command), format, directory, argument);
	return system(command) == 0;
}

/* A sparse file on a small ext4, which is then filled up; then its loop device loses its file. */
static void test_disk_is_full(void)
{
	int fd = open_at("sparse");
	char *memory = map(fd, PAGES * PAGE_SIZE);
	struct loss loss;

	/* Blocks that were set aside for what is not written yet come free by writing it. */
	for (int i = 0; i < 3; i++)
		ok(memory[0] == 0 &&
				run("sync -f %1$s && ! cat /dev/zero >>%1$s/fill 2>/dev/null && "
				    "! dd if=/dev/zero bs=1k status=none >>%1$s/fill 2>/dev/null",
					""),
			"filled");
	loss = is_cause(CAUSE_NOSPACE, memory, true, "written, disk full");
	is_string(loss.fs, "ext4", "its type");
	ok(loss.free_known && loss.free_bytes < PAGE_SIZE, "its free space");
	unlink(file_at("fill"));
	sync();
	ok(probe((uintptr_t)memory, true) == 0, "with space again it can be written");
	close(fd);
	munmap(memory, PAGES * PAGE_SIZE);
}

/* No file of a size: behind its end a device provides nothing. */
static void test_device(void)
{
	char *memory = MAP_FAILED;
	int fd;

	run("ln -s $(losetup -n -O NAME -j %1$s.image) %1$s/device", "");
	fd = open(file_at("device"), O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		memory = mmap(NULL, 32u << 20, PROT_READ, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED) {
		skip("no block device to map");
		return;
	}
	is_cause(CAUSE_DEVICE, memory + (20u << 20), false, "behind the end of a disk");
	munmap(memory, 32u << 20);
	close(fd);
}

static void test_disk_is_gone(void)
{
	int fd = open_at("data");
	char *memory = map(fd, PAGES * PAGE_SIZE);

	if (!run("cat /dev/zero | head -c 65536 >%1$s/data && sync -f %1$s && "
		 "echo 1 >/proc/sys/vm/drop_caches && truncate -s 0 %1$s.image && "
		 "losetup -c $(losetup -n -O NAME -j %1$s.image)",
		    "")) {
		skip("caches or loop device cannot be changed: a lost disk is not tested");
		return;
	}
	is_cause(CAUSE_DEVICE, memory + PAGE_SIZE, false, "the disk is gone");
	if (ftruncate(fd, PAGE_SIZE))
		perror("ftruncate");
	is_cause(CAUSE_TRUNCATED, memory + PAGE_SIZE, false, "and the file truncated");
	munmap(memory, PAGES * PAGE_SIZE);
	close(fd);
}

static void test_disk(void)
{
	test_disk_is_full();
	test_device();
	test_disk_is_gone();
}

static bool mount_here(const char *options)
{
	return mount("tmpfs", directory, "tmpfs", 0, options) == 0;
}

static void test_mounts(void)
{
	if (geteuid() || unshare(CLONE_NEWNS) || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		!mount_here("size=1m")) {
		skip("mounting is refused: full file systems are not tested");
		return;
	}
	test_tmpfs_is_full();
	if (run("truncate -s 16M %s.image && mkfs.ext4 -q -F %s.image 2>/dev/null", directory) &&
		run("mount -o loop %2$s.image %1$s 2>/dev/null", directory))
		test_disk();
	else
		skip("no loop mount: a full disk is not tested");
	umount(directory);
	umount(directory);
	run("rm -f %s.image", "");
}

int main(void)
{
	if (syscall(SYS_openat2, -1, "", NULL, 0) < 0 && errno == ENOSYS) {
		puts("1..0 # SKIP openat2() is missing: no file is found by its name");
		return 0;
	}
	if (!mkdtemp(directory))
		return 99;
	probe_init();
	test_truncated();
	test_codes();
	test_pool_is_empty();
	test_mounts();
	run("rm -rf %s", "");
	return tap_done();
}
