/* SPDX-License-Identifier: MIT */
/* A wl_shm pool that its client truncates, read by the server between begin_access and end_access.
 */
#include "work.h"

#include <unistd.h>
#include "../tests/progs/wl-peer.h"

#define WIDTH 2048

static void make_lost_pool(void)
{
	int fd = make_file(order.size);

	client_make_buffer(fd, WIDTH, (int)(order.size / (WIDTH * 4)));
	if (ftruncate(fd, 0) < 0)
		fail("ftruncate");
	close(fd);
}

static uint64_t read_pool(void)
{
	struct wl_shm_buffer *buffer = server_buffer();
	uint64_t start = processor_time();
	const char *data;

	if (!buffer)
		fail("no buffer");
	wl_shm_buffer_begin_access(buffer);
	data = wl_shm_buffer_get_data(buffer);
	for (size_t at = 0; at < order.size; at += PAGE)
		touch(data + at);
	wl_shm_buffer_end_access(buffer);
	return processor_time() - start;
}

static uint64_t run_pool(unsigned count)
{
	uint64_t sum = 0;

	while (count--) {
		if (!client_connect())
			fail("client_connect");
		make_lost_pool();
		sum += read_pool();
		wl_client_destroy(client.peer);
		client_disconnect();
	}
	return sum;
}

static void start_server(void)
{
	if (!server_start())
		fail("server_start");
}

static const struct work pool_works[] = {{"pool", start_server, run_pool}, {0}};
const struct work *const works[] = {pool_works, NULL};
