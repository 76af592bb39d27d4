/* SPDX-License-Identifier: MIT */
/*
 * Two writers cut one page each out of the middle of one record, at once, while somebody looks a
 * page up. The steps are those of src/table/split.c, src/table/walk.c and src/table/lookup.c.
 * The record has the pages 0 to 4; page 1 and page 3 go, so 0, 2 and 4 have to be found all the time.
 *
 * MODE   0: as in the code             1: the right part is not hidden
 *        2: the right part comes after the commit
 *        3: nobody but its writer shows the right part of a split that is committed
 *        4: one look is enough for a miss
 */
#ifndef MODE
#define MODE 0
#endif
#define PAGES 5
#define PARTS 9
#define NONE 255
#define DEAD 0
#define LIVE 1
#define HIDDEN 2
#define TAKEN 3

/* Record 0 is the one that is cut, 1 to 4 are the parts of the first writer, 5 to 8 the other's. */
byte from[PARTS], count[PARTS], state[PARTS];	/* one atomic word in the code */
byte parent[PARTS], becomes[PARTS];		/* the note */
byte index[PAGES];				/* id of the record that starts there, or NONE */
bit lost;

#define holds(id, page) (state[id] == LIVE && from[id] <= page && page < from[id] + count[id])
#define covers(id, page) (from[id] <= page && page < from[id] + count[id])

/* The nearest start at or before at: word by word in the code, so not one step. */
inline nearest() {
	id = index[at];
	do
	:: id != NONE -> break
	:: else -> at--; id = index[at]
	od
}

/* Shows a hidden part if the record became what the note says. */
inline settle(id) {
	atomic {
		if
		:: state[id] == HIDDEN && state[parent[id]] == LIVE &&
			count[parent[id]] == becomes[id] -> truth = 1
		:: else -> truth = 0
		fi
	}
	if
	:: truth -> atomic { if :: state[id] == HIDDEN -> state[id] = LIVE :: else fi }
	:: else
	fi
}

/* ---- a writer ---- */

inline split(id) {
	atomic { f = from[id]; n = count[id]; live = holds(id, page) }
	if
	:: live ->
		part++;
		assert(part < 5 + 4 * me);
#if MODE != 2
		atomic {
			from[part] = page + 1;
			count[part] = f + n - page - 1;
			parent[part] = id;
			becomes[part] = page - f;
			state[part] = (MODE == 1 -> LIVE : HIDDEN)
		}
		index[page + 1] = part;
#endif
		atomic {
			if
			:: holds(id, page) && count[id] == n -> count[id] = page - f; won = 1
			:: else -> won = 0
			fi
		}
#if MODE == 2
		if
		:: won ->
			atomic { from[part] = page + 1; count[part] = f + n - page - 1; state[part] = LIVE }
			index[page + 1] = part
		:: else
		fi
#else
		if
		:: won -> atomic {
				if
				:: state[part] == HIDDEN -> state[part] = LIVE
				:: state[part] == TAKEN -> lost = 1; state[part] = DEAD; index[page + 1] = NONE
				:: else
				fi
			}
		:: else ->
			atomic { if :: index[page + 1] == part -> index[page + 1] = NONE :: else fi }
			state[part] = DEAD;
			again = 1
		fi
#endif
	:: else -> again = 1
	fi
}

inline cut() {
	do
	:: again = 0;
		at = page;
		nearest();
		if
		:: state[id] == LIVE ->
			if :: holds(id, page) -> split(id) :: else -> again = 1 fi
		:: state[id] == HIDDEN && covers(id, page) ->
			met = id;
			id = parent[met];
			if :: holds(id, page) -> split(id) :: else fi;
#if MODE != 3
			settle(met);
#endif
			if
			:: holds(met, page) -> split(met)
			:: else ->
				atomic {
					if
					:: state[met] == HIDDEN -> state[met] = TAKEN
					:: state[met] == TAKEN || state[met] == DEAD
					:: else -> again = 1
					fi
				}
			fi
		:: else -> again = 1
		fi;
		if :: !again -> break :: else fi
	od
}

proctype writer(byte me) {
	byte page = 1 + 2 * me, at, id, met, part = 4 * me, f, n; bit live, won, again, truth;
	cut();
	/* What was cut is not found any more, whatever the other does. */
	atomic { byte i; i = 0; do :: i < PARTS -> assert(!holds(i, page)); i++ :: else -> break od }
}

/* ---- a lookup ---- */

inline look() {
	unsettled = 0;
	hit = 0;
	seen = 1;
	at = page;
	do
	:: nearest();
		atomic {
			was = state[id];
			seen = (seen * PARTS + id) * 32 + count[id] * 4 + was;
			hit = holds(id, page);
			rest = (was == HIDDEN && covers(id, page) || was == TAKEN)
		}
		if
		:: hit -> break
		:: else
		fi;
		if
		:: rest ->
			unsettled = 1;
#if MODE != 3
			settle(id);
			if :: truth -> hit = holds(id, page) :: else -> hit = holds(parent[id], page) fi
#else
			unsettled = 0
#endif
		:: else
		fi;
		if
		:: hit || was == LIVE || at == 0 -> break
		:: else -> at--
		fi
	od
}

proctype reader(byte page) {
	byte at, id, was, tries;
	int seen, before; /* all records that a look saw, and what they said */
	bit hit, rest, unsettled, truth;
	look();
#if MODE != 4
	do
	:: hit || tries == 2 -> break
	:: else ->
		before = seen;
		tries++;
		look();
		if :: !hit && before == seen -> break :: else fi
	od;
	if :: !hit && before != seen -> unsettled = 1 :: else fi;
#endif
	assert(hit || unsettled || lost)
}

init {
	byte p, i, found;
	atomic {
		do :: p < PAGES -> index[p] = NONE; p++ :: else -> break od;
		index[0] = 0; count[0] = PAGES; state[0] = LIVE;
		run writer(0); run writer(1);
		if :: run reader(0) :: run reader(2) :: run reader(4) fi
	}
	(_nr_pr == 1);
	p = 0;
	do
	:: p < PAGES ->
		found = 0; i = 0;
		do :: i < PARTS -> found = found + holds(i, p); i++ :: else -> break od;
		assert(found == (p + 1) % 2 || lost);
		assert(found <= 1);
		p++
	:: else -> break
	od
}
