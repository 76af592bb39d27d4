/* SPDX-License-Identifier: MIT */
/*
 * More attacks of wl-hostile: the same losses, by other ways to the screen and in another order.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wl-hostile.h"
#include "wl-outputs.h"
#include "wl-shells.h"
#include "wl-virtual.h"

#define POOLS 200
#define KEYMAPS 50

/* Only the lower half is lost, and only that is damaged, far beyond the buffer. */
static void half(void)
{
	struct window window;
	struct pool pool;

	show_window(&window, &pool);
	cut_pool(&pool, pool.size / 2);
	wl_surface_attach(window.surface, pool.buffer, 0, 0);
	wl_surface_damage(window.surface, -1000, HEIGHT - 8, INT32_MAX, INT32_MAX);
	wl_surface_commit(window.surface);
	surface_show(&client, window.surface, NULL);
	repaint(window.surface);
}

/* Attached, truncated, taken off, and attached again. */
static void reattach(void)
{
	struct window window;
	struct pool pool, other;

	show_window(&window, &pool);
	open_pool(&other, WIDTH, HEIGHT);
	surface_commit(window.surface, other.buffer);
	cut_pool(&other, 0);
	wl_surface_attach(window.surface, NULL, 0, 0);
	wl_surface_attach(window.surface, other.buffer, 0, 0);
	wl_surface_attach(window.surface, pool.buffer, 0, 0);
	wl_surface_commit(window.surface);
	surface_show(&client, window.surface, other.buffer);
	repaint(window.surface);
}

/* What a subsurface has got waits for its parent's commit, and is lost until then. */
static void cached_subsurface(void)
{
	struct wl_surface *surface;
	struct window window;
	struct pool pool, image;

	if (!client.subcompositor)
		finish(SKIPPED, "no subsurfaces here");
	show_window(&window, &pool);
	surface = wl_compositor_create_surface(client.compositor);
	wl_subsurface_set_sync(
		wl_subcompositor_get_subsurface(client.subcompositor, surface, window.surface));
	open_pool(&image, WIDTH, HEIGHT);
	surface_commit(surface, image.buffer);
	cut_pool(&image, 0);
	wl_buffer_destroy(image.buffer);
	surface_show(&client, window.surface, NULL);
	repaint(window.surface);
}

/* The part that is shown, scaled and turned, is the part that is lost. */
static void viewport(void)
{
	struct wl_proxy *viewport;
	struct window window;
	struct pool pool;

	show_window(&window, &pool);
	viewport = viewport_create(&client, window.surface);
	if (!viewport)
		finish(SKIPPED, "no viewports here");
	viewport_set(viewport, 0, HEIGHT / 2, WIDTH, HEIGHT / 2);
	cut_pool(&pool, 4096);
	surface_show(&client, window.surface, pool.buffer);
	repaint(window.surface);
}

/* The pool comes back after its loss, longer than it was, with another buffer in it. */
static void regrown(void)
{
	struct window window;
	struct pool pool;
	int size;

	show_window(&window, &pool);
	size = pool.size;
	cut_pool(&pool, 0);
	surface_show(&client, window.surface, pool.buffer);
	cut_pool(&pool, 2 * size);
	wl_shm_pool_resize(pool.proxy, 2 * size);
	pool_add_buffer(&pool, size, WIDTH, HEIGHT);
	surface_show(&client, window.surface, pool.buffer);
	cut_pool(&pool, 4096);
	surface_show(&client, window.surface, NULL);
	repaint(window.surface);
}

/* What the pool has grown by goes again. */
static void shrunk(void)
{
	struct window window;
	struct pool pool;
	int size;

	show_window(&window, &pool);
	size = pool.size;
	cut_pool(&pool, 64 * size);
	wl_shm_pool_resize(pool.proxy, 64 * size);
	pool_add_buffer(&pool, 63 * size, WIDTH, HEIGHT);
	surface_show(&client, window.surface, pool.buffer);
	wl_buffer_destroy(pool.buffer);
	cut_pool(&pool, size);
	repaint(window.surface);
}

/* Its buffers live on when a pool is destroyed. */
static void pool_destroyed(void)
{
	struct window window;
	struct pool pool;

	show_window(&window, &pool);
	wl_shm_pool_destroy(pool.proxy);
	cut_pool(&pool, 0);
	surface_show(&client, window.surface, pool.buffer);
	wl_buffer_destroy(pool.buffer);
	repaint(window.surface);
}

