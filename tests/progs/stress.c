/* SPDX-License-Identifier: MIT */
/*
 * stress ROUNDS [timer] [fork]: writers fault on the lost pages of one mapping, each on a word of
 * its own in every page, while another thread cuts pages out of the middle and maps canaries there:
 * anonymous memory or another file, in turn. Each round is checked: no write and no canary is lost.
 * timer: a SIGALRM handler on top of the writers maps, faults and unmaps, and there are more rounds
 * until there were enough of them. fork: children do so.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096
#define PAGES 16
#define WRITERS 3
#define SIGNALS_MIN 100
#define CANARY 0xca
#define WORDS (PAGE / sizeof(uint64_t))

static char *base;
static size_t cut_first, cut_count; /* pages of this round's cut */
static bool cut_taken;		    /* somebody else's mapping came first */
static uint64_t round_number;
static pthread_barrier_t start_line, end_line;
static atomic_bool stopping;
static int lost_fd, canary_fd;
static _Atomic unsigned long signals, bad_signals;
static struct {
	unsigned long writes, lost_writes, canaries, destroyed, taken, forks, bad_children;
} count;

static void fail(const char *what)
{
	perror(what);
	exit(99);
}

static uint64_t stamp(size_t writer, size_t page)
{
	return round_number << 16 | page << 8 | (writer + 1);
}

static bool in_cut(size_t page)
{
	return page >= cut_first && page < cut_first + cut_count;
}

static void *writer_main(void *argument)
{
	size_t writer = (size_t)argument;

	for (;;) {
		pthread_barrier_wait(&start_line);
		if (atomic_load(&stopping))
			return NULL;
		for (size_t i = 0; i < PAGES; i++) {
			size_t page = writer == 1 ? PAGES - 1 - i : i;

			if (!in_cut(page))
				((volatile uint64_t *)(base + page * PAGE))[writer] =
					stamp(writer, page);
		}
		pthread_barrier_wait(&end_line);
	}
}

static void cut_and_map_canary(void)
{
	char *start = base + cut_first * PAGE;
	size_t size = cut_count * PAGE;
	int flags = MAP_FIXED_NOREPLACE;
	int fd = round_number & 1 ? canary_fd : -1;

	flags |= fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_PRIVATE;
	munmap(start, size);
	cut_taken = mmap(start, size, PROT_READ | PROT_WRITE, flags, fd, 0) != start;
	if (!cut_taken && fd < 0)
		memset(start, CANARY, size);
}

static void *cutter_main(void *unused)
{
	for (;;) {
		pthread_barrier_wait(&start_line);
		if (atomic_load(&stopping))
			return unused;
		for (volatile unsigned i = 0; i < round_number % 64 * 50; i++)
			;
		cut_and_map_canary();
		pthread_barrier_wait(&end_line);
	}
}

/* All of it async-signal-safe: maps lost pages, writes, and unmaps them in two pieces. */
static bool private_round(void)
{
	char *start = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, lost_fd, 0);
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

static void on_alarm(int signo)
{
	(void)signo;
	atomic_fetch_add(&signals, 1);
	if (!private_round())
		atomic_fetch_add(&bad_signals, 1);
}

/* One signal a round, somewhere in it: a slow machine gets on between two. */
static void start_timer(void)
{
	struct itimerval once = {.it_value.tv_usec = 1 + rand() % 500};

	setitimer(ITIMER_REAL, &once, NULL);
}

static void fork_once(void)
{
	int status;
	pid_t child = fork();

	if (child < 0)
		fail("fork");
	if (child == 0) {
		((volatile uint64_t *)base)[WORDS - 1] = 1;
		_exit(private_round() ? 0 : 1);
	}
	if (waitpid(child, &status, 0) != child || status != 0)
		count.bad_children++;
	count.forks++;
}

static void check_canary(const char *page)
{
	count.canaries++;
	for (size_t i = 0; i < PAGE; i++) {
		if ((unsigned char)page[i] != CANARY) {
			count.destroyed++;
			return;
		}
	}
}

