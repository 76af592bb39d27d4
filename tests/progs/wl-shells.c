/* SPDX-License-Identifier: MIT */
#include "wl-shells.h"

#include <stddef.h>

#define DRM_FORMAT_XRGB8888 0x34325258
#define LAYER_OVERLAY 3
#define ANCHOR_ALL 15

/* A message's number is its place in the table. */
static const struct wl_interface *no_types[6];

/* ---- wp_viewporter ---- */

static const struct wl_message viewport_requests[] = {
	{"destroy", "", no_types},
	{"set_source", "ffff", no_types},
	{"set_destination", "ii", no_types},
};
static const struct wl_interface viewport_interface = {
	"wp_viewport", 1, 3, viewport_requests, 0, NULL};
static const struct wl_interface *get_viewport_types[] = {
	&viewport_interface, &wl_surface_interface};
static const struct wl_message viewporter_requests[] = {
	{"destroy", "", no_types},
	{"get_viewport", "no", get_viewport_types},
};
static const struct wl_interface viewporter_interface = {
	"wp_viewporter", 1, 2, viewporter_requests, 0, NULL};

struct wl_proxy *viewport_create(struct client *client, struct wl_surface *surface)
{
	struct wl_proxy *viewporter = client_bind(client, &viewporter_interface);

	return viewporter ? wl_proxy_marshal_constructor(
				    viewporter, 1, &viewport_interface, NULL, surface)
			  : NULL;
}

void viewport_set(struct wl_proxy *viewport, int x, int y, int width, int height)
{
	wl_proxy_marshal(viewport, 1, wl_fixed_from_int(x), wl_fixed_from_int(y),
		wl_fixed_from_int(width), wl_fixed_from_int(height));
	wl_proxy_marshal(viewport, 2, width, height);
}

/* ---- wp_single_pixel_buffer_manager_v1 ---- */

static const struct wl_interface *create_pixel_types[] = {
	&wl_buffer_interface, NULL, NULL, NULL, NULL};
static const struct wl_message pixel_manager_requests[] = {
	{"destroy", "", no_types},
	{"create_u32_rgba_buffer", "nuuuu", create_pixel_types},
};
static const struct wl_interface pixel_manager_interface = {
	"wp_single_pixel_buffer_manager_v1", 1, 2, pixel_manager_requests, 0, NULL};

struct wl_buffer *single_pixel_create(struct client *client)
{
	struct wl_proxy *manager = client_bind(client, &pixel_manager_interface);

	return manager ? (struct wl_buffer *)wl_proxy_marshal_constructor(manager, 1,
				 &wl_buffer_interface, NULL, UINT32_MAX, 0, 0, UINT32_MAX)
		       : NULL;
}

/* ---- zwlr_layer_shell_v1, ext_session_lock_manager_v1 ---- */

static const struct wl_interface *popup_types[] = {&xdg_popup_interface};
static const struct wl_message layer_surface_requests[] = {
	{"set_size", "uu", no_types},
	{"set_anchor", "u", no_types},
	{"set_exclusive_zone", "i", no_types},
	{"set_margin", "iiii", no_types},
	{"set_keyboard_interactivity", "u", no_types},
	{"get_popup", "o", popup_types},
	{"ack_configure", "u", no_types},
	{"destroy", "", no_types},
};
static const struct wl_message layer_surface_events[] = {
	{"configure", "uuu", no_types},
	{"closed", "", no_types},
};
static const struct wl_interface layer_surface_interface = {
	"zwlr_layer_surface_v1", 1, 8, layer_surface_requests, 2, layer_surface_events};
static const struct wl_interface *get_layer_types[] = {
	&layer_surface_interface, &wl_surface_interface, &wl_output_interface, NULL, NULL};
static const struct wl_message layer_shell_requests[] = {
	{"get_layer_surface", "no?ous", get_layer_types},
};
static const struct wl_interface layer_shell_interface = {
	"zwlr_layer_shell_v1", 1, 1, layer_shell_requests, 0, NULL};

static const struct wl_message lock_surface_requests[] = {
	{"destroy", "", no_types},
	{"ack_configure", "u", no_types},
};
static const struct wl_message lock_surface_events[] = {
	{"configure", "uuu", no_types},
};
static const struct wl_interface lock_surface_interface = {
	"ext_session_lock_surface_v1", 1, 2, lock_surface_requests, 1, lock_surface_events};
static const struct wl_interface *get_lock_surface_types[] = {
	&lock_surface_interface, &wl_surface_interface, &wl_output_interface};
static const struct wl_message lock_requests[] = {
	{"destroy", "", no_types},
	{"get_lock_surface", "noo", get_lock_surface_types},
	{"unlock_and_destroy", "", no_types},
};
static const struct wl_message lock_events[] = {
	{"locked", "", no_types},
	{"finished", "", no_types},
};
static const struct wl_interface lock_interface = {
	"ext_session_lock_v1", 1, 3, lock_requests, 2, lock_events};
