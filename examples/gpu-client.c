/* SPDX-License-Identifier: MIT */
/*
 * gpu-client DRIVER DEVICE DRIVER DEVICE FILE HOW: two graphics devices of different vendors and a
 * plain file in one process, each with an owner of its own: "different handlers for GPU1 and GPU2
 * from different vendors, and a third handler for mmapped regular files". The second device goes,
 * then the file, then the first device; after each step everybody is used. HOW says what makes the
 * first one go: "truncate", or "use": an access to its last page does, which takes a device that dies
 * of that. Each of the three is a file of eight pages at least, and is cut off. Without libsigbus it
 * exits with 50: the program's handler is asked about memory of which it knows nothing.
 *
 *   cc -D_GNU_SOURCE gpu-client.c -o gpu-client
 *   cc -D_GNU_SOURCE -shared -fPIC -DVENDOR='"a"' gpu.c -o a.so    (another for b.so)
 *   sigbus-run ./gpu-client ./a.so device-a ./b.so device-b file truncate
 */
#include "gpu.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE ((size_t)4096)
#define PAGES 8
#define GOOD 4 /* pages of the first device that can be used without losing it */

struct device {
	const struct gpu_driver *driver;
	struct gpu *gpu;
	size_t last; /* page in use */
};

static struct device first, second;
static unsigned char *file;
static sigjmp_buf file_lost;

static void fail(const char *what)
{
	perror(what);
	exit(99);
}

static struct device load(const char *driver, const char *path)
{
	void *object = dlopen(driver, RTLD_NOW | RTLD_LOCAL);
	struct device device = {.last = GOOD - 1};

	device.driver = object ? dlsym(object, "gpu_driver") : NULL;
	if (!device.driver) {
		fprintf(stderr, "%s\n", dlerror());
		exit(99);
	}
	device.gpu = device.driver->open(path);
	if (!device.gpu)
		fail(path);
	return device;
}

/* The program's own handler, for its file: it knows nothing of the devices. */
static void on_sigbus(int signal, siginfo_t *info, void *ucontext)
{
	unsigned char *address = info->si_addr;

	(void)signal, (void)ucontext;
	if (address < file || address >= file + PAGES * PAGE)
		_exit(50);
	siglongjmp(file_lost, 1);
}

static void map_file(const char *path)
{
	struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO};
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	file = mmap(NULL, PAGES * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	if (file == MAP_FAILED || sigaction(SIGBUS, &action, NULL) < 0)
		fail(path);
	close(fd);
}

static void show_device(const struct device *device)
{
	unsigned char pixels[64];
	enum gpu_result read_back, fill;
	struct pollfd event = {.fd = device->driver->event_fd(device->gpu), .events = POLLIN};
	int byte;

	read_back = device->driver->read_back(device->gpu, device->last * PAGE, 64, pixels);
	fill = read_back == GPU_OK && device->last < GOOD
		       ? device->driver->fill(device->gpu, 0, PAGE, 'p')
		       : read_back;
	byte = *(volatile unsigned char *)(device->driver->map(device->gpu) + device->last * PAGE +
					   5);
	printf("%s: %s %s, maps %02x, %s\n", device->driver->vendor,
		read_back == GPU_OK ? "ok" : "lost", fill == GPU_OK ? "ok" : "lost", (unsigned)byte,
		poll(&event, 1, 0) == 1 ? "told" : "quiet");
}

static void show(const char *when)
{
	printf("%s\n", when);
	show_device(&first);
	show_device(&second);
	if (sigsetjmp(file_lost, 1) == 0)
		printf("file: %c\n", *(volatile unsigned char *)file);
	else
		printf("file: lost\n");
}

int main(int argc, char **argv)
{
	if (argc != 7) {
		fprintf(stderr, "usage: gpu-client DRIVER DEVICE DRIVER DEVICE FILE truncate|use\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IONBF, 0);
	map_file(argv[5]);
	first = load(argv[1], argv[2]);
	second = load(argv[3], argv[4]);
	show("all there");
	if (truncate(argv[4], 0) < 0)
		fail(argv[4]);
	show("second device gone");
	if (truncate(argv[5], 0) < 0)
		fail(argv[5]);
	show("file gone");
	if (strcmp(argv[6], "use") == 0)
		first.last = PAGES - 1;
	else if (truncate(argv[2], 0) < 0)
		fail(argv[2]);
	show("first device gone");
	first.driver->close(first.gpu);
	second.driver->close(second.gpu);
	return 0;
}
