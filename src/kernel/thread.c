/* SPDX-License-Identifier: MIT */
/* Memory of threads: see thread.h. All [H]. */
#include "kernel/thread.h"
#include <errno.h>
#include <string.h>
#include "base/base.h"
#include "base/syscall.h"
#include "kernel/process.h"

struct block {
	_Alignas(16) unsigned char memory[THREAD_MEMORY];
	struct block *next;
	int pid; /* of the process that made it; a fork child leaves those of the others alone */
	_Atomic int tid;
};

static _Atomic(struct block *) blocks;
LARGE static struct block shared;
__thread void *thread_own_memory __attribute__((tls_model("initial-exec")));

static bool has_ended(int pid, int tid)
{
	return SYS_3(SYS_tgkill, pid, tid, 0) == -ESRCH;
}

/* The exchange decides between threads that find the same one: tid is the owner's, and nobody else's. */
static struct block *take_over(int pid, int tid)
{
	for (struct block *block = atomic_load(&blocks); block; block = block->next) {
		int before = atomic_load(&block->tid);

		if (block->pid != pid || !has_ended(pid, before) ||
			!atomic_compare_exchange_strong(&block->tid, &before, tid))
			continue;
		memset(block->memory, 0, sizeof(block->memory));
		return block;
	}
	return NULL;
}

static struct block *make(int pid, int tid)
{
	struct block *block = arena_allocate(sizeof(*block));

	if (!block)
		return NULL;
	block->pid = pid;
	atomic_store(&block->tid, tid);
	block->next = atomic_load(&blocks);
	/* A block is complete before it is in the list: pairs with the load in take_over(). */
	while (!atomic_compare_exchange_weak(&blocks, &block->next, block))
		;
	return block;
}

/* A signal's handler that comes in between has made one already: then that is it. */
void *thread_find_memory(void)
{
	int pid = (int)SYS_0(SYS_getpid), tid = (int)SYS_0(SYS_gettid);
	struct block *block = take_over(pid, tid);

	if (!block)
		block = make(pid, tid);
	if (!thread_own_memory)
		thread_own_memory = (block ? block : &shared)->memory;
	return thread_own_memory;
}
