/* SPDX-License-Identifier: MIT */
/*
 * The steps. Each writes what it saw into the trace, which outlives the process. Only one of the
 * two threads runs at a time: the other waits for it.
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include "steps.h"

#define PAGE 4096
#define STACK_BYTES 65536

/* A step that a handler may interrupt, and come back to by siglongjmp(). */
struct level {
	sigjmp_buf with_mask, without_mask;
	struct level *outer;
	struct activation *activation;
};

/* A handler that runs. */
struct activation {
	struct activation *outer;
	struct level *interrupted;
	siginfo_t *info;
	ucontext_t *context;
	bool left; /* by swapcontext(): it is not inside any more */
};

struct lane { /* a thread */
	struct level *level;
	struct activation *activation;
	pthread_t thread;
	char *alternate;
	int number;
	bool in_coroutine;
};

extern const struct object part;
static const struct object *object[OBJECTS];
static struct lane lanes[2];
static _Thread_local struct lane *lane;
static char *page_at[PAGES];
static int page_fd[PAGES];
static char *trace;
static uint32_t *facts;
/* volatile: raise() and syscall() are declared not to come back here. */
static volatile size_t used;
static volatile int entries;
static _Atomic int changers; /* a bit for each object that has changed the disposition */

static ucontext_t main_context, coroutine_context, bounce_context;
static char *coroutine_stack, *bounce_stack;
static int coroutine_page;
static enum { IDLE, RUNNING, SUSPENDED } coroutine;

/* ---- the trace ---- */

static void put(const char *text)
{
	for (; *text && used < TRACE_BYTES - 1; used = used + 1)
		trace[used] = *text++;
}

static void put_number(int number)
{
	char text[16], *at = text + sizeof(text);
	unsigned rest = number < 0 ? -(unsigned)number : (unsigned)number;

	*--at = 0;
	do
		*--at = (char)('0' + rest % 10);
	while (rest /= 10);
	if (number < 0)
		*--at = '-';
	put(at);
}

static void put_page(int page)
{
	char name[] = {"aabbccnn"[page], "01010101"[page], 0};

	put(name);
}

static void put_handler(const struct sigaction *action)
{
	if (!(action->sa_flags & SA_SIGINFO) || action->sa_handler == SIG_DFL ||
		action->sa_handler == SIG_IGN) {
		put(action->sa_handler == SIG_DFL ? "D" : action->sa_handler == SIG_IGN ? "I" : "??");
		return;
	}
	for (int i = 0; i < OBJECTS; i++)
		for (int letter = 0; object[i] && letter < LETTERS; letter++)
			if (object[i]->handler[letter] == action->sa_sigaction) {
				char name[] = {(char)('a' + i), (char)('A' + letter), 0};

				put(name);
				return;
			}
	put("??");
}

static void put_action(const struct sigaction *action)
{
	put_handler(action);
	if (action->sa_flags & SA_ONSTACK)
		put("o");
	if (action->sa_flags & SA_NODEFER)
		put("n");
	if (action->sa_flags & SA_RESETHAND)
		put("r");
	if (sigismember(&action->sa_mask, SIGUSR1))
		put("U");
	if (sigismember(&action->sa_mask, SIGBUS))
		put("B");
}

static bool is_blocked(int signo)
{
	sigset_t mask;

	pthread_sigmask(SIG_BLOCK, NULL, &mask);
	return sigismember(&mask, signo);
}

static bool is_pending(void)
{
	sigset_t set;

	sigpending(&set);
	return sigismember(&set, SIGBUS);
}

static bool is_on_alternate(void)
{
	char *here = __builtin_frame_address(0);

	return here >= lane->alternate && here < lane->alternate + STACK_BYTES;
}

static void note(uint32_t fact)
{
	*facts |= fact;
}

/* ---- levels ---- */

#define LEVEL(action)                                                                              \
	do {                                                                                       \
		struct level here = {.outer = lane->level, .activation = lane->activation};        \
		lane->level = &here;                                                               \
		if (sigsetjmp(here.with_mask, 1) == 0 && sigsetjmp(here.without_mask, 0) == 0)     \
			action;                                                                    \
		else                                                                               \
			put("j");                                                                  \
		lane->level = here.outer;                                                          \
		lane->activation = here.activation;                                                \
	} while (0)

static void jump_to(struct level *level, int flags)
{
	if (flags & NO_MASK)
		siglongjmp(level->without_mask, 1);
	siglongjmp(level->with_mask, 1);
}

