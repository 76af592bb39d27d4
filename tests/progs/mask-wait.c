/* SPDX-License-Identifier: MIT */
/*
 * mask-wait: a SIGBUS that another process sends to one that waits, one line for each way to wait,
 * to block and to send: what ends the wait, what is delivered, what stays pending.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FOR_EVER 1000000 /* seconds: something else ends the wait */

static struct notes {
	sem_t semaphore;
	volatile int waiting, done;
	volatile int calls, others;
	int code, result, errno_now, pending, mine;
	uint64_t mask_inside, mask_after;
} * notes;

static int pipe_ends[2];
static int epoll;
static sigset_t none, only_bus, only_usr1, both;
static pid_t sender;

/* ---- ways to wait ---- */

static int wait_read(const sigset_t *set)
{
	char byte;

	(void)set;
	return (int)read(pipe_ends[0], &byte, 1);
}

static int wait_semaphore(const sigset_t *set)
{
	(void)set;
	return sem_wait(&notes->semaphore);
}

static int wait_poll(const sigset_t *set)
{
	struct pollfd fd = {.fd = pipe_ends[0], .events = POLLIN};

	(void)set;
	return poll(&fd, 1, -1);
}

static int wait_nanosleep(const sigset_t *set)
{
	struct timespec time = {.tv_sec = FOR_EVER};

	(void)set;
	return nanosleep(&time, NULL);
}

static int wait_sigsuspend(const sigset_t *set)
{
	return sigsuspend(set);
}

static int wait_pause(const sigset_t *set)
{
	(void)set;
	return pause();
}

static int wait_ppoll(const sigset_t *set)
{
	struct pollfd fd = {.fd = pipe_ends[0], .events = POLLIN};

	return ppoll(&fd, 1, NULL, set);
}

static int wait_pselect(const sigset_t *set)
{
	fd_set fds;

	FD_ZERO(&fds);
	FD_SET(pipe_ends[0], &fds);
	return pselect(pipe_ends[0] + 1, &fds, NULL, NULL, NULL, set);
}

static int wait_epoll(const sigset_t *set)
{
	struct epoll_event event;

	return epoll_pwait(epoll, &event, 1, -1, set);
}

static int wait_epoll2(const sigset_t *set)
{
	struct epoll_event event;

	return epoll_pwait2(epoll, &event, 1, NULL, set);
}

static int note_info(int result, const siginfo_t *info)
{
	if (result > 0) {
		notes->code = info->si_code;
		notes->mine = info->si_pid == sender;
	}
	return result;
}

static int wait_sigwaitinfo(const sigset_t *set)
{
	siginfo_t info;

	return note_info(sigwaitinfo(set, &info), &info);
}

static int wait_sigtimedwait(const sigset_t *set)
{
	struct timespec time = {.tv_sec = FOR_EVER};
	siginfo_t info;

	return note_info(sigtimedwait(set, &info, &time), &info);
}

static int wait_sigtimedwait_null(const sigset_t *set)
{
	return sigtimedwait(set, NULL, &(struct timespec){.tv_sec = FOR_EVER});
}

static int wait_sigwait(const sigset_t *set)
{
	int signo = 0, result = sigwait(set, &signo);

	return result ? -result : signo;
}

static int wait_signalfd(const sigset_t *set)
{
	struct signalfd_siginfo info;
	int signals = signalfd(-1, set, 0);

	if (read(signals, &info, sizeof(info)) < 0)
		return -1;
	notes->code = info.ssi_code;
	notes->mine = (pid_t)info.ssi_pid == sender;
	return (int)info.ssi_signo;
}

enum end { BYTE, POST, USR1 };

