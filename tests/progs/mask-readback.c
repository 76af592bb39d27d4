/* SPDX-License-Identifier: MIT */
/*
 * mask-readback: what each function that sets or shows a signal mask returns, and what the others
 * then show. Each step prints what it saw.
 */
#include <errno.h>
#include <dlfcn.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define BAD ((sigset_t *)0x10)

/* The plain name; the header gives the other one to X/Open programs. */
extern int sigpause_with_mask(int mask) __asm__("sigpause");

static uint64_t word(const sigset_t *set)
{
	return *(const uint64_t *)set;
}

static sigset_t set_of(uint64_t bits)
{
	sigset_t set;

	sigemptyset(&set);
	memcpy(&set, &bits, sizeof(bits));
	return set;
}

/* The linker warns of it, by its name. */
static unsigned old_mask(void)
{
	int (*get)(void) = (int (*)(void))dlsym(RTLD_DEFAULT, "siggetmask");

	return (unsigned)get();
}

static void show(const char *what)
{
	sigset_t a, b, c;

	memset(&a, 0xa5, sizeof(a));
	memset(&b, 0xa5, sizeof(b));
	sigprocmask(SIG_BLOCK, NULL, &a);
	pthread_sigmask(SIG_BLOCK, NULL, &b);
	sigpending(&c);
	printf("%s: %" PRIx64 " %d %x pending %" PRIx64 " rest %" PRIx64 "\n", what, word(&a), memcmp(&a, &b, 8) == 0,
		old_mask(), word(&c), ((const uint64_t *)&a)[10]);
}

static void change(int how, uint64_t bits)
{
	sigset_t new = set_of(bits), old;
	int result;

	memset(&old, 0xa5, sizeof(old));
	result = sigprocmask(how, &new, &old);
	printf("sigprocmask(%d, %" PRIx64 ") = %d old %" PRIx64 " new %" PRIx64 "\n", how, bits, result, word(&old),
		word(&new));
	show("  now");
	result = pthread_sigmask(how, &new, &old);
	printf("pthread_sigmask(%d, %" PRIx64 ") = %d old %" PRIx64 "\n", how, bits, result, word(&old));
	show("  now");
}

static const uint64_t masks[] = {0x40, 0x240, 0, 0x40, ~0ull, 0x40, 0x3fffffffffffffff,
	0x8000000000000000, 0x40, 0x4000000000000040, 0xffffffff, ~0x40ull, 0x40};

static void masks_in_turn(void)
{
	static const int hows[] = {SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK, 3, -1};

	for (size_t i = 0; i < sizeof(hows) / sizeof(*hows); i++)
		for (size_t j = 0; j < sizeof(masks) / sizeof(*masks); j++)
			/* Using the reserved signal alone is a declared difference. */
			if (masks[j] != 0x8000000000000000 && masks[j] != ~0x40ull)
				change(hows[i], masks[j]);
}

static void full_masks(void)
{
	sigset_t set, old, again;
	int same;

	sigfillset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	sigprocmask(SIG_BLOCK, NULL, &old);
	sigprocmask(SIG_SETMASK, &old, NULL);
	sigprocmask(SIG_BLOCK, NULL, &again);
	same = memcmp(&old, &again, sizeof(old)) == 0;
	sigdelset(&set, SIGKILL);
	sigdelset(&set, SIGSTOP);
	printf("full mask: %" PRIx64 " %d %d\n", word(&old), same, memcmp(&set, &old, 8) == 0);
	sigdelset(&set, SIGBUS);
	sigprocmask(SIG_SETMASK, &set, NULL);
	sigprocmask(SIG_BLOCK, NULL, &old);
	printf("all but SIGBUS blocked: %d\n", sigismember(&old, SIGBUS));
	sigemptyset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
}

