/* SPDX-License-Identifier: MIT */
/*
 * The steps of the program pages that are about signals:
 *
 *   handler:note|exit|idle|late|foreign  (the last ones say nothing; late gives up at its 1500th
 *          fault; at a fault foreign gets one more SIGBUS from another process)
 *   forward  past all hooks: a handler that calls the one that the kernel has
 *   handlers:N  so many, one after the other, no two with the same mask; the second if that fails
 *   block:sigprocmask|pthread  unblock  mask  signalfd
 *   send:kill|tgkill|sigqueue|odd|last|once  (an unknown si_code; twice the last signal, with a
 *          handler; with one that is for once only)
 *   forge:P[,ao|,ar|,obj]  BUS_ADRERR, BUS_MCEERR_AO, _AR or BUS_OBJERR at page P, but sent
 *   late:P[,ar|,obj]       the same to a thread that is in no system call, as if its access had
 *                          met what is as it should be again
 *   crowd:N  so many threads, each with a SIGBUS that waits for it to be unblocked
 */
#include "pages.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CAUGHT_MAX 20 /* a handler that notes and returns may be asked for ever */
#define PATIENCE 1500
#define CROWD_MAX 200
#define LAST_SIGNAL 64 /* which the C library may keep out of SIGRTMAX */

static bool handler_exits;
static volatile int caught;

static void on_sigbus(int signo, siginfo_t *info, void *context)
{
	long offset = (char *)info->si_addr - base;
	bool inside = info->si_code > 0 && offset >= 0 && (size_t)offset < pages * page_size;

	__asm__ volatile(AC_CLEAR : : : "memory", "cc");
	(void)signo, (void)context;
	printf("caught code=%d page=%ld\n", info->si_code, inside ? offset / (long)page_size : -1);
	if (handler_exits || ++caught == CAUGHT_MAX)
		_exit(handler_exits ? 40 : 41);
}

static void on_idle(int signo)
{
	(void)signo;
}

static void on_late(int signo)
{
	if (++caught == PATIENCE)
		signal(signo, SIG_DFL);
}

static void on_foreign(int signo, siginfo_t *info, void *context)
{
	(void)context;
	if (info->si_code <= 0) {
		printf("caught code=%d\n", info->si_code);
		return;
	}
	if (fork() == 0)
		_exit(kill(getppid(), signo));
	wait(NULL);
}

void do_handler(const char *mode)
{
	struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO};

	if (*mode == 'i' || *mode == 'l')
		action = (struct sigaction){.sa_handler = *mode == 'i' ? on_idle : on_late};
	if (*mode == 'f')
		action.sa_sigaction = on_foreign;
	handler_exits = *mode == 'e';
	sigaction(SIGBUS, &action, NULL);
}

static struct {
	void (*handler)(int, siginfo_t *, void *);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
} below; /* as the kernel has it */

static void on_forward(int signo, siginfo_t *info, void *context)
{
	below.handler(signo, info, context);
}

void do_forward(const char *unused)
{
	void (*handler)(int, siginfo_t *, void *);

	(void)unused;
	syscall(SYS_rt_sigaction, SIGBUS, NULL, &below, sizeof(uint64_t));
	handler = below.handler;
	below.handler = on_forward;
	syscall(SYS_rt_sigaction, SIGBUS, &below, NULL, sizeof(uint64_t));
	below.handler = handler;
}

void do_handlers(const char *number)
{
	struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO};
	unsigned long count = strtoul(number, NULL, 10);

	signal(SIGBUS, SIG_DFL);
	for (uint64_t i = 0; i < count; i++) {
		memcpy(&action.sa_mask, &(uint64_t){i << 32}, sizeof(uint64_t));
		if (sigaction(SIGBUS, &action, NULL) < 0) {
			printf("handlers %s\n", strerrorname_np(errno));
			signal(SIGBUS, SIG_DFL);
			memcpy(&action.sa_mask, &(uint64_t){(uint64_t)1 << 32}, sizeof(uint64_t));
			sigaction(SIGBUS, &action, NULL);
			return;
		}
	}
	printf("handlers all\n");
}

static sigset_t sigbus_set(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGBUS);
	return set;
}

void do_block(const char *how)
{
	sigset_t set = sigbus_set();

	if (strcmp(how, "pthread") == 0)
		pthread_sigmask(SIG_BLOCK, &set, NULL);
	else
		sigprocmask(SIG_BLOCK, &set, NULL);
}

