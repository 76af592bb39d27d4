/* SPDX-License-Identifier: MIT */
/*
 * sig-readback: what each function that sets or shows a signal's action returns, and what a query
 * finds afterwards, for SIGBUS and for another signal. Each step prints what it saw.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

/* Not declared any more, but still there for old programs. */
extern sighandler_t bsd_signal(int signo, sighandler_t handler);

static void first(int signo)
{
	(void)signo;
}

static void second(int signo)
{
	(void)signo;
}

static void third(int signo, siginfo_t *info, void *uc)
{
	(void)signo, (void)info, (void)uc;
}

static const char *handler_name(sighandler_t handler)
{
	static const struct {
		sighandler_t handler;
		const char *name;
	} known[] = {{SIG_DFL, "SIG_DFL"}, {SIG_IGN, "SIG_IGN"}, {SIG_ERR, "SIG_ERR"},
		{SIG_HOLD, "SIG_HOLD"}, {first, "first"}, {second, "second"}};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (handler == known[i].handler)
			return known[i].name;
	return (void *)handler == (void *)third ? "third" : "unknown";
}

static uint64_t word(const sigset_t *set)
{
	return *(const uint64_t *)set;
}

static uint64_t mask_now(void)
{
	sigset_t set;

	sigprocmask(SIG_BLOCK, NULL, &set);
	return word(&set);
}

static void print_query(int signo)
{
	struct sigaction action;

	memset(&action, 0xa5, sizeof(action));
	if (sigaction(signo, NULL, &action) < 0) {
		printf("  query: errno %d\n", errno);
		return;
	}
	printf("  query: %s flags %x mask %" PRIx64 ", blocked %" PRIx64 "\n", handler_name(action.sa_handler),
		(unsigned)action.sa_flags, word(&action.sa_mask), mask_now());
}

/* ---- sigaction ---- */

static void set_action(int signo, void *handler, unsigned flags, uint64_t mask)
{
	struct sigaction new = {.sa_flags = (int)flags}, old;
	int result;

	new.sa_handler = (sighandler_t)handler;
	memcpy(&new.sa_mask, &mask, sizeof(mask));
	memset(&old, 0xa5, sizeof(old));
	errno = 0;
	result = sigaction(signo, &new, &old);
	printf("sigaction(%d, %s, %x, %" PRIx64 ") = %d errno %d, old %s %x %" PRIx64 "\n", signo,
		handler_name((sighandler_t)handler), flags, mask, result, errno,
		handler_name(old.sa_handler), (unsigned)old.sa_flags, word(&old.sa_mask));
	print_query(signo);
	print_query(signo);
}

static void actions(int signo)
{
	static void *const handlers[] = {
		(void *)first, (void *)third, (void *)SIG_DFL, (void *)SIG_IGN};
	static const uint64_t masks[] = {0, 0x40, 0x4000000000000040, ~0ull, 0x40000, 0x300000000};

	for (unsigned bit = 0; bit < 32; bit++)
		set_action(signo, handlers[bit % 4], 1u << bit, masks[bit % 6]);
	for (unsigned bits = 0; bits < 64; bits++)
		set_action(signo, handlers[(bits >> 2) % 4],
			(bits & 1 ? SA_SIGINFO : 0) | (bits & 2 ? SA_NODEFER : 0) |
				(bits & 4 ? SA_RESETHAND : 0) | (bits & 8 ? SA_ONSTACK : 0) |
				(bits & 16 ? SA_RESTART : 0) | (bits & 32 ? SA_NOCLDSTOP : 0),
			masks[bits % 6]);
	set_action(signo, (void *)third, ~0u, ~0ull);
}

static void invalid(void)
{
	static const int signals[] = {0, -1, 32, 33, 65, 1000, SIGKILL, SIGSTOP};

	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		set_action(signals[i], (void *)first, 0, 0);
		errno = 0;
		printf("signal(%d) %s %d\n", signals[i], handler_name(signal(signals[i], first)),
			errno);
		printf("sigset(%d) %s %d\n", signals[i], handler_name(sigset(signals[i], first)),
			errno);
		printf("sighold(%d) %d %d\n", signals[i], sighold(signals[i]), errno);
		printf("sigrelse(%d) %d %d\n", signals[i], sigrelse(signals[i]), errno);
		printf("sigignore(%d) %d %d\n", signals[i], sigignore(signals[i]), errno);
		printf("siginterrupt(%d) %d %d\n", signals[i], siginterrupt(signals[i], 1), errno);
		printf("sysv_signal(%d) %s %d\n", signals[i],
			handler_name(sysv_signal(signals[i], first)), errno);
	}
	printf("both NULL %d %d %d\n", sigaction(SIGBUS, NULL, NULL),
		sigaction(SIGUSR1, NULL, NULL), sigaction(0, NULL, NULL));
}

