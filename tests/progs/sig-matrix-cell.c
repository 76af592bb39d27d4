/* SPDX-License-Identifier: MIT */
/*
 * One cell of sig-matrix. It runs in a child, which notes what it sees in shared memory: it may die
 * at any moment.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
#include "sig-matrix.h"

#define QUEUED 42
#define SETTLE_MICROSECONDS 100

struct cell cell;
struct notes *notes;

static char alternate[65536];
static pid_t actor;

/* ---- looking ---- */

static uint64_t mask_now(void)
{
	sigset_t set;

	pthread_sigmask(SIG_BLOCK, NULL, &set);
	return *(uint64_t *)&set;
}

static int is_pending(void)
{
	sigset_t set;

	sigpending(&set);
	return sigismember(&set, SIGBUS);
}

static void look(struct view *view)
{
	struct sigaction action;

	view->errno_now = errno;
	view->calls = notes->calls;
	view->mask = mask_now();
	view->pending = is_pending();
	sigaction(SIGBUS, NULL, &action);
	view->handler = action.sa_handler == SIG_DFL   ? DEFAULT
			: action.sa_handler == SIG_IGN ? IGNORED
						       : HANDLER;
	view->flags = action.sa_flags;
	view->seen = 1;
}

/* Does the siginfo tell about what was done? */
static int is_about(const siginfo_t *info)
{
	if (info->si_code > 0)
		return (char *)info->si_addr - LOST;
	if (info->si_pid != getpid() || info->si_uid != getuid())
		return -1;
	return info->si_code == SI_QUEUE ? info->si_value.sival_int : 0;
}

static void note(struct call *call, int signo, const siginfo_t *info, const ucontext_t *uc)
{
	char *here = (char *)&call;

	call->errno_kept = errno == 77;
	call->signo = signo;
	if (signo != SIGBUS ||
		cell.flags & SA_SIGINFO) { /* else the kernel leaves info as it was */
		call->code = info->si_code;
		call->about = is_about(info);
	}
	call->alternate = here >= alternate && here < alternate + sizeof(alternate);
	call->right_thread = gettid() == actor;
	call->mask = mask_now();
	if (sizeof(long) == 4 && !(cell.flags & SA_SIGINFO))
		return; /* it gets another frame there */
	/* How SIGBUS shows in the interrupted mask of a handler is a declared difference. */
	call->saved_mask =
		*(const uint64_t *)&uc->uc_sigmask & ~(1ull << (SIGBUS - 1)) & ~(1ull << 63);
}

/* ---- doing ---- */

static void forge(void)
{
	siginfo_t info = {.si_signo = SIGBUS, .si_code = BUS_ADRERR, .si_addr = LOST};

	syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGBUS, &info);
}

static int goes_to_process(void)
{
	return cell.send == KILL || cell.send == QUEUE;
}

/*
 * A signal to the process may be handed to this thread by way of another one: wait until it is
 * here. Alone in the process it has to be here at once.
 */
static void settle(int calls_before)
{
	int saved_errno = errno;

	if (cell.context != THREAD || !goes_to_process())
		return;
	if (cell.disposition == IGNORED && !cell.blocked)
		return;
	while (notes->calls == calls_before && !is_pending())
		usleep(SETTLE_MICROSECONDS);
	errno = saved_errno;
}

static void act(int page)
{
	int calls_before = notes->calls;

	switch (cell.send) {
	case FAULT:
		*(volatile char *)(LOST + page * PAGE);
		break;
	case RAISE:
		raise(SIGBUS);
		break;
	case KILL:
		kill(getpid(), SIGBUS);
		break;
	case QUEUE:
		sigqueue(getpid(), SIGBUS, (union sigval){.sival_int = QUEUED});
		break;
	case THREAD_KILL:
		pthread_kill(pthread_self(), SIGBUS);
		break;
	default:
		forge();
	}
	settle(calls_before);
}

static void repair(int page)
{
	if (cell.send == FAULT)
		mmap(LOST + page * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
			-1, 0);
}

static void on_other(int signo, siginfo_t *info, void *uc)
{
	volatile char deep[8192];

	note(&notes->other, signo, info, uc);
	memset((char *)deep, signo, sizeof(deep));
}

static void on_bus(int signo, siginfo_t *info, void *uc)
{
	int saved_errno = errno, page = notes->calls, first = page == 0;

	if (notes->calls < CALLS_MAX)
		note(&notes->call[notes->calls], signo, info, uc);
	notes->calls++;
	if (first && cell.nested == SAME)
		act(1);
	if (first && cell.nested == OTHER)
		raise(SIGUSR2);
	if (notes->calls > CALLS_MAX)
		_exit(4);
	repair(page);
	errno = saved_errno;
}

static void *run(void *unused)
{
	stack_t stack = {.ss_sp = alternate, .ss_size = sizeof(alternate)};
	sigset_t set;

	actor = gettid();
	if (cell.alternate)
		sigaltstack(&stack, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGBUS);
	pthread_sigmask(cell.blocked ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
	errno = 77;
	act(0);
	look(&notes->after);
	if (cell.blocked) {
		pthread_sigmask(SIG_UNBLOCK, &set, NULL);
		look(&notes->unblocked);
	}
	return unused;
}

static void install(void)
{
	struct sigaction action = {.sa_flags = cell.flags},
			 other = {.sa_flags = SA_ONSTACK | SA_SIGINFO};

	action.sa_sigaction = on_bus;
	if (cell.disposition != HANDLER)
		action.sa_handler = cell.disposition == IGNORED ? SIG_IGN : SIG_DFL;
	sigaddset(&action.sa_mask, SIGUSR1);
	sigaction(SIGBUS, &action, NULL);
	other.sa_sigaction = on_other;
	sigaction(SIGUSR2, &other, NULL);
}

static void run_in_thread(void)
{
	pthread_t thread;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGBUS);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	pthread_create(&thread, NULL, run, NULL);
	pthread_join(thread, NULL);
}

static void run_in_fork(void)
{
	pid_t pid;

	mask_now();
	pid = fork();
	if (pid == 0) {
		run(NULL);
		_exit(3);
	}
	waitpid(pid, &notes->inner_status, 0);
}

int run_cell(void)
{
	pid_t pid;
	int status;

	memset(notes, 0, sizeof(*notes));
	pid = fork();
	if (pid == 0) {
		install();
		if (cell.context == THREAD)
			run_in_thread();
		else if (cell.context == FORK)
			run_in_fork();
		else
			run(NULL);
		_exit(2);
	}
	waitpid(pid, &status, 0);
	return status;
}
