/* SPDX-License-Identifier: MIT */
#include "wl-peer.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define PUMPS 10
#define PIXEL 4

struct client client;
static struct wl_display *server;

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

void pump(void)
{
	for (int i = 0; i < PUMPS && !wl_display_get_error(client.display); i++) {
		pump_client();
		wl_event_loop_dispatch(wl_display_get_event_loop(server), 0);
		wl_display_flush_clients(server);
	}
}

bool server_start(void)
{
	server = wl_display_create();
	return server && wl_display_init_shm(server) == 0;
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

bool client_connect(void)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return false;
	client.peer = wl_client_create(server, pair[0]);
	client.display = wl_display_connect_to_fd(pair[1]);
	wl_registry_add_listener(wl_display_get_registry(client.display), &registry_listener, NULL);
	pump();
	return client.shm;
}

void client_make_buffer(int fd, int width, int height)
{
	int stride = width * PIXEL;
	struct wl_shm_pool *pool = wl_shm_create_pool(client.shm, fd, stride * height);

	client.buffer = wl_shm_pool_create_buffer(
		pool, 0, width, height, stride, WL_SHM_FORMAT_ARGB8888);
	pump();
}

struct wl_shm_buffer *server_buffer(void)
{
	uint32_t id = wl_proxy_get_id((struct wl_proxy *)client.buffer);
	struct wl_resource *resource = wl_client_get_object(client.peer, id);

	return resource ? wl_shm_buffer_get(resource) : NULL;
}

void client_disconnect(void)
{
	wl_display_disconnect(client.display);
	memset(&client, 0, sizeof(client));
}
