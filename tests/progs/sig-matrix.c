/* SPDX-License-Identifier: MIT */
/*
 * sig-matrix [cores|WORD...]: every way in which a SIGBUS can meet a process, one line a cell;
 * words of a cell's name select cells. What a line says must not depend on who else is in the
 * process.
 *
 * A cell runs in a child, which notes what it sees in shared memory: it may die at any moment.
 * The lost pages are mapped by a raw system call: they are nobody's, so no owner answers for them.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define LOST ((char *)0x200000000)
#define PAGE 4096
#define CALLS_MAX 4
#define QUEUED 42
#define SETTLE_MICROSECONDS 100
#define SETTLE_ROUNDS 3000

enum send { FAULT, RAISE, KILL, QUEUE, THREAD_KILL, FORGED, SENDS };
enum disposition { DEFAULT, IGNORED, HANDLER, DISPOSITIONS };
enum context { MAIN, THREAD, FORK, CONTEXTS };
enum nested { PLAIN, SAME, OTHER, NESTED };

static const char *const send_names[] = {
	"fault", "raise", "kill", "sigqueue", "pthread_kill", "forged"};
static const char *const disposition_names[] = {"default", "ignored", "handler"};
static const char *const context_names[] = {"main", "thread", "fork"};
static const char *const nested_names[] = {"plain", "nested", "nested-other"};
static const struct {
	const char *name;
	unsigned bit;
} flag_names[] = {{"siginfo", SA_SIGINFO}, {"nodefer", SA_NODEFER}, {"resethand", SA_RESETHAND},
	{"onstack", SA_ONSTACK}, {"restart", SA_RESTART}};
#define FLAGS (sizeof(flag_names) / sizeof(*flag_names))

static struct cell {
	unsigned flags;
	int alternate, blocked;
	enum send send;
	enum disposition disposition;
	enum context context;
	enum nested nested;
} cell;

/* What a handler saw. */
struct call {
	int signo, code, about, alternate, errno_kept, right_thread;
	uint64_t mask, saved_mask;
};

/* What the acting thread saw after the signal, and after it unblocked SIGBUS. */
struct view {
	int seen, calls, pending, handler, flags, errno_now;
	uint64_t mask;
};

static struct notes {
	volatile int calls;
	struct call call[CALLS_MAX], other;
	struct view after, unblocked;
	int inner_status;
} * notes;

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
	for (int i = 0; i < SETTLE_ROUNDS && notes->calls == calls_before && !is_pending(); i++)
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

static int run_cell(void)
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

/* ---- telling ---- */

static void name_cell(char *name, size_t size)
{
	size_t length = snprintf(name, size, "%s %s %s %s %s %s", send_names[cell.send],
		disposition_names[cell.disposition], cell.blocked ? "blocked" : "unblocked",
		context_names[cell.context], nested_names[cell.nested],
		cell.alternate ? "altstack" : "no-altstack");

	for (size_t i = 0; i < FLAGS; i++)
		if (cell.flags & flag_names[i].bit)
			length += snprintf(name + length, size - length, " %s", flag_names[i].name);
}

static void print_call(const struct call *call)
{
	printf(" [%d code=%d about=%d mask=%lx saved=%lx stack=%s errno=%d thread=%d]", call->signo,
		call->code, call->about, call->mask, call->saved_mask,
		call->alternate ? "alternate" : "own", call->errno_kept, call->right_thread);
}

static void print_view(const char *name, const struct view *view)
{
	if (view->seen)
		printf(" %s: calls=%d pending=%d mask=%lx action=%s/%x errno=%d", name, view->calls,
			view->pending, view->mask, disposition_names[view->handler], view->flags,
			view->errno_now == 77);
}

static void print_cell(const char *name, int status)
{
	printf("%s: calls=%d", name, notes->calls);
	for (int i = 0; i < notes->calls && i < CALLS_MAX; i++)
		print_call(&notes->call[i]);
	if (notes->other.signo)
		print_call(&notes->other);
	print_view("after", &notes->after);
	print_view("unblocked", &notes->unblocked);
	printf(" status=%x/%x\n", status, notes->inner_status);
}

/* ---- all cells ---- */

static int is_selected(const char *name, char **words)
{
	for (; *words; words++) {
		const char *at = strstr(name, *words);
		size_t length = strlen(*words);

		if (!at || (at > name && at[-1] != ' ') || (at[length] && at[length] != ' '))
			return 0;
	}
	return 1;
}

static void do_cell(char **words)
{
	char name[256];

	name_cell(name, sizeof(name));
	if (is_selected(name, words))
		print_cell(name, run_cell());
}

static void flags_and_stacks(char **words)
{
	for (unsigned subset = 0; subset < 1u << FLAGS; subset++) {
		cell.flags = 0;
		for (size_t i = 0; i < FLAGS; i++)
			cell.flags |= subset & (1u << i) ? flag_names[i].bit : 0;
		for (cell.alternate = 0; cell.alternate < 2; cell.alternate++)
			do_cell(words);
	}
}

static void all_cells(char **words)
{
	for (cell.disposition = 0; cell.disposition < DISPOSITIONS; cell.disposition++)
		for (cell.send = 0; cell.send < SENDS; cell.send++)
			for (cell.blocked = 0; cell.blocked < 2; cell.blocked++)
				for (cell.context = 0; cell.context < CONTEXTS; cell.context++)
					for (cell.nested = 0;
						cell.nested <
						(cell.disposition == HANDLER ? NESTED : 1);
						cell.nested++)
						flags_and_stacks(words);
}

/* With core dumps: only who dies of the default action, in each way. */
static void with_cores(void)
{
	static char *any[] = {NULL};
	struct rlimit limit;

	getrlimit(RLIMIT_CORE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_CORE, &limit);
	for (cell.send = 0; cell.send < SENDS; cell.send++)
		for (cell.context = 0; cell.context < CONTEXTS; cell.context++)
			for (cell.blocked = 0; cell.blocked < 2; cell.blocked++)
				do_cell(any);
}

static void map_lost_pages(void)
{
	int fd = memfd_create("sig-matrix", MFD_CLOEXEC);

	if (ftruncate(fd, 2 * PAGE) < 0 ||
		syscall(SYS_mmap, LOST, 2 * PAGE, PROT_READ, MAP_SHARED | MAP_FIXED_NOREPLACE, fd,
			0) != (long)LOST ||
		ftruncate(fd, 0) < 0)
		_exit(99);
	close(fd);
}

int main(int argc, char **argv)
{
	struct rlimit none = {0, 0};

	map_lost_pages();
	notes = mmap(
		NULL, sizeof(*notes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (notes == MAP_FAILED)
		return 99;
	if (argc == 2 && strcmp(argv[1], "cores") == 0) {
		with_cores();
		return 0;
	}
	setrlimit(RLIMIT_CORE, &none);
	all_cells(argv + 1);
	return 0;
}