static void pointers(void)
{
	sigset_t set = set_of(0x40);
	pthread_attr_t attributes;

	errno = 0;
	printf("sigprocmask bad new %d %d\n", sigprocmask(SIG_BLOCK, NULL, BAD), errno);
	printf("pthread_sigmask bad old %d\n", pthread_sigmask(SIG_BLOCK, NULL, BAD));
	printf("sigprocmask bad old %d %d\n", sigprocmask(SIG_BLOCK, &set, BAD), errno);
	show("  now");
	printf("sigpending bad %d %d\n", sigpending(BAD), errno);
	printf("sigsuspend bad %d %d\n", sigsuspend(BAD), errno);
	printf("both NULL %d %d\n", sigprocmask(77, NULL, NULL), pthread_sigmask(77, NULL, NULL));
	pthread_attr_init(&attributes);
	pthread_attr_setsigmask_np(&attributes, &set);
	printf("attr NULL %d\n", pthread_attr_setsigmask_np(&attributes, NULL));
	printf("attr get %d %" PRIx64 "\n", pthread_attr_getsigmask_np(&attributes, &set), word(&set));
	set = set_of(0x40);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* ---- 32 signals in an int ---- */

static void bsd(void)
{
	printf("sigblock %x\n", (unsigned)sigblock(0x40));
	show("  now");
	printf("sigblock %x\n", (unsigned)sigblock((int)0x80000200));
	show("  now");
	printf("sigsetmask %x\n", (unsigned)sigsetmask(0x200));
	show("  now");
	printf("sigsetmask %x\n", (unsigned)sigsetmask(0x240));
	printf("sigsetmask %x\n", (unsigned)sigsetmask(-1));
	show("  now");
	printf("sigsetmask %x %x\n", (unsigned)sigsetmask(0), old_mask());
}

static void hold_and_release(void)
{
	printf("sighold %d\n", sighold(SIGBUS));
	show("  now");
	printf("sighold %d\n", sighold(SIGUSR1));
	printf("sigrelse %d\n", sigrelse(SIGBUS));
	show("  now");
	printf("sigrelse %d\n", sigrelse(SIGUSR1));
}

/* ---- threads ---- */

static void *in_thread(void *unused)
{
	show("  in the thread");
	return unused;
}

static void thread_with(const pthread_attr_t *attributes)
{
	pthread_t thread;

	pthread_create(&thread, attributes, in_thread, NULL);
	pthread_join(thread, NULL);
}

static void threads(void)
{
	pthread_attr_t attributes;
	sigset_t got;

	change(SIG_SETMASK, 0x40);
	thread_with(NULL);
	change(SIG_SETMASK, 0);
	for (size_t i = 0; i < sizeof(masks) / sizeof(*masks); i++) {
		sigset_t set = set_of(masks[i]);
		int result;

		if (masks[i] == 0x8000000000000000 || masks[i] == ~0x40ull)
			continue;
		pthread_attr_init(&attributes);
		result = pthread_attr_getsigmask_np(&attributes, &got);
		printf("attr before %d\n", result);
		result = pthread_attr_setsigmask_np(&attributes, &set);
		memset(&got, 0xa5, sizeof(got));
		printf("attr set %d get %d", result, pthread_attr_getsigmask_np(&attributes, &got));
		printf(" %" PRIx64 " of %" PRIx64 "\n", word(&got), masks[i]);
		thread_with(&attributes);
		pthread_attr_destroy(&attributes);
	}
}

static void spawn_attributes(void)
{
	posix_spawnattr_t attributes;
	sigset_t set, got;

	posix_spawnattr_init(&attributes);
	for (size_t i = 0; i < sizeof(masks) / sizeof(*masks); i++) {
		set = set_of(masks[i]);
		printf("spawnattr %d", posix_spawnattr_setsigmask(&attributes, &set));
		posix_spawnattr_getsigmask(&attributes, &got);
		printf(" %" PRIx64, word(&got));
		posix_spawnattr_setsigdefault(&attributes, &set);
		posix_spawnattr_getsigdefault(&attributes, &got);
		printf(" %" PRIx64 "\n", word(&got));
	}
}

/* ---- other ways by which a mask comes and goes ---- */

static void on_signal(int signo)
{
	(void)signo;
	show("  in a handler");
}

static void handlers_mask(uint64_t bits)
{
	struct sigaction action = {.sa_handler = on_signal}, old;

	action.sa_mask = set_of(bits);
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGUSR1, NULL, &old);
	printf("sa_mask %" PRIx64 "\n", word(&old.sa_mask));
	raise(SIGUSR1);
	show("  after it");
}

static void contexts(void)
{
	static volatile int resumed;
	ucontext_t context;
	sigset_t set = set_of(0x40), none = set_of(0);

	sigprocmask(SIG_SETMASK, &set, NULL);
	getcontext(&context);
	if (sizeof(long) == 8) /* else it has the first 32 signals: a declared difference */
		show("  context");
	else
		puts("  context");
	if (!resumed++) {
		sigprocmask(SIG_SETMASK, &none, NULL);
		setcontext(&context);
	}
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void on_bus(int signo)
{
	printf("  handler of %d\n", signo);
}

static void pauses(void)
{
	signal(SIGBUS, on_bus);
	sighold(SIGBUS);
	raise(SIGBUS);
	printf("sigpause %d", sigpause(SIGBUS));
	printf(" %d\n", errno);
	raise(SIGBUS);
	printf("sigpause with a mask %d", sigpause_with_mask(0x200));
	printf(" %d\n", errno);
	printf("sigpause invalid %d", sigpause(1000));
	printf(" %d\n", errno);
	show("  now");
	sigrelse(SIGBUS);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 1 << 16);
	show("start");
	masks_in_turn();
	change(SIG_SETMASK, 0);
	full_masks();
	pointers();
	bsd();
	hold_and_release();
	threads();
	spawn_attributes();
	for (size_t i = 0; i < sizeof(masks) / sizeof(*masks); i++)
		if (masks[i] != 0x8000000000000000 && masks[i] != ~0x40ull)
			handlers_mask(masks[i]);
	contexts();
	pauses();
	show("end");
	return 0;
}
