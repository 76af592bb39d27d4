/* SPDX-License-Identifier: MIT */
/*
 * Running a handler of the program as the kernel would have run it: its mask, its stack, its frame, what
 * is known of it while it runs. In real signal frames, of a signal that has nothing to do with ours.
 */
#include <signal.h>
#include <sys/mman.h>
#include "../harness/rooms.h"
#include "fault/actions.h"
#include "fault/running.h"
#include "signal/disposition.h"
#include "signal/frame.h"

#define STACK_SIZE ((size_t)1 << 17)

static uint64_t shadow;

static void program_handler(int signo)
{
	(void)signo;
}

static void ours(int signo)
{
	(void)signo;
}

static const struct disposition *action(uint64_t flags, uint64_t mask)
{
	return disposition_intern((void *)program_handler, flags, mask);
}

/* ---- in a frame ---- */

static void (*examine)(struct jump *jump);

/* As for the shadow signal, of which no record is made; the mask that is then in force. */
static uint64_t run(const struct disposition *handler, uint64_t mask, struct jump *jump)
{
	uint64_t before = mask_swap(SIG_BLOCK, 0);

	run_for_sent(handler, shadow_signal, mask, jump);
	return mask_swap(SIG_SETMASK, before);
}

static struct jump jump_of(int signo, siginfo_t *info, void *uc)
{
	struct jump jump = {.info = info, .uc = uc, .signo = (uintptr_t)signo};

	jump.frame = (uintptr_t)uc - KERNEL_UCONTEXT_OFFSET;
	return jump;
}

static void handle(int signo, siginfo_t *info, void *uc)
{
	struct jump jump = jump_of(signo, info, uc);

	examine(&jump);
}

/* A signal on the alternate stack, or on the one that is in use. */
static void in_frame(bool alternate, void (*function)(struct jump *jump))
{
	struct sigaction action = {.sa_sigaction = handle,
		.sa_flags = SA_SIGINFO | (alternate ? SA_ONSTACK : 0)};

	examine = function;
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
}

static bool is_on_alternate(const struct jump *jump)
{
	return stack_holds(&jump->uc->uc_stack, jump->frame);
}

static void examine_alternate(struct jump *jump)
{
	struct jump moved = *jump;
	uintptr_t sp = frame_sp(jump->uc), pc = frame_pc(jump->uc);
	siginfo_t info = *jump->info;

	ok(frame_is_whole(jump) && is_on_alternate(jump), "the frame is on the alternate stack");
	run(action(SA_ONSTACK, 0), 0, &moved);
	ok(moved.frame == jump->frame, "a handler that wants that stack gets it as it is");
	ok(!frame_is_missing(action(SA_ONSTACK, 0), &moved), "and no other frame");
	run(action(0, 0), 0, &moved);
	ok(frame_is_whole(&moved) && !is_on_alternate(&moved) && moved.frame < sp && sp - moved.frame < STACK_NEAR,
		"for any other handler it is moved below what was interrupted");
	ok(frame_sp(moved.uc) == sp && frame_pc(moved.uc) == pc && frame_return(&moved) == frame_return(jump) &&
			memcmp(&info, moved.info, KERNEL_SIGINFO_SIZE) == 0,
		"with all that was in it");
	ok(frame_is_missing(action(SA_ONSTACK, 0), &moved), "who then wants the alternate stack needs another");
	ok(!frame_is_missing(action(0, 0), &moved), "who does not, does not");
}

static void examine_ordinary(struct jump *jump)
{
	struct jump moved = *jump;

	run(action(0, 0), 0, &moved);
	ok(moved.frame == jump->frame, "on the ordinary stack nothing is moved");
}

static void examine_mask(struct jump *jump)
{
	uint64_t usr1 = SIGNAL_BIT(SIGUSR1), usr2 = SIGNAL_BIT(SIGUSR2);

	ok(run(action(0, usr1), usr2, jump) == (usr1 | usr2 | shadow),
		"blocked: the handler's, what was blocked, and the signal itself");
	ok(run(action(SA_NODEFER, usr1), usr2, jump) == (usr1 | usr2), "SA_NODEFER: not the signal itself");
	ok(run(action(SA_NODEFER, SIGNAL_BIT(SIGBUS)), 0, jump) == shadow,
		"SIGBUS is never blocked: the shadow is");
}

static void examine_record(struct jump *jump)
{
	const struct disposition *handler = action(SA_ONSTACK, SIGNAL_BIT(SIGUSR2));
	uint64_t before = mask_swap(SIG_BLOCK, 0);
	struct running *running;

	disposition_exchange(SIGBUS, handler);
	ok(!running_now(STACK_POINTER()), "no handler is running");
	run_for_sent(handler, SIGBUS, SIGNAL_BIT(SIGHUP), jump);
	ok(mask_swap(SIG_SETMASK, before) == (SIGNAL_BIT(SIGUSR2) | SIGNAL_BIT(SIGHUP) | shadow),
		"its mask is in force");
	ok(jump->handler == (void *)program_handler && jump->signo == SIGBUS,
		"the handler is what is jumped to, with its signal");
	running = running_now(STACK_POINTER());
	ok(running && running->handler == handler && running->how == RUNNING_JUMPED &&
			running->frame == jump->frame && running->fault.sent,
		"what runs below the frame is inside of it");
	ok(!running_now(frame_sp(jump->uc)), "what was interrupted, on another stack, is not");
	ok(running_end(jump->frame) == running && !running_now(STACK_POINTER()),
		"its return takes the record off: nobody is inside any more");

	handler = action(SA_ONSTACK | SA_RESETHAND, 0);
	disposition_exchange(SIGBUS, handler);
	run_for_sent(handler, SIGBUS, 0, jump);
	mask_swap(SIG_SETMASK, before);
	ok(disposition_now(SIGBUS)->handler == (void *)SIG_DFL, "SA_RESETHAND: the action is reset when it starts");
	running = running_end(jump->frame);
	ok(running && running->handler == handler && !running_end(jump->frame), "each has one record");
}

int main(void)
{
	stack_t stack = {.ss_size = STACK_SIZE};
	struct sigaction query;

	start_rooms();
	shadow = SIGNAL_BIT(shadow_signal);
	sigaction(SIGUSR2, &(struct sigaction){.sa_handler = ours}, NULL);
	sigaction(SIGUSR2, NULL, &query);
	if (disposition_init((void *)ours, query.sa_restorer) != 0) {
		puts("Bail out! our handler cannot be installed");
		return 1;
	}
#if defined(__x86_64__) || defined(__i386__) /* there a frame begins so far in front of its context */
	stack.ss_sp = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigaltstack(&stack, NULL);
	in_frame(true, examine_alternate);
	in_frame(false, examine_ordinary);
	in_frame(true, examine_mask);
	in_frame(true, examine_record);
#endif
	return tap_done();
}
