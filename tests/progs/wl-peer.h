/* SPDX-License-Identifier: MIT */
/* A Wayland server and one client of it in one process and one thread: both ends of a wl_shm pool. */
#ifndef SIGBUS_TESTS_WL_PEER_H
#define SIGBUS_TESTS_WL_PEER_H

#include <stdbool.h>
#include <wayland-client.h>
#include <wayland-server.h>

/* The client's end; peer is the server's object for it. */
extern struct client {
	struct wl_display *display;
	struct wl_client *peer;
	struct wl_shm *shm;
	struct wl_buffer *buffer;
} client;

/* False: it failed. */
bool server_start(void);
bool client_connect(void);
/* A buffer over a pool that is all of the file, four bytes a pixel; the server has mapped it then. */
void client_make_buffer(int fd, int width, int height);
/* Lets both ends read and answer, in turn, until nothing is left to do. */
void pump(void);
struct wl_shm_buffer *server_buffer(void); /* the client's buffer as the server has it, or NULL */
void client_disconnect(void); /* the server notices when it reads next */

#endif
