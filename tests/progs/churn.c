/* SPDX-License-Identifier: MIT */
/*
 * churn OPERATIONS [signals] [owner] [exit] [LIBRARY]: eight threads map, unmap, move,
 * overlay and truncate at random, fork, and load and unload a library, while four others, and they
 * too, fault on what is lost. Each page has an expected content, and each hole is filled by whoever
 * is first.
 *
 * signals: a SIGALRM handler on top of all of them maps, faults, unmaps, forks, and leaves by
 * siglongjmp() from the middle of mmap() and of a fault. owner: a SIGBUS handler of our own, which
 * declines, or leaves by siglongjmp(). exit: exit() while all go on.
 */
#include "churn.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SIGNALS_MIN 50 /* with signals */
#define JUMPS_MIN 5
#define SPARE_SLOTS 2 /* for what moves */

struct party party[PARTIES];
static __thread sigjmp_buf way_out;
static __thread volatile sig_atomic_t may_jump, signals_here;
static atomic_bool stopping;
static const char *library;

/* ---- on top ---- */

/* All of it async-signal-safe: maps lost pages, writes, and unmaps them in two pieces. */
static bool private_round(void)
{
	char *start = map_lost(NULL, 4, MAP_SHARED);
	bool good;

	if (start == MAP_FAILED)
		return false;
	start[PAGE] = 1;
	munmap(start + 2 * PAGE, PAGE);
	start[3 * PAGE] = 2;
	good = start[PAGE] == 1 && start[3 * PAGE] == 2 && start[0] == 0;
	munmap(start, 2 * PAGE);
	munmap(start + 3 * PAGE, PAGE);
	return good;
}

/* me: NULL in a handler: what was interrupted may have been a write. */
static bool child_works(pid_t child, struct party *me)
{
	int status = 0;

	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* whoever ends a hang ends it here, too */
		_exit((!me || slots_intact(me)) && private_round() ? 0 : 1);
	}
	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static void jump_out(void)
{
	if (!may_jump)
		return;
	may_jump = 0;
	count.jumped++;
	siglongjmp(way_out, 1);
}

static void on_alarm(int signo)
{
	(void)signo;
	count.signals++;
	count.bad_signals += !private_round();
	if (++signals_here % 64 == 0) {
		count.forked++;
		count.bad_children += !child_works(_Fork(), NULL);
	}
	if (signals_here % 2)
		jump_out();
}

static void on_bus(int signo)
{
	(void)signo;
	if (++signals_here % 8 == 0)
		jump_out();
}

/* ---- operations on more than a slot ---- */

static void op_fork(struct party *me)
{
	count.forked++;
	count.bad_children += !child_works(fork(), me);
}

static void op_load(void)
{
	void *handle = dlopen(library, RTLD_NOW);

	if (!handle)
		exit(98);
	dlclose(handle);
	count.loaded++;
}