/* A surface that is no window: size as asked for, or as told. */
static void lose_surface(struct wl_surface *surface, int width, int height)
{
	struct pool pool;
	int size = 4 * width * height;

	pool_create(&client, &pool, file_create(FILE_MEMFD, NULL, (size_t)size), size);
	fill(pool.fd, (size_t)size, 0x80);
	pool_add_buffer(&pool, 0, width, height);
	surface_show(&client, surface, pool.buffer);
	cut_pool(&pool, 0);
	surface_show(&client, surface, pool.buffer);
	surface_show(&client, surface, NULL);
}

static void popup(void)
{
	struct window window;
	struct pool pool;
	struct wl_surface *surface;
	struct xdg_positioner *place;
	struct xdg_surface *xdg_surface;
	struct xdg_popup *menu;

	show_window(&window, &pool);
	place = xdg_wm_base_create_positioner(client.wm_base);
	xdg_positioner_set_size(place, 64, 64);
	xdg_positioner_set_anchor_rect(place, 0, 0, 8, 8);
	surface = wl_compositor_create_surface(client.compositor);
	xdg_surface = xdg_wm_base_get_xdg_surface(client.wm_base, surface);
	menu = xdg_surface_get_popup(xdg_surface, window.xdg_surface, place);
	window_acknowledge(&client, xdg_surface, surface);
	lose_surface(surface, 64, 64);
	repaint(window.surface);
	/* labwc 0.8 dies of a client that ends with a popup (SIGSEGV, without us, too). */
	xdg_popup_destroy(menu);
	xdg_surface_destroy(xdg_surface);
	wl_surface_destroy(surface);
}

static void layer(void)
{
	struct wl_surface *surface = wl_compositor_create_surface(client.compositor);
	struct shell_surface layer;
	struct window window;
	struct pool pool;

	show_window(&window, &pool);
	if (!client.output || !layer_open(&client, surface, &layer))
		finish(SKIPPED, "no layers here");
	lose_surface(surface, (int)layer.width, (int)layer.height);
	wl_proxy_marshal(layer.proxy, 7);
	wl_surface_destroy(surface);
	repaint(window.surface);
}

static void lock(void)
{
	struct wl_surface *surface = wl_compositor_create_surface(client.compositor);
	struct shell_surface locked;

	if (!client.output || !lock_open(&client, surface, &locked))
		finish(SKIPPED, "no locks of the session here");
	lose_surface(surface, (int)locked.width, (int)locked.height);
	lock_end(&locked);
	client_sync(&client);
}

/* A buffer without memory comes after the one that is lost. */
static void single_pixel(void)
{
	struct wl_buffer *pixel = single_pixel_create(&client);
	struct wl_proxy *viewport;
	struct window window;
	struct pool pool;

	if (!pixel)
		finish(SKIPPED, "no buffers of a single pixel here");
	show_window(&window, &pool);
	viewport = viewport_create(&client, window.surface);
	cut_pool(&pool, 0);
	if (viewport)
		wl_proxy_marshal(viewport, 2, WIDTH, HEIGHT);
	surface_show(&client, window.surface, pixel);
	surface_show(&client, window.surface, pool.buffer);
	surface_show(&client, window.surface, pixel);
	repaint(window.surface);
}

/* A file that is no device's memory. If it is taken nevertheless, it is lost then. */
static void dmabuf(void)
{
	struct window window;
	struct dmabuf dmabuf;
	struct pool pool, other;

	show_window(&window, &pool);
	open_pool(&other, WIDTH, HEIGHT);
	if (!dmabuf_create(&client, other.fd, WIDTH, HEIGHT, &dmabuf))
		finish(SKIPPED, "no buffers of devices here");
	cut_pool(&other, 0);
	cut_pool(&pool, 0);
	surface_show(&client, window.surface, dmabuf.buffer ? dmabuf.buffer : pool.buffer);
	repaint(window.surface);
}

/* Each is shown, let go of and truncated: the next one comes to where one was. */
static void many_pools(void)
{
	struct window window;
	struct pool pool;

	show_window(&window, &pool);
	for (int i = 0; i < POOLS; i++) {
		struct pool next;

		open_pool(&next, WIDTH, HEIGHT);
		surface_commit(window.surface, next.buffer);
		wl_shm_pool_destroy(next.proxy);
		wl_buffer_destroy(next.buffer);
		cut_pool(&next, i % 2 ? 0 : 4096);
		if (i % 10 == 0)
			surface_show(&client, window.surface, NULL);
		close(next.fd);
	}
	repaint(window.surface);
}

