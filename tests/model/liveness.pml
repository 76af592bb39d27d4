/* SPDX-License-Identifier: MIT */
/*
 * Who waits for whom, and that it ends: run with weak fairness, for it is the scheduler that goes on.
 *
 * A thread unmaps. A signal handler may come at any step of it, on the same thread, and faults. Two
 * other threads fault on the same pages meanwhile; the page may be lost again LOSSES times after it
 * was repaired. LOSSES 0: others repair under the same lock word without end, and the writer has to
 * end all the same. (A fault need not: it may be overtaken again and again, but by repairs only.)
 *
 * MODE   0: as in the code
 *        1: a fault in pages that are being written waits until the writer is done
 *        2: the holder of the lock word can be interrupted, by a handler that unmaps
 *        3: the writer waits until the word is free, not until that holder is gone
 */
#ifndef MODE
#define MODE 0
#endif
#ifndef LOSSES
#define LOSSES 1
#endif
#define NAPS 2

bit lost = 1;		/* the page */
bit geo = 1;		/* does the record still have it? */
bit held;		/* the lock word is odd */
bit passed;		/* whoever held it when the writer looked is gone: the word only grows */
byte in, out, gone;	/* writers_in, writers_out, writers_lost */
byte losses;
bit writer_done, one_done, two_done, mapped = 1;
bit changed[3];		/* has anybody taken the word since this repairer read its version? */

inline take(who) {
	atomic {
		if
		:: (!held && !changed[who]) -> held = 1; changed[0] = 1; changed[1] = 1; changed[2] = 1; got = 1
		:: else -> got = 0
		fi
	}
}

inline release() { atomic { held = 0; passed = 1 } }

/* What a fault does until the page can be read, or nobody knows the page. */
inline fault(who) {
	naps = 0;
	do
	:: atomic { (!lost || !mapped) -> break }
	:: else ->
		if
		:: !geo ->				/* LOOK: nothing */
			if
			:: (in != out && in != gone) ->
#if MODE == 1
				(in == out)
#else
				if
				:: naps < NAPS -> naps++
				:: else -> gone = in; break	/* unknown: on to chain */
				fi
#endif
			:: else -> break
			fi
		:: else ->
			changed[who] = 0;		/* VERSION */
			if
			:: held -> skip			/* a nap, and again: never longer */
			:: else ->
				if
				:: !lost -> skip	/* PROBE */
				:: else ->
					take(who);	/* TAKE */
					if
					:: got ->
#if MODE == 2
						if
						:: interrupt -> interrupt = 0; (!held)	/* its WAIT */
						:: skip
						fi;
#endif
						if :: geo -> lost = 0 :: else fi;	/* CHECK, REPLACE */
						release()				/* RELEASE */
					:: else
					fi
				fi
			fi
		fi
	od
}

inline handler() {
	if
	:: !came -> came = 1; fault(2)
	:: skip
	fi
}

proctype writer() {
	byte naps; bit came = (LOSSES == 0), got, interrupt, was;
	handler();
	in++;
	handler();
	geo = 0;					/* CUT */
	handler();
	atomic { was = held; passed = 0 }		/* WAIT */
	if
	:: was ->
		handler();
#if MODE == 3
		do :: atomic { !held -> break } od
#else
		(passed)
#endif
	:: else
	fi;
	handler();
	mapped = 0;					/* CALL */
	handler();
	out++;
	handler();
	writer_done = 1
}

proctype one() { byte naps; bit got, interrupt = 1; fault(0); one_done = 1 }
proctype two() { byte naps; bit got, interrupt = 1; fault(1); two_done = 1 }

/* Repairs without end, each of a page of its own under the same lock word. */
proctype busy() {
	bit got;
	do
	:: changed[1] = 0;
		take(1);
		if :: got -> release() :: else fi
	od
}

proctype truncate() {
	do
	:: losses < LOSSES -> atomic { if :: !lost && mapped -> lost = 1 :: else fi }; losses++
	:: losses >= LOSSES -> break
	od
}

init {
	atomic {
		run writer();
#if LOSSES == 0
		run busy()
#else
		run one(); run two(); run truncate()
#endif
	}
}

#if LOSSES == 0
ltl ends { <> writer_done }
#else
ltl ends { <> (writer_done && one_done && two_done) }
#endif
