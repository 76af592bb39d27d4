/* SPDX-License-Identifier: MIT */
/* What is different from one architecture to the next in a signal frame. All [H]. */
#ifndef SIGBUS_ARCH_H
#define SIGBUS_ARCH_H

#include <string.h>
#include "internal.h"

/* A frame is not further above the stack pointer, unless it was left by siglongjmp(). */
#define STACK_NEAR ((uintptr_t)1 << 20)

#if defined(__x86_64__)

#define TRAP_ALIGNMENT_CHECK 17
#define TRAP_PAGE_FAULT 14
#define PAGE_FAULT_WRITE 2
#define SYSCALL_INSTRUCTION 0x050f /* 0f 05 */

/* The kernel's ucontext has an 8-byte mask; the C library's is longer than what is on the stack. */
#define KERNEL_UCONTEXT_SIZE (offsetof(ucontext_t, uc_sigmask) + 8)
#define KERNEL_SIGINFO_SIZE 128
/* Return address, ucontext, siginfo: the extended registers lie above. */
#define KERNEL_UCONTEXT_OFFSET 8
#define KERNEL_FRAME_SIZE (KERNEL_UCONTEXT_OFFSET + KERNEL_UCONTEXT_SIZE + KERNEL_SIGINFO_SIZE)
#define RED_ZONE 128

struct registers {
	greg_t value[REG_EFL + 1];
};

static inline void registers_save(struct registers *registers, const ucontext_t *uc)
{
	memcpy(registers->value, uc->uc_mcontext.gregs, sizeof(registers->value));
}

static inline bool registers_moved(const struct registers *registers, const ucontext_t *uc)
{
	return memcmp(registers->value, uc->uc_mcontext.gregs, sizeof(registers->value)) != 0;
}

static inline uintptr_t registers_hash(const ucontext_t *uc)
{
	uintptr_t hash = 0;

	for (size_t i = 0; i <= REG_EFL; i++)
		hash = (hash ^ (uintptr_t)uc->uc_mcontext.gregs[i]) * 0x9e3779b97f4a7c15u;
	return hash;
}

static inline uintptr_t frame_pc(const ucontext_t *uc)
{
	return (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
}

static inline uintptr_t frame_sp(const ucontext_t *uc)
{
	return (uintptr_t)uc->uc_mcontext.gregs[REG_RSP];
}

static inline bool stack_holds(const stack_t *stack, uintptr_t address)
{
	return address - (uintptr_t)stack->ss_sp < stack->ss_size;
}

static inline bool frame_is_write(const ucontext_t *uc)
{
	return uc->uc_mcontext.gregs[REG_ERR] & PAGE_FAULT_WRITE;
}

/*
 * A real fault carries the processor's trap in the frame; a siginfo that was forged or queued again
 * does not, except for what the thread's last fault left there.
 */
static inline bool frame_is_fault(const siginfo_t *info, const ucontext_t *uc)
{
	const greg_t *registers = uc->uc_mcontext.gregs;

	if (info->si_code == BUS_ADRALN)
		return registers[REG_TRAPNO] == TRAP_ALIGNMENT_CHECK;
	if (info->si_code == BUS_ADRERR)
		return registers[REG_TRAPNO] == TRAP_PAGE_FAULT &&
		       (void *)registers[REG_CR2] == info->si_addr;
	return true;
}

/* The syscall instruction leaves its return address in rcx: the thread was in a system call. */
static inline bool frame_is_after_syscall(const ucontext_t *uc)
{
	uintptr_t pc = frame_pc(uc);
	uint16_t instruction;

	if ((uintptr_t)uc->uc_mcontext.gregs[REG_RCX] != pc)
		return false;
	memcpy(&instruction, (const void *)(pc - 2), sizeof(instruction));
	return instruction == SYSCALL_INSTRUCTION;
}

#else
#error "libsigbus knows the signal frames of x86-64 only"
#endif

#endif
