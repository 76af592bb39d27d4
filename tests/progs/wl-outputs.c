/* SPDX-License-Identifier: MIT */
#include "wl-outputs.h"

#include <string.h>

#define DRM_FORMAT_ARGB8888 0x34325241
#define DRM_FORMAT_XRGB8888 0x34325258

/* A message's number is its place in the table. */
static const struct wl_interface *no_types[4];

struct listener {
	void (*handle)(void *data, uint32_t opcode, const union wl_argument *arguments);
};

static int dispatch(const void *listener, void *proxy, uint32_t opcode,
	const struct wl_message *message, union wl_argument *arguments)
{
	(void)message;
	((const struct listener *)listener)->handle(wl_proxy_get_user_data(proxy), opcode, arguments);
	return 0;
}

static void listen_to(struct wl_proxy *proxy, const struct listener *listener, void *data)
{
	wl_proxy_add_dispatcher(proxy, dispatch, listener, data);
}

static void set_format(struct screencopy *copy, uint32_t format)
{
	copy->format = format == DRM_FORMAT_ARGB8888   ? WL_SHM_FORMAT_ARGB8888
		       : format == DRM_FORMAT_XRGB8888 ? WL_SHM_FORMAT_XRGB8888
						       : format;
}

static void set_size(struct screencopy *copy, uint32_t width, uint32_t height)
{
	copy->width = width;
	copy->height = height;
	copy->stride = 4 * width;
}

/* ---- zwlr_screencopy_manager_v1 ---- */

static const struct wl_interface *copy_types[] = {&wl_buffer_interface};
static const struct wl_message frame_requests[] = {
	{"copy", "o", copy_types},
	{"destroy", "", no_types},
};
static const struct wl_message frame_events[] = {
	{"buffer", "uuuu", no_types},
	{"flags", "u", no_types},
	{"ready", "uuu", no_types},
	{"failed", "", no_types},
};
static const struct wl_interface screencopy_frame_interface = {
	"zwlr_screencopy_frame_v1", 1, 2, frame_requests, 4, frame_events};
static const struct wl_interface *screencopy_types[] = {
	&screencopy_frame_interface, NULL, &wl_output_interface};
static const struct wl_message screencopy_manager_requests[] = {
	{"capture_output", "nio", screencopy_types},
};
const struct wl_interface screencopy_manager_interface = {
	"zwlr_screencopy_manager_v1", 1, 1, screencopy_manager_requests, 0, NULL};

static void handle_screencopy(void *data, uint32_t opcode, const union wl_argument *arguments)
{
	struct screencopy *copy = data;

	if (opcode == 0) {
		copy->format = arguments[0].u;
		copy->width = arguments[1].u;
		copy->height = arguments[2].u;
		copy->stride = arguments[3].u;
		copy->told = true;
	}
	if (opcode >= 2)
		copy->done = true;
}
static const struct listener screencopy_listener = {handle_screencopy};

void screencopy_start(struct wl_proxy *manager, struct wl_output *output, struct screencopy *copy)
{
	*copy = (struct screencopy){.proxy = wl_proxy_marshal_constructor(
		manager, 0, &screencopy_frame_interface, NULL, 0, output)};
	listen_to(copy->proxy, &screencopy_listener, copy);
}

void screencopy_copy(struct screencopy *copy, struct wl_buffer *buffer)
{
	wl_proxy_marshal(copy->proxy, 0, buffer);
}

/* ---- ext_image_copy_capture_manager_v1 ---- */

static const struct wl_interface capture_source_interface = {
	"ext_image_capture_source_v1", 1, 0, NULL, 0, NULL};
static const struct wl_interface *create_source_types[] = {
	&capture_source_interface, &wl_output_interface};
static const struct wl_message capture_source_requests[] = {
	{"create_source", "no", create_source_types},
};
const struct wl_interface capture_source_manager_interface = {
	"ext_output_image_capture_source_manager_v1", 1, 1, capture_source_requests, 0, NULL};

static const struct wl_message image_frame_requests[] = {
	{"destroy", "", no_types},
	{"attach_buffer", "o", copy_types},
	{"damage_buffer", "iiii", no_types},
	{"capture", "", no_types},
};
static const struct wl_message image_frame_events[] = {
	{"transform", "u", no_types},
	{"damage", "iiii", no_types},
	{"presentation_time", "uuu", no_types},
	{"ready", "", no_types},
	{"failed", "u", no_types},
};
static const struct wl_interface image_frame_interface = {
	"ext_image_copy_capture_frame_v1", 1, 4, image_frame_requests, 5, image_frame_events};

