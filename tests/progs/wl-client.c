/* SPDX-License-Identifier: MIT */
#include "wl-client.h"

#include <errno.h>
#include <poll.h>
#include <sys/param.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "limit.h"
#include "wl-outputs.h"
#include "wl-virtual.h"

/* As many answers of the compositor before the time of a frame mean that none will come: it is not
 * visible. A slow compositor answers slowly, too. */
#define FRAME_ROUNDS 1000
#define FOR_EVER (-1)

/* libwayland keeps an error's text only in what it logs: "wl_buffer@7: error 2: text\n" */
static char log_line[512];

void finish(int status, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	exit(status);
}

static void keep_log_line(const char *format, va_list arguments)
{
	vsnprintf(log_line, sizeof(log_line), format, arguments);
	log_line[strcspn(log_line, "\n")] = '\0';
}

static const char *error_text(void)
{
	const char *text = strstr(log_line, ": error ");

	text = text ? strstr(text + 1, ": ") : NULL;
	return text ? text + 2 : "";
}

static _Noreturn void connection_lost(struct client *client)
{
	const struct wl_interface *interface = NULL;
	int error = wl_display_get_error(client->display);
	uint32_t id, code = wl_display_get_protocol_error(client->display, &interface, &id);

	/* Not only for EPROTO: wl_display's own errors come with an errno value of their own. */
	if (interface)
		finish(0, "protocol error %u on %s: %s", code, interface->name, error_text());
	if (error == EPIPE || error == ECONNRESET)
		finish(0, "connection closed");
	finish(0, "connection lost: %s", strerror(error));
}

static int64_t now_milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* One round of events: false when the time is over. deadline: FOR_EVER, or a time. */
static bool read_events(struct client *client, int64_t deadline)
{
	struct pollfd pollfd = {.fd = wl_display_get_fd(client->display), .events = POLLIN};
	int64_t left = MAX(deadline - now_milliseconds(), 0);

	/* A failed flush is no end yet: the reason may still be there to read. */
	wl_display_flush(client->display);
	if (deadline < 0)
		left = FOR_EVER;
	if (left == 0 || poll(&pollfd, 1, (int)left) <= 0) {
		wl_display_cancel_read(client->display);
		return false;
	}
	if (wl_display_read_events(client->display) < 0)
		connection_lost(client);
	return true;
}

bool client_wait(struct client *client, const bool *flag, int milliseconds)
{
	int64_t deadline = milliseconds < 0 ? FOR_EVER : now_milliseconds() + milliseconds;

	for (;;) {
		while (wl_display_prepare_read(client->display) < 0)
			if (wl_display_dispatch_pending(client->display) < 0)
				connection_lost(client);
		if (*flag) {
			wl_display_cancel_read(client->display);
			return true;
		}
		if (!read_events(client, deadline))
			return false;
		if (wl_display_dispatch_pending(client->display) < 0)
			connection_lost(client);
	}
}

static void callback_done(void *data, struct wl_callback *callback, uint32_t value)
{
	(void)value;
	*(bool *)data = true;
	wl_callback_destroy(callback);
}

static const struct wl_callback_listener callback_listener = {callback_done};

/* On the heap: the event may come long after the wait for it ended. */
static bool *new_flag(void)
{
	bool *flag = calloc(1, sizeof(*flag));

	if (!flag)
		finish(1, "out of memory");
	return flag;
}

bool client_sync(struct client *client)
{
	bool *done = new_flag();

	wl_callback_add_listener(wl_display_sync(client->display), &callback_listener, done);
	return client_wait(client, done, FOR_EVER);
}

bool client_rounds(struct client *client, const bool *flag)
{
	for (int i = 0; i < FRAME_ROUNDS && !*flag; i++)
		client_sync(client);
	return *flag;
}

struct wl_proxy *client_bind(struct client *client, const struct wl_interface *interface)
{
	for (int i = 0; i < client->global_count; i++) {
		const struct global *global = &client->globals[i];

		if (strcmp(global->interface, interface->name) == 0 &&
			global->version >= (uint32_t)interface->version)
			return wl_registry_bind(client->registry, global->name, interface,
				(uint32_t)interface->version);
	}
	return NULL;
}

