/* SPDX-License-Identifier: MIT */
/*
 * What valgrind counts the instructions of: COUNT operations of each kind, and a dump of the
 * profile behind each. bench/instructions takes the bare run off.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>
#include "base/base.h"
#include "table/table.h"
#include "policy/policy.h"
#include "rules/fault.h"
#include "memory/memory.h"
#include "../tests/table/lock-alone.h"

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_ZERO_STATS
#define CALLGRIND_DUMP_STATS_AT(name) (void)(name)
#endif

#define COUNT 1000

static int file;

static void pair(size_t size, int flags, int fd)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (at == MAP_FAILED || munmap(at, size) != 0)
		abort();
}

static void anonymous_4k(unsigned i)
{
	(void)i;
	pair(PAGE_SIZE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static void anonymous_64m(unsigned i)
{
	(void)i;
	pair((size_t)64 << 20, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static void file_4k(unsigned i)
{
	(void)i;
	pair(PAGE_SIZE, MAP_SHARED, file);
}

static void file_1m(unsigned i)
{
	(void)i;
	pair((size_t)1 << 20, MAP_SHARED, file);
}

static void file_64m(unsigned i)
{
	(void)i;
	pair((size_t)64 << 20, MAP_SHARED, file);
}

static sigset_t signals;

static void change_mask(unsigned i)
{
	sigprocmask(i % 2 ? SIG_UNBLOCK : SIG_BLOCK, &signals, NULL);
}

static void on_usr1(int signo)
{
	(void)signo;
}

static void change_action(unsigned i)
{
	struct sigaction action = {.sa_handler = i % 2 ? SIG_DFL : on_usr1};

	sigaction(SIGBUS, &action, NULL);
}

/* ---- faults: with us the policy decides, else and for chain the handler does ---- */

static char *lost;

static void replace_page(int signo, siginfo_t *info, void *context)
{
	(void)signo, (void)context;
	mmap(info->si_addr, PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

static void make_lost(void)
{
	struct sigaction action = {.sa_sigaction = replace_page, .sa_flags = SA_SIGINFO};
	int empty = memfd_create("lost", MFD_CLOEXEC);

	lost = mmap(NULL, (COUNT + 2) * PAGE_SIZE, PROT_READ, MAP_SHARED, empty, 0);
	sigaction(SIGBUS, &action, NULL);
}

static void fault(unsigned i)
{
	(void)*(volatile char *)(lost + i * PAGE_SIZE);
}

/* ---- the range table alone: it is linked in, and is not that of the preload ---- */

#define TABLE ((uintptr_t)1 << 40)

static void *allocate(size_t size)
{
	return calloc(1, size);
}

static void wait_for_nobody(unsigned lock)
{
	(void)lock;
}

static void insert_at(uintptr_t start)
{
	static const struct range_attributes attributes = {.lock = -1};

	range_insert(start, PAGE_SIZE, &attributes);
}

static void fill_table(void)
{
	static const struct range_env env = {
		.allocate = allocate, .wait = wait_for_nobody, .release = range_cut_free,
		LOCK_ALONE};

	range_init(&env);
	for (unsigned i = 0; i < COUNT + 2; i++)
		insert_at(TABLE + i * 2 * PAGE_SIZE);
}

static void insert_remove(unsigned i)
{
	uintptr_t start = TABLE + (i * 2 + 1) * PAGE_SIZE;

	insert_at(start);
	range_cut_free(range_cut(start, PAGE_SIZE));
}

static void look_up(unsigned i)
{
	if (!range_lookup(TABLE + i * 2 * PAGE_SIZE).range)
		abort();
}

/* What look_up() costs without range_lookup(). */
static void look_nowhere(unsigned i)
{
	uintptr_t address = TABLE + i * 2 * PAGE_SIZE;

	__asm__ volatile("" : "+r"(address));
	if (!address)
		abort();
}

/* ---- departures, with no handler anywhere ---- */

static jmp_buf environment;
static ucontext_t here, there;

static void leave(unsigned i)
{
	(void)i;
	if (_setjmp(environment) == 0)
		longjmp(environment, 1);
}

static void leave_with_mask(unsigned i)
{
	(void)i;
	if (sigsetjmp(environment, 1) == 0)
		siglongjmp(environment, 1);
}

static void come_back(void)
{
	for (;;)
		swapcontext(&there, &here);
}

/* There and back: two of them. */
static void switch_contexts(unsigned i)
{
	static char stack[16 * PAGE_SIZE];

	(void)i;
	if (!there.uc_stack.ss_sp) {
		getcontext(&there);
		there.uc_stack.ss_sp = stack;
		there.uc_stack.ss_size = sizeof(stack);
		makecontext(&there, come_back, 0);
	}
	swapcontext(&here, &there);
}

static void nothing(unsigned i)
{
	(void)i;
}

static const struct {
	const char *name;
	void (*run)(unsigned i);
} kinds[] = {
	{"nothing", nothing},
	{"anonymous-4k", anonymous_4k},
	{"anonymous-64m", anonymous_64m},
	{"file-4k", file_4k},
	{"file-1m", file_1m},
	{"file-64m", file_64m},
	{"sigprocmask", change_mask},
	{"longjmp", leave},
	{"siglongjmp", leave_with_mask},
	{"two-swapcontext", switch_contexts},
	{"fault", fault},
	{"sigaction", change_action}, /* takes the handler away */
	{"table-insert-remove", insert_remove},
	{"nowhere", look_nowhere},
	{"table-lookup", look_up},
};

int main(void)
{
	file = memfd_create("count", MFD_CLOEXEC);
	if (file < 0 || ftruncate(file, (off_t)64 << 20) < 0)
		return 1;
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	fill_table();
	make_lost();
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		kinds[i].run(COUNT); /* what happens once only */
		kinds[i].run(COUNT + 1);
		CALLGRIND_ZERO_STATS;
		for (unsigned n = 0; n < COUNT; n++)
			kinds[i].run(n);
		CALLGRIND_DUMP_STATS_AT(kinds[i].name);
	}
	return 0;
}
