/* SPDX-License-Identifier: MIT */
/* See actor.h. The handlers are the ways in which libraries are known to answer a SIGBUS. */
#include "actor.h"

#include <setjmp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAPPINGS 8
#define MAP_SIZE (ACTOR_PAGES * ACTOR_PAGE)

static struct mapping {
	char *start;
	int fd, prot;
} mapping[MAPPINGS];
static int mapping_count;

enum mode_id {
	REPAIR,
	REPAIR_PLAIN,
	REINSTALL,
	RESTORE,
	RESTORE_RAISE,
	RAISE,
	CEDE,
	CEDE_PLAIN,
	CEDE_RAISE,
	CEDE_RAISE_EXIT,
	JUMP,
	CEDE_JUMP,
	OLD,
	OLD_PLAIN,
	NOTHING,
	EXIT,
	BRACKET,
	MODES
};

static struct sigaction saved[MODES];
static _Atomic int calls[MODES], sent_calls, foreign_calls;
static _Thread_local sigjmp_buf jump_buffer;
static volatile bool bracketed;
static char *volatile touching; /* what a handler without siginfo takes for the address */

static const struct mapping *mapping_at(const char *address)
{
	for (int i = 0; i < mapping_count; i++)
		if (address >= mapping[i].start && address < mapping[i].start + MAP_SIZE)
			return &mapping[i];
	return NULL;
}

