/* SPDX-License-Identifier: MIT */
/*
 * Two threads fault on page 0 of a range while a third cuts page 1 out of it and a foreign mapping
 * gets that address. The steps have the names that they have in the source; page 0 stays, page 1
 * goes. See README.
 *
 * MODE   0: as in the code        1: probe, then replace (no protocol)   2: version read after the probe
 *        3: the writer does not WAIT, mprotect() not VOID what was read before   4: no CHECK   5: CHECK looks at the geometry, not at the state
 * SELF   a signal handler on the writer's own thread repairs before or in the middle of its cut
 * W2     the whole range is unmapped, and its record reused for the same address
 * PROT   the writer is mprotect(): what is put in place afterwards must have the new protection
 */
#ifndef MODE
#define MODE 0
#endif
#ifndef SELF	/* SELF: a signal handler on W's own thread does the repair in the middle of munmap */
#define SELF 0
#endif
#define LOST 0
#define ZERO 1
#define FOREIGN 2
#define HOLE 3
#define WROTE 4
#define FILE2 5
/* memory */
byte pg[2];		/* what the kernel has there: page 0 stays, page 1 is cut by W */
byte wr[2];		/* writers' bits in page 0: wr[t]=1 thread t's store is in the page */
bit did[2];		/* thread t stored */
/* record: st (generation) and geo (number of pages, 0 dead) */
byte gen = 1; byte geo = 2; byte seq = 0;
byte stripe = 0;	/* odd: held */
bit flag;		/* RANGE_PROTECTED: the kernel has to be asked for the protection */
bit protection;		/* the mapping's: 0 old, 1 new */
inline wipe() { wr[0] = 0; wr[1] = 0; }

/* the store of thread t on page 0: faults while LOST */
inline repair(t) {
	/* LOOK: state, geometry, state again (generations are unique, so equal = one incarnation) */
	g = gen; n = geo; f = flag;
	if
	:: (gen != g || n == 0) -> n = 0	/* not found: unknown */
	:: else -> skip
	fi;
#if MODE != 1
	v = stripe;	/* VERSION */
#endif
	put = (f -> protection : 0);
	/* PROBE page 0, MEASURE: page 1 goes with it, and which protection they have */
	ext = 0;
	if
	:: (n == 0) -> res = 2
	:: (n > 0) ->
		if
		:: (pg[0] != LOST) -> res = 0
		:: else ->
			if :: (n == 2 && pg[1] == LOST) -> ext = 1 :: else -> skip fi;
			res = 1
		fi
	fi;
	if
	:: (res == 1) ->
#if MODE == 2
		v = stripe;	/* bug: version read after the probe */
#endif
#if MODE != 1
		if
		:: (v & 1) -> res = 3	/* busy: retry the access */
		:: else ->
			/* TAKE */
			atomic { if :: (stripe == v) -> stripe = v + 1 :: else -> res = 3 fi }
		fi;
		if
		:: (res == 1) ->
#if MODE != 4
			n2 = geo;	/* CHECK */
			if
#if MODE == 5
			:: (n2 < 1 + ext) -> res = 3
#else
			:: (gen != g || flag != f || n2 < 1 + ext) -> res = 3
#endif
			:: else -> skip
			fi;
#endif
			if
			:: (res == 1) ->
				/* REPLACE: mmap(MAP_FIXED), one atomic step in the kernel */
				atomic {
					protection = put;
					assert(pg[1] != FOREIGN || ext == 0);	/* (i) */
					assert(wr[0] == 0 && wr[1] == 0);	/* (ii) no write is wiped */
					pg[0] = ZERO; if :: ext -> pg[1] = ZERO :: else -> skip fi; wipe() }
				skip
			:: else -> skip
			fi;
			stripe = v + 2	/* RELEASE */
		:: else -> skip
		fi
#else
		atomic {
			assert(pg[1] != FOREIGN || ext == 0);
			assert(wr[0] == 0 && wr[1] == 0);
			pg[0] = ZERO; if :: ext -> pg[1] = ZERO :: else -> skip fi; wipe() }
#endif
	:: else -> skip
	fi
}

proctype fault(byte t) {
	byte g, n, v, n2, res; bit ext, f, put; byte tries = 0;
	do
	:: atomic { (pg[0] != LOST) -> wr[t] = 1; did[t] = 1; break }
	:: (pg[0] == LOST && tries < 4) -> repair(t); tries++
	:: (pg[0] == LOST && tries >= 4) -> break	/* I8: gives up, one step down */
	od
}
bit wdone = 0;
proctype writer() {
	byte v, g, n, n2, res; bit ext, f;
	bit put;
	/* munmap(page 1) */
#if SELF
	bit when; 
	if :: when = 0 :: when = 1 fi;
	if :: (!when) -> repair(0) :: else -> skip fi;
#endif
	geo = 1;			/* CUT: compare and swap, full barrier */
#if SELF
	/* interrupted between mark and wait, on its own thread */
	if :: when -> repair(0) :: else -> skip fi;
#endif
#if MODE != 3
	v = stripe;			/* WAIT: for that holder only */
	if
	:: (v & 1) -> (stripe != v)
	:: else -> skip
	fi;
#endif
	pg[1] = HOLE;			/* CALL: munmap */
	pg[1] = FOREIGN;		/* someone's mmap gets the address */
	wdone = 1
}
/* whole record unmapped, foreign at page 0, record reused for the same address */
proctype writer2() {
	byte v;
	geo = 0;			/* CUT */
#if MODE != 3
	v = stripe;			/* WAIT */
	if :: (v & 1) -> (stripe != v) :: else -> skip fi;
#endif
	atomic { pg[0] = HOLE; pg[1] = HOLE }	/* CALL */
	atomic { pg[0] = FILE2; pg[1] = FOREIGN }
	gen = gen + 1; geo = 2;	/* REUSE: a new incarnation, the same address */
	wdone = 1
}
proctype protect() {
	byte v;
	flag = 1;			/* MARK: the CHECK of whoever looked before fails */
#if MODE == 3
	v = stripe;
	if :: (v & 1) -> (stripe != v) :: else -> skip fi;
	protection = 1;
#else
	do
	:: v = stripe;			/* WAIT */
		if :: (v & 1) -> (stripe != v); v = v + 1 :: else -> skip fi;
		protection = 1;		/* CALL: mprotect() */
		/* VOID: the TAKE of whoever read the version before fails; if somebody took it, again */
		atomic { if :: (stripe == v) -> stripe = v + 2; break :: else -> skip fi }
	od;
#endif
	wdone = 1
}
init {
	atomic { pg[0] = LOST; pg[1] = LOST; run fault(0); run fault(1);
#ifdef PROT
	run protect()
#elif defined(W2)
	run writer2()
#else
	run writer()
#endif
	}
	/* nobody stuck: all end; at the end every store that happened is there */
	(_nr_pr == 1);
#ifdef PROT
	assert(protection == 1);
#elif !defined(W2)
	assert(!did[0] || wr[0]); assert(!did[1] || wr[1]);
	assert(pg[1] == FOREIGN);
#else
	assert(pg[1] == FOREIGN && pg[0] != ZERO);
#endif
}