static const struct wl_interface *create_frame_types[] = {&image_frame_interface};
static const struct wl_message session_requests[] = {
	{"create_frame", "n", create_frame_types},
};
static const struct wl_message session_events[] = {
	{"buffer_size", "uu", no_types},
	{"shm_format", "u", no_types},
	{"dmabuf_device", "a", no_types},
	{"dmabuf_format", "ua", no_types},
	{"done", "", no_types},
	{"stopped", "", no_types},
};
static const struct wl_interface session_interface = {
	"ext_image_copy_capture_session_v1", 1, 1, session_requests, 6, session_events};
static const struct wl_interface *create_session_types[] = {
	&session_interface, &capture_source_interface, NULL};
static const struct wl_message image_copy_requests[] = {
	{"create_session", "nou", create_session_types},
};
const struct wl_interface image_copy_manager_interface = {
	"ext_image_copy_capture_manager_v1", 1, 1, image_copy_requests, 0, NULL};

static void handle_session(void *data, uint32_t opcode, const union wl_argument *arguments)
{
	struct screencopy *copy = data;

	if (opcode == 0)
		set_size(copy, arguments[0].u, arguments[1].u);
	if (opcode == 1)
		copy->format = arguments[0].u;
	if (opcode >= 4)
		copy->told = true;
}
static const struct listener session_listener = {handle_session};

static void handle_image_frame(void *data, uint32_t opcode, const union wl_argument *arguments)
{
	(void)arguments;
	if (opcode >= 3)
		((struct screencopy *)data)->done = true;
}
static const struct listener image_frame_listener = {handle_image_frame};

void image_copy_start(struct wl_proxy *sources, struct wl_proxy *manager, struct wl_output *output,
	struct screencopy *copy)
{
	struct wl_proxy *source =
		wl_proxy_marshal_constructor(sources, 0, &capture_source_interface, NULL, output);

	*copy = (struct screencopy){.proxy = wl_proxy_marshal_constructor(
		manager, 0, &session_interface, NULL, source, 0)};
	listen_to(copy->proxy, &session_listener, copy);
}

void image_copy_copy(struct screencopy *copy, struct wl_buffer *buffer)
{
	struct wl_proxy *frame =
		wl_proxy_marshal_constructor(copy->proxy, 0, &image_frame_interface, NULL);

	listen_to(frame, &image_frame_listener, copy);
	wl_proxy_marshal(frame, 1, buffer);
	wl_proxy_marshal(frame, 2, 0, 0, (int32_t)copy->width, (int32_t)copy->height);
	wl_proxy_marshal(frame, 3);
}

/* ---- weston_capture_v1 ---- */

#define FRAMEBUFFER 1

static const struct wl_message weston_source_requests[] = {
	{"destroy", "", no_types},
	{"capture", "o", copy_types},
};
static const struct wl_message weston_source_events[] = {
	{"format", "u", no_types},
	{"size", "ii", no_types},
	{"complete", "", no_types},
	{"retry", "", no_types},
	{"failed", "?s", no_types},
};
static const struct wl_interface weston_source_interface = {
	"weston_capture_source_v1", 1, 2, weston_source_requests, 5, weston_source_events};
static const struct wl_interface *weston_create_types[] = {
	&wl_output_interface, NULL, &weston_source_interface};
static const struct wl_message weston_capture_requests[] = {
	{"destroy", "", no_types},
	{"create", "oun", weston_create_types},
};
const struct wl_interface weston_capture_interface = {
	"weston_capture_v1", 1, 2, weston_capture_requests, 0, NULL};

static void handle_weston_source(void *data, uint32_t opcode, const union wl_argument *arguments)
{
	struct screencopy *copy = data;

	if (opcode == 0)
		set_format(copy, arguments[0].u);
	if (opcode == 1) {
		set_size(copy, arguments[0].u, arguments[1].u);
		copy->told = true;
	}
	if (opcode >= 2)
		copy->done = true;
}
static const struct listener weston_source_listener = {handle_weston_source};

void weston_capture_start(struct wl_proxy *manager, struct wl_output *output, struct screencopy *copy)
{
	*copy = (struct screencopy){.proxy = wl_proxy_marshal_constructor(
		manager, 1, &weston_source_interface, output, FRAMEBUFFER, NULL)};
	listen_to(copy->proxy, &weston_source_listener, copy);
}

