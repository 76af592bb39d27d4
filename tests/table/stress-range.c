/* SPDX-License-Identifier: MIT */
/*
 * The range table with writers in threads that interrupt each other, with signals on top.
 * Argument: rounds of each writer, default 10000.
 */
#include "api/api.h"
#include "base/base.h"
#include "owner/owner.h"
#include "stress-env.h"
#include "table/table.h"

#include <signal.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>

/* ---- threads: each writer in its own addresses, a signal handler that writes on top ---- */

#define WRITERS 4
#define SIGNALS_MIN 20 /* to each writer */
#define READERS 4
#define SPAN 3000
#define HANDLER_PAGES 8 /* at the end of each mapping: the handler's to cut */

struct worker {
	pthread_t thread;
	unsigned owner;
	uintptr_t base;
	uint64_t seed;
	volatile uintptr_t kept, handlers; /* pages of the mapping; 0: none now */
	_Atomic uint64_t rounds, signals, bad, unsettled;
};
static struct worker worker[WRITERS + READERS];
static __thread struct worker *self;
static _Atomic bool stop;

static unsigned random_below(uint64_t *seed, unsigned limit)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return (unsigned)((*seed >> 11) % limit);
}

static void check(struct worker *me, uintptr_t address, bool expected)
{
	struct range_hit hit = range_lookup(address);

	if (hit.unsettled)
		me->unsettled++;
	else if (!hit.range == expected || (hit.range && state_owner(hit.state) != me->owner))
		me->bad++;
}

static void one_mapping(struct worker *me, uintptr_t base, uint64_t *seed)
{
	unsigned at = random_below(seed, SPAN / 2), pages = 20 + random_below(seed, SPAN / 2 - 20);
	uintptr_t start = base + at * PAGE_SIZE;

	me->bad += insert(start, pages, me->owner, me->owner) != 0;
	for (unsigned i = 0; i < 4; i++) {
		unsigned from = 1 + random_below(seed, pages - HANDLER_PAGES - 2);
		unsigned size = 1 + random_below(seed, pages - HANDLER_PAGES - 1 - from);
		struct range_cut cut = range_cut(start + from * PAGE_SIZE, size * PAGE_SIZE);
		bool back = random_below(seed, 4) == 0;

		check(me, start + from * PAGE_SIZE, false);
		check(me, start + (from + size - 1) * PAGE_SIZE, false);
		check(me, start, true);
		check(me, start + (pages - 1) * PAGE_SIZE, true);
		(back ? range_cut_restore : range_cut_free)(cut);
	}
	if (base == me->base) {
		me->kept = start;
		me->handlers = start + (pages - HANDLER_PAGES) * PAGE_SIZE;
		for (unsigned i = 0; i < 20; i++)
			drop(start + (1 + random_below(seed, pages - HANDLER_PAGES - 1)) *
						PAGE_SIZE,
				1);
		me->kept = me->handlers = 0;
	}
	drop(start, pages);
	check(me, start, false);
	check(me, start + (pages - 1) * PAGE_SIZE, false);
}

static void on_signal(int signo)
{
	struct worker *me = self;
	uint64_t seed;

	(void)signo;
	if (!me)
		return;
	seed = me->signals++ * 2654435761u + 1;
	if (me->kept) {
		uintptr_t page = me->handlers + random_below(&seed, HANDLER_PAGES) * PAGE_SIZE;

		check(me, me->kept, true);
		drop(page, 1);
		check(me, page, false);
	}
	one_mapping(me, me->base + SPAN * PAGE_SIZE, &seed);
}

static void *writer(void *data)
{
	self = data;
	for (; !stop; self->rounds++)
		one_mapping(self, self->base, &self->seed);
	self = NULL;
	return NULL;
}

static void *reader(void *data)
{
	struct worker *me = data;

	for (; !stop; me->rounds++) {
		struct worker *other = &worker[random_below(&me->seed, WRITERS)];
		uintptr_t address = other->base + random_below(&me->seed, 2 * SPAN) * PAGE_SIZE;
		struct range_hit hit = range_lookup(address);
		uint32_t caller = hit.range ? hit.range->caller : 0;

		me->unsettled += hit.unsettled;
		/* A free record has its link in caller. */
		if (!hit.range || hit.range->geometry != hit.geometry ||
			hit.range->state != hit.state)
			continue;
		me->bad += state_owner(hit.state) != other->owner || caller != other->owner ||
			   address - geometry_start(hit.geometry) >= geometry_size(hit.geometry);
	}
	return NULL;
}

/* ---- threads: all cut the same record, each its own pages ---- */

#define SHARED ((IS_WIDE ? 500 : 3) * GIB - 200 * PAGE_SIZE)
#define GROUPS 64
#define GROUP_PAGES 16

static pthread_barrier_t barrier;
static _Atomic bool shared_stop, shared_last, shared_lost;
static _Atomic unsigned shared_missing; /* of this round: only a cut that says "lost" may do that */
static unsigned shared_lost_rounds;
static volatile bool handler_may_cut[WRITERS];

/* Page 0 of a group stays, page 15 is its thread's signal handler's, the others are cut. */
static void shared_cut(struct worker *me, unsigned group, unsigned from, unsigned size)
{
	uintptr_t start = SHARED + (group * GROUP_PAGES + from) * PAGE_SIZE;
	struct range_cut cut = range_cut(start, size * PAGE_SIZE);

	if (cut.lost)
		shared_lost = true;
	range_cut_free(cut);
	check(me, start, false);
	check(me, start + (size - 1) * PAGE_SIZE, false);
}

