/* SPDX-License-Identifier: MIT */
/*
 * Start: from the environment to an installed handler, once, before any other constructor.
 *
 * Whatever fails here leaves us inert: the hooks then only pass on. One line says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/auxv.h>
#include "base/base.h"
#include "base/glob.h"
#include "base/syscall.h"
#include "base/text.h"
#include "fault/fault.h"
#include "fault/stacks.h"
#include "hooks/departures.h"
#include "kernel/kernel.h"
#include "kernel/mask.h"
#include "kernel/next.h"
#include "kernel/process.h"
#include "kernel/reserved.h"
#include "memory/memory.h"
#include "memory/repair.h"
#include "owner/owner.h"
#include "policy/policy.h"
#include "report/report.h"
#include "signal/disposition.h"
#include "start/inspect.h"
#include "table/table.h"

/* Of the environment, which the C library has not set yet: we come first. In secure mode: nothing. */
enum variable { POLICY, LOG, ONLY, RUNTIME_DIRECTORY, VARIABLES };
static const char variable_names[VARIABLES][16] = {
	"SIGBUS_POLICY", "SIGBUS_LOG", "SIGBUS_ONLY", "XDG_RUNTIME_DIR"};
static const char *variables[VARIABLES];

/* What is behind "NAME=", or NULL: it is another variable. */
static const char *value_of(const char *entry, const char *name)
{
	for (; *name && *entry == *name; name++)
		entry++;
	return !*name && *entry == '=' ? entry + 1 : NULL;
}

static void read_environment(char **environment)
{
	for (char **entry = environment; entry && *entry; entry++)
		if (**entry == 'S' || **entry == 'X')
			for (unsigned i = 0; i < VARIABLES; i++)
				if (!variables[i])
					variables[i] = value_of(*entry, variable_names[i]);
}

/* By a link of /proc or a descriptor: the name says nothing about the program. */
static bool is_magic(const char *executed)
{
	return text_starts(executed, "/proc/") || text_starts(executed, "/dev/fd/");
}