static const struct way {
	const char *name;
	int (*wait)(const sigset_t *set);
	const sigset_t *set;
	enum end end; /* what ends the wait if SIGBUS does not */
} ways[] = {
	{"read", wait_read, NULL, BYTE},
	{"sem_wait", wait_semaphore, NULL, POST},
	{"poll", wait_poll, NULL, BYTE},
	{"nanosleep", wait_nanosleep, NULL, USR1},
	{"pause", wait_pause, NULL, USR1},
	{"sigsuspend({})", wait_sigsuspend, &none, USR1},
	{"sigsuspend({BUS})", wait_sigsuspend, &only_bus, USR1},
	{"ppoll(NULL)", wait_ppoll, NULL, BYTE},
	{"ppoll({})", wait_ppoll, &none, BYTE},
	{"ppoll({BUS})", wait_ppoll, &only_bus, BYTE},
	{"pselect({})", wait_pselect, &none, BYTE},
	{"pselect({BUS})", wait_pselect, &only_bus, BYTE},
	{"epoll_pwait({})", wait_epoll, &none, BYTE},
	{"epoll_pwait({BUS})", wait_epoll, &only_bus, BYTE},
	{"epoll_pwait2({})", wait_epoll2, &none, BYTE},
	{"epoll_pwait2({BUS})", wait_epoll2, &only_bus, BYTE},
	{"sigwait({BUS})", wait_sigwait, &only_bus, USR1},
	{"sigwait({USR1})", wait_sigwait, &only_usr1, USR1},
	{"sigwaitinfo({BUS})", wait_sigwaitinfo, &only_bus, USR1},
	{"sigwaitinfo({BUS,USR1})", wait_sigwaitinfo, &both, USR1},
	{"sigtimedwait({BUS})", wait_sigtimedwait, &only_bus, USR1},
	{"sigtimedwait({BUS},NULL)", wait_sigtimedwait_null, &only_bus, USR1},
	{"sigtimedwait({USR1})", wait_sigtimedwait, &only_usr1, USR1},
	{"signalfd", wait_signalfd, &only_bus, USR1},
};

static const char *const actions[] = {"ignored", "handler", "handler-restart", "default"};
static const char *const sends[] = {"kill", "tgkill", "sigqueue"};

static struct cell {
	const struct way *way;
	unsigned action, blocked, send;
	int before; /* sent before the wait: pending, or over */
} cell;

/* ---- the one that waits ---- */

static uint64_t mask_now(void)
{
	sigset_t set;

	sigprocmask(SIG_BLOCK, NULL, &set);
	return *(uint64_t *)&set;
}

static void on_bus(int signo, siginfo_t *info, void *uc)
{
	(void)signo, (void)uc;
	notes->calls++;
	notes->code = info->si_code;
	notes->mine = info->si_pid == sender;
	notes->mask_inside = mask_now();
}

static void on_other(int signo)
{
	(void)signo;
	notes->others++;
}

static void install(void)
{
	struct sigaction action = {.sa_flags = SA_SIGINFO};

	action.sa_sigaction = on_bus;
	action.sa_flags |= cell.action == 2 ? SA_RESTART : 0;
	if (cell.action == 0 || cell.action == 3)
		action.sa_handler = cell.action == 0 ? SIG_IGN : SIG_DFL;
	sigaction(SIGBUS, &action, NULL);
	signal(SIGUSR1, on_other);
	if (cell.blocked)
		sigprocmask(SIG_BLOCK, &only_bus, NULL);
}

static void send_bus(pid_t pid)
{
	if (cell.send == 0)
		kill(pid, SIGBUS);
	else if (cell.send == 1)
		syscall(SYS_tgkill, pid, pid, SIGBUS);
	else
		sigqueue(pid, SIGBUS, (union sigval){.sival_int = 42});
}

static void wait_for_it(void)
{
	sigset_t pending;

	install();
	if (cell.before)
		send_bus(getpid());
	notes->waiting = 1;
	notes->result = cell.way->wait(cell.way->set);
	notes->errno_now = notes->result < 0 ? errno : 0;
	notes->mask_after = mask_now();
	sigpending(&pending);
	notes->pending = sigismember(&pending, SIGBUS);
	notes->done = 1;
	_exit(0);
}