static void replace_page(char *address, int prot, int byte)
{
	char *page = (char *)((uintptr_t)address & ~(uintptr_t)(ACTOR_PAGE - 1));

	page = mmap(page, ACTOR_PAGE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (page == MAP_FAILED)
		_exit(70);
	memset(page, byte, ACTOR_PAGE);
	if (!(prot & PROT_WRITE) && mprotect(page, ACTOR_PAGE, prot) < 0)
		_exit(71);
}

static void repair_address(char *address)
{
	const struct mapping *own = mapping_at(address);

	if (own)
		replace_page(address, own->prot, ACTOR_OWN);
	else
		replace_page(address, PROT_READ | PROT_WRITE, ACTOR_FOREIGN);
}

/* True for a fault; a sent signal is only counted. */
static bool enter(enum mode_id mode, const siginfo_t *info)
{
	if (info && info->si_code <= 0) {
		atomic_fetch_add(&sent_calls, 1);
		return false;
	}
	atomic_fetch_add(&calls[mode], 1);
	if (info && !mapping_at(info->si_addr))
		atomic_fetch_add(&foreign_calls, 1);
	return true;
}

static void on_repair(int signo, siginfo_t *info, void *context)
{
	(void)signo, (void)context;
	if (enter(REPAIR, info))
		repair_address(info->si_addr);
}

static void on_repair_plain(int signo)
{
	(void)signo;
	enter(REPAIR_PLAIN, NULL);
	repair_address(touching);
}

/* The idiom of systems where a handler is gone once it is called. */
static void on_reinstall(int signo)
{
	signal(signo, on_reinstall);
	enter(REINSTALL, NULL);
	repair_address(touching);
}

static void on_restore(int signo, siginfo_t *info, void *context)
{
	(void)context;
	enter(RESTORE, info);
	sigaction(signo, &saved[RESTORE], NULL);
}

static void on_restore_raise(int signo, siginfo_t *info, void *context)
{
	(void)context;
	enter(RESTORE_RAISE, info);
	sigaction(signo, &saved[RESTORE_RAISE], NULL);
	raise(signo);
}

static void on_raise(int signo, siginfo_t *info, void *context)
{
	(void)context;
	enter(RAISE, info);
	raise(signo);
}

static void on_cede(int signo, siginfo_t *info, void *context)
{
	(void)context;
	enter(CEDE, info);
	signal(signo, SIG_DFL);
}

static void on_cede_plain(int signo)
{
	enter(CEDE_PLAIN, NULL);
	signal(signo, SIG_DFL);
}

static void on_cede_raise(int signo, siginfo_t *info, void *context)
{
	(void)context;
	enter(CEDE_RAISE, info);
	signal(signo, SIG_DFL);
	raise(signo);
}

static void on_cede_raise_exit(int signo, siginfo_t *info, void *context)
{
	(void)context;
	enter(CEDE_RAISE_EXIT, info);
	signal(signo, SIG_DFL);
	raise(signo);
	_exit(42);
}

static void on_jump(int signo, siginfo_t *info, void *context)
{
	(void)signo, (void)context;
	if (enter(JUMP, info))
		siglongjmp(jump_buffer, 1);
}

static void on_cede_jump(int signo, siginfo_t *info, void *context)
{
	(void)context;
	signal(signo, SIG_DFL);
	if (enter(CEDE_JUMP, info))
		siglongjmp(jump_buffer, 1);
}

static void call(const struct sigaction *action, int signo, siginfo_t *info, void *context)
{
	if (action->sa_flags & SA_SIGINFO)
		action->sa_sigaction(signo, info, context);
	else
		action->sa_handler(signo);
}

static void on_old(int signo, siginfo_t *info, void *context)
{
	enter(OLD, info);
	call(&saved[OLD], signo, info, context);
}

static void on_old_plain(int signo)
{
	enter(OLD_PLAIN, NULL);
	saved[OLD_PLAIN].sa_handler(signo);
}

static void on_nothing(int signo, siginfo_t *info, void *context)
{
	(void)signo, (void)context;
	enter(NOTHING, info);
}

static void on_exit_mode(int signo, siginfo_t *info, void *context)
{
	(void)signo, (void)context;
	if (enter(EXIT, info))
		_exit(33);
}

static void on_bracket(int signo, siginfo_t *info, void *context)
{
	(void)context;
	enter(BRACKET, info);
	if (bracketed && info->si_code > 0 && mapping_at(info->si_addr)) {
		repair_address(info->si_addr);
		return;
	}
	sigaction(signo, &saved[BRACKET], NULL);
	raise(signo);
}

static const struct mode {
	const char *name;
	void (*info)(int, siginfo_t *, void *);
	void (*plain)(int);
} modes[MODES] = {
	[REPAIR] = {"repair", on_repair, NULL},
	[REPAIR_PLAIN] = {"repair-plain", NULL, on_repair_plain},
	[REINSTALL] = {"reinstall", NULL, on_reinstall},
	[RESTORE] = {"restore", on_restore, NULL},
	[RESTORE_RAISE] = {"restore-raise", on_restore_raise, NULL},
	[RAISE] = {"raise", on_raise, NULL},
	[CEDE] = {"cede", on_cede, NULL},
	[CEDE_PLAIN] = {"cede-plain", NULL, on_cede_plain},
	[CEDE_RAISE] = {"cede-raise", on_cede_raise, NULL},
	[CEDE_RAISE_EXIT] = {"cede-raise-exit", on_cede_raise_exit, NULL},
	[JUMP] = {"jump", on_jump, NULL},
	[CEDE_JUMP] = {"cede-jump", on_cede_jump, NULL},
	[OLD] = {"old", on_old, NULL},
	[OLD_PLAIN] = {"old-plain", NULL, on_old_plain},
	[NOTHING] = {"nothing", on_nothing, NULL},
	[EXIT] = {"exit", on_exit_mode, NULL},
	[BRACKET] = {"bracket", on_bracket, NULL},
};

static int mode_find(const char *name)
{
	for (int i = 0; i < MODES; i++)
		if (strcmp(modes[i].name, name) == 0)
			return i;
	return -1;
}

static int actor_install(const char *name, const char *flags)
{
	struct sigaction action = {0};
	int mode = mode_find(name);

	if (mode < 0)
		return -1;
	if (strstr(flags, "signal"))
		return signal(SIGBUS, modes[mode].plain) == SIG_ERR ? -1 : 0;
	if (strstr(flags, "sysv"))
		return sysv_signal(SIGBUS, modes[mode].plain) == SIG_ERR ? -1 : 0;
	sigemptyset(&action.sa_mask);
	if (modes[mode].info) {
		action.sa_flags = SA_SIGINFO;
		action.sa_sigaction = modes[mode].info;
	} else {
		action.sa_handler = modes[mode].plain;
	}
	if (strstr(flags, "nodefer"))
		action.sa_flags |= SA_NODEFER;
	if (strstr(flags, "resethand"))
		action.sa_flags |= SA_RESETHAND;
	return sigaction(SIGBUS, &action, &saved[mode]);
}

static int actor_uninstall(const char *what, const char *name)
{
	int mode = mode_find(name);
	volatile int result; /* no tail call: we are the caller that counts */

	if (strcmp(what, "old") == 0)
		result = mode < 0 ? -1 : sigaction(SIGBUS, &saved[mode], NULL);
	else
		result = signal(SIGBUS, *what == 'i' ? SIG_IGN : SIG_DFL) == SIG_ERR ? -1 : 0;
	return result;
}

static int actor_map(int prot, int flags)
{
	struct mapping *new = &mapping[mapping_count];
	char data[MAP_SIZE];

	if (mapping_count == MAPPINGS)
		return -1;
	memset(data, ACTOR_DATA, sizeof(data));
	new->prot = prot;
	new->fd = memfd_create("actor", MFD_CLOEXEC);
	if (pwrite(new->fd, data, MAP_SIZE, 0) != MAP_SIZE)
		return -1;
	/* The result is stored, not returned: a tail call would make our caller the owner. */
	new->start = mmap(NULL, MAP_SIZE, prot, flags, new->fd, 0);
	return new->start == MAP_FAILED ? -1 : mapping_count++;
}

static int actor_protect(int number, int prot)
{
	mapping[number].prot = prot;
	return mprotect(mapping[number].start, MAP_SIZE, prot);
}

static int actor_truncate(int number)
{
	return ftruncate(mapping[number].fd, 0);
}

static int actor_touch(int number)
{
	volatile char *byte = mapping[number].start;

	if (sigsetjmp(jump_buffer, 1))
		return ACTOR_JUMPED;
	touching = mapping[number].start;
	return (unsigned char)*byte;
}

static int actor_store(int number, int value)
{
	volatile char *byte = mapping[number].start;

	if (sigsetjmp(jump_buffer, 1))
		return ACTOR_JUMPED;
	touching = mapping[number].start;
	*byte = (char)value;
	return (unsigned char)*byte;
}

static void actor_bracket(int inside)
{
	bracketed = inside;
}

static void *actor_address(int number)
{
	return mapping[number].start;
}

static int actor_calls(const char *name)
{
	int mode = mode_find(name);

	return mode < 0 ? -1 : atomic_load(&calls[mode]);
}

static int actor_sent(void)
{
	return atomic_load(&sent_calls);
}

static int actor_foreign(void)
{
	return atomic_load(&foreign_calls);
}

static const char *actor_mode_of(const struct sigaction *action)
{
	for (int i = 0; i < MODES; i++)
		if (action->sa_flags & SA_SIGINFO ? action->sa_sigaction == modes[i].info
						  : action->sa_handler == modes[i].plain)
			return modes[i].name;
	return NULL;
}

const struct actor actor = {
	.install = actor_install,
	.uninstall = actor_uninstall,
	.map = actor_map,
	.protect = actor_protect,
	.truncate = actor_truncate,
	.touch = actor_touch,
	.store = actor_store,
	.bracket = actor_bracket,
	.address = actor_address,
	.calls = actor_calls,
	.sent = actor_sent,
	.foreign = actor_foreign,
	.mode_of = actor_mode_of,
};

#ifdef ACTOR_CONSTRUCTOR
__attribute__((constructor)) static void start(void)
{
	actor_install("repair", "");
	actor_map(PROT_READ, MAP_SHARED);
}
#endif