void jump(int flags)
{
	if (lane->activation)
		jump_to(lane->activation->interrupted, flags);
	put("j-");
}

void jump_out(int flags)
{
	struct level *level = lane->activation ? lane->activation->interrupted : NULL;

	if (!level) {
		put("j-");
		return;
	}
	while (level->outer)
		level = level->outer;
	jump_to(level, flags);
}

/* ---- the handlers ---- */

static void entered(int which, int letter, siginfo_t *info, void *context)
{
	struct activation now = {.outer = lane->activation,
		.interrupted = lane->level,
		.info = info,
		.context = context};
	char name[] = {'{', (char)('a' + which), (char)('A' + letter), 0};
	int page = 0;

	put(name);
	if (lane->number)
		put("'");
	while (page < PAGES && (char *)info->si_addr != page_at[page])
		page++;
	if (info->si_code == BUS_ADRERR && page < PAGES) {
		put_page(page);
	} else {
		put("s");
		put_number(info->si_code);
	}
	if (is_blocked(SIGBUS))
		put("B");
	if (is_blocked(SIGUSR1))
		put("U");
	if (is_on_alternate())
		put("@");
	entries = entries + 1;
	if (entries >= ENTRIES_MAX) {
		put("#");
		_exit(EXIT_ENTRIES);
	}
	put(" ");
	lane->activation = &now;
	if (entries < SCRIPTS)
		script(entries);
	lane->activation = now.outer;
	put("}");
}

/* ---- faults ---- */

/* One instruction, which a handler may skip. */
int read_byte(const char *at) __attribute__((visibility("hidden")));
#if defined(__x86_64__)
__asm__(".pushsection .text\n.globl read_byte, read_byte_at, read_byte_end\n"
	".hidden read_byte, read_byte_at, read_byte_end\n.type read_byte, @function\n"
	"read_byte:\nread_byte_at: movzbl (%rdi), %eax\nread_byte_end: ret\n"
	".size read_byte, . - read_byte\n.popsection");
#elif defined(__i386__)
__asm__(".pushsection .text\n.globl read_byte, read_byte_at, read_byte_end\n"
	".hidden read_byte, read_byte_at, read_byte_end\n.type read_byte, @function\n"
	"read_byte: movl 4(%esp), %eax\nread_byte_at: movzbl (%eax), %eax\nread_byte_end: ret\n"
	".size read_byte, . - read_byte\n.popsection");
#elif defined(__aarch64__)
__asm__(".pushsection .text\n.globl read_byte, read_byte_at, read_byte_end\n"
	".hidden read_byte, read_byte_at, read_byte_end\n.type read_byte, %function\n"
	"read_byte:\nread_byte_at: ldrb w0, [x0]\nread_byte_end: ret\n"
	".size read_byte, . - read_byte\n.popsection");
#endif
extern const char read_byte_at[] __attribute__((visibility("hidden")));
extern const char read_byte_end[] __attribute__((visibility("hidden")));

static void show_byte(int page)
{
	int value = read_byte(page_at[page]);
	char name[] = {(char)(value ? value : '0'), 0};

	put(name);
}

static bool is_inside(void)
{
	return lane->activation && !lane->activation->left;
}

void touch(int page)
{
	put("t");
	put_page(page);
	put("=");
	if (!is_inside() && is_blocked(SIGBUS))
		note(FACT_BLOCKED);
	LEVEL(show_byte(page));
	put(" ");
}

void heal(int page)
{
	put("h ");
	if (ftruncate(page_fd[page], PAGE) < 0 || pwrite(page_fd[page], "A", 1, 0) != 1)
		put("!");
}

void lose(int page)
{
	put("l ");
	if (ftruncate(page_fd[page], 0) < 0)
		put("!");
}

void skip(void)
{
	const struct activation *now = lane->activation;

	if (!now || now->info->si_code != BUS_ADRERR) {
		put("k- ");
		return;
	}
	put("k ");
#if defined(__x86_64__)
	now->context->uc_mcontext.gregs[REG_RIP] = (greg_t)read_byte_end;
	now->context->uc_mcontext.gregs[REG_RAX] = 'k';
#elif defined(__i386__)
	now->context->uc_mcontext.gregs[REG_EIP] = (greg_t)read_byte_end;
	now->context->uc_mcontext.gregs[REG_EAX] = 'k';
#elif defined(__aarch64__)
	now->context->uc_mcontext.pc = (uintptr_t)read_byte_end;
	now->context->uc_mcontext.regs[0] = 'k';
#endif
}

