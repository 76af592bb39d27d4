/* SPDX-License-Identifier: MIT */
/* The text of mountinfo, and the file systems of real mappings. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/base.h"
#include "base/text.h"
#include "kernel/kernel.h"
#include "kernel/next.h"
#include "memory/memory.h"
#include "../harness/tap.h"

static const char mounts[] =
	"22 27 0:21 / /proc rw,relatime - proc proc rw\n"
	"25 24 0:23 / /dev/shm rw,nosuid master:1 odd- -odd - tmpfs tmpfs rw,size=64k\n"
	"\n"
	"26 24 0:230 / /other - ext4 x rw\n"
	"27 1 254:0 / / rw - ext4 /dev/vda rw,discard\n"
	"30 27 0:40 / /a\\040b\\134c\\043d rw shared:7 - fuse.ssh\\040fs me@host:/x rw\n"
	"31 27 254:0 /var/lib /mnt/-odd rw -\n"
	"32 27 254:0 /var/lib /mnt/bind rw - ext4 /dev/vda";

/* All mounts of a device as "ID POINT TYPE;". */
static const char *scan(uint32_t major, uint32_t minor, const char *text, size_t size)
{
	static char found[2048], bytes[8192];
	struct line_reader reader = {.fd = memfd_create("mountinfo", MFD_CLOEXEC), .bytes = bytes, .size = size};
	struct mount mount;
	char *line;

	found[0] = '\0';
	if (write((int)reader.fd, text, strlen(text)) < 0 || lseek((int)reader.fd, 0, SEEK_SET))
		exit(99);
	while ((line = lines_next(&reader)))
		if (mount_line(line, major, minor, &mount))
			snprintf(found + strlen(found), sizeof(found) - strlen(found), "%d %s %s;",
				(int)mount.id, mount.point, mount.type);
	lines_close(&reader);
	return found;
}

static void finds(uint32_t major, uint32_t minor, const char *expected)
{
	bool same = true;

	for (size_t size = 100; size < sizeof(mounts); size++)
		same &= strcmp(scan(major, minor, mounts, size), expected) == 0;
	ok(same, "%u:%u is '%s' whatever room there is", major, minor, expected);
	is_string(scan(major, minor, mounts, 8192), expected, "and at once");
}

static void test_scan(void)
{
	finds(0, 23, "25 /dev/shm tmpfs;");
	finds(0, 21, "22 /proc proc;");
	finds(0, 40, "30 /a b\\c#d fuse.ssh fs;");
	finds(254, 0, "27 / ext4;");
	finds(254, 1, "");
	finds(0, 2, "");
}

static void test_damaged(void)
{
	static const char *const texts[] = {"", "\n\n", "x", "0:23", " 0:23 - tmpfs\n",
		"25 24 0:23\n", "25 24 0:23 / /dev/shm rw - \n",
		"25 24 0:23 / /dev/shm rw tmpfs x\n", "25 24 0.23 / /dev/shm rw - tmpfs x\n"};
	char text[1000];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		is_string(scan(0, 23, texts[i], 64), "", "a damaged text");
	snprintf(text, sizeof(text), "1 1 0:23 / /%0500d rw - %0200d x\n", 0, 0);
	ok(strlen(scan(0, 23, text, 8192)) == strlen("1 / ;") + 500 + 200, "long names are whole");
	is_string(scan(0, 23, text, 300), "", "a line that is cut before its type has none");
}

static struct line_room room;

static const char *type_at(const void *address, char *buffer)
{
	static char path[4096];
	struct vma vma;

	buffer[0] = '\0';
	if (!vma_query((uintptr_t)address, &vma, path, sizeof(path)))
		fs_type(&vma, &room, buffer, FS_TYPE_MAX);
	return buffer;
}

static void *map_temporary(const char *directory)
{
	int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	void *memory;

	if (fd < 0 || ftruncate(fd, PAGE_SIZE))
		return MAP_FAILED;
	memory = mmap(NULL, PAGE_SIZE, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	return memory;
}

static void test_types(void)
{
	char type[FS_TYPE_MAX];
	int fd = memfd_create("x", MFD_CLOEXEC);
	void *anonymous = mmap(NULL, PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *shared = mmap(NULL, PAGE_SIZE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	void *shm = map_temporary("/dev/shm");

	if (ftruncate(fd, PAGE_SIZE))
		perror("ftruncate");
	is_string(type_at(mmap(NULL, PAGE_SIZE, PROT_READ, MAP_SHARED, fd, 0), type), "tmpfs",
		"memfd");
	is_string(type_at(anonymous, type), "", "anonymous memory is on none");
	is_string(type_at(shared, type), "", "nor is it if it is shared");
	is_string(type_at(type, type), "", "nor the stack");
	if (shm != MAP_FAILED)
		is_string(type_at(shm, type), "tmpfs", "/dev/shm");
	close(fd);
}

static void test_aliases(void)
{
	is_string(fs_alias("ext4", 0), "ext4", "the type itself");
	ok(!fs_alias("ext4", 1) && !fs_alias("", 0) && !fs_alias("", 1), "and no other");
	is_string(fs_alias("fuse.sshfs", 0), "fuse.sshfs", "fuse.sshfs");
	is_string(fs_alias("fuse.sshfs", 1), "fuse", "is fuse too");
	is_string(fs_alias("fuseblk", 1), "fuse", "fuseblk is");
	is_string(fs_alias("nfs4", 1), "nfs", "nfs4 is nfs");
	ok(!fs_alias("fuse", 1) && !fs_alias("nfs", 1), "no name twice");
}

static void test_space(void)
{
	static char path[4096];
	uint64_t bytes = 0, inodes = 0;
	struct statfs status;
	struct vma vma;
	void *shm = map_temporary("/dev/shm");
	int fd = memfd_create("x", MFD_CLOEXEC);
	void *memory;

	if (ftruncate(fd, PAGE_SIZE))
		perror("ftruncate");
	memory = mmap(NULL, PAGE_SIZE, PROT_READ, MAP_SHARED, fd, 0);
	ok(!vma_query((uintptr_t)memory, &vma, path, sizeof(path)) &&
			!fs_space(&vma, &room, &bytes, &inodes),
		"a memfd has no limit");
	close(fd);
	if (shm == MAP_FAILED || statfs("/dev/shm", &status) || !status.f_blocks ||
		(syscall(SYS_openat2, -1, "", NULL, 0) < 0 && errno == ENOSYS))
		return;
	ok(!vma_query((uintptr_t)shm, &vma, path, sizeof(path)) && fs_space(&vma, &room, &bytes, &inodes),
		"/dev/shm has one");
	ok(bytes > 0 && bytes <= status.f_blocks * (uint64_t)status.f_bsize && inodes > 0,
		"%llu bytes, %llu inodes are free", (unsigned long long)bytes,
		(unsigned long long)inodes);
}

int main(void)
{
	int first = dup(0), last;

	close(first);
	test_scan();
	test_damaged();
	test_types();
	test_aliases();
	test_space();
	last = dup(0);
	ok(first == last, "no file is left open");
	return tap_done();
}
