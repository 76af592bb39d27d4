/* SPDX-License-Identifier: MIT */
/* One fault on its way: what came, what was decided, what was told. */
#ifndef SIGBUS_FAULT_RECORD_H
#define SIGBUS_FAULT_RECORD_H

#include <signal.h>
#include <stdatomic.h>
#include <sys/ucontext.h>
#include "kernel/kernel.h"
#include "owner/sender.h"
#include "rules/rules.h"
#include "table/table.h"

/* The lost page and what is mapped there, as far as a report tells it. */
struct page_facts {
	bool asked;            /* the kernel was asked ... */
	bool known;            /* ... and gave an answer */
	bool no_descriptor;    /* ... or could not be asked, for want of one */
	bool path_cut;         /* path is only the end of it */
	struct vma vma;        /* but its path is here: */
	char path[256];
	struct loss loss;
	bool sent; /* its file came over a socket: */
	struct sender sender;
};

struct disposition;

/* Handlers that had a fault already: they declined it, or chain ran them, which may do so again. */
#define DECLINED_MAX 4
#define WAS_CHAINED UINT32_MAX
struct declined {
	const struct disposition *handler;
	uint32_t installed; /* how often it was, at that time; or WAS_CHAINED */
};

/* What a handler that declined has set: it takes effect if nobody answers before "chain". */
struct given_up {
	const struct disposition *placed; /* NULL: nothing */
	unsigned owner;			  /* of that handler */
	bool was_program;		  /* the handler was the program's action */
	bool foreign;			  /* another object's code set it */
};

/* What a report is about. */
enum event {
	EVENT_FAULT,	 /* a page was lost, or a SIGBUS sent */
	EVENT_REFUSED,	 /* a mapping: "reserve" */
	EVENT_RECOVERED, /* a page that could be had again: "wait" */
};

/* What decided. In the order of TALLY_ACTIONS (kernel/tally.h). */
enum outcome {
	OUTCOME_OWNER,
	OUTCOME_ZERO,
	OUTCOME_ONES,
	OUTCOME_WAIT,
	OUTCOME_CHAIN,
	OUTCOME_ABORT,
	OUTCOME_DEFAULT,
	OUTCOME_RESERVE, /* a mapping was refused */
	OUTCOME_COUNT
};
extern HIDDEN const char outcome_names[OUTCOME_COUNT][12]; /* as reports have them */
static inline const char *outcome_name(enum outcome outcome)
{
	return outcome_names[outcome];
}

/* One fault (or one fatal sent SIGBUS) as the dispatch saw it; or one of the other events. */
struct fault {
	/* What came. Only info and uc change, when the frame that they point into is moved. */
	struct {
		enum event event;
		siginfo_t *info;
		ucontext_t *uc;
		int code; /* its si_code */
		uintptr_t address, pc;
		uintptr_t registers; /* registers_hash() */
		bool write;	     /* the access was a write */
		bool sent;	     /* kill() and the like: no address, no range */
		unsigned owner;	     /* EVENT_REFUSED: who asked */
		size_t wanted;	     /* EVENT_REFUSED: bytes */
	};
	/* What was found, decided and done. */
	struct {
		struct range_hit range;
		uint32_t count;	       /* faults in this range so far */
		uint32_t caller;       /* of its record: a handler may end it before the report; see sender.h */
		uint32_t sender_count; /* faults so far in files of who sent this one, 0: not known */
		const struct page_facts *page; /* never NULL; see report_look() */
		const struct rule *rule;       /* NULL for sent ones */
		uint32_t step;		       /* of the rule: its action that is tried */
		enum outcome outcome;
		const struct disposition *runs; /* the handler that is about to be run */
		uintptr_t handler;	       /* the code that was called or jumped to, or 0 */
		unsigned pages;		       /* replaced */
		const char *refused; /* why pages were not replaced, for the report; NULL: it does not say */
		bool closed;	     /* its connection was: +hangup */
		int64_t waited;	     /* milliseconds in vain, or until it could be had; 0: not at all */
#define WAITED_BEFORE (-1) /* an earlier fault's time ran out */
		struct given_up given_up;
		struct declined declined[DECLINED_MAX];
		uint32_t declined_count;
	};
	/* What was told. */
	struct {
		enum { DUE_UNDECIDED, DUE, NOT_DUE } due; /* is it told in a line? the same answer each time */
		uint8_t cause; /* enum cause, and the file system: what was found first */
		char fs[16];   /* its beginning, which is enough for tally_add() */
		bool noted;	       /* in the log of losses */
		bool counted, tallied; /* in the counters, in the metrics */
		bool told;	       /* in a line, not only counted */
		uintptr_t declined_by; /* the handler that was asked last, and declined; 0: what it did is told */
	};
};

#endif
