/* SPDX-License-Identifier: MIT */
/*
 * Other ways to bring a buffer to the screen than a window: what of these protocols wl-hostile needs.
 * Each is NULL, or false, where the compositor does not have it.
 */
#ifndef WL_SHELLS_H
#define WL_SHELLS_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-client.h>

#include "wl-client.h"

/* wp_viewporter: the part of the buffer that is shown. */
struct wl_proxy *viewport_create(struct client *client, struct wl_surface *surface);
void viewport_set(struct wl_proxy *viewport, int x, int y, int width, int height);

/* wp_single_pixel_buffer_manager_v1: a buffer without memory. */
struct wl_buffer *single_pixel_create(struct client *client);

/* A surface of zwlr_layer_shell_v1 over all, or of ext_session_lock_v1 in place of all. */
struct shell_surface {
	struct wl_proxy *proxy, *lock;
	uint32_t width, height;
	bool configured;
};
bool layer_open(struct client *client, struct wl_surface *surface, struct shell_surface *layer);
bool lock_open(struct client *client, struct wl_surface *surface, struct shell_surface *locked);
void lock_end(struct shell_surface *locked);

/* zwp_linux_dmabuf_v1: a buffer in the file fd, which is none of a device. False: it has no dmabufs. */
struct dmabuf {
	bool answered; /* created, or refused */
	struct wl_buffer *buffer;
};
bool dmabuf_create(struct client *client, int fd, int width, int height, struct dmabuf *dmabuf);

#endif