/* ---- the one that sends ---- */

/* Or a zombie, which has nothing more to do at all. */
static int is_asleep(pid_t pid)
{
	char path[64], text[256];
	int fd, length;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY);
	length = (int)read(fd, text, sizeof(text) - 1);
	close(fd);
	text[length > 0 ? length : 0] = 0;
	return (notes->waiting && strstr(text, ") S")) || strstr(text, ") Z");
}

/* Waits with all it has to do done: twice, for it may just have been woken. */
static void let_it_sleep(pid_t pid)
{
	for (int asleep = 0; asleep < 3 && !notes->done;) {
		usleep(100);
		asleep = is_asleep(pid) ? asleep + 1 : 0;
	}
}

static void end_wait(pid_t pid)
{
	if (cell.way->end == BYTE)
		(void)!write(pipe_ends[1], "x", 1);
	else if (cell.way->end == POST)
		sem_post(&notes->semaphore);
	else
		kill(pid, SIGUSR1);
}

/* A wait for SIGBUS alone ends only by it, and a sigwait() goes on after any handler. */
static void end_for_good(pid_t pid)
{
	let_it_sleep(pid);
	if (!notes->done)
		kill(pid, SIGTERM); /* or it is a zombie: then nothing happens */
}

static void drain(void)
{
	struct pollfd fd = {.fd = pipe_ends[0], .events = POLLIN};

	while (poll(&fd, 1, 0) > 0)
		wait_read(NULL);
}

static int run_cell(void)
{
	pid_t pid;
	int status, ended = 0;

	memset((void *)notes, 0, sizeof(*notes));
	sem_init(&notes->semaphore, 1, 0);
	sender = getpid();
	pid = fork();
	if (pid == 0) {
		if (cell.before)
			sender = getpid();
		wait_for_it();
	}
	let_it_sleep(pid);
	if (!cell.before) {
		send_bus(pid);
		let_it_sleep(pid);
	}
	ended = notes->done;
	if (!ended)
		end_wait(pid);
	end_for_good(pid);
	waitpid(pid, &status, 0);
	drain();
	return status;
}

static void do_cell(void)
{
	int status = run_cell();

	printf("%s %s %s %s %s: result %d errno %d calls %d others %d code %d mine %d mask %" PRIx64 " %" PRIx64 " "
	       "pending %d status %x\n",
		cell.way->name, actions[cell.action], cell.blocked ? "blocked" : "unblocked",
		sends[cell.send], cell.before ? "before" : "during", notes->result,
		notes->errno_now, notes->calls, notes->others, notes->code, notes->mine,
		notes->mask_inside, notes->mask_after, notes->pending, status);
}

static void all_cells(void)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		for (cell.action = 0; cell.action < 4; cell.action++)
			for (cell.blocked = 0; cell.blocked < 2; cell.blocked++)
				for (cell.send = 0; cell.send < 3; cell.send++) {
					cell.way = &ways[i];
					cell.before = 0;
					do_cell();
					cell.before = 1;
					if (cell.blocked)
						do_cell();
				}
}

static void prepare(void)
{
	struct epoll_event event = {.events = EPOLLIN};

	sigemptyset(&none);
	sigemptyset(&only_bus);
	sigaddset(&only_bus, SIGBUS);
	sigemptyset(&only_usr1);
	sigaddset(&only_usr1, SIGUSR1);
	both = only_bus;
	sigaddset(&both, SIGUSR1);
	(void)!pipe(pipe_ends);
	epoll = epoll_create1(0);
	epoll_ctl(epoll, EPOLL_CTL_ADD, pipe_ends[0], &event);
}

int main(void)
{
	notes = mmap(
		NULL, sizeof(*notes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	setvbuf(stdout, NULL, _IOLBF, 4096);
	prepare();
	all_cells();
	return 0;
}
