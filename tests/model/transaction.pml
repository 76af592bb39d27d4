/* SPDX-License-Identifier: MIT */
/*
 * Writers take different pages out of one record at once, while somebody looks a page up, and
 * somebody marks pages (mprotect). The steps are those of src/table/split.c, walk.c and
 * lookup.c. The record has the pages 0 to 4, all with one lock word. Pages 1, 3 and 4 go, each
 * by a writer of its own: so 0 and 2 have to be found all the time.
 *
 * A cut that is not whole holds the lock word from before PUBLISH until after CUT. A cut of all pages
 * of a record is one compare and swap, without the word, and so may come in between.
 *
 * BORROWED 1: the writer of page 1 is a process that shares the memory. It may be killed at any
 *             step, so it takes no lock word: it takes the whole record out and puts back what stays.
 *
 * MODE   0: as in the code             1: the record shrinks before the right part is published
 *        2: a cut that is not whole does not take the lock word
 *        3: a borrowed process takes the lock word
 *        4: one look is enough for a miss
 *        5: the marks of the record are not carried over once it has shrunk
 *        6: the record is not looked at again under the lock word
 *        7: the right part has a lock word of its own
 */
#ifndef MODE
#define MODE 0
#endif
#ifndef BORROWED
#define BORROWED 0
#endif
#define PAGES 5
#define PARTS 9
#define NONE 255

/* Record 0 is the one that is cut; each writer has two ids for the parts that it makes. */
byte from[PARTS], count[PARTS], marked[PARTS];
bit live[PARTS];				/* with from and count one atomic word in the code */
byte index[PAGES];				/* id of the record that starts there, or NONE */
byte word;					/* the lock word: odd is held */
bit dead;					/* the borrowed process was killed */
bit taken_out;					/* it has taken a record out as a whole */

#define holds(id, page) (live[id] && from[id] <= page && page < from[id] + count[id])

/* The nearest start at or before at: word by word in the code, so not one step. */
inline nearest() {
	id = index[at];
	do
	:: id != NONE || at == 0 -> break
	:: else -> at--; id = index[at]
	od
}

/* ---- a writer ---- */

inline wait() {					/* WAIT */
#if MODE == 7
	if :: id == 0 -> held = word :: else -> held = 0 fi;
#else
	held = word;
#endif
	if
	:: held & 1 -> word != held
	:: else
	fi
}

inline take_word() {				/* TAKE */
	do
	:: atomic { !(word & 1) -> word++; break }
	od
}

inline make(part, start, pages, mark) {		/* PUBLISH */
	d_step { from[part] = start; count[part] = pages; marked[part] = mark; live[part] = 1 }
	index[start] = part
}

inline shrink() {				/* CUT */
	atomic {
		if
		:: live[id] && from[id] == f && count[id] == n ->
			won = 1;
			if :: f == page -> live[id] = 0 :: else -> count[id] = page - f fi
		:: else -> won = 0
		fi
	}
}

/* All of the record: one compare and swap. */
inline cut_whole() {
	shrink();
	if
	:: won ->
		atomic { if :: index[page] == id -> index[page] = NONE :: else fi };
		wait()
	:: else -> again = 1
	fi
}

inline cut_part() {
#if MODE != 2
	take_word();
#endif
	atomic {				/* CHECK */
#if MODE == 6
		won = 1
#else
		won = (holds(id, page) && from[id] == f && count[id] == n)
#endif
	}
	if
	:: won ->
		rest = f + n - page - 1;
#if MODE != 1
		if :: rest -> make(part, page + 1, rest, marked[id]) :: else fi;
#endif
		if :: (MODE == 3 && me == 0 && BORROWED) -> if :: dead = 1; goto end :: skip fi :: else fi;
		shrink();
#if MODE == 1
		if :: rest -> make(part, page + 1, rest, marked[id]) :: else fi;
#endif
		if
		:: won ->
#if MODE != 5
			if :: rest && marked[id] -> marked[part] = 1 :: else fi;
#endif
			if :: f == page && index[page] == id -> index[page] = NONE :: else fi
		:: else ->
			if
			:: rest ->
				live[part] = 0;
				atomic { if :: index[page + 1] == part -> index[page + 1] = NONE :: else fi }
			:: else
			fi;
			again = 1
		fi
	:: else -> again = 1
	fi;
#if MODE != 2
	word++;					/* RELEASE */
#else
	wait();
#endif
	part = 2 + 2 * me
}

#define MAY_DIE if :: dead = 1; goto end :: skip fi

