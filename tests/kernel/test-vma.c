/* SPDX-License-Identifier: MIT */
/* The kernel's view of an address: the text of maps, both ways of asking, and kinds. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "base/text.h"
#include "kernel/kernel.h"
#include "memory/memory.h"
#include "../harness/tap.h"

static char path[4096];

/* The text as a file of a reader with room for lines of a size. */
static bool scan_text(const char *text, uintptr_t address, size_t room, struct vma *vma)
{
	static char bytes[16384];
	struct line_reader reader = {.fd = memfd_create("maps", MFD_CLOEXEC), .bytes = bytes, .size = room};
	bool found = false;
	char *line;

	if (write((int)reader.fd, text, strlen(text)) < 0 || lseek((int)reader.fd, 0, SEEK_SET))
		exit(99);
	memset(path, '~', sizeof(path));
	while (!found && (line = lines_next(&reader)))
		found = maps_line(line, address, vma, path, sizeof(path));
	lines_close(&reader);
	return found;
}

#if UINTPTR_MAX > UINT32_MAX
#define HIGH "7f000000"
#define HIGH_ADDRESS 0x7f0000000000
#define LAST "ffffffffff"
#else
#define HIGH "7000"
#define HIGH_ADDRESS 0x70000000
#define LAST "ff"
#endif
static const char maps[] =
	"00400000-00401000 r-xp 00000000 fe:01 1234                               /usr/bin/x\n"
	"00500000-00502000 rw-p 00000000 00:00 0 \n"
	HIGH "1000-" HIGH "5000 rw-s fffffffff000 00:01 18446744073709551615   "
	"/memfd:wayland-shm (deleted)\n"
	HIGH "5000-" HIGH "6000 ---p 00002000 103:00012 7                      "
	"/tmp/a  b\\012 00:00 0 (deleted) /c (deleted) (deleted)\n"
	HIGH "6000-" HIGH "7000 r--p 00000000 00:00 0                          [anon:my heap]\n"
	HIGH "7000-" HIGH "8000 r--p 00000000 00:00 0                          /x\\01\\\\0122 "
	"(delete)\n"
	LAST "600000-" LAST "601000 --xp 00000000 00:00 0                  [vsyscall]";

static void test_fields(void)
{
	struct vma vma;

	ok(scan_text(maps, 0x400fff, sizeof(maps), &vma), "the first line is found");
	ok(vma.start == 0x400000 && vma.end == 0x401000 && vma.prot == (PROT_READ | PROT_EXEC) &&
			!vma.shared && vma.dev_major == 0xfe && vma.dev_minor == 1 &&
			vma.inode == 1234 && !vma.deleted && vma.page_size == 0,
		"its fields are right");
	is_string(vma.path, "/usr/bin/x", "its path is right");
	ok(scan_text(maps, HIGH_ADDRESS + 0x1000, sizeof(maps), &vma) && vma.shared &&
			vma.prot == (PROT_READ | PROT_WRITE) && vma.offset == 0xfffffffff000 &&
			vma.inode == UINT64_MAX,
		"large numbers are right");
	ok(!scan_text(maps, 0x401000, sizeof(maps), &vma), "the end is not part of a mapping");
	ok(!scan_text(maps, (uintptr_t)-0xa00000, sizeof(maps), &vma),
		"a line without an end is not taken");
}

