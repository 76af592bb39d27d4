/* SPDX-License-Identifier: MIT */
/*
 * The signal frame of AArch64: see frame.h.
 *
 * At the stack pointer lies siginfo, then ucontext, which ends with tagged records of its own, then
 * whatever of these did not fit in there, then the frame record that x29 points to.
 */
#ifndef SIGBUS_ARCH_AARCH64_H
#define SIGBUS_ARCH_AARCH64_H

#include <asm/sigcontext.h>
#include <sys/syscall.h>

#define CLASS_INSTRUCTION_ABORT 0x20
#define CLASS_PC_ALIGNMENT 0x22
#define CLASS_DATA_ABORT 0x24
#define CLASS_SP_ALIGNMENT 0x26
#define STATUS_ALIGNMENT 0x21
#define DATA_ABORT_WRITE (1 << 6)
#define SYSCALL_INSTRUCTION 0xd4000001u /* svc #0 */
#define NUMBER_REGISTER 8		/* of a system call */

#define KERNEL_UCONTEXT_OFFSET KERNEL_SIGINFO_SIZE
#define FRAME_RECORD_SIZE 16
#define FRAME_SIZE_MAX ((uintptr_t)1 << 18) /* SVE and SME with their longest vectors: 80 KiB */

struct registers {
	uint64_t value[34]; /* x0 to x30, sp, pc, pstate */
};
_Static_assert(
	offsetof(mcontext_t, pstate) + 8 - offsetof(mcontext_t, regs) == sizeof(struct registers),
	"they lie one behind the other");

static inline void registers_save(struct registers *registers, const ucontext_t *uc)
{
	memcpy(registers, uc->uc_mcontext.regs, sizeof(*registers));
}

static inline bool registers_moved(const struct registers *registers, const ucontext_t *uc)
{
	return memcmp(registers, uc->uc_mcontext.regs, sizeof(*registers)) != 0;
}

static inline uintptr_t registers_hash(const ucontext_t *uc)
{
	struct registers registers;
	uintptr_t hash = 0;

	registers_save(&registers, uc);
	for (size_t i = 0; i < sizeof(registers) / sizeof(*registers.value); i++)
		hash = (hash ^ registers.value[i]) * 0x9e3779b97f4a7c15u;
	return hash;
}

static inline uintptr_t frame_pc(const ucontext_t *uc)
{
	return uc->uc_mcontext.pc;
}

static inline void frame_set_pc(ucontext_t *uc, uintptr_t pc)
{
	uc->uc_mcontext.pc = pc;
}

static inline uintptr_t frame_sp(const ucontext_t *uc)
{
	return uc->uc_mcontext.sp;
}

/* ---- what the access was ---- */

/* A tagged record, or NULL. They are looked at only as far as they make sense. */
static inline struct _aarch64_ctx *frame_record(ucontext_t *uc, uint32_t magic)
{
	char *records = (char *)uc->uc_mcontext.__reserved;
	size_t at = 0, end = sizeof(uc->uc_mcontext.__reserved) - sizeof(struct extra_context);

	while (at <= end) {
		struct _aarch64_ctx *head = (struct _aarch64_ctx *)(records + at);

		if (head->magic == magic)
			return head;
		if (!head->magic || head->size < sizeof(*head) || head->size > end)
			return NULL;
		at += head->size;
	}
	return NULL;
}

/* The processor's syndrome of the thread's last fault, 0: there is none. */
static inline uint64_t frame_syndrome(const ucontext_t *uc)
{
	const void *record = frame_record((ucontext_t *)uc, ESR_MAGIC);

	return record ? ((const struct esr_context *)record)->esr : 0;
}

static inline unsigned syndrome_class(uint64_t syndrome)
{
	return syndrome >> 26 & 0x3f;
}

/* Does an instruction of the group "loads and stores" store? */
static inline bool is_store(uint32_t code)
{
	bool load = code & 1u << 22;

	switch (code >> 28 & 3) {
	case 0: /* exclusive, ordered, structures; compare and swap has bit 21 */
		return !load || (!(code & 1u << 26) && code & 1u << 21 &&
					(code & 1u << 23 || !(code & 1u << 31)));
	case 1: /* literals; unscaled with release */
		return code & 1u << 24 && !(code & 3u << 22);
	case 2: /* pairs */
		return !load;
	}
	if ((code & 0x01200c00) == 0x00200000) /* atomic, but for LDAPR */
		return (code & 0x3ffffc00) != 0x38bfc000;
	return !(code & 3u << 22) || (code & 0xc4c00000) == 0x04800000; /* the last: 16 bytes */
}

/* Emulators that give no syndrome: the instruction tells, if it is not what is lost. */
static inline bool instruction_writes(uintptr_t pc)
{
	uint32_t code;

	if (probe(pc & PAGE_MASK, false) != 0)
		return false;
	memcpy(&code, (const void *)pc, sizeof(code));
	if ((code & 0x0a000000) == 0x08000000)
		return is_store(code);
	return (code & 0xffffffe0) == 0xd50b7420; /* DC ZVA: memset() */
}

