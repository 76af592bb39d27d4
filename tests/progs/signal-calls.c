/* SPDX-License-Identifier: MIT */
/*
 * signal-calls arguments: what the C library does not look at must not be looked at
 * signal-calls vfork: a child of fork() whose vfork() child changes SIGBUS first
 * signal-calls pending: many threads end with a SIGBUS pending, then one more loses a page
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define PAGE 4096
#define ENDED 100

static void handle(int signo)
{
	(void)signo;
}

static void result(const char *what, int value)
{
	printf("%s: %d, errno %d\n", what, value, value < 0 ? errno : 0);
}

static int write_lost(void)
{
	int fd = memfd_create("lost", 0);
	volatile char *map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return *map = 1;
}

static const char *name(void (*handler)(int))
{
	return handler == SIG_DFL ? "default" : handler == SIG_IGN ? "ignored" : "handler";
}

static const char *present(void)
{
	struct sigaction action;

	sigaction(SIGBUS, NULL, &action);
	return name(action.sa_handler);
}

/* ---- arguments ---- */

/* The kernel's 8 bytes of a mask, at the end of what can be read. */
static sigset_t *short_mask(void)
{
	char *map =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	munmap(map + PAGE, PAGE);
	return (sigset_t *)(map + PAGE - 8);
}

static void refused(void)
{
	const struct sigaction *nowhere = (void *)8;

	result("sigaction(-1)", sigaction(-1, nowhere, NULL));
	result("sigaction(32)", sigaction(32, nowhere, NULL));
	result("sigaction(65)", sigaction(65, nowhere, NULL));
	result("signal(SIG_ERR)", signal(SIGBUS, SIG_ERR) == SIG_ERR);
	result("sigset(SIG_ERR)", sigset(SIGBUS, SIG_ERR) == SIG_ERR);
}

static void masks(void)
{
	struct timespec now = {0};
	sigset_t full;

	result("sigprocmask", sigprocmask(SIG_BLOCK, short_mask(), NULL));
	result("pthread_sigmask", pthread_sigmask(SIG_BLOCK, NULL, short_mask()));
	result("sigtimedwait", sigtimedwait(short_mask(), NULL, &now));
	sighold(64);
	sigprocmask(SIG_BLOCK, NULL, &full);
	result("sighold(64) holds SIGBUS", sigismember(&full, SIGBUS));
	sighold(SIGBUS);
	sigrelse(64);
	sigprocmask(SIG_BLOCK, NULL, &full);
	result("sigrelse(64) leaves SIGBUS", sigismember(&full, SIGBUS));
	sigrelse(SIGBUS);
}

static void arguments(void)
{
	struct sigaction action = {.sa_handler = handle};

	refused();
	masks();
	sigaction(SIGBUS, NULL, &action);
	result("restorer at first", action.sa_restorer != NULL);
	action.sa_handler = handle;
	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGBUS, NULL, &action);
	result("restorer of a handler", action.sa_restorer != NULL);
}

/* ---- vfork ---- */

static void child(void)
{
	sigset_t bus;

	if (vfork() == 0) {
		signal(SIGBUS, SIG_IGN);
		_exit(0);
	}
	wait(NULL);
	printf("child: %s\n", present());
	signal(SIGBUS, SIG_DFL);
	printf("child: %s\n", present());
	sigemptyset(&bus);
	sigaddset(&bus, SIGBUS);
	sigprocmask(SIG_BLOCK, &bus, NULL);
	write_lost();
	puts("child: the page was replaced");
	_exit(0);
}

static void vforks(void)
{
	int status;

	signal(SIGBUS, handle);
	if (fork() == 0)
		child();
	wait(&status);
	printf("status %d, parent: %s\n", WTERMSIG(status), present());
}

/* ---- pending for threads that end ---- */

static void *end_with_pending(void *arg)
{
	sigset_t bus;

	sigemptyset(&bus);
	sigaddset(&bus, SIGBUS);
	pthread_sigmask(SIG_BLOCK, &bus, NULL);
	pthread_kill(pthread_self(), SIGBUS);
	if (arg)
		write_lost();
	return NULL;
}

static void pending(void)
{
	pthread_t thread;

	for (int i = 0; i <= ENDED; i++) {
		pthread_create(&thread, NULL, end_with_pending, i == ENDED ? "" : NULL);
		pthread_join(thread, NULL);
	}
	puts("protected");
}

int main(int argc, char **argv)
{
	(void)argc;
	setbuf(stdout, NULL);
	if (!strcmp(argv[1], "arguments"))
		arguments();
	else if (!strcmp(argv[1], "vfork"))
		vforks();
	else
		pending();
	return 0;
}