/* ---- the disposition ---- */

void install(int which, int what, int flags, int mask)
{
	struct sigaction old, action = {0};

	if (atomic_fetch_or(&changers, 1 << which) & ~(1 << which))
		note(FACT_OBJECTS);
	if (what < WHAT_DFL && what / LETTERS == which) {
		object[which]->install(what % LETTERS, flags, mask, &old);
	} else if (what == WHAT_OLD) {
		object[which]->restore(&old);
	} else {
		if (what < WHAT_DFL) {
			action.sa_sigaction = object[what / LETTERS]->handler[what % LETTERS];
			action.sa_flags = SA_SIGINFO;
		} else {
			action.sa_handler = what == WHAT_DFL ? SIG_DFL : SIG_IGN;
		}
		sigemptyset(&action.sa_mask);
		object[which]->install_action(&action, &old);
	}
	put("i");
	put_action(&old);
	put(" ");
}

void query(void)
{
	struct sigaction old;

	sigaction(SIGBUS, NULL, &old);
	put("?");
	put_action(&old);
	put(" ");
}

/* ---- sent signals and the mask ---- */

void raise_bus(void)
{
	struct sigaction now;

	sigaction(SIGBUS, NULL, &now);
	if (now.sa_handler == SIG_IGN && lane->activation)
		note(FACT_IGNORED);
	put("r");
	LEVEL(put_number(raise(SIGBUS)));
	put(" ");
}

static void change_mask(int how, const char *name)
{
	sigset_t set, old;

	sigemptyset(&set);
	sigaddset(&set, SIGBUS);
	sigprocmask(how, &set, &old);
	put(name);
	put(sigismember(&old, SIGBUS) ? "B" : ".");
}

void block(void)
{
	change_mask(SIG_BLOCK, "b");
	put(" ");
}

void unblock(void)
{
	put("<");
	LEVEL(change_mask(SIG_UNBLOCK, "u"));
	put(" ");
}

void pending(void)
{
	put(is_pending() ? "p1 " : "p0 ");
}

/* ---- the alternate stack ---- */

static void change_stack(int flags)
{
	stack_t stack = {.ss_sp = lane->alternate, .ss_size = STACK_BYTES, .ss_flags = flags};

	put_number(sigaltstack(&stack, NULL) < 0 ? errno : 0);
	put(" ");
}

void alt_on(void)
{
	put("+");
	change_stack(0);
}

void alt_off(void)
{
	put("-");
	change_stack(SS_DISABLE);
}

/* ---- coroutines: of the first thread, and not on the alternate stack, which has no owner ---- */

static void leave_activations(void)
{
	for (struct activation *at = lane->activation; at; at = at->outer)
		at->left = true;
}

static void switch_to(ucontext_t *from, ucontext_t *to, bool into)
{
	struct level *level = lane->level;
	struct activation *activation = lane->activation;

	leave_activations();
	lane->in_coroutine = into;
	swapcontext(from, to);
	lane->in_coroutine = !into;
	lane->level = level;
	lane->activation = activation;
}

static void run_coroutine(void)
{
	lane->level = NULL;
	lane->activation = NULL;
	touch(coroutine_page);
	while (is_pending()) /* or it would be delivered in the middle of the switch */
		unblock();
	coroutine = IDLE;
	put("c}");
	lane->in_coroutine = false;
}

/* What is pending might be delivered in the middle of a switch. */
static bool may_switch(void)
{
	return !lane->number && !is_on_alternate() && !is_pending();
}

void start(int page)
{
	if (!may_switch() || coroutine != IDLE) {
		put("c- ");
		return;
	}
	put("c{");
	coroutine_page = page;
	coroutine = RUNNING;
	getcontext(&coroutine_context);
	coroutine_context.uc_stack.ss_sp = coroutine_stack;
	coroutine_context.uc_stack.ss_size = STACK_BYTES;
	coroutine_context.uc_link = &main_context;
	makecontext(&coroutine_context, run_coroutine, 0);
	switch_to(&main_context, &coroutine_context, true);
	put(" ");
}

void yield(void)
{
	if (!may_switch() || !lane->in_coroutine || coroutine != RUNNING) {
		put("y- ");
		return;
	}
	put("y");
	coroutine = SUSPENDED;
	switch_to(&coroutine_context, &main_context, false);
	coroutine = RUNNING;
	put("Y ");
}

