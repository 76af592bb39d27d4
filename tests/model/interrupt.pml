/* SPDX-License-Identifier: MIT */
/*
 * What may happen to a thread that holds a lock word, and to who waits for it.
 *
 * SIG    an asynchronous signal hits the repairing thread, and its handler unmaps
 * FORK   the process forks at any moment: the holder does not exist in the child
 * DIES   asynchronous cancellation ends the holder
 * MASKED 1: all signals are blocked while it is held, as in src/memory/repair.c   0: not
 * WIPE   1: the words lie in MADV_WIPEONFORK memory, as in src/kernel/process.c   0: not
 */
#ifndef MASKED
#define MASKED 1
#endif
#ifndef WIPE
#define WIPE 1
#endif
byte geo = 1, stripe = 0, seq = 0; bit lost = 1, mapped = 1, gone = 0, fin = 0, sigd = 0;
inline do_munmap() { geo = 0; v2 = stripe; if :: (v2 & 1) -> (stripe != v2) :: else -> skip fi; mapped = 0 }
active proctype Rp() {
	byte v, v2, q; bit win = 0;
	{
	q = seq;
	/* async signal before the window: handler munmaps on this thread, between lookup and hold */
#ifdef SIG
	if :: (!sigd) -> sigd = 1; do_munmap() :: skip fi;
#endif
	v = stripe;
	if :: (v & 1) -> goto out :: else -> atomic { if :: stripe == v -> stripe = v + 1 :: else -> goto out fi } fi;
#if defined(SIG) && !MASKED
	if :: (!sigd) -> sigd = 1; do_munmap() :: skip fi;
#endif
	if
	:: (geo == 0 || seq != q) -> skip
	:: else ->
#if defined(SIG) && !MASKED
		if :: (!sigd) -> sigd = 1; do_munmap() :: skip fi;
#endif
		atomic { assert(mapped); lost = 0 } seq++
	fi;
	stripe = v + 2;
#ifdef SIG
	if :: (!sigd) -> sigd = 1; do_munmap() :: skip fi;
#endif
out:	skip
	} unless { gone }
}
active proctype Wp() {
	byte v2;
#ifdef FORK
	atomic { gone = 1; 
#if WIPE
	stripe = 0
#endif
	}
#endif
#ifdef DIES
	if :: gone = 1 :: skip fi;
#endif
	do_munmap(); fin = 1
}
