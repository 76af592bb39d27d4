/* SPDX-License-Identifier: MIT */
/*
 * api-wrong STEPS [SEED]: random calls of the C API, most of them wrong: owners that are none,
 * ranges that are nowhere, too long, or taken. Each answer is held against a model of which page is
 * whose.
 */
#define SIGBUS_OPTIONAL
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sigbus/sigbus.h"

#define PAGE 4096
#define PAGES 64
#define OWNERS 6

static struct sigbus_owner *owner[OWNERS];
static bool alive[OWNERS];
static int whose[PAGES]; /* owner + 1, 0: nobody's */
static bool replaced[PAGES];
static char *window;
static int lost_fd;
static volatile int asked; /* by the last fault: owner + 1 */
static uint64_t seed;

static unsigned below(unsigned limit)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % limit;
}

static void expect(long got, long expected, const char *what)
{
	if (got == expected)
		return;
	printf("%s: %ld, expected %ld\n", what, got, expected);
	exit(1);
}

static int decline(const struct sigbus_fault *fault, void *data)
{
	asked = (int)(intptr_t)data + 1;
	return fault->is_write ? -EIO : -EFAULT;
}

static void map_window(void)
{
	int flags = MAP_SHARED | (window ? MAP_FIXED : 0);

	window = mmap(window, PAGES * PAGE, PROT_READ | PROT_WRITE, flags, lost_fd, 0);
	expect(window == MAP_FAILED, 0, "mmap");
	for (int i = 0; i < PAGES; i++) {
		whose[i] = 0;
		replaced[i] = false;
	}
}

/* ---- what is handed over ---- */

struct place {
	char *address;
	size_t length;
	bool valid;
	int first, end; /* pages of the window */
};

static struct place any_place(void)
{
	static const uintptr_t odd[] = {
		0, 1, (uintptr_t)1 << 47, UINTPTR_MAX, UINTPTR_MAX - PAGE, (uintptr_t)1 << 63};
	struct place place = {.first = (int)below(PAGES), .valid = true};

	place.end = place.first + 1 + (int)below((unsigned)(PAGES - place.first));
	place.address = window + place.first * PAGE + below(PAGE);
	place.length = (size_t)(window + place.end * PAGE - place.address) - below(2);
	if (below(4) > 0 && place.length)
		return place;
	place.valid = false;
	if (below(2))
		place.address = (char *)odd[2 + below(4)];
	else
		place.length = below(2) ? 0 : SIZE_MAX - below(PAGE);
	return place;
}

/* An index of owner[], or -1 for something else. */
static struct sigbus_owner *any_owner(int *index)
{
	char *nobody[] = {NULL, (char *)1, (char *)&seed, (char *)-1, (char *)owner[0] + 8};

	*index = below(4) ? (int)below(OWNERS) : -1;
	if (*index < 0)
		return (struct sigbus_owner *)nobody[below(5)];
	if (!alive[*index]) {
		struct sigbus_owner *dead = owner[*index];

		*index = -1;
		return dead;
	}
	return owner[*index];
}

/* ---- the calls ---- */

static void do_create(void)
{
	static const char *const bad[] = {NULL, "",
		"a name of more than sixty-three bytes is refused, however well it is meant"};
	unsigned index = below(OWNERS);

	expect(sigbus_owner_create(bad[below(3)], decline, NULL, &owner[0]), -EINVAL, "bad name");
	expect(sigbus_owner_create("name", decline, NULL, NULL), -EINVAL, "no place for the owner");
	if (!alive[index] && below(50) == 0) {
		expect(sigbus_owner_create(
			       "misused", decline, (void *)(intptr_t)index, &owner[index]),
			0, "create");
		alive[index] = true;
	}
}

static void do_destroy(void)
{
	int index;
	struct sigbus_owner *one = any_owner(&index);

	if (index >= 0 && below(40))
		return;
	expect(sigbus_owner_destroy(one), index < 0 ? -EINVAL : 0, "destroy");
	if (index < 0)
		return;
	alive[index] = false;
	for (int i = 0; i < PAGES; i++)
		if (whose[i] == index + 1)
			whose[i] = 0;
}

static void do_add(void)
{
	int index, expected = 0;
	struct sigbus_owner *one = any_owner(&index);
	struct place place = any_place();

	for (int i = place.first; i < place.end; i++)
		expected = whose[i] ? -EEXIST : expected;
	if (index < 0 || !place.valid)
		expected = -EINVAL;
	expect(sigbus_range_add(one, place.address, place.length), expected, "add");
	for (int i = place.first; !expected && i < place.end; i++)
		whose[i] = index + 1;
}

static void do_remove(void)
{
	int index, expected = -ENOENT;
	struct sigbus_owner *one = any_owner(&index);
	struct place place = any_place();

	for (int i = place.first; i < place.end; i++)
		expected = index >= 0 && whose[i] == index + 1 ? 0 : expected;
	if (index < 0 || !place.valid)
		expected = -EINVAL;
	expect(sigbus_range_remove(one, place.address, place.length), expected, "remove");
	for (int i = place.first; !expected && i < place.end; i++)
		whose[i] = whose[i] == index + 1 ? 0 : whose[i];
}

static void do_lost(void)
{
	struct place place = any_place();
	long expected = 0;

	for (int i = place.first; i < place.end; i++)
		expected += replaced[i];
	expect(sigbus_range_lost(place.address, place.length), place.valid ? expected : -EINVAL,
		"lost");
}

/* The owner is asked, and nobody else; what declines is replaced. */
static void do_touch(void)
{
	unsigned page = below(PAGES);

	asked = 0;
	expect(*(volatile char *)(window + page * PAGE + below(PAGE)), 0, "a lost page");
	expect(asked, replaced[page] ? 0 : whose[page], "who is asked");
	replaced[page] = true;
}

int main(int argc, char **argv)
{
	static void (*const call[])(void) = {
		do_create, do_destroy, do_add, do_add, do_remove, do_lost, do_touch, do_touch};
	unsigned long steps = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;

	seed = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
	lost_fd = memfd_create("lost", MFD_CLOEXEC);
	if (!sigbus_active() || lost_fd < 0)
		return 77;
	map_window();
	for (intptr_t i = 0; i < OWNERS; i++) {
		expect(sigbus_owner_create("misused", decline, (void *)i, &owner[i]), 0, "create");
		alive[i] = true;
	}
	for (unsigned long i = 0; i < steps; i++) {
		if (below(100) == 0)
			map_window();
		else
			call[below(sizeof(call) / sizeof(*call))]();
	}
	printf("steps %lu\n", steps);
	return 0;
}