/* Without the word: nobody waits for it, wherever it ends. */
inline cut_borrowed() {
	MAY_DIE;
	atomic {
		won = (live[id] && from[id] == f && count[id] == n);
		if :: won -> live[id] = 0; taken_out = 1 :: else fi
	}
	MAY_DIE;
	if
	:: won ->
		atomic { if :: index[f] == id -> index[f] = NONE :: else fi };
		MAY_DIE;
		wait();
		MAY_DIE;
		if :: f < page -> make(1, f, page - f, marked[id]) :: else fi;
		MAY_DIE;
		if :: f + n - page - 1 > 0 -> make(2, page + 1, f + n - page - 1, marked[id]) :: else fi;
		MAY_DIE
	:: else -> again = 1
	fi
}

proctype writer(byte me) {
	byte page = (me == 2 -> 4 : 1 + 2 * me), at, id, part = 1 + 2 * me, f, n, rest, held;
	bit won, again, seen;
	do
	:: again = 0; at = page; nearest();
		if
		:: id == NONE -> break
		:: else
		fi;
		atomic { f = from[id]; n = count[id]; seen = holds(id, page) }
		if
		:: seen && BORROWED && MODE != 3 && me == 0 -> cut_borrowed()
		:: seen && n == 1 && !(BORROWED && MODE != 3 && me == 0) -> cut_whole()
		:: seen && n > 1 && !(BORROWED && MODE != 3 && me == 0) -> cut_part()
		:: else ->			/* the record that is there now, or nothing for good */
			if
			:: taken_out -> break
			:: else -> again = 1
			fi
		fi;
		if :: !again -> break :: else fi
	od;
	/* CALL: what was cut is not found any more, whatever the others do. */
	atomic {
		byte i; i = 0;
		do
		:: i < PARTS -> assert(!holds(i, page) || taken_out); i++
		:: else -> break
		od
	}
end:	skip
}

/* ---- who marks pages 2 to 4: MARK, and then WAIT in the code ---- */

bit mark_done;

inline visit(id) {
	atomic { f = from[id]; n = count[id]; seen = live[id] && f + n > 2 }
	if
	:: seen -> marked[id] = 1; atomic { if :: from[id] != f || count[id] != n -> again = 1 :: else fi }
	:: else
	fi
}

proctype marker() {
	byte at, id, f, n, p; bit again, seen;
	do
	:: again = 0; at = 2; nearest();
		if
		:: id != NONE -> atomic { seen = holds(id, 2) }
			if :: seen -> visit(id) :: else fi;
			if :: !seen && !taken_out -> again = 1 :: else fi
		:: else
		fi;
		p = 3;
		do
		:: p < PAGES ->
			id = index[p];
			if :: id != NONE -> visit(id) :: else fi;
			p++
		:: else -> break
		od;
		if :: !again -> break :: else fi
	od;
	mark_done = 1
}

/* ---- a lookup ---- */

inline look() {
	at = page; nearest();
	if
	:: id == NONE -> hit = 0; seen = 0
	:: else -> atomic { hit = holds(id, page); seen = 1 + id * 64 + count[id] * 8 + from[id] }
	fi
}

proctype reader(byte page) {
	byte at, id, tries; int seen, before; bit hit, moved;
	look();
#if MODE != 4
	do
	:: hit || tries == 2 -> break
	:: else ->
		before = seen; tries++;
		look();
		if :: !hit && before == seen -> break :: else fi
	od;
	if :: !hit && before != seen -> moved = 1 :: else fi;
#endif
	assert(hit || moved || taken_out)
}

init {
	byte p, i, found, other;
	atomic {
		do :: p < PAGES -> index[p] = NONE; p++ :: else -> break od;
		index[0] = 0; count[0] = PAGES; live[0] = 1;
		run writer(0);
#if BORROWED
		if :: run writer(1); other = 1 :: run writer(2); other = 2 fi;
#else
		run writer(1); run writer(2);
#endif
#ifdef MARK
		run marker()
#else
		if :: run reader(0) :: run reader(2) fi
#endif
	}
	(_nr_pr == 1);
	assert(!(word & 1));
	p = 0;
	do
	:: p < PAGES ->
		found = 0; i = 0;
		do
		:: i < PARTS ->
			found = found + holds(i, p);
			assert(!mark_done || !holds(i, p) || p != 2 || marked[i] || taken_out);
			i++
		:: else -> break
		od;
		assert(found == (p == 0 || p == 2 || (other == 1 && p == 4) || (other == 2 && p == 3)) ||
			taken_out || (dead && p == 1));
		p++
	:: else -> break
	od
}
