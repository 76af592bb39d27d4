/* SPDX-License-Identifier: MIT */
/*
 * loss-fuse DIRECTORY PAGES GOOD MODE: a FUSE server of one file, "file", in DIRECTORY. The first
 * GOOD of its PAGES are A, B, ..., as in pages; what becomes of the first read of another one,
 * MODE:
 *
 *   eio    it fails              stop   it fails, nothing else is answered then
 *   exit   the server is gone    abort  the connection is
 *   hang   it is never answered      back   it fails, until SIGUSR1 comes to the server
 *
 * Prints the server's pid when the file system is mounted. 77: it can't be. When the server has been
 * asked for such a page, there is a file "asked" where it was started.
 */
#include "limit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE ((size_t)4096)
#define FILE_ID 2
#define TRIES 2 /* of the kernel, for one access */

static int device;
static const char *directory, *mode;
static size_t pages, good;
static volatile sig_atomic_t back;
static uint64_t valid =
	3600; /* seconds that the kernel need not ask again what a name or file is */

static void reply(const struct fuse_in_header *request, int error, const void *data, size_t size)
{
	struct fuse_out_header header = {.len = (uint32_t)(sizeof(header) + size),
		.error = -error,
		.unique = request->unique};
	struct iovec parts[] = {{&header, sizeof(header)}, {(void *)data, size}};

	if (writev(device, parts, size ? 2 : 1) < 0 && errno != ENOENT)
		exit(1);
}

static struct fuse_attr attributes(uint64_t id)
{
	return (struct fuse_attr){.ino = id,
		.size = id == FILE_ID ? pages * PAGE : 0,
		.blocks = id == FILE_ID ? pages * PAGE / 512 : 0,
		.mode = id == FILE_ID ? S_IFREG | 0666 : S_IFDIR | 0755,
		.nlink = 1,
		.blksize = PAGE};
}

/* No reading ahead: each page has a request of its own. */
static void answer_init(const struct fuse_in_header *request, const void *body)
{
	const struct fuse_init_in *in = body;
	struct fuse_init_out out = {.major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION,
		.max_readahead = 0,
		.max_write = PAGE};

	if (in->minor < out.minor)
		out.minor = in->minor;
	reply(request, 0, &out, sizeof(out));
}

static void answer_lookup(const struct fuse_in_header *request, const void *name)
{
	struct fuse_entry_out out = {.nodeid = FILE_ID,
		.entry_valid = valid,
		.attr_valid = valid,
		.attr = attributes(FILE_ID)};

	if (strcmp(name, "file") != 0)
		reply(request, ENOENT, NULL, 0);
	else
		reply(request, 0, &out, sizeof(out));
}

static void answer_getattr(const struct fuse_in_header *request)
{
	struct fuse_attr_out out = {.attr_valid = valid, .attr = attributes(request->nodeid)};

	reply(request, 0, &out, sizeof(out));
}

static void lose(const struct fuse_in_header *request)
{
	static int failures;

	close(open("asked", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	if (strcmp(mode, "exit") == 0)
		exit(0);
	if (strcmp(mode, "abort") == 0) /* what umount -f does */
		exit(umount2(directory, MNT_FORCE) < 0 && errno != EBUSY);
	if (strcmp(mode, "hang") != 0)
		reply(request, EIO, NULL, 0);
	while (strcmp(mode, "hang") == 0 || (strcmp(mode, "stop") == 0 && ++failures >= TRIES))
		pause();
}

static void answer_read(const struct fuse_in_header *request, const void *body)
{
	const struct fuse_read_in *in = body;
	size_t number = in->offset / PAGE;
	char page[PAGE];

	if (number >= good && !back) {
		lose(request);
		return;
	}
	memset(page, (int)('A' + number % 26), sizeof(page));
	reply(request, 0, page, in->size < sizeof(page) ? in->size : sizeof(page));
}

static void answer(const struct fuse_in_header *request, const void *body)
{
	struct fuse_open_out opened = {.open_flags = FOPEN_KEEP_CACHE};

	switch (request->opcode) {
	case FUSE_INIT:
		answer_init(request, body);
		break;
	case FUSE_LOOKUP:
		answer_lookup(request, body);
		break;
	case FUSE_GETATTR:
		answer_getattr(request);
		break;
	case FUSE_OPEN:
		reply(request, 0, &opened, sizeof(opened));
		break;
	case FUSE_READ:
		answer_read(request, body);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	case FUSE_FLUSH:
	case FUSE_RELEASE:
		reply(request, 0, NULL, 0);
		break;
	default:
		reply(request, ENOSYS, NULL, 0);
	}
}

static void on_back(int signo)
{
	back = signo;
}

static void serve(void)
{
	static _Alignas(struct fuse_in_header) char buffer[FUSE_MIN_READ_BUFFER + PAGE];

	for (;;) {
		ssize_t length = read(device, buffer, sizeof(buffer));

		if (length < 0 && (errno == EINTR || errno == ENOENT || errno == EAGAIN))
			continue;
		if (length < (ssize_t)sizeof(struct fuse_in_header))
			exit(0); /* unmounted */
		answer((void *)buffer, buffer + sizeof(struct fuse_in_header));
	}
}

static void mount_here(void)
{
	char options[128];

	device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	snprintf(options, sizeof(options),
		"fd=%d,rootmode=40000,user_id=%u,group_id=%u,allow_other", device, getuid(),
		getgid());
	if (device < 0 ||
		mount("loss", directory, "fuse.loss", MS_NOSUID | MS_NODEV, options) < 0) {
		perror("loss-fuse");
		exit(77);
	}
}

int main(int argc, char **argv)
{
	pid_t child;

	if (argc != 5)
		return 2;
	directory = argv[1];
	pages = strtoul(argv[2], NULL, 10);
	good = strtoul(argv[3], NULL, 10);
	mode = argv[4];
	if (strcmp(mode, "stop") == 0)
		valid = 0;
	mount_here();
	if (strcmp(mode, "back") == 0)
		signal(SIGUSR1, on_back);
	child = fork();
	if (child == 0) {
		alarm(hang_limit()); /* a server that was forgotten */
		if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
			return 1;
		serve();
	}
	printf("%d\n", (int)child);
	return child < 0;
}
