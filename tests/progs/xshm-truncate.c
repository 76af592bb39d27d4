/* SPDX-License-Identifier: MIT */
/*
 * xshm-truncate: shares a memfd with the X server of $DISPLAY, takes its pages away, and lets the
 * server read (put) and write (get) it, until it complains. Prints the outcome of each before and
 * after: "ok" or the error's name.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xcb/shm.h>
#include <xcb/xcb.h>

#define WIDTH 128
#define HEIGHT 128
#define SIZE (WIDTH * HEIGHT * 4)

static xcb_connection_t *connection;
static xcb_screen_t *screen;
static xcb_pixmap_t pixmap;
static xcb_gcontext_t gc;

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "xshm-truncate: %s\n", what);
	exit(1);
}

static void print_outcome(const char *request, xcb_generic_error_t *error)
{
	const xcb_query_extension_reply_t *shm = xcb_get_extension_data(connection, &xcb_shm_id);

	if (xcb_connection_has_error(connection))
		printf("%s: connection closed\n", request);
	else if (!error)
		printf("%s: ok\n", request);
	else if (error->error_code == shm->first_error + XCB_SHM_BAD_SEG)
		printf("%s: BadShmSeg\n", request);
	else
		printf("%s: error %u\n", request, error->error_code);
	free(error);
}

static xcb_shm_seg_t share(int fd)
{
	xcb_shm_seg_t segment = xcb_generate_id(connection);
	int server_fd = dup(fd); /* xcb closes it */

	if (server_fd < 0 || xcb_request_check(connection,
				     xcb_shm_attach_fd_checked(connection, segment, server_fd, 0)))
		fail("the server does not take the file");
	return segment;
}

static xcb_generic_error_t *put(xcb_shm_seg_t segment)
{
	xcb_void_cookie_t cookie =
		xcb_shm_put_image_checked(connection, pixmap, gc, WIDTH, HEIGHT, 0, 0, WIDTH,
			HEIGHT, 0, 0, screen->root_depth, XCB_IMAGE_FORMAT_Z_PIXMAP, 0, segment, 0);

	return xcb_request_check(connection, cookie);
}

static xcb_generic_error_t *get(xcb_shm_seg_t segment)
{
	xcb_generic_error_t *error = NULL;
	xcb_shm_get_image_cookie_t cookie = xcb_shm_get_image(connection, pixmap, 0, 0, WIDTH,
		HEIGHT, ~0u, XCB_IMAGE_FORMAT_Z_PIXMAP, segment, 0);

	free(xcb_shm_get_image_reply(connection, cookie, &error));
	return error;
}

static void truncate_under(const char *name, xcb_generic_error_t *(*request)(xcb_shm_seg_t))
{
	int fd = memfd_create("xshm-truncate", MFD_CLOEXEC);
	xcb_generic_error_t *error;
	xcb_shm_seg_t segment;

	if (fd < 0 || ftruncate(fd, SIZE) < 0)
		fail("no memory to share");
	segment = share(fd);
	print_outcome(name, request(segment));
	if (ftruncate(fd, 0) < 0)
		fail("cannot truncate the file");
	/* The server takes a lost segment back when it has nothing else to do: not at once. */
	while (!(error = request(segment)))
		usleep(10000);
	print_outcome(name, error);
	close(fd);
}

int main(void)
{
	const xcb_query_extension_reply_t *shm;

	connection = xcb_connect(NULL, NULL);
	if (xcb_connection_has_error(connection))
		fail("cannot connect");
	shm = xcb_get_extension_data(connection, &xcb_shm_id);
	if (!shm || !shm->present)
		fail("the server has no MIT-SHM");
	screen = xcb_setup_roots_iterator(xcb_get_setup(connection)).data;
	pixmap = xcb_generate_id(connection);
	xcb_create_pixmap(connection, screen->root_depth, pixmap, screen->root, WIDTH, HEIGHT);
	gc = xcb_generate_id(connection);
	xcb_create_gc(connection, gc, pixmap, 0, NULL);
	truncate_under("put", put);
	truncate_under("get", get);
	xcb_disconnect(connection);
	return 0;
}
