/* SPDX-License-Identifier: MIT */
/*
 * Two threads fault on page 0 of a range while a third cuts page 1 out of it and a foreign mapping
 * gets that address. The steps are those of src/repair.c; page 0 stays, page 1 goes.
 *
 * MODE   0: as in the code        1: probe, then replace (no protocol)   2: version read after the probe
 *        3: the writer does not wait (its step 3)   4: no recheck under the lock word (step 5)
 * SELF   a signal handler on the writer's own thread repairs before or in the middle of its cut
 * W2     the whole range is unmapped, and its record reused for the same address
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
bit reused = 0;
/* sets: which record lookup() gives. */
inline wipe() { wr[0] = 0; wr[1] = 0; }

/* the store of thread t on page 0: faults while LOST */
inline repair(t) {
	/* snapshot: st, geo, st again (gen is unique, so equal = one incarnation) */
	g = gen; n = geo;
	if
	:: (gen != g || n == 0) -> n = 0	/* not found: unknown */
	:: else -> skip
	fi;
#if MODE != 1
	v = stripe;
#endif
	/* probe page 0 and page 1 (extent) */
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
			atomic { if :: (stripe == v) -> stripe = v + 1 :: else -> res = 3 fi }
		fi;
		if
		:: (res == 1) ->
#if MODE != 4
			n2 = geo;
			if
#if MODE == 2
			:: (gen != g || n2 < 1 + ext) -> res = 3
#else
			:: (gen != g || n2 < 1 + ext || 0) -> res = 3
#endif
			:: else -> skip
			fi;
#endif
			if
			:: (res == 1) ->
				/* mmap(MAP_FIXED): one atomic step in the kernel */
				atomic {
					assert(pg[1] != FOREIGN || ext == 0);	/* (i) */
					assert(wr[0] == 0 && wr[1] == 0);	/* (ii) no write is wiped */
					pg[0] = ZERO; if :: ext -> pg[1] = ZERO :: else -> skip fi; wipe() }
				skip
			:: else -> skip
			fi;
			stripe = v + 2
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
	byte g, n, q, v, n2, res; bit ext; byte tries = 0;
	do
	:: atomic { (pg[0] != LOST) -> wr[t] = 1; did[t] = 1; break }
	:: (pg[0] == LOST && tries < 4) -> repair(t); tries++
	:: (pg[0] == LOST && tries >= 4) -> break	/* I8: gives up, one step down */
	od
}
bit wdone = 0;
proctype writer() {
	byte v, g, n, q, n2, res; bit ext;
	/* munmap(page 1): shrink, then wait, then the system call */
#if SELF
	bit when; 
	if :: when = 0 :: when = 1 fi;
	if :: (!when) -> repair(0) :: else -> skip fi;
#endif
	geo = 1;			/* CAS, full barrier */
#if SELF
	/* interrupted between mark and wait, on its own thread */
	if :: when -> repair(0) :: else -> skip fi;
#endif
#if MODE != 3
	v = stripe;
	if
	:: (v & 1) -> (stripe != v)	/* wait for that holder only */
	:: else -> skip
	fi;
#endif
	pg[1] = HOLE;			/* munmap */
	pg[1] = FOREIGN;		/* someone's mmap gets the address */
	/* the record of page 0 dies too and is reused for the foreign mapping, then a second incarnation at the same address */
	wdone = 1
}
/* whole record unmapped, foreign at page 0, record reused for the same address */
proctype writer2() {
	byte v;
	geo = 0;
#if MODE != 3
	v = stripe;
	if :: (v & 1) -> (stripe != v) :: else -> skip fi;
#endif
	atomic { pg[0] = HOLE; pg[1] = HOLE }
	atomic { pg[0] = FILE2; pg[1] = FOREIGN }
	gen = gen + 1; geo = 2;	/* new incarnation, same address */
	wdone = 1
}
init {
	atomic { pg[0] = LOST; pg[1] = LOST; run fault(0); run fault(1);
#ifdef W2
	run writer2()
#else
	run writer()
#endif
	}
	/* nobody stuck: all end; at the end every store that happened is there */
	(_nr_pr == 1);
#ifndef W2
	assert(!did[0] || wr[0]); assert(!did[1] || wr[1]);
	assert(pg[1] == FOREIGN);
#else
	assert(pg[1] == FOREIGN && pg[0] != ZERO);
#endif
}