static void pointer_enter(void *data, struct wl_pointer *pointer, uint32_t serial,
	struct wl_surface *surface, wl_fixed_t x, wl_fixed_t y)
{
	struct client *client = data;

	(void)pointer, (void)surface, (void)x, (void)y;
	client->enter_serial = serial;
	client->entered = true;
}

static void pointer_leave(
	void *data, struct wl_pointer *pointer, uint32_t serial, struct wl_surface *surface)
{
	(void)data, (void)pointer, (void)serial, (void)surface;
}

static void pointer_motion(
	void *data, struct wl_pointer *pointer, uint32_t time, wl_fixed_t x, wl_fixed_t y)
{
	(void)data, (void)pointer, (void)time, (void)x, (void)y;
}

static void pointer_button(void *data, struct wl_pointer *pointer, uint32_t serial, uint32_t time,
	uint32_t button, uint32_t state)
{
	struct client *client = data;

	(void)pointer, (void)time, (void)button;
	client->pressed = state == WL_POINTER_BUTTON_STATE_PRESSED;
	client->press_serial = serial;
}

static void pointer_axis(
	void *data, struct wl_pointer *pointer, uint32_t time, uint32_t axis, wl_fixed_t value)
{
	(void)data, (void)pointer, (void)time, (void)axis, (void)value;
}

/* Bound at version 1: these are all the events. */
static const struct wl_pointer_listener pointer_listener = {
	.enter = pointer_enter,
	.leave = pointer_leave,
	.motion = pointer_motion,
	.button = pointer_button,
	.axis = pointer_axis,
};

static void seat_capabilities(void *data, struct wl_seat *seat, uint32_t capabilities)
{
	struct client *client = data;

	if (!(capabilities & WL_SEAT_CAPABILITY_POINTER) || client->pointer)
		return;
	client->pointer = wl_seat_get_pointer(seat);
	wl_pointer_add_listener(client->pointer, &pointer_listener, client);
}

static const struct wl_seat_listener seat_listener = {.capabilities = seat_capabilities};

static void wm_base_ping(void *data, struct xdg_wm_base *wm_base, uint32_t serial)
{
	(void)data;
	xdg_wm_base_pong(wm_base, serial);
}

static const struct xdg_wm_base_listener wm_base_listener = {wm_base_ping};

static void registry_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	struct client *client = data;
	const struct {
		const struct wl_interface *interface;
		uint32_t version; /* at most */
		void *proxy;
	} globals[] = {
		{&wl_compositor_interface, 1, &client->compositor},
		{&wl_subcompositor_interface, 1, &client->subcompositor},
		{&wl_shm_interface, 1, &client->shm},
		{&wl_seat_interface, 1, &client->seat},
		{&xdg_wm_base_interface, 2, &client->wm_base},
		{&wl_output_interface, 1, &client->output},
		{&virtual_keyboard_manager_interface, 1, &client->virtual_keyboard_manager},
		{&virtual_pointer_manager_interface, 1, &client->virtual_pointer_manager},
		{&screencopy_manager_interface, 1, &client->screencopy_manager},
		{&capture_source_manager_interface, 1, &client->capture_source_manager},
		{&image_copy_manager_interface, 1, &client->image_copy_manager},
		{&weston_capture_interface, 1, &client->weston_capture},
		{&gamma_manager_interface, 1, &client->gamma_manager},
		{&color_manager_interface, 1, &client->color_manager},
		{&toplevel_icon_manager_interface, 1, &client->toplevel_icon_manager},
		{&wl_data_device_manager_interface, 1, &client->data_device_manager},
	};

	if (client->global_count < 128) {
		struct global *global = &client->globals[client->global_count++];

		*global = (struct global){.name = name, .version = version};
		snprintf(global->interface, sizeof(global->interface), "%s", interface);
	}
	for (size_t i = 0; i < sizeof(globals) / sizeof(globals[0]); i++) {
		void **proxy = globals[i].proxy;

		if (!*proxy && strcmp(interface, globals[i].interface->name) == 0)
			*proxy = wl_registry_bind(registry, name, globals[i].interface,
				globals[i].version < version ? globals[i].version : version);
	}
}

static void registry_global_remove(void *data, struct wl_registry *registry, uint32_t name)
{
	(void)data, (void)registry, (void)name;
}

