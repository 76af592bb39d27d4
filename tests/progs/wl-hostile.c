/* SPDX-License-Identifier: MIT */
/*
 * wl-hostile [--socket NAME] [--file KIND] [--directory DIR] [--hold SECONDS] ATTACK
 *
 * A client that takes away memory from under a compositor. Prints one line, what it saw of it:
 * "alive", "connection closed" or "protocol error N on INTERFACE: TEXT". Status 0 for any of them,
 * 1 if the attack could not be made, 2 for bad usage, 77 if the compositor lacks what it needs.
 * --hold keeps the windows on the screen for a while after the attack.
 */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "wl-client.h"
#include "wl-hostile.h"
#include "wl-outputs.h"
#include "wl-virtual.h"

#define CURSOR_WIDTH 64
#define ENTER_TRIES 20

struct client client;
enum pool_file file_kind = FILE_MEMFD;
const char *file_directory;
static atomic_bool toggled_enough;

void fill(int fd, size_t size, int byte)
{
	void *pixels = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (pixels == MAP_FAILED)
		finish(1, "cannot map the file: %s", strerror(errno));
	memset(pixels, byte, size);
	munmap(pixels, size);
}

void open_pool(struct pool *pool, int width, int height)
{
	size_t size = file_kind == FILE_HUGETLB ? HUGE_SIZE : BUFFER_SIZE;
	int fd = file_create(file_kind, file_directory, size);

	fill(fd, size, 0xc0);
	pool_create(&client, pool, fd, (int)size);
	pool_add_buffer(pool, 0, width, height);
}

void cut_pool(const struct pool *pool, int size)
{
	if (ftruncate(pool->fd, size) < 0)
		finish(1, "cannot truncate the pool: %s", strerror(errno));
}

static void truncate_pool(const struct pool *pool)
{
	cut_pool(pool, 0);
}

void show_window(struct window *window, struct pool *pool)
{
	window_open(&client, window);
	open_pool(pool, WIDTH, HEIGHT);
	window_show(&client, window, pool->buffer);
}

void repaint(struct wl_surface *surface)
{
	struct window witness;
	struct pool pool;

	surface_show(&client, surface, NULL);
	file_kind = FILE_MEMFD;
	show_window(&witness, &pool);
	for (int i = 0; i < 2; i++) {
		surface_commit(surface, NULL);
		surface_show(&client, witness.surface, NULL);
	}
	xdg_toplevel_destroy(witness.toplevel);
	xdg_surface_destroy(witness.xdg_surface);
	wl_surface_destroy(witness.surface);
	surface_show(&client, surface, NULL);
}

static void good(void)
{
	struct window window;
	struct pool pool;

	show_window(&window, &pool);
}

static void truncate_before_commit(void)
{
	struct window window;
	struct pool pool, bad;

	show_window(&window, &pool);
	open_pool(&bad, WIDTH, HEIGHT);
	wl_surface_attach(window.surface, bad.buffer, 0, 0);
	truncate_pool(&bad);
	surface_show(&client, window.surface, NULL);
	repaint(window.surface);
}

static void *toggle(void *pool)
{
	const struct pool *raced = pool;

	while (!atomic_load(&toggled_enough)) {
		truncate_pool(raced);
		if (ftruncate(raced->fd, raced->size) < 0)
			finish(1, "cannot extend the pool: %s", strerror(errno));
	}
	return NULL;
}

static pthread_t race_thread;

void race_begin(struct pool *pool)
{
	if (pthread_create(&race_thread, NULL, toggle, pool) != 0)
		finish(1, "no thread");
}

void race_end(void)
{
	atomic_store(&toggled_enough, true);
	pthread_join(race_thread, NULL);
}

static void truncate_raced(void)
{
	struct window window;
	struct pool pool;

	show_window(&window, &pool);
	race_begin(&pool);
	for (int i = 0; i < RACED_FRAMES; i++)
		surface_show(&client, window.surface, pool.buffer);
	race_end();
	repaint(window.surface);
}

static void truncate_after_commit(void)
{
	struct window window;
	struct pool pool;

	show_window(&window, &pool);
	truncate_pool(&pool);
	repaint(window.surface);
}

static void truncate_after_destroy(void)
{
	struct window window;
	struct pool pool;

	show_window(&window, &pool);
	wl_buffer_destroy(pool.buffer);
	truncate_pool(&pool);
	repaint(window.surface);
}