void weston_capture_copy(struct screencopy *copy, struct wl_buffer *buffer)
{
	wl_proxy_marshal(copy->proxy, 1, buffer);
}

/* ---- zwlr_gamma_control_manager_v1 ---- */

static const struct wl_message gamma_requests[] = {
	{"set_gamma", "h", no_types},
};
static const struct wl_message gamma_events[] = {
	{"gamma_size", "u", no_types},
	{"failed", "", no_types},
};
static const struct wl_interface gamma_interface = {
	"zwlr_gamma_control_v1", 1, 1, gamma_requests, 2, gamma_events};
static const struct wl_interface *get_gamma_types[] = {&gamma_interface, &wl_output_interface};
static const struct wl_message gamma_manager_requests[] = {
	{"get_gamma_control", "no", get_gamma_types},
};
const struct wl_interface gamma_manager_interface = {
	"zwlr_gamma_control_manager_v1", 1, 1, gamma_manager_requests, 0, NULL};

static void handle_gamma(void *data, uint32_t opcode, const union wl_argument *arguments)
{
	struct gamma *gamma = data;

	gamma->size = opcode == 0 ? arguments[0].u : 0;
	gamma->told = true;
}
static const struct listener gamma_listener = {handle_gamma};

void gamma_start(struct wl_proxy *manager, struct wl_output *output, struct gamma *gamma)
{
	*gamma = (struct gamma){.proxy = wl_proxy_marshal_constructor(
		manager, 0, &gamma_interface, NULL, output)};
	listen_to(gamma->proxy, &gamma_listener, gamma);
}

void gamma_set(struct gamma *gamma, int fd)
{
	wl_proxy_marshal(gamma->proxy, 0, fd);
}

/* ---- wp_color_manager_v1 ---- */

static const struct wl_message description_events[] = {
	{"failed", "us", no_types},
	{"ready", "u", no_types},
};
static const struct wl_interface description_interface = {
	"wp_image_description_v1", 1, 0, NULL, 2, description_events};
static const struct wl_interface *create_description_types[] = {&description_interface};
static const struct wl_message icc_creator_requests[] = {
	{"create", "n", create_description_types},
	{"set_icc_file", "huu", no_types},
};
static const struct wl_interface icc_creator_interface = {
	"wp_image_description_creator_icc_v1", 1, 2, icc_creator_requests, 0, NULL};
static const struct wl_interface *create_icc_types[] = {&icc_creator_interface};
static const struct wl_message color_manager_requests[] = {
	{"destroy", "", no_types},
	{"get_output", "no", no_types},
	{"get_surface", "no", no_types},
	{"get_surface_feedback", "no", no_types},
	{"create_icc_creator", "n", create_icc_types},
};
static const struct wl_message color_manager_events[] = {
	{"supported_intent", "u", no_types},
	{"supported_feature", "u", no_types},
	{"supported_tf_named", "u", no_types},
	{"supported_primaries_named", "u", no_types},
	{"done", "", no_types},
};
const struct wl_interface color_manager_interface = {
	"wp_color_manager_v1", 1, 5, color_manager_requests, 5, color_manager_events};

static void handle_color_manager(void *data, uint32_t opcode, const union wl_argument *arguments)
{
	struct color_manager *manager = data;

	if (opcode == 1 && arguments[0].u == 0)
		manager->icc = true;
	if (opcode == 4)
		manager->told = true;
}
static const struct listener color_manager_listener = {handle_color_manager};

void color_manager_start(struct wl_proxy *proxy, struct color_manager *manager)
{
	*manager = (struct color_manager){false};
	listen_to(proxy, &color_manager_listener, manager);
}

static void ignore(void *data, uint32_t opcode, const union wl_argument *arguments)
{
	(void)data, (void)opcode, (void)arguments;
}
static const struct listener no_listener = {ignore};

void color_manager_set_profile(struct wl_proxy *proxy, int fd, uint32_t size)
{
	struct wl_proxy *creator =
		wl_proxy_marshal_constructor(proxy, 4, &icc_creator_interface, NULL);

	wl_proxy_marshal(creator, 1, fd, 0, size);
	listen_to(wl_proxy_marshal_constructor(creator, 0, &description_interface, NULL),
		&no_listener, NULL);
}
