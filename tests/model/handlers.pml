/* SPDX-License-Identifier: MIT */
/*
 * Which handlers run in a thread: the records of src/fault/running.c against the truth.
 *
 * A thread faults, in handlers too; it returns, leaves by longjmp() to any frame above, by a switch of
 * contexts, or unseen (assembly) to a frame above on which it then stays. A signal's handler may come
 * at each step of making and ending a record, and do all of that on top. A vfork() child shares the
 * records, and may die at each of its steps. At any time somebody asks: is this code inside of a
 * handler? Stacks grow down: who is called has a smaller number. 0 is where nobody is.
 *
 * Whoever is told "inside" is inside of that very handler, which has not been left. A handler that
 * returns and was not left, nor forgotten as the outermost of too many, finds its record.
 *
 * MODE   0: as in the code
 *        1: longjmp() is not noticed
 *        2: a record counts in any process
 *        3: a record is filled before it is counted: a handler on top writes over it
 *        4: only the innermost record is ended by a departure
 *        5: a return ends the innermost record, whoever it is of
 */
#ifndef MODE
#define MODE 0
#endif
#define DEPTH 2
#define TOP 7	/* of the stack */
#define MAX 3	/* handlers in handlers */

byte frame[DEPTH], process[DEPTH];	/* the records; process 0: UNFINISHED */
byte depth;
byte really[MAX], n;	/* the frames of the handlers that run, outermost first */
bit sure[MAX];		/* its record was not forgotten for too many */
bit unseen[MAX];	/* ... nor was there a departure that nothing shows, since */
byte sp = TOP, me = 1;	/* who runs: the parent is 1, each vfork() child another one */
byte children = 1, steps, parents;	/* of the parent's handlers, while the child runs */

inline pop() { depth--; frame[depth] = 0; process[depth] = 0 }

/* FIND: the handler that code at sp is inside of, as a frame; 0: none. */
inline find(at) {
	found = 0;
	do
	:: depth == 0 -> break
	:: depth > 0 && MODE != 2 && process[depth - 1] != me ->
		if
		:: process[depth - 1] && me == 1 -> pop()
		:: else -> break
		fi
	:: depth > 0 && (MODE == 2 || process[depth - 1] == me) ->
		if
		:: at < frame[depth - 1] -> found = frame[depth - 1]; break
		:: else -> pop()
		fi
	od
}

/* LEAVE for target: records whose handler has it above its frame, or at it. */
inline leave(target) {
	do
	:: depth == 0 -> break
	:: depth > 0 && process[depth - 1] == 0 -> pop()
	:: depth > 0 && process[depth - 1] && process[depth - 1] != me && MODE != 2 ->
		if
		:: me == 1 -> pop()
		:: else -> break
		fi
	:: depth > 0 && (process[depth - 1] == me || (MODE == 2 && process[depth - 1])) ->
		if
		:: target < frame[depth - 1] -> break
		:: else -> pop();
			if
			:: MODE == 4 -> break
			:: else
			fi
		fi
	od
}

/* The truth: what is at or below the target is gone. */
inline gone(target) {
	do
	:: n > 0 && really[n - 1] <= target -> n--; really[n] = 0; sure[n] = 0; unseen[n] = 0
	:: else -> break
	od
}

/* One too many: of that handler nothing is claimed any more. */
inline forget(which) {
	at = 0;
	do
	:: at < n && really[at] == which -> sure[at] = 0; break
	:: at < n && really[at] != which -> at++
	:: else -> break
	od
}

/* BEGIN: the record of a handler whose frame is at sp. */
inline begin() {
	find(sp + 1);
	if
	:: depth == DEPTH ->
		forget(frame[0]);
		frame[0] = frame[1]; process[0] = process[1]; pop()
	:: else
	fi;
#if MODE == 3
	frame[depth] = sp; process[depth] = me;
	interrupted();
	depth++
#else
	depth++; frame[depth - 1] = 0; process[depth - 1] = 0;
	mine = depth - 1;
	interrupted();
	if
	:: depth > mine -> frame[mine] = sp; process[mine] = me	/* START */
	:: else
	fi
#endif
}

/* A signal's handler on top of what is being done: it faults, and returns or leaves. */
inline interrupted() {
	if
	:: !on_top && sp > 2 ->
		on_top = 1;
		if
		:: depth < DEPTH ->	/* its own handler comes and goes */
			frame[depth] = sp - 1; process[depth] = me; depth++;
			pop()
		:: skip
		fi
	:: skip
	fi
}

proctype thread() {
	byte found, mine, target, at; bit on_top, had;
	do
	:: steps == 6 -> break
	:: steps < 6 && n < MAX && sp > 2 ->		/* a fault, and its handler */
		steps++;
		sp = sp - 1;
		begin();
		really[n] = sp; sure[n] = (depth > 0 && frame[depth - 1] == sp); unseen[n] = 0; n++;
		sp = sp - 1
	:: steps < 6 && n > parents && sp == really[n - 1] - 1 ->	/* it returns: END */
		steps++;
		at = really[n - 1];
		had = sure[n - 1] && !unseen[n - 1];
		interrupted();
		mine = depth; found = 0;
		do
		:: mine == 0 -> break
		:: mine > 0 && (MODE == 5 || frame[mine - 1] == at) -> found = frame[mine - 1]; break
		:: else -> mine--
		od;
		assert(!had || found == at);
		if
		:: found -> do :: depth >= mine -> pop() :: else -> break od
		:: else
		fi;
		gone(at);
		sp = at + 1
	:: steps < 6 && sp < TOP - 1 ->			/* longjmp(), or a switch of contexts */
		steps++;
		target = sp;
		do
		:: target < TOP -> target++
		:: target > sp -> break
		od;
		if
		:: MODE != 1 -> leave(target)
		:: else
		fi;
		gone(target);
		if
		:: n < parents -> break			/* a child does not return from vfork() */
		:: else -> sp = target
		fi
	:: steps < 6 && sp < TOP - 1 && me == 1 ->	/* unseen, and nobody calls deeper than that */
		steps++;
		target = (n > 0 -> really[n - 1] + 1 : TOP);
		gone(target);
		sp = target;
		find(sp)
	:: steps < 6 && sp > 1 && sp < TOP ->		/* a deeper call returns */
		steps++;
		if
		:: n == 0 -> sp = TOP
		:: else -> sp = really[n - 1] - 1
		fi
	:: steps < 6 && sp > 2 -> steps++; sp--		/* a deeper call */
	:: steps < 6 && me == 1 && sp > 3 ->		/* vfork() */
		steps++; children++; me = children; parents = n
	:: me > 1 ->					/* the child is gone, at any step */
		target = (parents > 0 -> really[parents - 1] - 1 : TOP - 1);
		gone(target);
		do
		:: n > parents -> n--; really[n] = 0; sure[n] = 0; unseen[n] = 0
		:: else -> break
		od;
		me = 1; parents = 0;
		sp = (n > 0 -> really[n - 1] - 1 : TOP)
	:: steps < 6 ->					/* sigaction() */
		steps++;
		find(sp);
		assert(found == 0 || (n > 0 && found == really[n - 1] && sp < found))
	od
}

init { run thread() }