static void short_fd(void)
{
	size_t size = file_kind == FILE_HUGETLB ? HUGE_SIZE : BUFFER_SIZE;
	struct window window;
	struct pool pool;

	window_open(&client, &window);
	pool_create(&client, &pool, file_create(file_kind, file_directory, 0), (int)size);
	pool_add_buffer(&pool, 0, WIDTH, HEIGHT);
	surface_show(&client, window.surface, pool.buffer);
	repaint(window.surface);
}

static void resize_beyond(void)
{
	struct window window;
	struct pool pool;
	int size;

	show_window(&window, &pool);
	size = pool.size;
	wl_shm_pool_resize(pool.proxy, 2 * size);
	pool_add_buffer(&pool, size, WIDTH, HEIGHT);
	surface_show(&client, window.surface, pool.buffer);
	repaint(window.surface);
}

static void two_pools(void)
{
	struct pool pool, subpool;
	struct wl_surface *subsurface;
	struct window window;

	if (!client.subcompositor)
		finish(SKIPPED, "no subsurfaces here");
	show_window(&window, &pool);
	open_pool(&subpool, WIDTH / 2, HEIGHT / 2);
	subsurface = wl_compositor_create_surface(client.compositor);
	wl_subcompositor_get_subsurface(client.subcompositor, subsurface, window.surface);
	surface_commit(subsurface, subpool.buffer);
	surface_show(&client, window.surface, NULL);

	truncate_pool(&pool);
	truncate_pool(&subpool);
	surface_commit(subsurface, NULL);
	repaint(window.surface);
}

/* A pointer of our own, over a window of our own. */
static struct wl_proxy *enter_window(struct window *window, struct pool *pool)
{
	struct wl_proxy *mouse;

	if (!client.virtual_pointer_manager || !client.seat)
		finish(SKIPPED, "no virtual pointer here");
	mouse = virtual_pointer_create(client.virtual_pointer_manager, client.seat);
	show_window(window, pool);
	for (unsigned i = 0; i < ENTER_TRIES && !client.entered; i++) {
		virtual_pointer_move(mouse, 2 + i % 2, 2, 5);
		surface_show(&client, window->surface, NULL);
	}
	if (!client.entered)
		finish(SKIPPED, "the pointer does not enter the window");
	return mouse;
}

static void drag_icon(void)
{
	struct wl_data_device *device;
	struct wl_data_source *source;
	struct wl_surface *surface;
	struct wl_proxy *mouse;
	struct pool pool, image;
	struct window window;

	if (!client.data_device_manager)
		finish(SKIPPED, "no data devices here");
	mouse = enter_window(&window, &pool);
	virtual_pointer_press(mouse, true);
	if (!client_rounds(&client, &client.pressed))
		finish(SKIPPED, "the button does not get to the window");
	device = wl_data_device_manager_get_data_device(client.data_device_manager, client.seat);
	source = wl_data_device_manager_create_data_source(client.data_device_manager);
	wl_data_source_offer(source, "text/plain");
	surface = wl_compositor_create_surface(client.compositor);
	open_pool(&image, CURSOR_WIDTH, CURSOR_WIDTH);
	wl_data_device_start_drag(device, source, window.surface, surface, client.press_serial);
	surface_commit(surface, image.buffer);
	surface_show(&client, window.surface, NULL);

	wl_buffer_destroy(image.buffer);
	truncate_pool(&image);
	for (unsigned i = 0; i < 4; i++) {
		virtual_pointer_move(mouse, 48 + i, 50, 100);
		surface_show(&client, window.surface, NULL);
	}
	virtual_pointer_press(mouse, false);
	repaint(window.surface);
}

static void toplevel_icon(void)
{
	struct pool pool, image;
	struct window window;

	if (!client.toplevel_icon_manager)
		finish(SKIPPED, "no icons of windows here");
	show_window(&window, &pool);
	open_pool(&image, CURSOR_WIDTH, CURSOR_WIDTH);
	truncate_pool(&image);
	toplevel_icon_set(client.toplevel_icon_manager, window.toplevel, image.buffer);
	surface_show(&client, window.surface, NULL);
	repaint(window.surface);
}

/* The compositor is to write the screen into a pool that is no more. */
static void copy_screen(
	struct screencopy *copy, void (*copy_into)(struct screencopy *, struct wl_buffer *))
{
	struct pool target;
	int size;

