/* SPDX-License-Identifier: MIT */
/*
 * A hole is cut in the middle of a range of three pages while threads fault on both sides of it and
 * repair as far as their record reaches. The right piece is a new record.
 *
 * SHARE  1: it has the same lock word, as in src/table/split.c   0: its own
 */
#ifndef SHARE
#define SHARE 1
#endif
#define LOST 0
#define ZERO 1
#define FOREIGN 2
#define HOLE 3
byte pg[3]; byte wr[3];
byte geoA = 7; byte gen2 = 0; byte geoB = 0;	/* bit masks of pages; record 2 = right piece */
byte lk[2];
bit did0, did2, fin;
inline rep(p, didx) {
	/* lookup: start bit of record 2 first (predecessor search), else record 1 */
	if
	:: (geoB & (1 << p)) -> r = 1
	:: else -> r = 0
	fi;
	if
	:: (r == 1) -> g = geoB; L = (SHARE -> 0 : 1)
	:: else -> g = geoA; L = 0
	fi;
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
					if :: (r == 1) -> g2 = geoB :: else -> g2 = geoA fi;
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
active proctype PA() { byte r, g, g2, v, L, ext; bit ok; byte n;
	do :: atomic { pg[0] != LOST -> wr[0] = 1; did0 = 1; break } :: (pg[0] == LOST && n < 5) -> rep(0, 0); n++ :: (pg[0] == LOST && n >= 5) -> break od }
active proctype PB() { byte r, g, g2, v, L, ext; bit ok; byte n;
	do :: atomic { pg[2] != LOST -> wr[2] = 1; did2 = 1; break } :: (pg[2] == LOST && n < 5) -> rep(2, 2); n++ :: (pg[2] == LOST && n >= 5) -> break od }
active proctype W() { byte v;
	geoB = 4;		/* PUBLISH: the right piece first */
	geoA = 1;		/* CUT */
	v = lk[0]; if :: (v & 1) -> (lk[0] != v) :: else fi;	/* WAIT */
	pg[1] = HOLE;		/* CALL */
	pg[1] = FOREIGN; fin = 1 }
