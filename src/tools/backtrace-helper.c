/* SPDX-License-Identifier: MIT */
/*
 * sigbus-backtrace PID UCONTEXT: unwinds a thread that stands still.
 *
 * The library starts it for a report (see backtrace.c). Descriptor 0 is the memory of process PID,
 * to be read only. UCONTEXT is the address of the thread's registers there. The frames are written
 * to descriptor 1 as they are found: addresses first, then names, so that something is there if time
 * runs out.
 */
#include <libunwind-ptrace.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>
#include "report/backtrace.h"

static mcontext_t registers;

static bool read_memory(uint64_t address, void *buffer, size_t size)
{
	return pread(STDIN_FILENO, buffer, size, (off_t)address) == (ssize_t)size;
}

/* ---- what libunwind asks for ---- */

static int access_memory(
	unw_addr_space_t space, unw_word_t address, unw_word_t *value, int write, void *unused)
{
	(void)space, (void)unused;
	if (write)
		return -UNW_EINVAL;
	return read_memory(address, value, sizeof(*value)) ? 0 : -UNW_EINVAL;
}

static int access_register(
	unw_addr_space_t space, unw_regnum_t number, unw_word_t *value, int write, void *unused)
{
	static const int index[] = {
		[UNW_X86_64_RAX] = REG_RAX,
		[UNW_X86_64_RDX] = REG_RDX,
		[UNW_X86_64_RCX] = REG_RCX,
		[UNW_X86_64_RBX] = REG_RBX,
		[UNW_X86_64_RSI] = REG_RSI,
		[UNW_X86_64_RDI] = REG_RDI,
		[UNW_X86_64_RBP] = REG_RBP,
		[UNW_X86_64_RSP] = REG_RSP,
		[UNW_X86_64_R8] = REG_R8,
		[UNW_X86_64_R9] = REG_R9,
		[UNW_X86_64_R10] = REG_R10,
		[UNW_X86_64_R11] = REG_R11,
		[UNW_X86_64_R12] = REG_R12,
		[UNW_X86_64_R13] = REG_R13,
		[UNW_X86_64_R14] = REG_R14,
		[UNW_X86_64_R15] = REG_R15,
		[UNW_X86_64_RIP] = REG_RIP,
	};

	(void)space, (void)unused;
	if (write || number < 0 || (size_t)number >= sizeof(index) / sizeof(*index))
		return -UNW_EBADREG;
	*value = (unw_word_t)registers.gregs[index[number]];
	return 0;
}

static int access_float(
	unw_addr_space_t space, unw_regnum_t number, unw_fpreg_t *value, int write, void *unused)
{
	(void)space, (void)number, (void)value, (void)write, (void)unused;
	return -UNW_EBADREG;
}

static int no_dynamic_list(unw_addr_space_t space, unw_word_t *address, void *unused)
{
	(void)space, (void)address, (void)unused;
	return -UNW_ENOINFO;
}

static int no_resume(unw_addr_space_t space, unw_cursor_t *cursor, void *unused)
{
	(void)space, (void)cursor, (void)unused;
	return -UNW_EINVAL;
}

/* _UPT_* read /proc/PID/maps and the files named there; they attach to nothing. */
static unw_accessors_t accessors = {
	.find_proc_info = _UPT_find_proc_info,
	.put_unwind_info = _UPT_put_unwind_info,
	.get_dyn_info_list_addr = no_dynamic_list,
	.access_mem = access_memory,
	.access_reg = access_register,
	.access_fpreg = access_float,
	.resume = no_resume,
	.get_proc_name = _UPT_get_proc_name,
};

/* ---- the frames ---- */

struct result {
	struct backtrace_frame frame[BACKTRACE_FRAMES];
	uint64_t function[BACKTRACE_FRAMES]; /* where it starts; 0: not known */
	unsigned count;
};

static bool put(const struct result *result, unsigned i)
{
	struct backtrace_part part = {.number = i, .frame = result->frame[i]};

	return write(STDOUT_FILENO, &part, sizeof(part)) == (ssize_t)sizeof(part);
}

static uint64_t function_start(unw_cursor_t *cursor)
{
	unw_proc_info_t info;

	return unw_get_proc_info(cursor, &info) == 0 ? info.start_ip : 0;
}

static void find_frames(struct result *result, unw_addr_space_t space, void *process)
{
	unw_cursor_t cursor;
	unw_word_t pc;

	if (unw_init_remote(&cursor, space, process) != 0)
		return;
	do {
		if (unw_get_reg(&cursor, UNW_REG_IP, &pc) != 0 || !pc)
			return;
		result->frame[result->count].pc = pc;
		result->function[result->count] = function_start(&cursor);
		if (!put(result, result->count))
			return;
		result->count++;
	} while (result->count < BACKTRACE_FRAMES && unw_step(&cursor) > 0);
}

/*
 * The nearest symbol of a stripped file is often that of another function: it counts only if it is
 * where the unwind information lets the function start. A return address may be that of the next
 * one.
 */
static void name_frame(struct result *result, unsigned i, unw_addr_space_t space, void *process)
{
	struct backtrace_frame *frame = &result->frame[i];
	uint64_t pc = frame->pc - (i > 0);
	unw_word_t offset = 0;
	int error = _UPT_get_proc_name(
		space, pc, frame->symbol, sizeof(frame->symbol), &offset, process);

	if ((error != 0 && error != -UNW_ENOMEM) || /* which says: cut */
		pc - offset != result->function[i]) {
		frame->symbol[0] = '\0';
		return;
	}
	frame->offset = offset + (i > 0);
	put(result, i);
}

int main(int argc, char **argv)
{
	static struct result result;
	unw_addr_space_t space;
	uint64_t uc;
	void *process;

	if (argc != 3)
		return 2;
	uc = strtoull(argv[2], NULL, 10);
	space = unw_create_addr_space(&accessors, 0);
	process = _UPT_create(atoi(argv[1]));
	if (!space || !process ||
		!read_memory(uc + offsetof(ucontext_t, uc_mcontext), &registers, sizeof(registers)))
		return 1;
	find_frames(&result, space, process);
	for (unsigned i = 0; i < result.count; i++)
		name_frame(&result, i, space, process);
	return 0;
}
