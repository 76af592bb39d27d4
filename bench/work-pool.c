/* SPDX-License-Identifier: MIT */
/* A wl_shm pool that its client truncates, read by the server between begin_access and end_access.
 */
#include "work.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <wayland-client.h>
#include <wayland-server.h>

#define WIDTH 2048
#define STRIDE (WIDTH * 4)
#define PUMPS 6

static struct wl_display *server;
static struct {
	struct wl_display *display;
	struct wl_client *peer;
	struct wl_shm *shm;
	struct wl_buffer *buffer;
} client;

/* ---- both ends of the connection, in turn ---- */

static void pump_client(void)
{
	struct pollfd readable = {.fd = wl_display_get_fd(client.display), .events = POLLIN};

	while (wl_display_prepare_read(client.display) != 0)
		wl_display_dispatch_pending(client.display);
	wl_display_flush(client.display);
	if (poll(&readable, 1, 0) > 0)
		wl_display_read_events(client.display);
	else
		wl_display_cancel_read(client.display);
	wl_display_dispatch_pending(client.display);
}

static void pump(void)
{
	for (int i = 0; i < PUMPS; i++) {
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

static void make_lost_pool(void)
{
	int fd = make_file(order.size);
	struct wl_shm_pool *pool = wl_shm_create_pool(client.shm, fd, (int)order.size);

	client.buffer = wl_shm_pool_create_buffer(
		pool, 0, WIDTH, (int)(order.size / STRIDE), STRIDE, WL_SHM_FORMAT_ARGB8888);
	pump();
	if (ftruncate(fd, 0) < 0)
		fail("ftruncate");
	close(fd);
}

static void disconnect_client(void)
{
	wl_client_destroy(client.peer);
	wl_display_disconnect(client.display);
	memset(&client, 0, sizeof(client));
}

static uint64_t read_pool(void)
{
	uint32_t id = wl_proxy_get_id((struct wl_proxy *)client.buffer);
	struct wl_resource *resource = wl_client_get_object(client.peer, id);
	struct wl_shm_buffer *buffer = resource ? wl_shm_buffer_get(resource) : NULL;
	uint64_t start = processor_time();
	const char *data;

	if (!buffer)
		fail("no buffer");
	wl_shm_buffer_begin_access(buffer);
	data = wl_shm_buffer_get_data(buffer);
	for (size_t at = 0; at < order.size; at += PAGE)
		touch(data + at);
	wl_shm_buffer_end_access(buffer);
	return processor_time() - start;
}

static uint64_t run_pool(unsigned count)
{
	uint64_t sum = 0;

	while (count--) {
		connect_client();
		make_lost_pool();
		sum += read_pool();
		disconnect_client();
	}
	return sum;
}

static void start_server(void)
{
	server = wl_display_create();
	if (!server || wl_display_init_shm(server) != 0)
		fail("wl_display_create");
}

static const struct work pool_works[] = {{"pool", start_server, run_pool}, {0}};
const struct work *const works[] = {pool_works, NULL};