static void check_writes(size_t page)
{
	for (size_t writer = 0; writer < WRITERS; writer++) {
		count.writes++;
		if (((uint64_t *)(base + page * PAGE))[writer] != stamp(writer, page))
			count.lost_writes++;
	}
}

static void check_and_unmap(void)
{
	count.taken += cut_taken;
	for (size_t page = 0; page < PAGES; page++) {
		if (!in_cut(page))
			check_writes(page);
		else if (!cut_taken)
			check_canary(base + page * PAGE);
	}
	munmap(base, cut_first * PAGE);
	munmap(base + (cut_first + cut_count) * PAGE, (PAGES - cut_first - cut_count) * PAGE);
	if (!cut_taken)
		munmap(base + cut_first * PAGE, cut_count * PAGE);
}

static void one_round(bool with_timer, bool with_fork)
{
	round_number++;
	cut_first = 1 + (size_t)rand() % (PAGES - 4);
	cut_count = 1 + (size_t)rand() % 3;
	base = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, lost_fd, 0);
	if (base == MAP_FAILED)
		fail("mmap");
	if (with_timer)
		start_timer();
	pthread_barrier_wait(&start_line);
	if (with_fork && round_number % 16 == 0)
		fork_once();
	pthread_barrier_wait(&end_line);
	check_and_unmap();
}

static void run(unsigned long rounds, bool with_timer, bool with_fork)
{
	signal(SIGALRM, on_alarm);
	while (round_number < rounds || (with_timer && atomic_load(&signals) < SIGNALS_MIN))
		one_round(with_timer, with_fork);
	atomic_store(&stopping, true);
	pthread_barrier_wait(&start_line);
}

static void open_files(void)
{
	char canary[PAGES * PAGE];

	memset(canary, CANARY, sizeof(canary));
	lost_fd = memfd_create("lost", MFD_CLOEXEC);
	canary_fd = memfd_create("canary", MFD_CLOEXEC);
	if (lost_fd < 0 || write(canary_fd, canary, sizeof(canary)) != sizeof(canary))
		fail("memfd");
}

static bool wanted(char **words, const char *word)
{
	for (; *words; words++)
		if (strcmp(*words, word) == 0)
			return true;
	return false;
}

static void start_threads(pthread_t *thread)
{
	sigset_t alarm_set;

	for (size_t i = 0; i < WRITERS; i++)
		if (pthread_create(&thread[i], NULL, writer_main, (void *)i) != 0)
			fail("pthread_create");
	if (pthread_create(&thread[WRITERS], NULL, cutter_main, NULL) != 0)
		fail("pthread_create");
	/* A process timer prefers the main thread: leave the signal to the others. */
	sigemptyset(&alarm_set);
	sigaddset(&alarm_set, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &alarm_set, NULL);
}

int main(int argc, char **argv)
{
	pthread_t thread[WRITERS + 1];
	bool bad;

	if (argc < 2)
		return 2;
	open_files();
	pthread_barrier_init(&start_line, NULL, WRITERS + 2);
	pthread_barrier_init(&end_line, NULL, WRITERS + 2);
	start_threads(thread);
	run(strtoul(argv[1], NULL, 10), wanted(argv, "timer"), wanted(argv, "fork"));
	for (size_t i = 0; i <= WRITERS; i++)
		pthread_join(thread[i], NULL);
	printf("rounds=%lu writes=%lu canaries=%lu taken=%lu signals=%lu forks=%lu\n",
		(unsigned long)round_number, count.writes, count.canaries, count.taken,
		atomic_load(&signals), count.forks);
	printf("lost_writes=%lu destroyed=%lu bad_signals=%lu bad_children=%lu\n",
		count.lost_writes, count.destroyed, atomic_load(&bad_signals), count.bad_children);
	bad = count.lost_writes || count.destroyed || count.bad_children ||
	      atomic_load(&bad_signals);
	return bad;
}
