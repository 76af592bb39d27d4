/* SPDX-License-Identifier: MIT */
/*
 * State that a fork child must not inherit as it is, and memory that is never given back.
 *
 * Lock words, busy flags and queued signals belong to threads; after fork() those threads do not
 * exist. The kernel wipes these pages in the child (MADV_WIPEONFORK), also for a raw clone(), so
 * there is nothing to repair afterwards. A vfork() child shares them, which is right: so is the
 * memory that they are about.
 */
#include <errno.h>
#include <sys/mman.h>
#include "base/base.h"
#include "base/syscall.h"
#include "kernel/next.h"
#include "kernel/process.h"
#include "kernel/reserved.h"

struct process_state *process_state;
__thread unsigned running_watch __attribute__((tls_model("initial-exec")));
__thread uintptr_t suspended_at __attribute__((tls_model("initial-exec")));

/* Set by start/init.c, before active is. */
bool active;
const char *program_name;
const char *program_path;
const char *runtime_directory;
bool secure_mode;

__attribute__((section(".bss.after"))) static struct process_state state; /* on pages of its own */
_Static_assert(sizeof(state) % PAGE_SIZE == 0, "else what is behind it would be wiped, too");

#define ARENA_CHUNK ((size_t)1 << 20)
#define ARENA_FIRST ((size_t)16 << 10) /* enough for most processes */

struct arena {
	_Atomic size_t used;
	size_t size;
	_Alignas(64) char memory[];
};
LARGE static _Alignas(struct arena) char first_chunk[ARENA_FIRST];
static _Atomic(struct arena *) arena;

static void (*in_fork_child)(void);

/*
 * The fork child writes its number at once: process_ask_pid() gives the state to the first process that
 * finds no number there, which could be a vfork() child of this one.
 */
static void take_over(void)
{
	atomic_store(&process_state->pid, (int)SYS_0(SYS_getpid));
	reserved_forked();
	in_fork_child();
}

int process_init(void (*forked)(void))
{
	if (!reserved_init())
		return -ENOMEM;
	if (SYS_3(SYS_madvise, &state, sizeof(state), MADV_WIPEONFORK) < 0)
		return -ENOSYS;
	atomic_store(&state.pid, (int)SYS_0(SYS_getpid));
	process_state = &state;
	in_fork_child = forked;
	if (real.__register_atfork)
		real.__register_atfork(NULL, NULL, take_over, NULL);
	return 0;
}

bool memory_is_shared;

void process_is_shared(void)
{
	memory_is_shared = true;
}

/*
 * The first caller of a new process takes the state: in a raw fork child pid is 0, for the page was
 * wiped. Its child is gone when the parent of a vfork() runs again.
 */
int process_ask_pid(void)
{
	int pid = (int)SYS_0(SYS_getpid);
	int owner = 0;

	if (atomic_compare_exchange_strong(&process_state->pid, &owner, pid) || owner == pid)
		running_watch &= ~WATCH_VFORK;
	return pid;
}

static bool arena_grow(struct arena *full)
{
	struct arena *fresh = full ? reserved_memory(ARENA_CHUNK) : (struct arena *)first_chunk;

	if (!fresh)
		return atomic_load(&arena) != full;
	/* Written before the exchange, which pairs with the load in arena_allocate(). */
	fresh->size = (full ? ARENA_CHUNK : ARENA_FIRST) - sizeof(*fresh);
	/* Somebody else was faster: use theirs. Ours is addresses only, for nobody touched it. */
	atomic_compare_exchange_strong(&arena, &full, fresh);
	return true;
}

/* A signal handler may come in at any instruction: a chunk is only ever replaced by a fresh one. */
void *arena_allocate(size_t size)
{
	size = (size + 63) & ~(size_t)63;
	if (size > ARENA_CHUNK / 4)
		return reserved_memory(size);
	for (;;) {
		struct arena *chunk = atomic_load(&arena);

		if (chunk) {
			size_t at = atomic_fetch_add(&chunk->used, size);

			if (at + size <= chunk->size)
				return chunk->memory + at;
		}
		if (!arena_grow(chunk))
			return NULL;
	}
}