void resume(void)
{
	if (!may_switch() || lane->in_coroutine || coroutine != SUSPENDED) {
		put("w- ");
		return;
	}
	put("w{");
	switch_to(&main_context, &coroutine_context, true);
	put(" ");
}

static void come_back(void)
{
}

void bounce(void)
{
	ucontext_t here;

	put("B ");
	getcontext(&bounce_context);
	bounce_context.uc_stack.ss_sp = bounce_stack;
	bounce_context.uc_stack.ss_size = STACK_BYTES;
	bounce_context.uc_link = &here;
	makecontext(&bounce_context, come_back, 0);
	leave_activations();
	swapcontext(&here, &bounce_context);
}

void leave(void)
{
	put("x");
	_exit(EXIT_STEP);
}

/* ---- the other thread ---- */

enum { NOTHING = -1, SEND = -2, START = -3 };
static _Atomic int request = NOTHING;

static void wait_while(int value)
{
	while (atomic_load(&request) == value)
		syscall(SYS_futex, &request, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void tell(int value)
{
	atomic_store(&request, value);
	syscall(SYS_futex, &request, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *serve(void *nothing)
{
	lane = &lanes[1];
	(void)nothing;
	for (;;) {
		int wanted;

		tell(NOTHING);
		wait_while(NOTHING);
		wanted = atomic_load(&request);
		if (wanted == SEND)
			pthread_kill(lanes[0].thread, SIGBUS);
		else
			script(wanted);
	}
	return NULL;
}

/* What was sent meanwhile is delivered at the latest at the end of this system call. */
static void ask(int what)
{
	int before;

	while ((before = atomic_load(&request)) != NOTHING) /* a handler left while it was being asked */
		wait_while(before);
	tell(what);
	wait_while(what);
	sched_yield();
}

void sent(void)
{
	if (lane->number) {
		put("s- ");
		return;
	}
	put("s<");
	LEVEL(ask(SEND));
	put("> ");
}

void other(int number)
{
	if (lane->number) {
		put("2- ");
		return;
	}
	put("2<");
	ask(number);
	put("> ");
}

/* ---- begin and end ---- */

static void load(int number, const char *directory)
{
	char path[4096];
	void *library;

	snprintf(path, sizeof(path), "%s/part-%c.so", directory, 'a' + number);
	library = dlopen(path, RTLD_NOW);
	object[number] = library ? dlsym(library, "part") : NULL;
	if (!object[number])
		fprintf(stderr, "steps: %s\n", dlerror());
}

static void map(int page)
{
	const struct object *owner = page / 2 < OBJECTS ? object[page / 2] : NULL;

	page_fd[page] = memfd_create("page", MFD_CLOEXEC);
	if (ftruncate(page_fd[page], PAGE) < 0)
		abort();
	page_at[page] = owner ? owner->map(page_fd[page])
			      : (char *)syscall(SYS_mmap, NULL, PAGE, PROT_READ | PROT_WRITE,
					MAP_SHARED, page_fd[page], 0);
}

static char *stack(void)
{
	return mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

void steps_begin(const char *directory, char *where, uint32_t *what)
{
	trace = where;
	facts = what;
	object[0] = &part;
	for (int i = 1; directory && i < OBJECTS; i++)
		load(i, directory);
	for (int i = 0; i < OBJECTS; i++)
		if (object[i])
			*object[i]->entered = entered;
	for (int page = 0; page < PAGES; page++)
		map(page);
	for (int i = 0; i < 2; i++)
		lanes[i] = (struct lane){.number = i, .alternate = stack()};
	coroutine_stack = stack();
	bounce_stack = stack();
	steps_reset();
}

void steps_reset(void)
{
	for (int page = 0; page < PAGES; page++)
		if (ftruncate(page_fd[page], 0) < 0)
			abort();
}

void steps_run(int with_thread)
{
	static const stack_t none = {.ss_flags = SS_DISABLE};

	lane = &lanes[0];
	lane->thread = pthread_self();
	sigaltstack(&none, NULL); /* "never had one" would not be restored by sigreturn */
	if (with_thread) {
		atomic_store(&request, START);
		if (pthread_create(&lanes[1].thread, NULL, serve, NULL) != 0)
			abort();
		wait_while(START);
	}
	script(0);
	put(".");
	_exit(0);
}