static inline bool frame_is_write(const ucontext_t *uc)
{
	uint64_t syndrome = frame_syndrome(uc);

	if (!syndrome)
		return instruction_writes(frame_pc(uc));
	return syndrome_class(syndrome) == CLASS_DATA_ABORT && syndrome & DATA_ABORT_WRITE;
}

/* ---- is it a fault? ---- */

/* It is just behind a system call that sends a siginfo as it is given. */
static inline bool frame_is_after_syscall(const ucontext_t *uc)
{
	uint64_t number = uc->uc_mcontext.regs[NUMBER_REGISTER];
	uint32_t instruction;

	if (number != SYS_rt_tgsigqueueinfo && number != SYS_rt_sigqueueinfo &&
		number != SYS_pidfd_send_signal)
		return false;
	memcpy(&instruction, (const void *)(frame_pc(uc) - 4), sizeof(instruction));
	return instruction == SYSCALL_INSTRUCTION;
}

/* The thread was in a system call that waited, with a mask of its own, and was ended by this signal. */
static inline bool frame_has_ended_wait(const ucontext_t *uc)
{
	const unsigned long long *value = uc->uc_mcontext.regs;
	uint64_t number = value[NUMBER_REGISTER];

	return (number == SYS_rt_sigsuspend || number == SYS_ppoll || number == SYS_pselect6 ||
		       number == SYS_epoll_pwait || number == SYS_epoll_pwait2) &&
	       (long)value[0] == -EINTR;
}

/* The thread was in a system call that sent this signal to thread tid (0: any), or to the process. */
static inline bool frame_is_sender(const ucontext_t *uc, int signo, int tid)
{
	const unsigned long long *value = uc->uc_mcontext.regs;
	uint64_t number = value[NUMBER_REGISTER];

	switch (number) {
	case SYS_kill:
	case SYS_rt_sigqueueinfo:
	case SYS_pidfd_send_signal:
		return (int)value[1] == signo;
	case SYS_tgkill:
	case SYS_rt_tgsigqueueinfo:
		return (!tid || (int)value[1] == tid) && (int)value[2] == signo;
	}
	return false;
}

static inline bool is_alignment_fault(uint64_t syndrome)
{
	unsigned class = syndrome_class(syndrome);

	return class == CLASS_PC_ALIGNMENT || class == CLASS_SP_ALIGNMENT ||
	       (class == CLASS_DATA_ABORT && (syndrome & 0x3f) == STATUS_ALIGNMENT);
}

/*
 * A real fault has the processor's syndrome in the frame; a siginfo that was forged or queued again
 * has that of the thread's last fault, or none. Emulators may have none in any case.
 */
static inline bool frame_is_fault(const siginfo_t *info, const ucontext_t *uc)
{
	uint64_t syndrome = frame_syndrome(uc);
	unsigned class = syndrome_class(syndrome);

	if (!syndrome)
		return !frame_is_after_syscall(uc);
	if (info->si_code == BUS_ADRALN)
		return is_alignment_fault(syndrome);
	if (info->si_code == BUS_ADRERR)
		return (class == CLASS_DATA_ABORT || class == CLASS_INSTRUCTION_ABORT) &&
		       uc->uc_mcontext.fault_address == (uintptr_t)info->si_addr;
	return true;
}

/* An emulator: it would take a fault's siginfo that is queued for a fault of its own, and crash. */
static inline bool frame_is_emulated(const ucontext_t *uc)
{
	return frame_syndrome(uc) == 0;
}

static inline void spin_pause(void)
{
	__asm__ volatile("isb" : : : "memory"); /* yield does nothing on most */
}

/* ---- the frame as a whole ---- */

/* Somebody who displaced us may forward by calling our handler: then there is no frame. */
static inline bool frame_is_whole(const struct jump *jump)
{
	return (uintptr_t)jump->uc == jump->frame + KERNEL_UCONTEXT_OFFSET &&
	       jump->record - (uintptr_t)(jump->uc + 1) < FRAME_SIZE_MAX;
}

/* What the handler returns to. */
static inline uintptr_t frame_return(const struct jump *jump)
{
	return jump->restorer;
}

/* The parts of a frame that is whole. */
static inline void frame_parts(struct jump *jump)
{
	jump->uc = (ucontext_t *)(jump->frame + KERNEL_UCONTEXT_OFFSET);
	jump->info = (siginfo_t *)jump->frame;
}

/* The kernel wants the extra records just behind the others, and has their address there. */
static inline void frame_copy_below(struct jump *jump, uintptr_t sp)
{
	size_t size = jump->record + FRAME_RECORD_SIZE - jump->frame;
	uintptr_t frame = (sp & ~(uintptr_t)15) - size;
	struct _aarch64_ctx *extra;

	memcpy((void *)frame, (void *)jump->frame, size);
	jump->record += frame - jump->frame;
	extra = frame_record((ucontext_t *)(frame + KERNEL_UCONTEXT_OFFSET), EXTRA_MAGIC);
	if (extra)
		((struct extra_context *)extra)->datap += frame - jump->frame;
	jump->frame = frame;
	frame_parts(jump);
}

#endif