/* Another client has a window on the screen, takes its memory away and ends. */
static void ends(void)
{
	struct client first = client;
	int ready[2];
	pid_t child;
	char byte;

	if (pipe(ready) < 0)
		finish(1, "no pipe");
	child = fork();
	if (child == 0) {
		struct window window;
		struct pool pool;

		client = (struct client){.title = first.title};
		client_connect(&client, NULL);
		show_window(&window, &pool);
		cut_pool(&pool, 0);
		surface_commit(window.surface, pool.buffer);
		wl_display_flush(client.display);
		if (write(ready[1], ".", 1) == 1)
			kill(getpid(), SIGKILL);
		_exit(1);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		finish(SKIPPED, "the other client does not come to the screen");
	waitpid(child, NULL, 0);
	{
		struct window window;
		struct pool pool;

		show_window(&window, &pool);
		repaint(window.surface);
	}
}

/* The screen is copied into a buffer of which the half is lost, or comes and goes. */
static void start_copy(struct screencopy *copy, struct pool *target)
{
	int size;

	if (!client.screencopy_manager || !client.output)
		finish(SKIPPED, "no copies of the screen here");
	screencopy_start(client.screencopy_manager, client.output, copy);
	if (!client_rounds(&client, &copy->told))
		finish(SKIPPED, "no copy of the screen is offered");
	size = (int)(copy->stride * copy->height);
	pool_create(&client, target, file_create(FILE_MEMFD, NULL, (size_t)size), size);
	target->buffer = wl_shm_pool_create_buffer(target->proxy, 0, (int)copy->width,
		(int)copy->height, (int)copy->stride, copy->format);
}

static void capture_half(void)
{
	struct screencopy copy;
	struct window window;
	struct pool pool, target;

	show_window(&window, &pool);
	start_copy(&copy, &target);
	cut_pool(&target, target.size / 2 + 100);
	screencopy_copy(&copy, target.buffer);
	wl_shm_pool_destroy(target.proxy);
	surface_show(&client, window.surface, pool.buffer);
	repaint(window.surface);
	client_rounds(&client, &copy.done);
}

static void capture_raced(void)
{
	static struct screencopy copies[RACED_FRAMES];
	struct screencopy copy;
	struct window window;
	struct pool pool, target;

	show_window(&window, &pool);
	start_copy(&copy, &target);
	race_begin(&target);
	screencopy_copy(&copy, target.buffer);
	for (int i = 0; i < RACED_FRAMES; i++) {
		surface_show(&client, window.surface, pool.buffer);
		screencopy_start(client.screencopy_manager, client.output, &copies[i]);
		client_rounds(&client, &copies[i].told);
		screencopy_copy(&copies[i], target.buffer);
	}
	race_end();
	repaint(window.surface);
	client_rounds(&client, &copy.done);
}

static struct wl_proxy *new_keyboard(void)
{
	if (!client.virtual_keyboard_manager || !client.seat)
		finish(SKIPPED, "no virtual keyboard here");
	return virtual_keyboard_create(client.virtual_keyboard_manager, client.seat);
}

/* What is no file, and sizes that no file has. */
static void odd_keymaps(void)
{
	struct wl_proxy *keyboard = new_keyboard();
	int pipes[2], fd = file_create(FILE_MEMFD, NULL, 4096);
	const struct {
		int fd;
		uint32_t size;
	} keymaps[] = {
		{open("/dev/zero", O_RDWR), 4096},
		{open("/dev/null", O_RDWR), 4096},
		{open("/", O_RDONLY), 4096},
		{pipe(pipes) == 0 ? pipes[0] : -1, 4096},
		{socket(AF_UNIX, SOCK_STREAM, 0), 4096},
		{fd, 0},
		{fd, UINT32_MAX},
		{fd, 0x7fffffff},
	};

	for (size_t i = 0; i < sizeof(keymaps) / sizeof(keymaps[0]); i++)
		if (keymaps[i].fd >= 0)
			virtual_keyboard_keymap(keyboard, keymaps[i].fd, keymaps[i].size);
	client_sync(&client);
}

static atomic_bool keymaps_sent;

static void *toggle_keymap(void *argument)
{
	const int *fd = argument;

	while (!atomic_load(&keymaps_sent))
		if (ftruncate(*fd, 0) < 0 || ftruncate(*fd, 4096) < 0)
			finish(1, "cannot truncate the keymap");
	return NULL;
}

static void raced_keymap(void)
{
	struct wl_proxy *keyboard = new_keyboard();
	int fd = file_create(FILE_MEMFD, NULL, 4096);
	pthread_t thread;

	if (pthread_create(&thread, NULL, toggle_keymap, &fd) != 0)
		finish(1, "no thread");
	for (int i = 0; i < KEYMAPS; i++) {
		virtual_keyboard_keymap(keyboard, fd, 4096);
		client_sync(&client);
		keyboard = new_keyboard();
	}
	atomic_store(&keymaps_sent, true);
	pthread_join(thread, NULL);
}

/* The compositor's own keymap, as it hands it out to its clients: who can write to it truncates it.
 */
static int keymap_fd = -1;

static void take_keymap(
	void *data, struct wl_keyboard *keyboard, uint32_t format, int32_t fd, uint32_t size)
{
	(void)data, (void)keyboard, (void)format, (void)size;
	keymap_fd = fd;
}

static void enter(void *data, struct wl_keyboard *keyboard, uint32_t serial,
	struct wl_surface *surface, struct wl_array *keys)
{
	(void)data, (void)keyboard, (void)serial, (void)surface, (void)keys;
}

static void leave(
	void *data, struct wl_keyboard *keyboard, uint32_t serial, struct wl_surface *surface)
{
	(void)data, (void)keyboard, (void)serial, (void)surface;
}

static void key(void *data, struct wl_keyboard *keyboard, uint32_t serial, uint32_t time,
	uint32_t key, uint32_t state)
{
	(void)data, (void)keyboard, (void)serial, (void)time, (void)key, (void)state;
}

static void modifiers(void *data, struct wl_keyboard *keyboard, uint32_t serial, uint32_t pressed,
	uint32_t latched, uint32_t locked, uint32_t group)
{
	(void)data, (void)keyboard, (void)serial, (void)pressed, (void)latched, (void)locked;
	(void)group;
}

static const struct wl_keyboard_listener keyboard_listener = {
	.keymap = take_keymap,
	.enter = enter,
	.leave = leave,
	.key = key,
	.modifiers = modifiers,
};

static void handed_keymap(void)
{
	struct window window;
	struct pool pool;
	char path[32];
	int fd;

	if (!client.seat || !client.pointer)
		finish(SKIPPED, "no seat here");
	wl_keyboard_add_listener(wl_seat_get_keyboard(client.seat), &keyboard_listener, NULL);
	client_sync(&client);
	if (keymap_fd < 0)
		finish(SKIPPED, "no keymap is handed out");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", keymap_fd);
	(void)chmod(path, 0600);
	fd = open(path, O_RDWR);
	if (fd < 0 || ftruncate(fd, 0) < 0)
		finish(SKIPPED, "the keymap cannot be truncated: %s", strerror(errno));
	show_window(&window, &pool);
	repaint(window.surface);
}

/* A file that is sealed against truncation has a hole, and there is no huge page to fill it with.
 */
static void sealed_hole(void)
{
	struct window window;
	struct pool pool;
	int fd = memfd_create("sealed", MFD_CLOEXEC | MFD_HUGETLB | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, HUGE_SIZE) < 0)
		finish(SKIPPED, "no huge pages: %s", strerror(errno));
	fill(fd, HUGE_SIZE, 0xc0);
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) < 0)
		finish(SKIPPED, "no seals: %s", strerror(errno));
	window_open(&client, &window);
	pool_create(&client, &pool, fd, HUGE_SIZE);
	pool_add_buffer(&pool, 0, WIDTH, HEIGHT);
	window_show(&client, &window, pool.buffer);
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, HUGE_SIZE) < 0)
		finish(1, "no hole: %s", strerror(errno));
	/* The pages that this leaves free are somebody's: of one more file, as long as it lives. */
	for (;;) {
		int other = memfd_create("pages", MFD_CLOEXEC | MFD_HUGETLB);
		void *pages;

		if (other < 0 || ftruncate(other, HUGE_SIZE) < 0)
			finish(1, "no file");
		pages = mmap(NULL, HUGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, other, 0);
		if (pages == MAP_FAILED)
			break;
	}
	surface_show(&client, window.surface, pool.buffer);
	repaint(window.surface);
}

const struct attack neighbours[] = {
	{"half", half},
	{"reattach", reattach},
	{"cached-subsurface", cached_subsurface},
	{"viewport", viewport},
	{"regrown", regrown},
	{"shrunk", shrunk},
	{"pool-destroyed", pool_destroyed},
	{"popup", popup},
	{"layer", layer},
	{"lock", lock},
	{"single-pixel", single_pixel},
	{"dmabuf", dmabuf},
	{"many-pools", many_pools},
	{"ends", ends},
	{"capture-half", capture_half},
	{"capture-raced", capture_raced},
	{"odd-keymaps", odd_keymaps},
	{"raced-keymap", raced_keymap},
	{"handed-keymap", handed_keymap},
	{"sealed-hole", sealed_hole},
	{NULL, NULL},
};