	if (!client_rounds(&client, &copy->told))
		finish(SKIPPED, "no copy of the screen is offered");
	size = (int)(copy->stride * copy->height);
	pool_create(&client, &target, file_create(FILE_MEMFD, NULL, (size_t)size), size);
	target.buffer = wl_shm_pool_create_buffer(target.proxy, 0, (int)copy->width,
		(int)copy->height, (int)copy->stride, copy->format);
	truncate_pool(&target);
	copy_into(copy, target.buffer);
}

static void screencopy(void)
{
	struct screencopy copy;
	struct window window;
	struct pool pool;

	if (!client.screencopy_manager || !client.output)
		finish(SKIPPED, "no copies of the screen here");
	show_window(&window, &pool);
	screencopy_start(client.screencopy_manager, client.output, &copy);
	copy_screen(&copy, screencopy_copy);
	surface_show(&client, window.surface, pool.buffer);
	repaint(window.surface);
	client_rounds(&client, &copy.done);
}

static void image_copy(void)
{
	struct screencopy copy;
	struct window window;
	struct pool pool;

	if (!client.image_copy_manager || !client.capture_source_manager || !client.output)
		finish(SKIPPED, "no ext-image-copy-capture here");
	show_window(&window, &pool);
	image_copy_start(client.capture_source_manager, client.image_copy_manager, client.output, &copy);
	copy_screen(&copy, image_copy_copy);
	surface_show(&client, window.surface, pool.buffer);
	repaint(window.surface);
	client_rounds(&client, &copy.done);
}

static void weston_capture(void)
{
	struct screencopy copy;
	struct window window;
	struct pool pool;

	if (!client.weston_capture || !client.output)
		finish(SKIPPED, "no weston-output-capture here");
	show_window(&window, &pool);
	weston_capture_start(client.weston_capture, client.output, &copy);
	copy_screen(&copy, weston_capture_copy);
	surface_show(&client, window.surface, pool.buffer);
	repaint(window.surface);
	client_rounds(&client, &copy.done);
}

/* The curves are in a file that has nothing of them. */
static void gamma_curves(void)
{
	struct gamma gamma;
	struct window window;
	struct pool pool;

	if (!client.gamma_manager || !client.output)
		finish(SKIPPED, "no gamma control here");
	gamma_start(client.gamma_manager, client.output, &gamma);
	if (!client_rounds(&client, &gamma.told) || !gamma.size)
		finish(SKIPPED, "a screen without gamma curves");
	gamma_set(&gamma, file_create(file_kind, file_directory, 0));
	show_window(&window, &pool);
	repaint(window.surface);
}

/* A profile of four pages, in a file that is cut behind the first one. */
static void icc_profile(void)
{
	uint32_t page = (uint32_t)sysconf(_SC_PAGESIZE);
	struct color_manager manager;
	int fd;

	if (!client.color_manager)
		finish(SKIPPED, "no colour management here");
	color_manager_start(client.color_manager, &manager);
	if (!client_rounds(&client, &manager.told) || !manager.icc)
		finish(SKIPPED, "no ICC profiles here");
	fd = file_create(file_kind, file_directory, page);
	fill(fd, page, 0x20);
	color_manager_set_profile(client.color_manager, fd, 4 * page);
}

static void cursor(void)
{
	struct wl_proxy *mouse;
	struct wl_surface *surface;
	struct pool pool, image;
	struct window window;

	mouse = enter_window(&window, &pool);
	surface = wl_compositor_create_surface(client.compositor);
	open_pool(&image, CURSOR_WIDTH, CURSOR_WIDTH);
	wl_pointer_set_cursor(client.pointer, client.enter_serial, surface, 0, 0);
	surface_commit(surface, image.buffer);
	surface_show(&client, window.surface, NULL);

	wl_buffer_destroy(image.buffer);
	truncate_pool(&image);
	for (unsigned i = 0; i < 4; i++) {
		virtual_pointer_move(mouse, 48 + i, 50, 100);
		surface_show(&client, window.surface, NULL);
	}
	repaint(window.surface);
}

/* A keymap of four pages, in a file that has size bytes. */
static void send_keymap(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct wl_proxy *keyboard;
	int fd;

	if (!client.virtual_keyboard_manager || !client.seat)
		finish(SKIPPED, "no virtual keyboard here");
	fd = file_create(file_kind, file_directory, size);
	/* If all is there, it ends in a null byte: wlroots looks for that beyond the mapping too. */
	if (size)
		fill(fd, size == 4 * page ? size - 1 : size, '{');
	keyboard = virtual_keyboard_create(client.virtual_keyboard_manager, client.seat);
	virtual_keyboard_keymap(keyboard, fd, (uint32_t)(4 * page));
}