static void test_names(void)
{
	static const struct {
		uintptr_t address;
		const char *path;
		bool deleted;
	} cases[] = {
		{0x500000, "", false},
		{HIGH_ADDRESS + 0x1000, "/memfd:wayland-shm", true},
		{HIGH_ADDRESS + 0x5000, "/tmp/a  b\n 00:00 0 (deleted) /c (deleted)", true},
		{HIGH_ADDRESS + 0x6000, "[anon:my heap]", false},
		{HIGH_ADDRESS + 0x7000, "/x\\01\\\n2 (delete)", false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t piece = 200; piece <= sizeof(maps); piece += 50) {
			struct vma vma = {.path = "?"};
			bool found = scan_text(maps, cases[i].address, piece, &vma);

			if (!found || strcmp(vma.path, cases[i].path) != 0 ||
				vma.deleted != cases[i].deleted)
				ok(false, "name %zu in a room of %zu: %s", i, piece, vma.path);
		}
	ok(true, "hostile names come out raw, whatever room there is");
}

static void test_long_name(void)
{
	static char text[16384], small[16];
	struct vma vma;
	size_t length = (size_t)sprintf(text, "1000-2000 rw-s 00000000 00:01 5    /");

	memset(text + length, 'x', 4090);
	strcpy(text + length + 4090, " (deleted)\n2000-3000 r--p 00000000 00:01 6 /b\n");
	ok(scan_text(text, 0x1000, 8192, &vma) && strlen(vma.path) == 4091 && vma.deleted,
		"a name of 4 KiB");
	ok(scan_text(text, 0x2000, 200, &vma) && !strcmp(vma.path, "/b"),
		"the line behind one for which there is no room");
	ok(scan_text(text, 0x1000, 200, &vma) && strlen(vma.path) == 164 && !vma.deleted,
		"the beginning of the one for which there is none");
	memset(text + length, 'x', 8000);
	strcpy(text + length + 8000, " (deleted)\n");
	ok(scan_text(text, 0x1000, 8192, &vma) && strlen(vma.path) == sizeof(path) - 1 && vma.deleted,
		"a longer one is cut, but known as deleted");
	ok(maps_line(text, 0x1000, &vma, small, sizeof(small)), "small storage");
	is_string(small, "/xxxxxxxxxxxxxx", "the storage's size is kept to");
	strcpy(text, "1000-2000 rw-s 00000000 00:01 5    /a\\012b (deleted)");
	ok(maps_line(text, 0x1000, &vma, text, sizeof(text)) && vma.deleted, "in the same storage");
	is_string(text, "/a\nb", "the name moves down");
}

static void test_damaged(void)
{
	static const char text[] = "\n\n1000-2000\n1000-2000 rw-p zz 00:00 0 /a\n-\n"
				   "1000-2000 rw-p 00000000 00:00 0 /right\n";
	struct vma vma = {.path = ""};

	ok(scan_text(text, 0x1000, 64, &vma), "lines that make no sense are passed over");
	is_string(vma.path, "/right", "and the right one is found");
}

/* A file of two pages, the second of them mapped; its name is made of everything but "/". */
static char *map_file(const char *name)
{
	int fd = open(name, O_RDWR | O_CREAT, 0600);
	char *address;

	if (fd < 0 || ftruncate(fd, 8192) < 0)
		exit(99);
	address = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 4096);
	close(fd);
	return address;
}

static bool has_inode(const struct vma *vma, const char *name)
{
	struct stat file;

	return stat(name, &file) == 0 && file.st_ino == vma->inode;
}

static int lowest_free(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

/* In a child: what a hard limit was cannot be had back. */
static int query_with_limits(rlim_t soft, rlim_t hard, uintptr_t address)
{
	struct rlimit limit = {soft, hard};
	struct vma vma;
	int status;

	if (fork() == 0) {
		setrlimit(RLIMIT_NOFILE, &limit);
		_exit(-vma_query(address, &vma, path, sizeof(path)));
	}
	wait(&status);
	return WIFEXITED(status) ? -WEXITSTATUS(status) : 1;
}

static void test_query(void)
{
	char name[] = "vma-test \n\x01\xff\\ b";
	char *address = map_file(name), *anonymous;
	struct vma vma;
	int before = lowest_free();

	ok(vma_query((uintptr_t)address + 5, &vma, path, sizeof(path)) == 0 &&
			vma.start == (uintptr_t)address && vma.end == vma.start + 4096 &&
			vma.offset == 4096 && vma.prot == PROT_READ && vma.shared && !vma.deleted,
		"a mapped file is described");
	ok(has_inode(&vma, name), "with its inode");
	is_string(strrchr(vma.path, '/') + 1, name, "and its raw name");
	ok(vma_query((uintptr_t)address, &vma, NULL, 0) == 0 && vma.path[0] == '\0' &&
			vma.offset == 4096,
		"the name need not be asked for");
	unlink(name);
	ok(vma_query((uintptr_t)address, &vma, path, sizeof(path)) == 0 && vma.deleted,
		"a removed file is known as deleted");
	is_string(strrchr(vma.path, '/') + 1, name, "without the suffix in its name");
	anonymous = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ok(vma_query((uintptr_t)anonymous, &vma, path, sizeof(path)) == 0 && !vma.path[0] &&
			!vma.shared && !strcmp(vma_kind(&vma), "anon"),
		"anonymous memory has no name");
	munmap(anonymous, 4096);
	ok(vma_query(16, &vma, path, sizeof(path)) == -ENOENT, "nothing there: ENOENT");
	ok(query_with_limits(3, 64, (uintptr_t)address) == -EMFILE,
		"no descriptor is free: EMFILE");
	ok(lowest_free() == before, "no descriptor stays open");
	munmap(address, 4096);
}

static void test_named_deleted(void)
{
	static const char name[] = "x (deleted)";
	char *address = map_file(name);
	struct vma vma;

	ok(vma_query((uintptr_t)address, &vma, path, sizeof(path)) == 0 && !vma.deleted,
		"a file that is called so is not deleted");
	is_string(strrchr(vma.path, '/') + 1, name, "and has all of its name");
	unlink(name);
	ok(vma_query((uintptr_t)address, &vma, path, sizeof(path)) == 0 && vma.deleted,
		"until it is");
	is_string(strrchr(vma.path, '/') + 1, name, "then one suffix is the kernel's");
	munmap(address, 4096);
}

/* Where the kernel has huge pages: their kind is known by the page size, or by the device. */
static void test_huge(void)
{
	int fd = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB);
	size_t size = 2 << 20;
	struct mapping mapping = {.length = size, .prot = PROT_READ, .flags = MAP_SHARED, .fd = fd};
	struct vma vma;
	void *memory;

	if (fd < 0)
		return;
	if (ftruncate(fd, (off_t)size))
		perror("ftruncate");
	memory = mmap(NULL, size, PROT_READ, MAP_SHARED | MAP_NORESERVE, fd, 0);
	ok(vma_of_mapping(&mapping, &vma, path, sizeof(path)) && !strcmp(vma_kind(&vma), "hugetlb") &&
			vma.page_size == size,
		"a memfd of huge pages is hugetlb when it is mapped");
	if (memory != MAP_FAILED) {
		ok(vma_query((uintptr_t)memory, &vma, path, sizeof(path)) == 0 &&
				!strcmp(vma_kind(&vma), "hugetlb") && vma.page_size == size,
			"and afterwards");
		munmap(memory, size);
	}
	close(fd);
}

