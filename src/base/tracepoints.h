/* SPDX-License-Identifier: MIT */
/*
 * Static probes for bpftrace, perf, SystemTap and gdb; sigbus-run(1) describes them. Each is one
 * nop and a note in the file that says where the arguments are: with nobody attached they only have
 * to be at hand, so pass what is computed anyway. A probe does nothing in the process itself, not
 * even attached: it is [H], and right between any two instructions of a hook.
 *
 * Arguments are words: one of 64 bits would not fit into a register everywhere.
 */
#ifndef SIGBUS_PROBES_H
#define SIGBUS_PROBES_H

#include <stdint.h>

#ifdef HAVE_SYS_SDT_H
#include <sys/sdt.h>
#define PROBE(name, a, b, c, d, e)                                                   \
	STAP_PROBE5(libsigbus, name, (uintptr_t)(a), (uintptr_t)(b), (uintptr_t)(c), \
		(uintptr_t)(d), (uintptr_t)(e))
#else
#define PROBE(name, a, b, c, d, e) ((void)(a), (void)(b), (void)(c), (void)(d), (void)(e))
#endif

/* What i386 addresses relative to its GOT no tracer could read: it has to be in a register. */
static inline const char *probe_text(const char *text)
{
#ifdef __i386__
	__asm__("" : "+r"(text));
#endif
	return text;
}

/* A page may be lost: where, the instruction, si_code, is it a write, the owner's name or NULL. */
#define PROBE_FAULT(address, pc, code, write, owner) \
	PROBE(fault, address, pc, code, write, probe_text(owner))
/* The answer: where, its name, pages replaced, the code called or 0, faults in the range so far. */
#define PROBE_ACTION(address, name, pages, handler, count) \
	PROBE(action, address, name, pages, handler, count)
/* A range that is now in the table: where, bytes, enum range_flag, the owner's name or NULL, the
 * offset of the mapping call in the owner's object. */
#define PROBE_MAP(address, size, flags, owner, caller) \
	PROBE(map, address, size, flags, probe_text(owner), caller)

#endif