static void name_program(void)
{
	static char name[NAME_MAX + 1];
	char path[PATH_MAX];
	const char *executed = (const char *)real.getauxval(AT_EXECFN), *base;
	long length = SYS_4(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", path, sizeof(path) - 1);

	if (executed)
		program_path = program_name = base_name(executed);
	if (length > 0) {
		path[length] = '\0';
		base = base_name(path);
		program_path = memcpy(name, base, strnlen(base, NAME_MAX));
	}
	if (!executed || is_magic(executed) || secure_mode) /* anybody can make a link with any name */
		program_name = program_path;
}

/* Programs write over their environment (setproctitle): keep a copy. */
static const char *keep(const char *value)
{
	size_t size = value ? strlen(value) + 1 : 0;
	char *copy = value ? arena_allocate(size) : NULL;

	return copy ? memcpy(copy, value, size) : NULL;
}

static void open_log(void)
{
	char error[512];

	if (out_open(keep(variables[LOG]), error, sizeof(error)) == 0)
		return;
	out_open(NULL, NULL, 0);
	report_note(error);
}

static void say_untrusted(int error)
{
	char line[512];
	struct text text = {.buffer = line, .size = sizeof(line)};

	text_add(&text, SYSTEM_POLICY);
	text_add(&text, error == -EKEYREJECTED
				? " is not used: others than root can write it, or a directory that leads to it"
			: error == -EMLINK ? " is not used: a symbolic link leads to it"
					   : " cannot be read");
	report_note(line);
}

/* In secure mode the administrator's file is the policy, and nothing else. */
static const char *policy_text(struct policy_env *env, size_t *length)
{
	const char *text = "";
	int error;

	*length = 0;
	if (!secure_mode) {
		text = keep(variables[POLICY]);
		*length = text ? strlen(text) : 0;
		return text ? text : "";
	}
	env->load = policy_load_trusted;
	env->file = SYSTEM_POLICY;
	error = policy_load_trusted(SYSTEM_POLICY, &text, length);
	if (error && error != -ENOENT)
		say_untrusted(error);
	return text;
}

static void read_policy(void)
{
	struct policy_env env = {.allocate = arena_allocate,
		.load = policy_load,
		.presets = policy_presets,
		.runtime_directory = runtime_directory,
		.compiled = policy_compiled};
	const char *text;
	struct policy_error error;
	char line[512];
	size_t length;

	policy_file_init(PRESET_DIR, arena_allocate);
	text = policy_text(&env, &length);
	if (policy_parse(text, length, &env, &policy, &error) == 0)
		return;
	length = policy_error_line(&error, line, sizeof(line) - 1);
	line[length] = '\n';
	out_stderr_line(line, length + 1);
	if (policy.strict)
		SYS_1(SYS_exit_group, 2);
	policy_builtin(&policy);
}

/* A SIGBUS that is pending over exec() is delivered as soon as it is no longer blocked for real. */
static void translate_mask(void)
{
	uint64_t mask = mask_swap(SIG_BLOCK, 0);

	if (!(mask & SIGNAL_BIT(SIGBUS)))
		return;
	mask_swap(SIG_BLOCK, SIGNAL_BIT(shadow_signal));
	mask_swap(SIG_UNBLOCK, SIGNAL_BIT(SIGBUS));
}

static bool can_be_blocked(int signo)
{
	uint64_t before = mask_swap(SIG_BLOCK, SIGNAL_BIT(signo));

	return mask_swap(SIG_SETMASK, before) & SIGNAL_BIT(signo);
}

/* The highest one, but emulators keep some of the highest for themselves. */
static int reserve_signal(void)
{
	int signo;

	do
		signo = real.__libc_allocate_rtsig(0);
	while (signo > 0 && !can_be_blocked(signo));
	return signo;
}

static void *table_memory(size_t size)
{
	reserved_make_spares();
	return arena_allocate(size);
}

static void say_owners_are_full(void)
{
	report_event("limit", "more than 4095 shared objects have mapped files and are loaded, or have left "
			      "mappings behind: the owner of what others map is unknown");
}

/* INSPECT_ACTIVE, or why not. */
static enum inspect_state start(void)
{
	int error = process_init(range_forked);

	if (error)
		return error == -ENOMEM ? INSPECT_NO_SPACE : INSPECT_NO_WIPE;
	track_init(table_memory);
	owner_when_full(say_owners_are_full);
	open_log();
	runtime_directory = keep(variables[RUNTIME_DIRECTORY]);
	read_policy();
	probe_init();
	/* Address space that is limited, or locked by mlockall(), is taken only where it is needed. */
	if (policy.actions & (1u << ACTION_ZERO | 1u << ACTION_ONES))
		anchor_init();
	shadow_signal = reserve_signal();
	if (shadow_signal < 0)
		return INSPECT_NO_SIGNAL;
	mask_init();
	departures_init();
	stacks_init();
	error = disposition_init((void *)sigbus_entry, (void (*)(void))sigbus_restorer);
	if (error)
		return error == -ENOMEM ? INSPECT_NO_SPACE : INSPECT_SIGNAL_TAKEN;
	/* All that a hook or the handler reads is written: one thread runs, and later ones are its children. */
	active = true;
	translate_mask();
	return INSPECT_ACTIVE;
}

static void say(enum inspect_state state)
{
	static const char reasons[INSPECT_STATES][96] = {
#define REASON(state, reason) [state] = reason,
		INSPECT_FAILURES(REASON)
#undef REASON
	};
	char line[512];
	struct text text = {.buffer = line, .size = sizeof(line)};

	text_add(&text, state == INSPECT_ACTIVE ? "active in " : "inactive in ");
	text_escaped(&text, program_name);
	text_add(&text, "[");
	text_decimal(&text, SYS_0(SYS_getpid));
	text_add(&text, state == INSPECT_ACTIVE ? "], rules: " : "]: ");
	if (state == INSPECT_ACTIVE) {
		text_decimal(&text, policy.rule_count);
	} else if (state == INSPECT_SIGNAL_TAKEN) {
		text_add(&text, "signal ");
		text_decimal(&text, shadow_signal);
		text_add(&text, " cannot be had (valgrind?)");
	} else {
		text_add(&text, reasons[state]);
	}
	report_note(line);
}

__attribute__((constructor)) static void load(int argc, char **argv, char **envp)
{
	enum inspect_state state;

	(void)argc, (void)argv;
	program_path = program_name = "?";
	real_init();
	real_protect();
	inspect_init();
	if (!real.__libc_allocate_rtsig) {
		inspect_set_state(INSPECT_FOREIGN);
		return;
	}
	secure_mode = real.getauxval(AT_SECURE);
	if (!secure_mode) /* given by this C library's loader only */
		read_environment(envp);
	name_program();
	if (variables[ONLY] && !glob_list_match(variables[ONLY], program_name, program_path)) {
		inspect_set_state(INSPECT_DORMANT);
		return;
	}
	state = real_is_behind				     ? INSPECT_BEHIND
		: real.getauxval(AT_PAGESZ) != PAGE_SIZE     ? INSPECT_PAGES
							     : start();
	inspect_set_state(state);
	if (state == INSPECT_ACTIVE) {
		if (out_start_line_wanted())
			say(state);
		return;
	}
	/* A library of the program may be linked with us for sigbus_copy_from(): then nobody misses us. */
	if (state == INSPECT_BEHIND && !variables[POLICY] && !variables[LOG])
		return;
	open_log(); /* perhaps there was no memory for it */
	say(state);
}

/*
 * The last moment before the program runs. Our constructor is too early for dlopen(): the C library
 * has not been started then, and would be, without its arguments, as a dependency of libgcc_s.
 */
EXPORT int __libc_start_main(int (*program)(int, char **, char **), int argc, char **argv,
	void (*init)(void), void (*fini)(void), void (*loader_fini)(void), void *stack_end)
{
	if (!real.__libc_start_main) /* another C library runs constructors later than this */
		real_init();
	if (active && policy.keys & 1u << KEY_OWNER)
		wrapper_init();
	if (active)
		interposer_init();
	return real.__libc_start_main(program, argc, argv, init, fini, loader_fini, stack_end);
}

__attribute__((destructor)) static void unload(void)
{
	if (active)
		report_summary();
}
