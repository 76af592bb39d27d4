/* SPDX-License-Identifier: MIT */
/*
 * A hole is cut in the middle of a range of three pages while threads fault on both sides of it and
 * repair as far as their record reaches. The right piece is a new record with the same lock word.
 *
 * BORROWED  1: who cuts shares the memory only and may be killed at any step. It takes no lock word,
 *              but the record as a whole, and puts back what stays   2: it takes the word all the same
 */
#ifndef BORROWED
#define BORROWED 0
#endif
#define LOST 0
#define ZERO 1
#define FOREIGN 2
#define HOLE 3
byte pg[3]; byte wr[3];
byte geo[3] = { 7, 0, 0 };	/* bit masks of pages: the record, the right piece, a new left one */
byte lk[1];
bit did0, did2;
inline rep(p, didx) {
	/* lookup: start bit of record 2 first (predecessor search), else record 1 */
	if
	:: (geo[1] & (1 << p)) -> r = 1
	:: else -> if :: (geo[2] & (1 << p)) -> r = 2 :: else -> r = 0 fi
	fi;
	g = geo[r];
	L = 0;
	if
	:: !(g & (1 << p)) -> skip		/* not found: return and fault again */
	:: else ->
		v = lk[L];
		if
		:: (v & 1) -> skip
		:: else ->
			if
			:: (pg[p] != LOST) -> skip
			:: else ->
				ext = 1 << p;
				if :: ((g & 1) && pg[0] == LOST) -> ext = ext | 1 :: else fi;
				if :: ((g & 2) && pg[1] == LOST) -> ext = ext | 2 :: else fi;
				if :: ((g & 4) && pg[2] == LOST) -> ext = ext | 4 :: else fi;
				ok = 0;
				atomic { if :: lk[L] == v -> lk[L] = v + 1; ok = 1 :: else fi };
				if
				:: ok ->
					g2 = geo[r];
					if
					:: ((g2 & ext) == ext) ->
						atomic { assert(!(ext & 2) || pg[1] == LOST || pg[1] == HOLE || pg[1] == ZERO);
							assert(!((ext & 2) && pg[1] == HOLE)); assert(!((ext & 1) && wr[0])); assert(!((ext & 4) && wr[2]));
							if :: (ext & 1) -> pg[0] = ZERO :: else fi; if :: (ext & 2) -> pg[1] = ZERO :: else fi; if :: (ext & 4) -> pg[2] = ZERO :: else fi }
					:: else
					fi;
					lk[L] = v + 2
				:: else
				fi
			fi
		fi
	fi
}
/* Nobody waits for who is gone. */
active proctype Next() {
	(_nr_pr == 1);	/* the others have ended: they are younger */
	assert(!(lk[0] & 1))
}

active proctype PA() { byte r, g, g2, v, L, ext; bit ok; byte n;
	do :: atomic { pg[0] != LOST -> wr[0] = 1; did0 = 1; break } :: (pg[0] == LOST && n < 5) -> rep(0, 0); n++ :: (pg[0] == LOST && n >= 5) -> break od }
active proctype PB() { byte r, g, g2, v, L, ext; bit ok; byte n;
	do :: atomic { pg[2] != LOST -> wr[2] = 1; did2 = 1; break } :: (pg[2] == LOST && n < 5) -> rep(2, 2); n++ :: (pg[2] == LOST && n >= 5) -> break od }
#if BORROWED
#define MAY_DIE if :: goto end :: skip fi
#else
#define MAY_DIE
#endif

active proctype W() { byte v;
#if BORROWED == 1
	MAY_DIE;
	geo[0] = 0;		/* CUT: all of it */
	MAY_DIE;
	v = lk[0]; if :: (v & 1) -> (lk[0] != v) :: else fi;	/* WAIT */
	MAY_DIE;
	geo[2] = 1;
	MAY_DIE;
	geo[1] = 4;
#else
	do
	:: atomic { !(lk[0] & 1) -> lk[0] = lk[0] + 1; break }	/* TAKE */
	od;
	MAY_DIE;
	geo[1] = 4;		/* PUBLISH: the right piece first */
	MAY_DIE;
	geo[0] = 1;		/* CUT */
	MAY_DIE;
	lk[0] = lk[0] + 1;	/* RELEASE */
#endif
	MAY_DIE;
	pg[1] = HOLE;		/* CALL */
	MAY_DIE;
	pg[1] = FOREIGN;
end:	skip
}
