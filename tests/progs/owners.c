/* SPDX-License-Identifier: MIT */
/*
 * owners DIRECTORY INSTALL MAP POOLS: INSTALL and MAP are words of the letters a b c (shared
 * objects, DIRECTORY/actor-a.so ...), p (the program) and x y z (registered through the C API): the
 * order in which they install their handlers and map their files. Then all files are truncated and
 * two threads touch them at once. Prints, for each letter of MAP, what its handler saw.
 */
#include "../libs/actor.h"

#define SIGBUS_OPTIONAL
#include <sigbus/sigbus.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define POOLS_MAX 2
#define TOUCHES_MAX 64

struct registered {
	struct sigbus_owner *owner;
	char *start[POOLS_MAX];
	int fd[POOLS_MAX], pools;
	_Atomic int own, foreign;
};

static struct participant {
	const struct actor *actor; /* NULL: registered */
	struct registered registered;
} participants[128];

static struct touch {
	char letter;
	int pool, byte;
} touches[TOUCHES_MAX];
static int touch_count;
static pthread_barrier_t barrier;

static void fail(const char *what)
{
	fprintf(stderr, "owners: %s\n", what);
	exit(99);
}

static void load(const char *directory, char letter)
{
	char path[4096];
	void *handle;

	snprintf(path, sizeof(path), "%s/actor-%c.so", directory, letter);
	handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		fail(dlerror());
	participants[(int)letter].actor = dlsym(handle, "actor");
}

static int on_fault(const struct sigbus_fault *fault, void *data)
{
	struct registered *self = data;
	char *address = fault->address;

	for (int i = 0; i < self->pools; i++) {
		if (address < self->start[i] || address >= self->start[i] + ACTOR_PAGE)
			continue;
		if (fault->start != self->start[i] || fault->length != ACTOR_PAGE)
			return -1;
		atomic_fetch_add(&self->own, 1);
		mmap(self->start[i], ACTOR_PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		memset(self->start[i], ACTOR_OWN, ACTOR_PAGE);
		return 0;
	}
	atomic_fetch_add(&self->foreign, 1);
	return -1;
}

static void install(char letter)
{
	struct participant *p = &participants[(int)letter];
	char name[] = {'r', 'e', 'g', '-', letter, '\0'};

	if (p->actor) {
		if (p->actor->install("repair", "") < 0)
			fail("install");
	} else if (!sigbus_active()) {
		fail("libsigbus is not in this process");
	} else if (sigbus_owner_create(name, on_fault, &p->registered, &p->registered.owner) != 0) {
		fail("sigbus_owner_create");
	}
}

static void map_registered(struct registered *self)
{
	int n = self->pools;

	self->fd[n] = memfd_create("registered", MFD_CLOEXEC);
	if (ftruncate(self->fd[n], ACTOR_PAGE) < 0)
		fail("ftruncate");
	self->start[n] = mmap(NULL, ACTOR_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd[n], 0);
	if (self->start[n] == MAP_FAILED)
		fail("mmap");
	if (sigbus_range_add(self->owner, self->start[n], ACTOR_PAGE) != 0)
		fail("sigbus_range_add");
	self->pools++;
}

static void map(char letter)
{
	struct participant *p = &participants[(int)letter];

	if (!p->actor)
		map_registered(&p->registered);
	else if (p->actor->map(PROT_READ | PROT_WRITE, MAP_SHARED) < 0)
		fail("map");
}

static void truncate_pool(char letter, int pool)
{
	struct participant *p = &participants[(int)letter];

	if ((p->actor ? p->actor->truncate(pool) : ftruncate(p->registered.fd[pool], 0)) < 0)
		fail("truncate");
}

static int touch_pool(char letter, int pool)
{
	struct participant *p = &participants[(int)letter];

	if (p->actor)
		return p->actor->touch(pool);
	return *(volatile unsigned char *)p->registered.start[pool];
}

/* Both threads leave the barrier together, each with a fault of its own ahead. */
static void *toucher(void *first)
{
	for (int i = *(int *)first; i < touch_count; i += 2) {
		pthread_barrier_wait(&barrier);
		touches[i].byte = touch_pool(touches[i].letter, touches[i].pool);
	}
	if (touch_count % 2 && *(int *)first)
		pthread_barrier_wait(&barrier);
	return NULL;
}

static void touch_all(void)
{
	int first[2] = {0, 1};
	pthread_t thread[2];

	pthread_barrier_init(&barrier, NULL, 2);
	for (int i = 0; i < 2; i++)
		if (pthread_create(&thread[i], NULL, toucher, &first[i]) != 0)
			fail("pthread_create");
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
}

static int own_calls(const struct participant *p)
{
	if (!p->actor)
		return atomic_load(&p->registered.own);
	return p->actor->calls("repair") - p->actor->foreign();
}

static void print(const char *order)
{
	for (const char *c = order; *c; c++) {
		const struct participant *p = &participants[(int)*c];

		printf("%c own=%d foreign=%d bytes=", *c, own_calls(p),
			p->actor ? p->actor->foreign() : atomic_load(&p->registered.foreign));
		for (int i = 0; i < touch_count; i++)
			if (touches[i].letter == *c)
				printf("%02x", (unsigned)touches[i].byte);
		printf("\n");
	}
}

int main(int argc, char **argv)
{
	int pools;

	if (argc != 5)
		return 2;
	pools = atoi(argv[4]);
	if (pools < 1 || pools > POOLS_MAX || strlen(argv[3]) * (size_t)pools > TOUCHES_MAX)
		return 2;
	participants['p'].actor = &actor;
	for (const char *c = "abc"; *c; c++)
		load(argv[1], *c);
	for (const char *c = argv[2]; *c; c++)
		install(*c);
	for (const char *c = argv[3]; *c; c++) {
		for (int i = 0; i < pools; i++) {
			map(*c);
			touches[touch_count++] = (struct touch){.letter = *c, .pool = i};
		}
	}
	for (int i = 0; i < touch_count; i++)
		truncate_pool(touches[i].letter, touches[i].pool);
	touch_all();
	print(argv[3]);
	return 0;
}
