/* SPDX-License-Identifier: MIT */
#include "wl-virtual.h"

#include <stddef.h>

/* A message's number is its place in the table. */
static const struct wl_interface *no_types[5];

static const struct wl_message keyboard_requests[] = {
	{"keymap", "uhu", no_types},
};
static const struct wl_interface virtual_keyboard_interface = {
	"zwp_virtual_keyboard_v1", 1, 1, keyboard_requests, 0, NULL};

static const struct wl_interface *keyboard_create_types[] = {
	&wl_seat_interface, &virtual_keyboard_interface};
static const struct wl_message keyboard_manager_requests[] = {
	{"create_virtual_keyboard", "on", keyboard_create_types},
};
const struct wl_interface virtual_keyboard_manager_interface = {
	"zwp_virtual_keyboard_manager_v1", 1, 1, keyboard_manager_requests, 0, NULL};

static const struct wl_message pointer_requests[] = {
	{"motion", "uff", no_types},
	{"motion_absolute", "uuuuu", no_types},
	{"button", "uuu", no_types},
	{"axis", "uuf", no_types},
	{"frame", "", no_types},
};
static const struct wl_interface virtual_pointer_interface = {
	"zwlr_virtual_pointer_v1", 1, 5, pointer_requests, 0, NULL};

static const struct wl_interface *pointer_create_types[] = {
	&wl_seat_interface, &virtual_pointer_interface};
static const struct wl_message pointer_manager_requests[] = {
	{"create_virtual_pointer", "?on", pointer_create_types},
};
const struct wl_interface virtual_pointer_manager_interface = {
	"zwlr_virtual_pointer_manager_v1", 1, 1, pointer_manager_requests, 0, NULL};

struct wl_proxy *virtual_keyboard_create(struct wl_proxy *manager, struct wl_seat *seat)
{
	return wl_proxy_marshal_constructor(manager, 0, &virtual_keyboard_interface, seat, NULL);
}

void virtual_keyboard_keymap(struct wl_proxy *keyboard, int fd, uint32_t size)
{
	wl_proxy_marshal(keyboard, 0, WL_KEYBOARD_KEYMAP_FORMAT_XKB_V1, fd, size);
}

struct wl_proxy *virtual_pointer_create(struct wl_proxy *manager, struct wl_seat *seat)
{
	return wl_proxy_marshal_constructor(manager, 0, &virtual_pointer_interface, seat, NULL);
}

void virtual_pointer_move(struct wl_proxy *pointer, uint32_t x, uint32_t y, uint32_t extent)
{
	wl_proxy_marshal(pointer, 1, 0, x, y, extent, extent);
	wl_proxy_marshal(pointer, 4);
}