/* As before Linux 6.11. */
static bool forbid_question(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, _IOWR('f', 17, char[104]), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOTTY),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void test_kind(void)
{
	static const struct {
		const char *path;
		uint32_t page_size;
		bool deleted;
		const char *kind;
	} cases[] = {
		{"", 4096, false, "anon"},
		{"[heap]", 4096, false, "anon"},
		{"[anon:x]", 0, false, "anon"},
		{"/dev/zero", 4096, true, "anon"},
		{"/dev/zero", 4096, false, "anon"},
		{"/dev/zeros", 4096, false, "device"},
		{"/memfd:wayland-shm", 4096, true, "memfd"},
		{"/memfd:x", 2 << 20, true, "hugetlb"},
		{"/anon_hugepage", 0, true, "hugetlb"},
		{"/dev/hugepages/x", 0, false, "hugetlb"},
		{"/mnt/huge/x", 2 << 20, false, "hugetlb"},
		{"/dev/shm/x", 4096, false, "shm"},
		{"/SYSV00000000", 4096, true, "shm"},
		{"/dev/dri/card0", 4096, false, "device"},
		{"/dev/dax0.0", 2 << 20, false, "device"},
		{"/dmabuf:", 4096, false, "device"},
		{"anon_inode:[perf_event]", 4096, false, "device"},
		{"/usr/lib/libc.so.6", 4096, false, "file"},
		{"/device", 4096, false, "file"},
		{"/home/memfd:x", 0, false, "file"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vma vma = {.path = cases[i].path,
			.page_size = cases[i].page_size,
			.deleted = cases[i].deleted};

		ok(!strcmp(vma_kind(&vma), cases[i].kind), "\"%s\"%s is %s", cases[i].path,
			cases[i].deleted ? " (deleted)" : "", cases[i].kind);
	}
}

int main(void)
{
	char directory[] = "/tmp/test-vma-XXXXXX";

	if (!mkdtemp(directory) || chdir(directory) < 0)
		return 99;
	test_fields();
	test_names();
	test_long_name();
	test_damaged();
	test_kind();
	test_query();
	test_named_deleted();
	test_huge();
	if (forbid_question()) {
		ok(true, "the same with the text of maps:");
		test_query();
		test_named_deleted();
		test_huge();
	} else {
		printf("ok %d # SKIP no seccomp: the text of maps is not tested\n", ++tap_count);
	}
	rmdir(directory);
	return tap_done();
}
