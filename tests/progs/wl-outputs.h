/* SPDX-License-Identifier: MIT */
/*
 * What a client may hand over to have the screen copied into, or to change its colours. The protocols
 * are not in each release's packages, and a few of their requests are needed here.
 */
#ifndef WL_OUTPUTS_H
#define WL_OUTPUTS_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-client.h>

/* A copy of the screen, and the buffer that it has to go to. */
struct screencopy {
	struct wl_proxy *proxy;
	uint32_t format, width, height, stride;
	bool told; /* these four */
	bool done; /* copied, or failed */
};

extern const struct wl_interface screencopy_manager_interface; /* wlroots' */
void screencopy_start(struct wl_proxy *manager, struct wl_output *output, struct screencopy *copy);
void screencopy_copy(struct screencopy *copy, struct wl_buffer *buffer);

extern const struct wl_interface capture_source_manager_interface, image_copy_manager_interface;
void image_copy_start(struct wl_proxy *sources, struct wl_proxy *manager, struct wl_output *output,
	struct screencopy *copy);
void image_copy_copy(struct screencopy *copy, struct wl_buffer *buffer);

extern const struct wl_interface weston_capture_interface;
void weston_capture_start(struct wl_proxy *manager, struct wl_output *output, struct screencopy *copy);
void weston_capture_copy(struct screencopy *copy, struct wl_buffer *buffer);

/* The curves of a screen, in three times size numbers of 16 bits. */
struct gamma {
	struct wl_proxy *proxy;
	uint32_t size;
	bool told; /* size, or that there are none: 0 */
};

extern const struct wl_interface gamma_manager_interface;
void gamma_start(struct wl_proxy *manager, struct wl_output *output, struct gamma *gamma);
void gamma_set(struct gamma *gamma, int fd);

struct color_manager {
	bool told; /* what it supports */
	bool icc;  /* profiles in files */
};

extern const struct wl_interface color_manager_interface;
void color_manager_start(struct wl_proxy *proxy, struct color_manager *manager);
void color_manager_set_profile(struct wl_proxy *proxy, int fd, uint32_t size);

#endif
