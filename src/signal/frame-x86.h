/* SPDX-License-Identifier: MIT */
/* The signal frames of x86-64 and of i386: see frame.h. */
#ifndef SIGBUS_ARCH_X86_H
#define SIGBUS_ARCH_X86_H

#define TRAP_ALIGNMENT_CHECK 17
#define TRAP_PAGE_FAULT 14
#define PAGE_FAULT_WRITE 2

/* The kernel's ucontext has an 8-byte mask; the C library's is longer than what is on the stack. */
#define KERNEL_UCONTEXT_SIZE (offsetof(ucontext_t, uc_sigmask) + 8)

/* The extended registers lie above the frame. */
#define XSTATE_MAGIC 0x46505853u /* in the software-reserved bytes of the FXSAVE area */
#define XSTATE_MAGIC_OFFSET 464
#define FXSAVE_SIZE 512
#define XSTATE_ALIGNMENT 64

#if defined(__x86_64__)
#define REGISTER_PC REG_RIP
#define REGISTER_SP REG_RSP
#define REGISTER_COUNT (REG_EFL + 1)
#define FAULT_ADDRESS(uc) ((uintptr_t)(uc)->uc_mcontext.gregs[REG_CR2])
/* Return address, ucontext, siginfo. */
#define KERNEL_UCONTEXT_OFFSET 8
#define KERNEL_SIGINFO_OFFSET (KERNEL_UCONTEXT_OFFSET + KERNEL_UCONTEXT_SIZE)
#define KERNEL_FRAME_SIZE (KERNEL_SIGINFO_OFFSET + KERNEL_SIGINFO_SIZE)
#define FSAVE_SIZE 0
#define RED_ZONE 128
#else
#define REGISTER_PC REG_EIP
#define REGISTER_SP REG_ESP
#define REGISTER_COUNT (REG_SS + 1)
#define FAULT_ADDRESS(uc) ((uintptr_t)(uc)->uc_mcontext.cr2)
/* Return address, the handler's three arguments, siginfo, ucontext, code for debuggers. */
#define KERNEL_SIGINFO_OFFSET 16
#define KERNEL_UCONTEXT_OFFSET (KERNEL_SIGINFO_OFFSET + KERNEL_SIGINFO_SIZE)
#define KERNEL_FRAME_SIZE (KERNEL_UCONTEXT_OFFSET + KERNEL_UCONTEXT_SIZE + 8)
#define FSAVE_SIZE 112 /* of old, before the FXSAVE area */
#define RED_ZONE 0
#endif

struct registers {
	greg_t value[REGISTER_COUNT];
};

static inline void registers_save(struct registers *registers, const ucontext_t *uc)
{
	memcpy(registers->value, uc->uc_mcontext.gregs, sizeof(registers->value));
}

static inline bool registers_moved(const struct registers *registers, const ucontext_t *uc)
{
	return memcmp(registers->value, uc->uc_mcontext.gregs, sizeof(registers->value)) != 0;
}

/* In two lanes, whose multiplications do not wait for each other. */
static inline uintptr_t registers_hash(const ucontext_t *uc)
{
	const uintptr_t factor = (uintptr_t)0x9e3779b97f4a7c15u;
	const greg_t *value = uc->uc_mcontext.gregs;
	uintptr_t even = 0, odd = 0;

	for (size_t i = 0; i + 1 < REGISTER_COUNT; i += 2) {
		even = (even ^ (uintptr_t)value[i]) * factor;
		odd = (odd ^ (uintptr_t)value[i + 1]) * factor;
	}
	if (REGISTER_COUNT % 2)
		even = (even ^ (uintptr_t)value[REGISTER_COUNT - 1]) * factor;
	return even * factor ^ odd;
}

static inline uintptr_t frame_pc(const ucontext_t *uc)
{
	return (uintptr_t)uc->uc_mcontext.gregs[REGISTER_PC];
}

static inline void frame_set_pc(ucontext_t *uc, uintptr_t pc)
{
	uc->uc_mcontext.gregs[REGISTER_PC] = (greg_t)pc;
}

static inline uintptr_t frame_sp(const ucontext_t *uc)
{
	return (uintptr_t)uc->uc_mcontext.gregs[REGISTER_SP];
}

static inline bool frame_is_write(const ucontext_t *uc)
{
	return uc->uc_mcontext.gregs[REG_ERR] & PAGE_FAULT_WRITE;
}

#if defined(__x86_64__)
#define REGISTER_RESULT REG_RAX
#define SYSCALL_INSTRUCTION 0x050f /* 0f 05 */

/* The syscall instruction leaves its return address in rcx. */
static inline bool may_be_behind_syscall(const ucontext_t *uc)
{
	return (uintptr_t)uc->uc_mcontext.gregs[REG_RCX] == frame_pc(uc);
}
#else
#define REGISTER_RESULT REG_EAX
#define SYSCALL_INSTRUCTION 0x80cd /* cd 80, in the vDSO too, whatever the processor has */

