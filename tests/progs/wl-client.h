/* SPDX-License-Identifier: MIT */
/*
 * A small Wayland client: what wl-hostile needs of one.
 *
 * Every wait is bounded. A lost connection ends the program from wherever it is noticed, with the
 * one line that says what the client saw.
 */
#ifndef WL_CLIENT_H
#define WL_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wayland-client.h>

#include "xdg-shell-client-protocol.h"

struct client {
	const char *title; /* of its windows */
	struct wl_display *display;
	struct wl_registry *registry;
	struct wl_compositor *compositor;
	struct wl_subcompositor *subcompositor;
	struct wl_shm *shm;
	struct wl_seat *seat;
	struct wl_pointer *pointer;
	struct xdg_wm_base *wm_base;
	struct wl_output *output; /* bound, or no surface is told that it entered it */
	struct wl_proxy *virtual_keyboard_manager;
	struct wl_proxy *virtual_pointer_manager;
	struct wl_proxy *screencopy_manager;
	struct wl_proxy *capture_source_manager, *image_copy_manager;
	struct wl_proxy *weston_capture;
	struct wl_proxy *gamma_manager;
	struct wl_proxy *color_manager;
	struct wl_proxy *toplevel_icon_manager;
	struct wl_data_device_manager *data_device_manager;
	struct global {
		uint32_t name, version;
		char interface[64];
	} globals[128];
	int global_count;
	bool entered;	       /* the pointer is over one of our surfaces */
	bool pressed;	       /* its button is, there */
	uint32_t enter_serial; /* valid once it entered */
	uint32_t press_serial; /* valid once it is pressed */
};

enum pool_file { FILE_MEMFD, FILE_RUNTIME, FILE_HOME, FILE_SHM, FILE_HUGETLB, FILE_DIRECTORY };

struct pool {
	int fd;
	int size; /* as the compositor was told */
	struct wl_shm_pool *proxy;
	struct wl_buffer *buffer; /* at its start */
	int width, height;	  /* of the buffer */
};

struct window {
	struct wl_surface *surface;
	struct xdg_surface *xdg_surface;
	struct xdg_toplevel *toplevel;
	bool configured;
	bool entered;	/* it has its place on an output */
	bool maximized; /* no place to wait for (a tiled window is not maximized: xdg_wm_base 2) */
};

/* Prints "<format>\n", the one line of the program, and exits with status. */
_Noreturn void finish(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

void client_connect(struct client *client, const char *socket);
/* Handles events until *flag is true, or for milliseconds, if that is not negative: *flag. */
bool client_wait(struct client *client, const bool *flag, int milliseconds);
/* Has the compositor handled all requests? */
bool client_sync(struct client *client);

/* The same, but for what may never come: as often as the compositor answers many times. */
bool client_rounds(struct client *client, const bool *flag);
/* A global at the version of interface; NULL: the compositor does not have it. */
struct wl_proxy *client_bind(struct client *client, const struct wl_interface *interface);

/* A file of size bytes of which nothing is left behind; directory: of FILE_DIRECTORY. */
int file_create(enum pool_file kind, const char *directory, size_t size);

/* A pool of size bytes, and a buffer at its start if width is not 0. */
void pool_create(struct client *client, struct pool *pool, int fd, int size);
void pool_add_buffer(struct pool *pool, int offset, int width, int height);

void window_open(struct client *client, struct window *window);
/* Commits a surface that is no window, and acknowledges its size. */
void window_acknowledge(
	struct client *client, struct xdg_surface *xdg_surface, struct wl_surface *surface);
/* Attaches (if buffer is not NULL), damages all, commits. */
void surface_commit(struct wl_surface *surface, struct wl_buffer *buffer);
/* The same, and waits: has the time of its next frame come? It does not for what is not visible. */
bool surface_show(struct client *client, struct wl_surface *surface, struct wl_buffer *buffer);
/*
 * The same until the window is really on the screen: while sway arranges its windows, one that
 * waits for its place is not painted, but gets frame callbacks.
 */
void window_show(struct client *client, struct window *window, struct wl_buffer *buffer);

#endif
