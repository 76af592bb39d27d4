/* SPDX-License-Identifier: MIT */
/* What the attacks of wl-hostile share. */
#ifndef WL_HOSTILE_H
#define WL_HOSTILE_H

#include <stddef.h>

#include "wl-client.h"

#define WIDTH 256
#define HEIGHT 256
#define BUFFER_SIZE (WIDTH * HEIGHT * 4)
#define HUGE_SIZE (2 << 20)
#define RACED_FRAMES 20
#define SKIPPED 77

extern struct client client;
extern enum pool_file file_kind;
extern const char *file_directory;

void fill(int fd, size_t size, int byte);
/* A good pool with one buffer at its start. */
void open_pool(struct pool *pool, int width, int height);
void cut_pool(const struct pool *pool, int size);
/* A window with a good buffer on the screen. */
void show_window(struct window *window, struct pool *pool);
/* A second window comes, is painted a few times and goes: what lies around it is painted too. */
void repaint(struct wl_surface *surface);
/* In between the pool's file goes and comes back all the time. */
void race_begin(struct pool *pool);
void race_end(void);

struct attack {
	const char *name;
	void (*run)(void);
};
extern const struct attack neighbours[]; /* of the others; the last has no name */

#endif
