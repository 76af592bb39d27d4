/* SPDX-License-Identifier: MIT */
/*
 * The two protocols by which wlroots compositors take input from a client: no Debian package ships
 * their descriptions, and of each only a few requests are needed here.
 */
#ifndef WL_VIRTUAL_H
#define WL_VIRTUAL_H

#include <stdint.h>
#include <wayland-client.h>

extern const struct wl_interface virtual_keyboard_manager_interface;
extern const struct wl_interface virtual_pointer_manager_interface;

struct wl_proxy *virtual_keyboard_create(struct wl_proxy *manager, struct wl_seat *seat);
void virtual_keyboard_keymap(struct wl_proxy *keyboard, int fd, uint32_t size);

struct wl_proxy *virtual_pointer_create(struct wl_proxy *manager, struct wl_seat *seat);
/* To x/extent, y/extent of the output. */
void virtual_pointer_move(struct wl_proxy *pointer, uint32_t x, uint32_t y, uint32_t extent);

#endif