static const struct wl_interface *lock_types[] = {&lock_interface};
static const struct wl_message lock_manager_requests[] = {
	{"destroy", "", no_types},
	{"lock", "n", lock_types},
};
static const struct wl_interface lock_manager_interface = {
	"ext_session_lock_manager_v1", 1, 2, lock_manager_requests, 0, NULL};

/* The first event of both is their configure; acknowledged by a request of another number. */
static int configured(const void *acknowledge, void *proxy, uint32_t opcode,
	const struct wl_message *message, union wl_argument *arguments)
{
	struct shell_surface *surface = wl_proxy_get_user_data(proxy);

	(void)message;
	if (opcode != 0)
		return 0;
	surface->width = arguments[1].u;
	surface->height = arguments[2].u;
	surface->configured = true;
	wl_proxy_marshal(proxy, *(const uint32_t *)acknowledge, arguments[0].u);
	return 0;
}

bool layer_open(struct client *client, struct wl_surface *surface, struct shell_surface *layer)
{
	static const uint32_t acknowledge = 6;
	struct wl_proxy *shell = client_bind(client, &layer_shell_interface);

	*layer = (struct shell_surface){0};
	if (!shell)
		return false;
	layer->proxy = wl_proxy_marshal_constructor(shell, 0, &layer_surface_interface, NULL,
		surface, client->output, LAYER_OVERLAY, "hostile");
	wl_proxy_add_dispatcher(layer->proxy, configured, &acknowledge, layer);
	wl_proxy_marshal(layer->proxy, 1, ANCHOR_ALL);
	wl_surface_commit(surface);
	return client_rounds(client, &layer->configured);
}

bool lock_open(struct client *client, struct wl_surface *surface, struct shell_surface *locked)
{
	static const uint32_t acknowledge = 1;
	struct wl_proxy *manager = client_bind(client, &lock_manager_interface);

	*locked = (struct shell_surface){0};
	if (!manager)
		return false;
	locked->lock = wl_proxy_marshal_constructor(manager, 1, &lock_interface, NULL);
	locked->proxy = wl_proxy_marshal_constructor(
		locked->lock, 1, &lock_surface_interface, NULL, surface, client->output);
	wl_proxy_add_dispatcher(locked->proxy, configured, &acknowledge, locked);
	return client_rounds(client, &locked->configured);
}

void lock_end(struct shell_surface *locked)
{
	wl_proxy_marshal(locked->lock, 2);
	wl_proxy_destroy(locked->lock);
}

/* ---- zwp_linux_dmabuf_v1 ---- */

static const struct wl_message params_requests[] = {
	{"destroy", "", no_types},
	{"add", "huuuuu", no_types},
	{"create", "iiuu", no_types},
};
static const struct wl_interface *created_types[] = {&wl_buffer_interface};
static const struct wl_message params_events[] = {
	{"created", "n", created_types},
	{"failed", "", no_types},
};
static const struct wl_interface params_interface = {
	"zwp_linux_buffer_params_v1", 1, 3, params_requests, 2, params_events};
static const struct wl_interface *create_params_types[] = {&params_interface};
static const struct wl_message dmabuf_requests[] = {
	{"destroy", "", no_types},
	{"create_params", "n", create_params_types},
};
static const struct wl_message dmabuf_events[] = {
	{"format", "u", no_types},
};
static const struct wl_interface dmabuf_interface = {
	"zwp_linux_dmabuf_v1", 1, 2, dmabuf_requests, 1, dmabuf_events};

static int answered(const void *unused, void *proxy, uint32_t opcode,
	const struct wl_message *message, union wl_argument *arguments)
{
	struct dmabuf *dmabuf = wl_proxy_get_user_data(proxy);

	(void)unused, (void)message;
	dmabuf->answered = true;
	if (opcode == 0)
		dmabuf->buffer = (struct wl_buffer *)arguments[0].o;
	return 0;
}

bool dmabuf_create(struct client *client, int fd, int width, int height, struct dmabuf *dmabuf)
{
	struct wl_proxy *proxy = client_bind(client, &dmabuf_interface), *params;

	*dmabuf = (struct dmabuf){0};
	if (!proxy)
		return false;
	params = wl_proxy_marshal_constructor(proxy, 1, &params_interface, NULL);
	wl_proxy_add_dispatcher(params, answered, NULL, dmabuf);
	wl_proxy_marshal(params, 1, fd, 0, 0, 4 * width, 0, 0);
	wl_proxy_marshal(params, 2, width, height, DRM_FORMAT_XRGB8888, 0);
	return client_rounds(client, &dmabuf->answered);
}