static void short_keymap(void)
{
	send_keymap((size_t)sysconf(_SC_PAGESIZE));
}

static void empty_keymap(void)
{
	send_keymap(0);
}

/* All of it is there, and it is no keymap. */
static void bad_keymap(void)
{
	send_keymap(4 * (size_t)sysconf(_SC_PAGESIZE));
}

/* The pool is a hole in a file, and the file system has no page left to fill it with. */
static void full_tmpfs(void)
{
	struct window window;
	struct pool pool;
	char page[4096] = {0};
	int filler;

	if (!file_directory)
		finish(2, "full-tmpfs needs --directory");
	window_open(&client, &window);
	filler = file_create(FILE_DIRECTORY, file_directory, 0);
	while (write(filler, page, sizeof(page)) > 0)
		;
	pool_create(&client, &pool, file_create(FILE_DIRECTORY, file_directory, BUFFER_SIZE),
		BUFFER_SIZE);
	pool_add_buffer(&pool, 0, WIDTH, HEIGHT);
	surface_show(&client, window.surface, pool.buffer);
	repaint(window.surface);
}

static const struct attack attacks[] = {
	{"good", good},
	{"truncate-before-commit", truncate_before_commit},
	{"truncate-raced", truncate_raced},
	{"truncate-after-commit", truncate_after_commit},
	{"truncate-after-destroy", truncate_after_destroy},
	{"short-fd", short_fd},
	{"resize-beyond", resize_beyond},
	{"two-pools", two_pools},
	{"cursor", cursor},
	{"short-keymap", short_keymap},
	{"empty-keymap", empty_keymap},
	{"bad-keymap", bad_keymap},
	{"drag-icon", drag_icon},
	{"toplevel-icon", toplevel_icon},
	{"screencopy", screencopy},
	{"image-copy", image_copy},
	{"weston-capture", weston_capture},
	{"gamma", gamma_curves},
	{"icc-profile", icc_profile},
	{"full-tmpfs", full_tmpfs},
};

static const char *const file_kinds[] = {
	[FILE_MEMFD] = "memfd",
	[FILE_RUNTIME] = "runtime",
	[FILE_HOME] = "home",
	[FILE_SHM] = "shm",
	[FILE_HUGETLB] = "hugetlb",
	[FILE_DIRECTORY] = "directory",
};

static _Noreturn void usage(void)
{
	fputs("usage: wl-hostile [--socket NAME] [--file KIND] [--directory DIR] [--hold SECONDS] "
	      "ATTACK\nkinds:",
		stderr);
	for (size_t i = 0; i < sizeof(file_kinds) / sizeof(file_kinds[0]); i++)
		fprintf(stderr, " %s", file_kinds[i]);
	fputs("\nattacks:", stderr);
	for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++)
		fprintf(stderr, " %s", attacks[i].name);
	for (const struct attack *attack = neighbours; attack->name; attack++)
		fprintf(stderr, " %s", attack->name);
	fputc('\n', stderr);
	exit(2);
}

static enum pool_file find_file_kind(const char *name)
{
	for (size_t i = 0; i < sizeof(file_kinds) / sizeof(file_kinds[0]); i++)
		if (strcmp(name, file_kinds[i]) == 0)
			return (enum pool_file)i;
	usage();
}

static const struct attack *find_attack(const char *name)
{
	for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++)
		if (strcmp(name, attacks[i].name) == 0)
			return &attacks[i];
	for (const struct attack *attack = neighbours; attack->name; attack++)
		if (strcmp(name, attack->name) == 0)
			return attack;
	usage();
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"socket", required_argument, NULL, 's'},
		{"file", required_argument, NULL, 'f'},
		{"directory", required_argument, NULL, 'd'},
		{"hold", required_argument, NULL, 'h'},
		{0},
	};
	const struct attack *attack;
	const char *socket = NULL;
	bool never = false;
	int hold = 0, option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 's')
			socket = optarg;
		else if (option == 'f')
			file_kind = find_file_kind(optarg);
		else if (option == 'd')
			file_directory = optarg;
		else if (option == 'h')
			hold = atoi(optarg);
		else
			usage();
	}
	if (optind != argc - 1)
		usage();
	attack = find_attack(argv[optind]);
	client.title = attack->name;
	client_connect(&client, socket);
	attack->run();
	client_wait(&client, &never, 1000 * hold);
	if (!client_sync(&client))
		finish(1, "the compositor does not answer");
	finish(0, "alive");
}
