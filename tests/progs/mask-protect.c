/* SPDX-License-Identifier: MIT */
/*
 * mask-protect: blocks or ignores SIGBUS in every way there is and reads lost memory. A line says
 * what became of it. "mask-protect again" is what it executes.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define PAGE 4096

static char *lost;
static sigset_t only_bus, full, none;

static void read_lost(void)
{
	*(volatile char *)lost;
}

static void by_sigprocmask(void)
{
	sigprocmask(SIG_BLOCK, &only_bus, NULL);
	read_lost();
}

static void by_full_mask(void)
{
	sigprocmask(SIG_SETMASK, &full, NULL);
	read_lost();
}

static void by_pthread_sigmask(void)
{
	pthread_sigmask(SIG_SETMASK, &full, NULL);
	read_lost();
}

static void by_sighold(void)
{
	sighold(SIGBUS);
	read_lost();
}

static void by_sigset(void)
{
	sigset(SIGBUS, SIG_HOLD);
	read_lost();
}

static void by_sigblock(void)
{
	sigblock(1 << (SIGBUS - 1));
	read_lost();
}

static void by_sigsetmask(void)
{
	sigsetmask(-1);
	read_lost();
}

static void by_signal(void)
{
	signal(SIGBUS, SIG_IGN);
	read_lost();
}

static void by_sigset_ignore(void)
{
	sigset(SIGBUS, SIG_IGN);
	read_lost();
}

static void by_sigignore(void)
{
	sigignore(SIGBUS);
	read_lost();
}

static void on_other(int signo)
{
	(void)signo;
	read_lost();
}

static void by_other_handler(void)
{
	struct sigaction action = {.sa_handler = on_other};

	action.sa_mask = full;
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
}

/* SIGBUS is blocked in its own handler, which a sent one started. */
static void by_own_handler(void)
{
	signal(SIGBUS, on_other);
	raise(SIGBUS);
}

static void *in_thread(void *unused)
{
	read_lost();
	return unused;
}

static void by_inheritance(void)
{
	pthread_t thread;

	sigprocmask(SIG_SETMASK, &full, NULL);
	pthread_create(&thread, NULL, in_thread, NULL);
	pthread_join(thread, NULL);
}

static void by_thread_attributes(void)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setsigmask_np(&attributes, &full);
	pthread_create(&thread, &attributes, in_thread, NULL);
	pthread_join(thread, NULL);
}

static void by_siglongjmp(void)
{
	sigjmp_buf environment;

	sigprocmask(SIG_BLOCK, &only_bus, NULL);
	if (sigsetjmp(environment, 1) == 0) {
		sigprocmask(SIG_SETMASK, &none, NULL);
		siglongjmp(environment, 1);
	}
	read_lost();
}

static void by_setcontext(void)
{
	static volatile int resumed;
	ucontext_t context;

	sigprocmask(SIG_BLOCK, &only_bus, NULL);
	getcontext(&context);
	if (!resumed++) {
		sigprocmask(SIG_SETMASK, &none, NULL);
		setcontext(&context);
	}
	read_lost();
}

static void by_sigwait(void)
{
	struct timespec soon = {.tv_nsec = 1000000};

	sigprocmask(SIG_BLOCK, &only_bus, NULL);
	sigtimedwait(&only_bus, NULL, &soon);
	raise(SIGBUS);
	sigtimedwait(&only_bus, NULL, &soon);
	read_lost();
}

/* One that is pending does not end the protection. */
static void with_pending(void)
{
	sigprocmask(SIG_BLOCK, &only_bus, NULL);
	raise(SIGBUS);
	kill(getpid(), SIGBUS);
	read_lost();
	signal(SIGBUS, SIG_IGN);
}

static void by_exec(void)
{
	sigprocmask(SIG_BLOCK, &only_bus, NULL);
	signal(SIGBUS, SIG_IGN);
	execl("/proc/self/exe", "mask-protect", "again", NULL);
}

static void by_failing_exec(void)
{
	sigprocmask(SIG_BLOCK, &only_bus, NULL);
	signal(SIGBUS, SIG_IGN);
	execl("/no/such/program", "none", NULL);
	read_lost();
}

static const struct {
	const char *name;
	void (*run)(void);
} ways[] = {
	{"sigprocmask", by_sigprocmask},
	{"full mask", by_full_mask},
	{"pthread_sigmask", by_pthread_sigmask},
	{"sighold", by_sighold},
	{"sigset", by_sigset},
	{"sigblock", by_sigblock},
	{"sigsetmask", by_sigsetmask},
	{"signal, ignored", by_signal},
	{"sigset, ignored", by_sigset_ignore},
	{"sigignore", by_sigignore},
	{"another handler's mask", by_other_handler},
	{"its own handler", by_own_handler},
	{"inherited by a thread", by_inheritance},
	{"thread attributes", by_thread_attributes},
	{"siglongjmp", by_siglongjmp},
	{"setcontext", by_setcontext},
	{"sigtimedwait", by_sigwait},
	{"pending", with_pending},
	{"exec", by_exec},
	{"failing exec", by_failing_exec},
};

static void run(int i)
{
	pid_t pid;
	int status;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		ways[i].run();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	printf("%s: %s\n", ways[i].name,
		status == 0					    ? "lives"
		: WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS ? "dies"
								    : "fails");
}

static void map_lost_page(void)
{
	int fd = memfd_create("mask-protect", MFD_CLOEXEC);

	if (ftruncate(fd, PAGE) < 0)
		_exit(99);
	lost = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	if (lost == MAP_FAILED || ftruncate(fd, 0) < 0)
		_exit(99);
	close(fd);
}

int main(int argc, char **argv)
{
	struct rlimit no_cores = {0, 0};

	setrlimit(RLIMIT_CORE, &no_cores);
	sigemptyset(&none);
	sigemptyset(&only_bus);
	sigaddset(&only_bus, SIGBUS);
	sigfillset(&full);
	map_lost_page();
	if (argc > 1 && strcmp(argv[1], "again") == 0) {
		read_lost();
		return 0;
	}
	for (int i = 0; i < (int)(sizeof(ways) / sizeof(*ways)); i++)
		run(i);
	return 0;
}