/* No such trace here, but the instruction can be looked at. */
static inline bool may_be_behind_syscall(const ucontext_t *uc)
{
	uintptr_t code = frame_pc(uc) - 2;

	return ((code + 1) & ~PAGE_MASK) && probe(code & PAGE_MASK, false) == 0;
}
#endif

static inline bool is_behind_syscall(const ucontext_t *uc)
{
	uint16_t instruction;

	if (!may_be_behind_syscall(uc))
		return false;
	memcpy(&instruction, (const void *)(frame_pc(uc) - 2), sizeof(instruction));
	return instruction == SYSCALL_INSTRUCTION;
}

/* The thread was in a system call; on i386: in one that has succeeded, for the look costs one, too. */
static inline bool frame_is_after_syscall(const ucontext_t *uc)
{
#if defined(__i386__)
	if (uc->uc_mcontext.gregs[REGISTER_RESULT] != 0)
		return false;
#endif
	return is_behind_syscall(uc);
}

/* The thread was in a system call that waited, and was ended by this signal. */
static inline bool frame_has_ended_wait(const ucontext_t *uc)
{
	return uc->uc_mcontext.gregs[REGISTER_RESULT] == -EINTR && is_behind_syscall(uc);
}

/* A system call that sends: kill() and its kin have the signal second, tgkill() and its kin third. */
#if defined(__x86_64__)
#define REGISTER_SECOND REG_RSI
#define REGISTER_THIRD REG_RDX
#else
#define REGISTER_SECOND REG_ECX
#define REGISTER_THIRD REG_EDX
#endif

/* The thread was in a system call that sent this signal to thread tid (0: any), or to the process. */
static inline bool frame_is_sender(const ucontext_t *uc, int signo, int tid)
{
	const greg_t *value = uc->uc_mcontext.gregs;
	bool is_third = (int)value[REGISTER_THIRD] == signo;

	if ((int)value[REGISTER_SECOND] != signo &&
		!(is_third && (!tid || (int)value[REGISTER_SECOND] == tid)))
		return false;
	return frame_is_after_syscall(uc);
}

static inline bool is_in_page(uintptr_t address, const void *other)
{
	return (address & PAGE_MASK) == ((uintptr_t)other & PAGE_MASK);
}

/*
 * A real fault carries the processor's trap in the frame; a siginfo that was forged or queued again
 * does not, except for what the thread's last fault left there. Where bad memory is met there is
 * no such trap: then the thread must at least not have been in a system call.
 */
static inline bool frame_is_fault(const siginfo_t *info, const ucontext_t *uc)
{
	greg_t trap = uc->uc_mcontext.gregs[REG_TRAPNO];

	if (info->si_code == BUS_ADRALN)
		return trap == TRAP_ALIGNMENT_CHECK;
	if (info->si_code == BUS_ADRERR)
		return trap == TRAP_PAGE_FAULT && FAULT_ADDRESS(uc) == (uintptr_t)info->si_addr;
	return is_in_page(frame_pc(uc), info->si_addr) || !frame_is_after_syscall(uc);
}

static inline bool frame_is_emulated(const ucontext_t *uc)
{
	(void)uc;
	return false;
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

/* What the handler returns to. */
static inline uintptr_t frame_return(const struct jump *jump)
{
	return *(const uintptr_t *)jump->frame;
}

/* The parts of a frame that is whole. */
static inline void frame_parts(struct jump *jump)
{
	jump->uc = (ucontext_t *)(jump->frame + KERNEL_UCONTEXT_OFFSET);
	jump->info = (siginfo_t *)(jump->frame + KERNEL_SIGINFO_OFFSET);
}

static inline size_t xstate_size(const void *xstate)
{
	uint32_t reserved[2];

	if (!xstate)
		return 0;
	memcpy(reserved, (const char *)xstate + FSAVE_SIZE + XSTATE_MAGIC_OFFSET, sizeof(reserved));
	return reserved[0] == XSTATE_MAGIC ? reserved[1] : FSAVE_SIZE + FXSAVE_SIZE;
}

/* At entry a function's stack pointer is a word below a multiple of 16. */
static inline void frame_copy_below(struct jump *jump, uintptr_t sp)
{
	void *xstate = jump->uc->uc_mcontext.fpregs;
	size_t size = xstate_size(xstate);
	uintptr_t fxsave = (sp - RED_ZONE - size + FSAVE_SIZE) & ~(uintptr_t)(XSTATE_ALIGNMENT - 1);
	uintptr_t new_xstate = fxsave - FSAVE_SIZE;
	uintptr_t frame = ((new_xstate - KERNEL_FRAME_SIZE) & ~(uintptr_t)15) - sizeof(uintptr_t);

	memcpy((void *)new_xstate, xstate, size);
	memcpy((void *)frame, (void *)jump->frame, KERNEL_FRAME_SIZE);
	jump->frame = frame;
	frame_parts(jump);
	if (xstate)
		jump->uc->uc_mcontext.fpregs = (void *)new_xstate;
}

#endif