static const struct wl_registry_listener registry_listener = {
	registry_global,
	registry_global_remove,
};

void client_connect(struct client *client, const char *socket)
{
	wl_log_set_handler_client(keep_log_line);
	client->display = wl_display_connect(socket);
	if (!client->display)
		finish(1, "cannot connect: %s", strerror(errno));
	client->registry = wl_display_get_registry(client->display);
	wl_registry_add_listener(client->registry, &registry_listener, client);
	if (!client_sync(client))
		finish(1, "the compositor does not answer");
	if (!client->compositor || !client->shm || !client->wm_base)
		finish(1, "not a desktop compositor");
	xdg_wm_base_add_listener(client->wm_base, &wm_base_listener, client);
	if (client->seat)
		wl_seat_add_listener(client->seat, &seat_listener, client);
}

static void surface_configured(void *data, struct xdg_surface *xdg_surface, uint32_t serial)
{
	struct window *window = data;

	xdg_surface_ack_configure(xdg_surface, serial);
	window->configured = true;
}

static const struct xdg_surface_listener xdg_surface_listener = {surface_configured};

static void toplevel_configured(void *data, struct xdg_toplevel *toplevel, int32_t width,
	int32_t height, struct wl_array *states)
{
	struct window *window = data;
	uint32_t *state;

	(void)toplevel, (void)width, (void)height;
	wl_array_for_each(state, states) if (*state == XDG_TOPLEVEL_STATE_MAXIMIZED)
		window->maximized = true;
}

static void toplevel_closed(void *data, struct xdg_toplevel *toplevel)
{
	(void)data, (void)toplevel;
}

static const struct xdg_toplevel_listener toplevel_listener = {
	.configure = toplevel_configured,
	.close = toplevel_closed,
};

static void surface_enter(void *data, struct wl_surface *surface, struct wl_output *output)
{
	struct window *window = data;

	(void)surface, (void)output;
	window->entered = true;
}

static void surface_leave(void *data, struct wl_surface *surface, struct wl_output *output)
{
	struct window *window = data;

	(void)surface, (void)output;
	window->entered = false;
}

static const struct wl_surface_listener surface_listener = {
	.enter = surface_enter,
	.leave = surface_leave,
};

void window_open(struct client *client, struct window *window)
{
	*window = (struct window){.surface = wl_compositor_create_surface(client->compositor)};
	wl_surface_add_listener(window->surface, &surface_listener, window);
	window->xdg_surface = xdg_wm_base_get_xdg_surface(client->wm_base, window->surface);
	xdg_surface_add_listener(window->xdg_surface, &xdg_surface_listener, window);
	window->toplevel = xdg_surface_get_toplevel(window->xdg_surface);
	xdg_toplevel_add_listener(window->toplevel, &toplevel_listener, window);
	xdg_toplevel_set_title(window->toplevel, client->title);
	wl_surface_commit(window->surface);
	client_wait(client, &window->configured, FOR_EVER);
}

void window_acknowledge(
	struct client *client, struct xdg_surface *xdg_surface, struct wl_surface *surface)
{
	static struct window role;

	role.configured = false;
	xdg_surface_add_listener(xdg_surface, &xdg_surface_listener, &role);
	wl_surface_commit(surface);
	client_rounds(client, &role.configured);
}

void surface_commit(struct wl_surface *surface, struct wl_buffer *buffer)
{
	if (buffer)
		wl_surface_attach(surface, buffer, 0, 0);
	wl_surface_damage(surface, 0, 0, INT32_MAX, INT32_MAX);
	wl_surface_commit(surface);
}

bool surface_show(struct client *client, struct wl_surface *surface, struct wl_buffer *buffer)
{
	bool *shown = new_flag();

	wl_callback_add_listener(wl_surface_frame(surface), &callback_listener, shown);
	surface_commit(surface, buffer);
	for (int i = 0; i < FRAME_ROUNDS && !*shown; i++) {
		client_sync(client);
		client_wait(client, shown, 1);
	}
	return *shown;
}

void window_show(struct client *client, struct window *window, struct wl_buffer *buffer)
{
	bool shown = surface_show(client, window->surface, buffer);

	while (!shown || (!window->entered && !window->maximized)) {
		client_wait(client, &window->entered, 20);
		shown = surface_show(client, window->surface, NULL);
	}
}
