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
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <wayland-client.h>
#include <wayland-server.h>

#define SIDE 32
#define STRIDE (SIDE * 4)
#define POOL_SIZE (SIDE * STRIDE)
#define PUMPS 10

static struct wl_display *server;
static struct {
	struct wl_display *display;
	struct wl_client *peer;
	struct wl_shm *shm;
	struct wl_buffer *buffer;
} client;
static char *own_page;
static volatile sig_atomic_t own_faults, sent_signals;

static void fail(const char *what)
{
	fprintf(stderr, "wayland-pools: %s: %s\n", what, strerror(errno));
	exit(99);
}

/* ---- both ends of the connection, in turn ---- */

static void pump_client(void)
{
	struct pollfd poll_fd = {.fd = wl_display_get_fd(client.display), .events = POLLIN};

	while (wl_display_prepare_read(client.display) != 0)
		wl_display_dispatch_pending(client.display);
	wl_display_flush(client.display);
	if (poll(&poll_fd, 1, 0) > 0)
		wl_display_read_events(client.display);
	else
		wl_display_cancel_read(client.display);
	wl_display_dispatch_pending(client.display);
}

static void pump(void)
{
	for (int i = 0; i < PUMPS && !wl_display_get_error(client.display); i++) {
		pump_client();
		wl_event_loop_dispatch(wl_display_get_event_loop(server), 0);
		wl_display_flush_clients(server);
	}
}

static void on_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	(void)data, (void)version;
	if (strcmp(interface, "wl_shm") == 0)
		client.shm = wl_registry_bind(registry, name, &wl_shm_interface, 1);
}

static void on_global_remove(void *data, struct wl_registry *registry, uint32_t name)
{
	(void)data, (void)registry, (void)name;
}

static const struct wl_registry_listener registry_listener = {on_global, on_global_remove};

static void connect_client(void)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		fail("socketpair");
	client.peer = wl_client_create(server, pair[0]);
	client.display = wl_display_connect_to_fd(pair[1]);
	wl_registry_add_listener(wl_display_get_registry(client.display), &registry_listener, NULL);
	pump();
	if (!client.shm)
		fail("no wl_shm");
}

static void new_client(off_t left)
{
	int fd = memfd_create("pool", MFD_CLOEXEC);
	struct wl_shm_pool *pool;

	connect_client();
	if (ftruncate(fd, POOL_SIZE) < 0)
		fail("ftruncate");
	pool = wl_shm_create_pool(client.shm, fd, POOL_SIZE);
	client.buffer =
		wl_shm_pool_create_buffer(pool, 0, SIDE, SIDE, STRIDE, WL_SHM_FORMAT_ARGB8888);
	pump();
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
	wl_display_disconnect(client.display);
	memset(&client, 0, sizeof(client));
}

/* ---- the server looks at the buffer ---- */

static struct wl_shm_buffer *server_buffer(void)
{
	uint32_t id = wl_proxy_get_id((struct wl_proxy *)client.buffer);
	struct wl_resource *resource = wl_client_get_object(client.peer, id);

	if (!resource)
		fail("no buffer");
	return wl_shm_buffer_get(resource);
}

static int first_byte(struct wl_shm_buffer *buffer)
{
	return *(volatile unsigned char *)wl_shm_buffer_get_data(buffer);
}

static void access_buffer(void)
{
	struct wl_shm_buffer *buffer = server_buffer();
	int byte;

	wl_shm_buffer_begin_access(buffer);
	byte = first_byte(buffer);
	wl_shm_buffer_end_access(buffer);
	printf("access %02x\n", (unsigned)byte);
}

static void access_raw(void)
{
	printf("raw %02x\n", (unsigned)first_byte(server_buffer()));
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
	server = wl_display_create();
	if (!server || wl_display_init_shm(server) < 0)
		fail("wl_display_create");
	for (int i = 1; i < argc; i++)
		run_step(argv[i]);
	return 0;
}
