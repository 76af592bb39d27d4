/* SPDX-License-Identifier: MIT */
/*
 * Protocols that no Debian package describes (or not each release's), of which only a few requests are
 * needed here: input that comes from a client, the icon of a window.
 */
#ifndef WL_VIRTUAL_H
#define WL_VIRTUAL_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-client.h>

extern const struct wl_interface virtual_keyboard_manager_interface;
extern const struct wl_interface virtual_pointer_manager_interface;

struct wl_proxy *virtual_keyboard_create(struct wl_proxy *manager, struct wl_seat *seat);
void virtual_keyboard_keymap(struct wl_proxy *keyboard, int fd, uint32_t size);

struct wl_proxy *virtual_pointer_create(struct wl_proxy *manager, struct wl_seat *seat);
/* To x/extent, y/extent of the output. */
void virtual_pointer_move(struct wl_proxy *pointer, uint32_t x, uint32_t y, uint32_t extent);
void virtual_pointer_press(struct wl_proxy *pointer, bool down);

extern const struct wl_interface toplevel_icon_manager_interface;

void toplevel_icon_set(struct wl_proxy *manager, void *toplevel, struct wl_buffer *buffer);

#endif
