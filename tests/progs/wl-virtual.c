/* SPDX-License-Identifier: MIT */
#include "wl-virtual.h"

#include <stddef.h>

#define BUTTON_LEFT 0x110

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

void virtual_pointer_press(struct wl_proxy *pointer, bool down)
{
	wl_proxy_marshal(pointer, 2, 0, BUTTON_LEFT, down);
	wl_proxy_marshal(pointer, 4);
}

static const struct wl_interface *add_buffer_types[] = {&wl_buffer_interface, NULL};
static const struct wl_message icon_requests[] = {
	{"destroy", "", no_types},
	{"set_name", "s", no_types},
	{"add_buffer", "oi", add_buffer_types},
};
static const struct wl_interface toplevel_icon_interface = {
	"xdg_toplevel_icon_v1", 1, 3, icon_requests, 0, NULL};
static const struct wl_interface *icon_create_types[] = {&toplevel_icon_interface};
static const struct wl_interface *icon_set_types[] = {NULL, &toplevel_icon_interface};
static const struct wl_message icon_manager_requests[] = {
	{"destroy", "", no_types},
	{"create_icon", "n", icon_create_types},
	{"set_icon", "o?o", icon_set_types},
};
static const struct wl_message icon_manager_events[] = {
	{"icon_size", "i", no_types},
	{"done", "", no_types},
};
const struct wl_interface toplevel_icon_manager_interface = {
	"xdg_toplevel_icon_manager_v1", 1, 3, icon_manager_requests, 2, icon_manager_events};

static int ignore_event(const void *unused, void *proxy, uint32_t opcode,
	const struct wl_message *message, union wl_argument *arguments)
{
	(void)unused, (void)proxy, (void)opcode, (void)message, (void)arguments;
	return 0;
}

void toplevel_icon_set(struct wl_proxy *manager, void *toplevel, struct wl_buffer *buffer)
{
	struct wl_proxy *icon =
		wl_proxy_marshal_constructor(manager, 1, &toplevel_icon_interface, NULL);

	wl_proxy_add_dispatcher(manager, ignore_event, NULL, NULL);
	wl_proxy_marshal(icon, 2, buffer, 1);
	wl_proxy_marshal(manager, 2, toplevel, icon);
}
