/* SPDX-License-Identifier: MIT */
/*
 * wayland-pools STEP...: libwayland's server and clients in one process, and a SIGBUS handler of
 * the program's own beside libwayland's.
 *
 *   client    a new client whose pool loses its file as soon as the server has mapped it
 *   good      a new client whose pool stays whole
 *   access    reads the buffer between begin_access and end_access; raw: without them
 *   thread    access in a thread that blocks SIGBUS
 *   error     what the client is told; the client goes
 *   handler   installs the program's: it repairs the program's pages, and exits 33 for any other
 *   own       a fault of the program's own       kill  a stray SIGBUS
 *   calls     how often the program's handler saw a fault, and a sent signal
 */
#include "wl-peer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIDE 32
#define POOL_SIZE (SIDE * SIDE * 4)

static char *own_page;
static volatile sig_atomic_t own_faults, sent_signals;

static void fail(const char *what)
{
	fprintf(stderr, "wayland-pools: %s: %s\n", what, strerror(errno));
	exit(99);
}

static void new_client(off_t left)
{
	int fd = memfd_create("pool", MFD_CLOEXEC);

	if (!client_connect())
		fail("connect");
	if (ftruncate(fd, POOL_SIZE) < 0)
		fail("ftruncate");
	client_make_buffer(fd, SIDE, SIDE);
	if (ftruncate(fd, left) < 0)
		fail("ftruncate");
	close(fd);
}

static void bad_client(void)
{
	new_client(0);
}

static void good_client(void)
{
	new_client(POOL_SIZE);
}

static void print_error(void)
{
	const struct wl_interface *interface = NULL;
	uint32_t id, code;

	pump();
	if (wl_display_get_error(client.display) == EPROTO) {
		code = wl_display_get_protocol_error(client.display, &interface, &id);
		printf("error %u on %s\n", (unsigned)code, interface ? interface->name : "?");
	} else {
		printf("error none\n");
	}
	client_disconnect();
}

/* ---- the server looks at the buffer ---- */

static struct wl_shm_buffer *buffer_or_fail(void)
{
	struct wl_shm_buffer *buffer = server_buffer();

	if (!buffer)
		fail("no buffer");
	return buffer;
}

static int first_byte(struct wl_shm_buffer *buffer)
{
	return *(volatile unsigned char *)wl_shm_buffer_get_data(buffer);
}

static void access_buffer(void)
{
	struct wl_shm_buffer *buffer = buffer_or_fail();
	int byte;

	wl_shm_buffer_begin_access(buffer);
	byte = first_byte(buffer);
	wl_shm_buffer_end_access(buffer);
	printf("access %02x\n", (unsigned)byte);
}

static void access_raw(void)
{
	printf("raw %02x\n", (unsigned)first_byte(buffer_or_fail()));
}

static void *blocked_main(void *unused)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGBUS);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	access_buffer();
	return unused;
}

static void access_in_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, blocked_main, NULL) != 0)
		fail("pthread_create");
	pthread_join(thread, NULL);
}

/* ---- the program's own SIGBUS ---- */

static void on_sigbus(int signo, siginfo_t *info, void *context)
{
	(void)signo, (void)context;
	if (info->si_code <= 0) {
		sent_signals++;
	} else if (own_page && info->si_addr == own_page) {
		own_faults++;
		mmap(own_page, POOL_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
			0);
	} else {
		_exit(33);
	}
}

static void install_handler(void)
{
	struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO};

	sigaction(SIGBUS, &action, NULL);
}

static void own_fault(void)
{
	int fd = memfd_create("own", MFD_CLOEXEC);

	own_page = mmap(NULL, POOL_SIZE, PROT_READ, MAP_SHARED, fd, 0);
	if (own_page == MAP_FAILED)
		fail("mmap");
	printf("own %02x\n", (unsigned)*(volatile unsigned char *)own_page);
}

static void stray_signal(void)
{
	kill(getpid(), SIGBUS);
}

static void print_calls(void)
{
	printf("calls fault=%d sent=%d\n", (int)own_faults, (int)sent_signals);
}

static const struct {
	const char *name;
	void (*run)(void);
} steps[] = {
	{"client", bad_client},
	{"good", good_client},
	{"access", access_buffer},
	{"raw", access_raw},
	{"thread", access_in_thread},
	{"error", print_error},
	{"handler", install_handler},
	{"own", own_fault},
	{"kill", stray_signal},
	{"calls", print_calls},
};

static void run_step(const char *name)
{
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		if (strcmp(steps[i].name, name) == 0) {
			steps[i].run();
			return;
		}
	}
	errno = EINVAL;
	fail(name);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	if (!server_start())
		fail("wl_display_create");
	for (int i = 1; i < argc; i++)
		run_step(argv[i]);
	return 0;
}