void do_unblock(const char *unused)
{
	sigset_t set = sigbus_set();

	(void)unused;
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

void do_mask(const char *unused)
{
	sigset_t first, second;

	(void)unused;
	sigprocmask(SIG_BLOCK, NULL, &first);
	pthread_sigmask(SIG_BLOCK, NULL, &second);
	printf("mask %s %s\n", sigismember(&first, SIGBUS) ? "blocked" : "open",
		sigismember(&second, SIGBUS) ? "blocked" : "open");
}

static void on_last(int signo, siginfo_t *info, void *context)
{
	(void)context;
	printf("caught %d code=%d value=%d\n", signo, info->si_code, info->si_value.sival_int);
}

static void send_last(int flags)
{
	struct sigaction action = {.sa_sigaction = on_last, .sa_flags = SA_SIGINFO | flags};

	sigaction(LAST_SIGNAL, &action, NULL);
	sigqueue(getpid(), LAST_SIGNAL, (union sigval){.sival_int = 7});
	raise(LAST_SIGNAL);
}

static void send_odd(void)
{
	siginfo_t info = {.si_signo = SIGBUS, .si_code = -60};

	syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGBUS, &info);
}

void do_send(const char *how)
{
	if (strcmp(how, "kill") == 0)
		kill(getpid(), SIGBUS);
	else if (strcmp(how, "tgkill") == 0)
		syscall(SYS_tgkill, getpid(), gettid(), SIGBUS);
	else if (strcmp(how, "odd") == 0)
		send_odd();
	else if (strcmp(how, "last") == 0)
		send_last(0);
	else if (strcmp(how, "once") == 0)
		send_last((int)SA_RESETHAND);
	else
		sigqueue(getpid(), SIGBUS, (union sigval){.sival_ptr = base});
}

static siginfo_t forged(const char *number)
{
	siginfo_t info = {.si_signo = SIGBUS, .si_code = BUS_ADRERR};

	info.si_addr = page(strtoul(number, NULL, 10));
	if (strstr(number, ",ao"))
		info.si_code = BUS_MCEERR_AO;
	else if (strstr(number, ",ar"))
		info.si_code = BUS_MCEERR_AR;
	else if (strstr(number, ",obj"))
		info.si_code = BUS_OBJERR;
	return info;
}

void do_forge(const char *number)
{
	siginfo_t info = forged(number);

	syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGBUS, &info);
}

static _Atomic int spinning; /* a thread, or 0: it shall end */

static void *spin(void *unused)
{
	atomic_store(&spinning, gettid());
	while (atomic_load(&spinning))
		;
	return unused;
}

/* Past our hooks: the other thread is the only one that takes it. */
void do_late(const char *number)
{
	siginfo_t info = forged(number);
	sigset_t set = sigbus_set(), pending;
	pthread_t thread;

	pthread_create(&thread, NULL, spin, NULL);
	while (!atomic_load(&spinning))
		sched_yield();
	syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, sizeof(uint64_t));
	syscall(SYS_rt_sigqueueinfo, getpid(), SIGBUS, &info);
	while (syscall(SYS_rt_sigpending, &pending, sizeof(uint64_t)) == 0 &&
		sigismember(&pending, SIGBUS))
		sched_yield();
	syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &set, NULL, sizeof(uint64_t));
	atomic_store(&spinning, 0);
	pthread_join(thread, NULL);
	printf("late %s\n", number);
}

void do_signalfd(const char *unused)
{
	sigset_t set = sigbus_set();

	(void)unused;
	printf("signalfd %s\n",
		signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK) < 0 ? "none" : "made");
}

/* ---- more signals at once than are kept in any one place ---- */

static pthread_barrier_t all_are_sent;
static _Atomic unsigned counted;

static void on_counted(int signo)
{
	(void)signo;
	atomic_fetch_add(&counted, 1);
}

static void *crowd_member(void *unused)
{
	do_block("pthread");
	do_send("tgkill");
	pthread_barrier_wait(&all_are_sent);
	do_unblock("");
	return unused;
}

void do_crowd(const char *number)
{
	unsigned count = (unsigned)strtoul(number, NULL, 10);
	pthread_t thread[CROWD_MAX];

	signal(SIGBUS, on_counted);
	pthread_barrier_init(&all_are_sent, NULL, count);
	for (unsigned i = 0; i < count; i++)
		pthread_create(&thread[i], NULL, crowd_member, NULL);
	for (unsigned i = 0; i < count; i++)
		pthread_join(thread[i], NULL);
	printf("crowd %u\n", atomic_load(&counted));
}