/* ---- the older ways ---- */

typedef sighandler_t (*installer)(int, sighandler_t);

static const struct {
	const char *name;
	installer install;
} installers[] = {{"signal", signal}, {"bsd_signal", bsd_signal}, {"ssignal", ssignal},
	{"sysv_signal", sysv_signal}, {"__sysv_signal", __sysv_signal}, {"sigset", sigset}};

static void older(int signo)
{
	static const sighandler_t handlers[] = {first, SIG_IGN, second, SIG_DFL, SIG_ERR, first};

	for (size_t i = 0; i < sizeof(installers) / sizeof(*installers); i++)
		for (size_t j = 0; j < sizeof(handlers) / sizeof(*handlers); j++) {
			sighandler_t old;

			errno = 0;
			old = installers[i].install(signo, handlers[j]);
			printf("%s(%d, %s) = %s errno %d\n", installers[i].name, signo,
				handler_name(handlers[j]), handler_name(old), errno);
			print_query(signo);
		}
}

static void hold(int signo, sighandler_t handler)
{
	errno = 0;
	printf("sigset(%d, %s) = %s", signo, handler_name(handler),
		handler_name(sigset(signo, handler)));
	printf(" errno %d\n", errno);
	print_query(signo);
}

static void system_v(int signo)
{
	static const sighandler_t handlers[] = {SIG_HOLD, SIG_HOLD, first, SIG_HOLD, SIG_DFL,
		second, SIG_IGN, SIG_HOLD, SIG_ERR, SIG_DFL};

	set_action(signo, (void *)third, SA_SIGINFO | SA_RESTART | SA_ONSTACK, 0x40040);
	for (size_t i = 0; i < sizeof(handlers) / sizeof(*handlers); i++)
		hold(signo, handlers[i]);
	printf("sighold %d\n", sighold(signo));
	print_query(signo);
	hold(signo, first);
	printf("sighold %d %d\n", sighold(signo), sighold(signo));
	printf("sigrelse %d\n", sigrelse(signo));
	print_query(signo);
	printf("sigignore %d\n", sigignore(signo));
	print_query(signo);
}

static void interrupt(int signo, int on)
{
	printf("siginterrupt(%d, %d) = %d\n", signo, on, siginterrupt(signo, on));
	print_query(signo);
}

static void sticky(int signo)
{
	static const int values[] = {1, 0, 2, 1, 0};

	set_action(signo, (void *)third, SA_SIGINFO | SA_RESTART, 0x200);
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		interrupt(signo, values[i]);
		signal(signo, first);
		print_query(signo);
		bsd_signal(signo, second);
		print_query(signo);
		sysv_signal(signo, second);
		print_query(signo);
		set_action(signo, (void *)first, SA_RESTART, 0);
		signal(signo, SIG_DFL);
		print_query(signo);
	}
}

/* ---- what a pending signal becomes ---- */

static void pending_and_ignored(int signo)
{
	static const sighandler_t handlers[] = {SIG_IGN, first, SIG_DFL};
	sigset_t pending;

	for (size_t i = 0; i < sizeof(handlers) / sizeof(*handlers); i++) {
		signal(signo, first);
		sighold(signo);
		kill(getpid(), signo);
		raise(signo);
		signal(signo, handlers[i]);
		sigpending(&pending);
		printf("pending after %s: %" PRIx64 "\n", handler_name(handlers[i]), word(&pending));
		signal(signo, SIG_IGN);
		sigpending(&pending);
		printf("  then %" PRIx64 "\n", word(&pending));
		sigrelse(signo);
	}
}

int main(void)
{
	static const int signals[] = {SIGBUS, SIGUSR1, SIGSEGV};

	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		print_query(signals[i]);
		actions(signals[i]);
		older(signals[i]);
		system_v(signals[i]);
		sticky(signals[i]);
		pending_and_ignored(signals[i]);
	}
	invalid();
	return 0;
}
