/* SPDX-License-Identifier: MIT */
/* The signal frame of x86-64: see arch.h. */
#ifndef SIGBUS_ARCH_X86_64_H
#define SIGBUS_ARCH_X86_64_H

#define TRAP_ALIGNMENT_CHECK 17
#define TRAP_PAGE_FAULT 14
#define PAGE_FAULT_WRITE 2
#define SYSCALL_INSTRUCTION 0x050f /* 0f 05 */

/* The kernel's ucontext has an 8-byte mask; the C library's is longer than what is on the stack. */
#define KERNEL_UCONTEXT_SIZE (offsetof(ucontext_t, uc_sigmask) + 8)
/* Return address, ucontext, siginfo: the extended registers lie above. */
#define KERNEL_UCONTEXT_OFFSET 8
#define KERNEL_FRAME_SIZE (KERNEL_UCONTEXT_OFFSET + KERNEL_UCONTEXT_SIZE + KERNEL_SIGINFO_SIZE)
#define RED_ZONE 128

#define XSTATE_MAGIC 0x46505853u /* in the software-reserved bytes of the FXSAVE area */
#define XSTATE_MAGIC_OFFSET 464
#define FXSAVE_SIZE 512
#define XSTATE_ALIGNMENT 64

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

static inline void frame_set_pc(ucontext_t *uc, uintptr_t pc)
{
	uc->uc_mcontext.gregs[REG_RIP] = (greg_t)pc;
}

static inline uintptr_t frame_sp(const ucontext_t *uc)
{
	return (uintptr_t)uc->uc_mcontext.gregs[REG_RSP];
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

static inline void spin_pause(void)
{
	__builtin_ia32_pause();
}

/* ---- the frame as a whole ---- */

/* Somebody who displaced us may forward by calling our handler: then there is no frame. */
static inline bool frame_is_whole(const struct jump *jump)
{
	return (uintptr_t)jump->uc == jump->frame + KERNEL_UCONTEXT_OFFSET;
}

static inline size_t xstate_size(const void *xstate)
{
	uint32_t reserved[2];

	if (!xstate)
		return 0;
	memcpy(reserved, (const char *)xstate + XSTATE_MAGIC_OFFSET, sizeof(reserved));
	return reserved[0] == XSTATE_MAGIC ? reserved[1] : FXSAVE_SIZE;
}

static inline void frame_copy_below(struct jump *jump, uintptr_t sp)
{
	void *xstate = jump->uc->uc_mcontext.fpregs;
	size_t size = xstate_size(xstate);
	uintptr_t new_xstate = (sp - RED_ZONE - size) & ~(uintptr_t)(XSTATE_ALIGNMENT - 1);
	uintptr_t frame = ((new_xstate - KERNEL_FRAME_SIZE) & ~(uintptr_t)15) - 8;

	memcpy((void *)new_xstate, xstate, size);
	memcpy((void *)frame, (void *)jump->frame, KERNEL_FRAME_SIZE);
	jump->uc = (ucontext_t *)(frame + KERNEL_UCONTEXT_OFFSET);
	jump->info = (siginfo_t *)(frame + KERNEL_UCONTEXT_OFFSET + KERNEL_UCONTEXT_SIZE);
	if (xstate)
		jump->uc->uc_mcontext.fpregs = (void *)new_xstate;
	jump->frame = frame;
}

#endif
