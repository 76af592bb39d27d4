/* SPDX-License-Identifier: MIT */
/*
 * sig-chain: what a handler can do beside returning: leave, nest, give up; and what several signals
 * become. Each case runs in a child and prints.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdlib.h>
#include <ucontext.h>
#include "sig-cases.h"

static sigjmp_buf environment[PAGES];
static volatile int calls, depth, limit;

static void only_repair(int signo, siginfo_t *info, void *uc)
{
	(void)signo, (void)uc;
	calls++;
	if (info->si_code > 0)
		repair(info);
}

/* ---- leaving ---- */

static void leave_by_siglongjmp(int signo, siginfo_t *info, void *uc)
{
	(void)signo, (void)info, (void)uc;
	calls++;
	siglongjmp(environment[0], 1);
}

static void leave_many_times(int saves_mask, int flags)
{
	use_alternate(sizeof(alternate), 0);
	install(leave_by_siglongjmp, flags);
	for (volatile int i = 0; i < 1000; i++)
		if (sigsetjmp(environment[0], saves_mask) == 0)
			touch(0);
	printf("left %d times, mask %" PRIx64 "\n", calls, mask_now());
}

static void siglongjmp_case(void)
{
	leave_many_times(1, 0);
	leave_many_times(1, SA_ONSTACK);
}

static void longjmp_case(void)
{
	leave_many_times(0, SA_NODEFER);
	leave_many_times(0, SA_NODEFER | SA_ONSTACK);
	install(leave_by_siglongjmp, 0);
	if (sigsetjmp(environment[0], 0) == 0)
		raise(SIGBUS);
	printf("still blocked: %" PRIx64 "\n", mask_now());
	set_mask(0);
}

static ucontext_t out;

static void leave_by_setcontext(int signo, siginfo_t *info, void *uc)
{
	(void)signo, (void)info, (void)uc;
	calls++;
	setcontext(&out);
}

static void setcontext_case(void)
{
	install(leave_by_setcontext, 0);
	getcontext(&out);
	if (sizeof(long) == 4) /* the first 32 signals go by it only: a declared difference */
		set_mask(0);
	if (calls < 100) {
		if (mask_now() == 0)
			touch(calls % PAGES);
		else
			printf("mask %" PRIx64 "\n", mask_now());
	}
	printf("left %d times, mask %" PRIx64 "\n", calls, mask_now());
}

static void unblock_by_siglongjmp_case(void)
{
	install(leave_by_siglongjmp, 0);
	if (sigsetjmp(environment[0], 1) == 0) {
		set_mask(BUS_BIT);
		raise(SIGBUS);
		printf("blocked, calls %d\n", calls);
		if (sigsetjmp(environment[1], 0) == 0)
			siglongjmp(environment[0], 1); /* delivers, which comes back once more */
	}
	printf("calls %d mask %" PRIx64 "\n", calls, mask_now());
}

/* ---- nesting ---- */

static void nest(int signo, siginfo_t *info, void *uc)
{
	volatile char here[512];
	int level = depth;

	(void)signo, (void)uc;
	calls++;
	here[0] = (char)level;
	if (sigsetjmp(environment[level], 1) != 0)
		printf("back at depth %d, %d, mask %" PRIx64 "\n", level, here[0], mask_now());
	else if (++depth < limit)
		touch(depth);
	else if (limit == 7)
		siglongjmp(environment[3], 1);
	repair(info);
}

static void nested_case(int flags)
{
	use_alternate(sizeof(alternate), 0);
	install(nest, SA_NODEFER | flags);
	for (int i = 4; i <= 7; i += 3) {
		calls = depth = 0;
		limit = i;
		touch(0);
		printf("nested: %d calls, mask %" PRIx64 "\n", calls, mask_now());
		use_alternate(sizeof(alternate), 0);
		mmap(LOST, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		install(nest, SA_NODEFER | flags);
		if (i == 4)
			break;
	}
}

static void nested_plain_case(void)
{
	nested_case(0);
}

static void nested_on_stack_case(void)
{
	nested_case(SA_ONSTACK);
}

static void nested_left_case(void)
{
	install(nest, SA_NODEFER);
	limit = 7;
	touch(0);
	printf("nested and left: %d calls, mask %" PRIx64 "\n", calls, mask_now());
}

/* ---- several signals ---- */

static void tell_signal(int signo, siginfo_t *info, void *uc)
{
	(void)uc;
	printf("signal %d code %d value %d mask %" PRIx64 "\n", signo, info->si_code,
		info->si_code == SI_QUEUE ? info->si_value.sival_int : 0, mask_now());
}

static void coalesce_case(void)
{
	install(tell_signal, 0);
	for (int i = 0; i < 2; i++) {
		set_mask(BUS_BIT);
		for (int j = 1; j <= 3; j++) {
			sigqueue(getpid(), SIGBUS, (union sigval){.sival_int = j});
			raise(SIGBUS);
			kill(getpid(), SIGBUS);
		}
		set_mask(0);
		install(tell_signal, SA_NODEFER);
	}
}

static void forge(int code, void *address)
{
	siginfo_t info = {.si_signo = SIGBUS, .si_code = code, .si_addr = address};

	syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGBUS, &info);
}

/* Looks like the fault before it in all but the place. */
static void forged_case(void)
{
	install(only_repair, 0);
	touch(2);
	install(tell_signal, 0);
	forge(BUS_ADRERR, LOST + 2 * PAGE);
	forge(BUS_ADRALN, NULL);
	forge(BUS_MCEERR_AO, LOST);
	set_mask(BUS_BIT);
	forge(BUS_ADRERR, LOST + 2 * PAGE);
	printf("blocked\n");
	set_mask(0);
	signal(SIGBUS, SIG_IGN);
	forge(BUS_ADRERR, LOST + 2 * PAGE);
	printf("ignored\n");
	signal(SIGBUS, SIG_DFL);
	forge(BUS_ADRERR, LOST + 2 * PAGE);
	printf("not reached\n");
}

/* ---- giving up ---- */

static void cede(int signo, siginfo_t *info, void *uc)
{
	(void)signo, (void)info, (void)uc;
	printf("ceding\n");
	signal(SIGBUS, SIG_DFL);
}

static void cede_sent_case(void)
{
	install(cede, 0);
	raise(SIGBUS);
	printf("survived, action %p\n", (void *)signal(SIGBUS, SIG_DFL));
}

static void cede_fault_case(void)
{
	install(cede, 0);
	touch(0);
	printf("not reached\n");
}

static void die_of_nested_case(void)
{
	install(nest, 0);
	limit = 2;
	touch(0);
	printf("not reached\n");
}

/* ---- all ---- */

static const struct a_case cases[] = {
	{"siglongjmp", siglongjmp_case},
	{"longjmp", longjmp_case},
	{"setcontext", setcontext_case},
	{"unblocked by siglongjmp", unblock_by_siglongjmp_case},
	{"nested", nested_plain_case},
	{"nested on the alternate stack", nested_on_stack_case},
	{"nested and left", nested_left_case},
	{"coalesce", coalesce_case},
	{"forged", forged_case},
	{"cede, sent", cede_sent_case},
	{"cede, fault", cede_fault_case},
	{"nested, blocked", die_of_nested_case},
};

int main(void)
{
	run_cases(cases, sizeof(cases) / sizeof(*cases));
	return 0;
}