static void shared_check_kept(unsigned group)
{
	struct range_hit hit = range_lookup(SHARED + group * GROUP_PAGES * PAGE_SIZE);

	shared_missing += !hit.range && !hit.unsettled;
}

static void on_signal_shared(int signo)
{
	struct worker *me = self;
	uint64_t seed;

	(void)signo;
	if (!me || !handler_may_cut[me - worker])
		return;
	seed = me->signals++ * 2654435761u + 1;
	shared_cut(me, random_below(&seed, GROUPS / WRITERS) * WRITERS + (me - worker), 15, 1);
}

static void shared_cuts(struct worker *me, unsigned index)
{
	for (unsigned i = 0; i < 12; i++) {
		unsigned group = random_below(&me->seed, GROUPS / WRITERS) * WRITERS + index;
		unsigned from = 1 + random_below(&me->seed, 13);

		shared_cut(me, group, from, 1 + random_below(&me->seed, 15 - from));
		shared_check_kept(random_below(&me->seed, GROUPS));
	}
}

static void shared_end(struct worker *me)
{
	shared_lost_rounds += shared_lost;
	me->bad += shared_lost ? 0 : shared_missing;
	drop(SHARED, GROUPS * GROUP_PAGES);
	for (unsigned i = 0; i < GROUPS * GROUP_PAGES; i++)
		check(me, SHARED + i * PAGE_SIZE, false);
}

static void shared_round(struct worker *me, unsigned index)
{
	if (index == 0) {
		shared_lost = false;
		shared_missing = 0;
		me->bad += insert(SHARED, GROUPS * GROUP_PAGES, me->owner, 1) != 0;
	}
	pthread_barrier_wait(&barrier);
	handler_may_cut[index] = true;
	shared_cuts(me, index);
	pthread_barrier_wait(&barrier);
	for (unsigned i = index; i < GROUPS; i += WRITERS)
		shared_check_kept(i);
	handler_may_cut[index] = false;
	pthread_barrier_wait(&barrier);
	if (index == 0)
		shared_end(me);
}

static void *sharer(void *data)
{
	unsigned index = (unsigned)((struct worker *)data - worker);
	bool last;

	self = data;
	do {
		shared_round(self, index);
		self->rounds++;
		if (index == 0)
			shared_last = shared_stop;
		pthread_barrier_wait(&barrier);
		last = shared_last;
	} while (!last);
	self = NULL;
	return NULL;
}

/* ---- both ---- */

static void start(unsigned i, void *(*function)(void *), bool shared)
{
	worker[i].owner = shared ? 1 : i + 1;
	worker[i].base = (IS_WIDE ? (100 + 10 * i) * GIB : (1 + i) * (GIB / 2)) - 1000 * PAGE_SIZE;
	worker[i].seed = i * 7919 + 1;
	worker[i].rounds = worker[i].signals = worker[i].bad = worker[i].unsettled = 0;
	pthread_create(&worker[i].thread, NULL, function, &worker[i]);
}

/* Until each writer has done its rounds, and been signalled often. A writer gets the next signal
 * when it has got on: a slow machine does nothing else but signals otherwise. */
static void signal_until(uint64_t rounds)
{
	struct timespec pause = {.tv_nsec = 50000};
	uint64_t seen[WRITERS] = {0};

	for (bool all = false; !all; nanosleep(&pause, NULL)) {
		all = true;
		for (unsigned i = 0; i < WRITERS; i++) {
			uint64_t now = worker[i].rounds;

			all = all && now >= rounds && worker[i].signals >= SIGNALS_MIN;
			if (now != seen[i])
				pthread_kill(worker[i].thread, SIGUSR1);
			seen[i] = now;
		}
	}
}

static void finish(unsigned count, const char *name)
{
	uint64_t rounds[2] = {0}, signals = 0, bad = 0, unsettled = 0;

	for (unsigned i = 0; i < count; i++) {
		pthread_join(worker[i].thread, NULL);
		rounds[i >= WRITERS] += worker[i].rounds;
		signals += worker[i].signals;
		bad += worker[i].bad;
		unsettled += worker[i].unsettled;
	}
	printf("# %" PRIu64 " rounds, %" PRIu64 " lookups of readers, %" PRIu64 " signals, %" PRIu64 " bad, %" PRIu64 " unsettled\n",
		rounds[0], rounds[1], signals, bad, unsettled);
	ok(!bad && range_count() == 0, "%s", name);
}

int main(int argc, char **argv)
{
	uint64_t rounds = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000;

	start_table();
	signal(SIGUSR1, on_signal);
	for (unsigned i = 0; i < WRITERS + READERS; i++)
		start(i, i < WRITERS ? writer : reader, false);
	signal_until(rounds);
	stop = true;
	finish(WRITERS + READERS, "writers with signals on top, readers: no wrong answer");
	signal(SIGUSR1, on_signal_shared);
	pthread_barrier_init(&barrier, NULL, WRITERS);
	for (unsigned i = 0; i < WRITERS; i++)
		start(i, sharer, true);
	signal_until(rounds / 5);
	shared_stop = true;
	finish(WRITERS, "one record cut by all at once: no page missing, none too many");
	printf("# %u rounds lost a part\n", shared_lost_rounds);
	ok(!range_by_id(50000), "records are used again");
	return tap_done();
}