/* Whatever is left half done is mapped over: the place stays ours. */
static void op_jump(struct party *me)
{
	if (sigsetjmp(way_out, 1) == 0) {
		may_jump = 1;
		for (int i = 0; i < 4 && may_jump; i++) {
			map_lost(me->arena + PAGE, SLOT_PAGES - 2, MAP_SHARED | MAP_FIXED);
			me->arena[5 * PAGE] = 1;
			mmap(me->arena + 4 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
			me->arena[9 * PAGE] = 1;
		}
		may_jump = 0;
	}
	mmap(me->arena, SLOT_PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		0);
}

/* Not each page is there, nor may be used now. */
static void touch_some(struct party *me, struct party *owner)
{
	struct slot *slot = &owner->slot[random_below(me, SLOTS)];

	for (int tries = 0; tries < 64; tries++) {
		if (page_touch(me, slot, random_below(me, SLOT_PAGES))) {
			count.touched++;
			return;
		}
		slot = &owner->slot[random_below(me, SLOTS)];
	}
	sched_yield();
}

static void touch_own(struct party *me, struct slot *slot)
{
	(void)slot;
	for (int i = 0; i < 4; i++)
		touch_some(me, me);
}

static void operate(struct party *me)
{
	static void (*const op[])(struct party *, struct slot *) = {touch_own, touch_own, op_unmap,
		op_unmap, op_overlay, op_move, op_move, op_truncate};
	struct slot *slot = &me->slot[random_below(me, SLOTS)];
	unsigned rare = random_below(me, 8000);

	if (rare < 1)
		op_fork(me);
	else if (rare < 4 && library)
		op_load();
	else if (rare < 200)
		op_jump(me);
	else if (!slot->pages && slot < me->slot + SLOTS - SPARE_SLOTS)
		op_map(me, slot);
	else if (!slot->pages)
		touch_some(me, me);
	else
		op[random_below(me, sizeof(op) / sizeof(*op))](me, slot);
}

static void *party_main(void *argument)
{
	struct party *me = argument;

	for (; !atomic_load(&stopping); atomic_fetch_add(&me->turns, 1)) {
		if (me->id < MAPPERS)
			operate(me);
		else
			touch_some(me, &party[random_below(me, MAPPERS)]);
		if (me->id >= MAPPERS && random_below(me, 16) == 0)
			sched_yield();
	}
	return NULL;
}

/* ---- all of it ---- */

static pthread_t thread[PARTIES];

static void start_all(void)
{
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	sigset_t alarm_set;

	sigaction(SIGALRM, &action, NULL);
	for (unsigned i = 0; i < PARTIES; i++) {
		party[i].id = i;
		party[i].seed = i * 7919 + (uint64_t)getpid();
		for (struct slot *slot = party[i].slot; slot < party[i].slot + SLOTS; slot++)
			slot->fd = -1;
		party[i].arena = mmap(
			NULL, SLOT_PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	}
	for (unsigned i = 0; i < PARTIES; i++)
		if (pthread_create(&thread[i], NULL, party_main, &party[i]) != 0)
			exit(99);
	/* A signal to the process prefers the main thread: leave it to the others. */
	sigemptyset(&alarm_set);
	sigaddset(&alarm_set, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &alarm_set, NULL);
}

static uint64_t total(void)
{
	return count.touched + count.mapped + count.unmapped + count.overlaid + count.moved +
	       count.truncated + count.forked + count.loaded + count.jumped + count.signals;
}

/* To any thread, when they have got on: a slow machine does nothing else but signals otherwise. */
static void signal_again(void)
{
	static uint64_t next;

	if (total() < next)
		return;
	next = total() + 50;
	kill(getpid(), SIGALRM);
}

static bool has_enough(uint64_t operations, bool with_signals)
{
	return total() >= operations &&
	       (!with_signals || (count.signals >= SIGNALS_MIN && count.jumped >= JUMPS_MIN));
}

/* Whoever limits how long we may take: a thread that does not get on waits for ever. */
static void on_limit(int signo)
{
	char text[64];

	(void)signo;
	for (unsigned i = 0; i < PARTIES; i++) {
		int length = snprintf(text, sizeof(text), "thread %u: %lu turns\n", i,
			(unsigned long)atomic_load(&party[i].turns));

		if (write(STDOUT_FILENO, text, (size_t)length) < 0)
			break;
	}
	_exit(1);
}

static void print_counts(void)
{
	printf("operations=%" PRIu64 " touched=%" PRIu64 " mapped=%" PRIu64 " unmapped=%" PRIu64 " overlaid=%" PRIu64 " moved=%" PRIu64 " "
	       "truncated=%" PRIu64 " canaries=%" PRIu64 " forked=%" PRIu64 " loaded=%" PRIu64 " refused=%" PRIu64 " jumped=%" PRIu64 " "
	       "signals=%" PRIu64 "\n",
		total(), count.touched, count.mapped, count.unmapped, count.overlaid, count.moved,
		count.truncated, count.canaries, count.forked, count.loaded, count.refused,
		count.jumped, count.signals);
	printf("lost_writes=%" PRIu64 " foreign=%" PRIu64 " not_empty=%" PRIu64 " bad_children=%" PRIu64 " bad_signals=%" PRIu64 "\n",
		count.lost_writes, count.foreign, count.not_empty, count.bad_children,
		count.bad_signals);
}

static bool wanted(char **words, const char *word)
{
	for (; *words; words++)
		if (strcmp(*words, word) == 0)
			return true;
	return false;
}

int main(int argc, char **argv)
{
	struct timespec pause = {.tv_nsec = 400000};
	uint64_t operations = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
	bool with_signals = wanted(argv, "signals");

	if (argc < 2)
		return 2;
	signal(SIGTERM, on_limit);
	library = argv[argc - 1][0] == '/' ? argv[argc - 1] : NULL;
	lost_fd = memfd_create("lost", MFD_CLOEXEC);
	if (wanted(argv, "owner"))
		signal(SIGBUS, on_bus);
	start_all();
	while (!has_enough(operations, with_signals && !wanted(argv, "exit"))) {
		if (with_signals)
			signal_again();
		nanosleep(&pause, NULL);
	}
	if (wanted(argv, "exit"))
		exit(0);
	atomic_store(&stopping, true);
	for (unsigned i = 0; i < PARTIES; i++)
		pthread_join(thread[i], NULL);
	print_counts();
	return count.lost_writes || count.foreign || count.not_empty || count.bad_children ||
	       count.bad_signals;
}
