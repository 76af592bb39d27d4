/* SPDX-License-Identifier: MIT */
/* What the program believes to have installed for SIGBUS, beside what the kernel has. */
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include "../harness/rooms.h"
#include "base/syscall.h"
#include "signal/disposition.h"

#define ROUNDS 20000

/* Linux' own. */
struct kernel_action {
	void *handler;
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

static struct kernel_action in_kernel(void)
{
	struct kernel_action action;

	SYS_4(SYS_rt_sigaction, SIGBUS, NULL, &action, sizeof(uint64_t));
	return action;
}

/* Stands for entry-*.S; no SIGBUS comes here. */
static void ours(int signo, siginfo_t *info, void *uc)
{
	(void)signo, (void)info, (void)uc;
}

static void first(int signo)
{
	(void)signo;
}

static void second(int signo)
{
	(void)signo;
}

static const struct disposition *action(void *handler, uint64_t flags)
{
	return disposition_intern(handler, flags, 0);
}

static bool kernel_has_ours(void)
{
	return in_kernel().handler == (void *)ours;
}

static void test_interning(void)
{
	const struct disposition *one = disposition_intern((void *)first, SA_RESTART, 4);

	ok(disposition_intern((void *)first, SA_RESTART, 4) == one, "equal actions are one");
	ok(disposition_intern((void *)first, SA_RESTART, 5) != one &&
			disposition_intern((void *)first, 0, 4) != one &&
			disposition_intern((void *)second, SA_RESTART, 4) != one,
		"others are others");
	for (uintptr_t i = 1; i <= 20000; i++)
		disposition_intern((void *)(i << 4), 0, 0);
	ok(disposition_intern((void *)first, SA_RESTART, 4) == one, "among thousands, too");
}

static void test_start(void)
{
	struct sigaction before = {.sa_handler = first, .sa_flags = SA_RESTART};

	sigaction(SIGBUS, &before, NULL);
	ok(disposition_init((void *)ours, in_kernel().restorer) == 0, "our handler is installed");
	ok(disposition_now(SIGBUS)->handler == (void *)first && kernel_has_ours(),
		"what was there becomes the program's action");
	ok(in_kernel().mask & SIGNAL_BIT(shadow_signal), "the shadow is blocked while it runs");
	ok(disposition_now(shadow_signal)->handler == (void *)SIG_DFL, "the shadow has an action of its own");
}

static void test_setting(void)
{
	const struct disposition *one = action((void *)first, SA_SIGINFO), *two = action((void *)second, 0);
	const struct disposition *old;
	uint32_t statements = disposition_statements();

	ok(disposition_set(SIGBUS, one, &old) && old->handler == (void *)first &&
			disposition_now(SIGBUS) == one && kernel_has_ours(),
		"an action is exchanged, the kernel's stays ours");
	ok(disposition_statements() != statements && atomic_load(&one->installed) == 1, "and counted");
	ok(!disposition_set(SIGBUS, NULL, &old) && old == one, "a query changes nothing");
	ok(!disposition_set(SIGBUS, action((void *)ours, 0), &old) && old == one &&
			disposition_is_ours(action((void *)ours, 0)),
		"who puts back what a raw query shows wants what is there");
	ok(!disposition_replace(SIGBUS, two, one) && disposition_now(SIGBUS) == one,
		"what is not there is not replaced");
	ok(disposition_replace(SIGBUS, one, two) && disposition_now(SIGBUS) == two, "what is there is");
	ok(disposition_exchange(shadow_signal, one) && disposition_now(shadow_signal) == one &&
			disposition_now(SIGBUS) == two,
		"the two signals have nothing to do with each other");
}

static void test_restart(void)
{
	const struct disposition *old;

	disposition_set(SIGBUS, action((void *)first, SA_RESTART), &old);
	ok(in_kernel().flags & SA_RESTART, "SA_RESTART of the program's handler is the kernel's, too");
	disposition_set(SIGBUS, action((void *)first, 0), &old);
	ok(!(in_kernel().flags & SA_RESTART), "and so is its absence");
	disposition_set(SIGBUS, action(SIG_DFL, 0), &old);
	ok(in_kernel().flags & SA_RESTART, "an action that is no handler ends no system call");
	ok((in_kernel().flags & (SA_SIGINFO | SA_ONSTACK | SA_NODEFER)) ==
			(SA_SIGINFO | SA_ONSTACK | SA_NODEFER),
		"the other flags are ours");
}

static void test_displacing(void)
{
	struct kernel_action raw = in_kernel();
	const struct disposition *old;

	raw.handler = (void *)second;
	raw.flags = SA_SIGINFO | SA_RESTORER_;
	SYS_4(SYS_rt_sigaction, SIGBUS, &raw, NULL, sizeof(uint64_t));
	disposition_adopt(SIGBUS);
	ok(disposition_now(SIGBUS)->handler == (void *)second && kernel_has_ours() &&
			!(in_kernel().flags & SA_RESTART),
		"what went past the hooks becomes the program's action, and ours comes back");
	disposition_adopt(SIGBUS);
	ok(disposition_now(SIGBUS)->handler == (void *)second, "ours is nobody's new action");
	raw.handler = (void *)first;
	SYS_4(SYS_rt_sigaction, SIGBUS, &raw, NULL, sizeof(uint64_t));
	ok(disposition_set(SIGBUS, action(SIG_DFL, 0), &old) && old->handler == (void *)first,
		"the next sigaction() finds it");
}

static void test_ignored(void)
{
	const struct disposition *old;

	disposition_set(SIGBUS, action(SIG_DFL, 0), &old);
	ok(!disposition_show_ignored() && kernel_has_ours(), "for exec() only an ignored SIGBUS is shown");
	disposition_set(SIGBUS, action(SIG_IGN, 0), &old);
	ok(disposition_show_ignored() && in_kernel().handler == (void *)SIG_IGN, "that is");
	disposition_adopt(SIGBUS);
	ok(in_kernel().handler == (void *)SIG_IGN, "and taken for nobody's displacing");
	ok(disposition_show_ignored(), "by several threads at once");
	disposition_hide_ignored();
	ok(in_kernel().handler == (void *)SIG_IGN, "the first to fail leaves it to the others");
	disposition_hide_ignored();
	ok(kernel_has_ours() && disposition_now(SIGBUS)->handler == (void *)SIG_IGN,
		"the last one takes it back");
}

static bool flags_agree(void)
{
	return !(in_kernel().flags & SA_RESTART) == !(disposition_now(SIGBUS)->flags & SA_RESTART);
}

static void *set_often(void *flags)
{
	const struct disposition *mine = action((void *)first, (uint64_t)(uintptr_t)flags);

	for (int i = 0; i < ROUNDS; i++)
		disposition_exchange(SIGBUS, mine);
	return NULL;
}

static void test_threads(void)
{
	bool agrees = true;

	for (int round = 0; round < 20; round++) {
		pthread_t one, two;

		pthread_create(&one, NULL, set_often, NULL);
		pthread_create(&two, NULL, set_often, (void *)(uintptr_t)SA_RESTART);
		pthread_join(one, NULL);
		pthread_join(two, NULL);
		agrees &= flags_agree();
	}
	ok(agrees, "of two threads that set it the kernel has the flags of the later one");
}

#if defined(__x86_64__) || defined(__i386__)
#define TRAP_FLAG 0x100

static volatile bool is_stepping, has_interrupted;
static volatile long steps_left;

static void on_trap(int signo, siginfo_t *info, void *context)
{
	greg_t *flags = &((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL];

	(void)signo;
	(void)info;
	*flags |= TRAP_FLAG;
	if (is_stepping && steps_left-- > 0)
		return;
	*flags &= ~TRAP_FLAG;
	if (!is_stepping)
		return;
	has_interrupted = true;
	disposition_exchange(SIGBUS, action((void *)first, SA_RESTART));
}

/* What is current is stored, told to the kernel and remembered as told: a handler comes between each. */
static void test_each_instruction(void)
{
	struct sigaction trap = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
	const struct disposition *new = action((void *)first, 0);
	bool agrees = true;
	long at = 0;

	sigaction(SIGTRAP, &trap, NULL);
	do {
		disposition_exchange(SIGBUS, action((void *)first, SA_RESTART));
		steps_left = at++;
		has_interrupted = false;
		is_stepping = true;
		raise(SIGTRAP);
		disposition_exchange(SIGBUS, new);
		is_stepping = false;
		agrees &= flags_agree();
	} while (has_interrupted);
	printf("# %ld instructions\n", at);
	ok(agrees && at > 50, "nor where a handler sets it at any instruction of the other");
}
#else
static void test_each_instruction(void)
{
	ok(true, "SKIP needs x86");
}
#endif

int main(void)
{
	start_rooms();
	test_interning();
	test_start();
	test_setting();
	test_restart();
	test_displacing();
	test_ignored();
	test_threads();
	test_each_instruction();
	return tap_done();
}
