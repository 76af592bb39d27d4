/* SPDX-License-Identifier: MIT */
/*
 * Replacing lost pages, and only them.
 *
 * Between "this page is lost" and mmap(MAP_FIXED) another thread may have repaired the page and
 * written to it, or unmapped it and got something else at its address. The protocol of
 * tests/model/README makes both impossible for whoever goes through our hooks; its steps are named
 * here as they are there.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include "base/assert.h"
#include "base/base.h"
#include "base/syscall.h"
#include "kernel/kernel.h"
#include "kernel/mask.h"
#include "kernel/process.h"
#include "kernel/reserved.h"
#include "memory/memory.h"
#include "memory/repair.h"
#include "policy/policy.h"
#include "rules/fault.h"
#include "signal/frame.h"
#include "table/record.h"
#include "table/table.h"

#define TRIES 3
#define COPIES_MAX 100 /* looks at a page that changes meanwhile, or that a probe can read and a copy cannot */
#define PROOFS_MAX 10 /* looks at a page that is not proved lost: each may read all of smaps */
#define SPINS 200
#define NAP_NANOSECONDS 20000

static long map_zero(uintptr_t start, size_t size, unsigned prot, int sharing)
{
	return SYS_6(SYS_mmap, start, size, prot, sharing | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE,
		-1, 0);
}

/* By the kernel's own bounds: it has rounded a mapping of huge pages up, whatever length was asked for. */
static APART bool reaches(struct range_hit *hit, uintptr_t end)
{
	struct vma vma;

	return vma_query(geometry_start(hit->geometry), &vma, NULL, 0) == 0 &&
	       vma.start <= geometry_start(hit->geometry) && end <= vma.end &&
	       vma.end == ((geometry_end(hit->geometry) + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1)) &&
	       range_round_up(hit, vma.end);
}

/* A huge page is lost as a whole, and only as a whole can it be replaced. */
static bool widen_to_huge(struct extent *extent, struct range_hit *hit)
{
	uintptr_t start = extent->start & ~(HUGE_PAGE - 1);
	uintptr_t end = (extent->end + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);

	if (start < geometry_start(hit->geometry) ||
		(end > geometry_end(hit->geometry) && !reaches(hit, end)))
		return false;
	extent->start = start;
	extent->end = end;
	extent->was_widened = true;
	return true;
}

/* What the kernel's zero pages cost, of 4 KiB and huge ones: found out when they are used first. */
enum zero_cost { COST_UNKNOWN, COST_NOTHING, COST_MEMORY };
static _Atomic int zero_cost[2];

/*
 * Who reads one page of many will read the others: without this each would fault once more. Zero
 * pages need no memory; written to, they are copied as ever. But some kernels have no zero page: then
 * nothing is made present beyond the page of the fault. Never more than EXTENT_MAX: the handler's
 * time is bounded.
 */
static void make_present(const struct extent *extent, uintptr_t page)
{
	uintptr_t block = page & ~(HUGE_PAGE - 1), start = extent->start, end = extent->end;
	bool huge;

	if (end - start == PAGE_SIZE || !(extent->prot & PROT_READ))
		return;
	if (end - start > EXTENT_MAX) {
		start = start > block ? start : block;
		end = end < block + HUGE_PAGE ? end : block + HUGE_PAGE;
	}
	huge = end - start == HUGE_PAGE && !(start & (HUGE_PAGE - 1));
	if (atomic_load(&zero_cost[huge]) == COST_MEMORY)
		return;
	if (huge)
		SYS_3(SYS_madvise, start, end - start, MADV_HUGEPAGE);
	if (SYS_3(SYS_madvise, start, end - start, MADV_POPULATE_READ) < 0 ||
		atomic_load(&zero_cost[huge]) != COST_UNKNOWN)
		return;
	if (page_is_zero_page(start) != 0) {
		atomic_store(&zero_cost[huge], COST_NOTHING);
		return;
	}
	atomic_store(&zero_cost[huge], COST_MEMORY);
	if (huge)
		SYS_3(SYS_madvise, start, end - start, MADV_NOHUGEPAGE);
	SYS_3(SYS_madvise, start, end - start, MADV_DONTNEED);
}

/* Past limits that other memory, or fewer mappings, can keep. */
static long map_zero_somehow(const struct extent *extent, unsigned prot)
{
	size_t size = extent->end - extent->start;
	long result = map_zero(extent->start, size, prot, MAP_PRIVATE);

	if (result == -EAGAIN) { /* mlockall(): what goes counts until it is gone */
		SYS_2(SYS_munlock, extent->start, size);
		result = map_zero(extent->start, size, prot, MAP_PRIVATE);
	}
	if (result == -ENOMEM) /* RLIMIT_DATA counts private memory only */
		result = map_zero(extent->start, size, prot, MAP_SHARED);
	while (result == -ENOMEM && reserved_give_up_mapping())
		result = map_zero(extent->start, size, prot, MAP_PRIVATE);
	return result;
}

static bool replace_with_zeros(struct extent *extent, struct range_hit *hit, uintptr_t page)
{
	long result = map_zero_somehow(extent, extent->prot);

	if (result == -EINVAL && widen_to_huge(extent, hit))
		result = map_zero_somehow(extent, extent->prot);
	extent->error = is_error(result) ? (int)result : 0;
	if (!extent->error && !extent->write)
		make_present(extent, page);
	return !extent->error;
}

/* In a window; false: no memory. */
static bool map_scratch(uintptr_t window, size_t size)
{
	int flags = MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, prot = PROT_READ | PROT_WRITE;
	long address = SYS_6(SYS_mmap, window, size, prot, flags | MAP_PRIVATE, -1, 0);

	if (address == -ENOMEM) /* as above */
		address = SYS_6(SYS_mmap, window, size, prot, flags | MAP_SHARED, -1, 0);
	return !is_error(address);
}

/*
 * The kernel copies: a page that is lost meanwhile is an error then, not a fault of ours, and one
 * more try finds it lost or readable. Whoever grows and cuts the file in turns gets many of them;
 * but a page that a probe can read and a copy never can would be tried for ever. "Local" is
 * read as any system call reads; as "remote" the kernel would look for the page's owner, and do that
 * for ever where the page is memory of a device (DAX) whose driver is gone.
 */
static enum answer fill_scratch(uintptr_t scratch, const struct extent *extent)
{
	size_t size = extent->end - extent->start;
	struct iovec local = {(void *)extent->start, size}, remote = {(void *)scratch, size};
	long copied;

	if (extent->content == ONES) {
		memset((void *)scratch, 0xff, size);
		return ANSWER_DONE;
	}
	copied = SYS_6(SYS_process_vm_writev, SYS_0(SYS_getpid), &local, 1, &remote, 1, 0);
	if (copied == (long)size)
		return ANSWER_DONE;
	/* It could be read when it was probed: the file was cut meanwhile, and may have grown again. */
	return copied >= 0 || copied == -EFAULT ? ANSWER_RETRY : ANSWER_DECLINED;
}

/*
 * Filled and protected first, then moved in place: nobody sees a page that is not complete. mremap()
 * with MREMAP_FIXED unmaps its target before it can fail, so everything that may fail is done before.
 */
static enum answer fill_and_move(uintptr_t window, struct extent *extent, bool *is_hole)
{
	size_t size = extent->end - extent->start;
	int flags = MREMAP_MAYMOVE | MREMAP_FIXED;
	enum answer answer;
	long moved;

	if (!map_scratch(window, size)) {
		extent->error = -ENOMEM;
		return ANSWER_DECLINED;
	}
	answer = fill_scratch(window, extent);
	if (answer != ANSWER_DONE)
		return answer;
	if (extent->prot != (PROT_READ | PROT_WRITE) &&
		SYS_3(SYS_mprotect, window, size, extent->prot) < 0)
		return ANSWER_DECLINED;
	/* What stays in the window keeps its place from being a hole; older kernels cannot do that. */
	do {
		moved = SYS_5(SYS_mremap, window, size, size, flags | MREMAP_DONTUNMAP, extent->start);
		if (moved == -EINVAL) {
			moved = SYS_5(SYS_mremap, window, size, size, flags, extent->start);
			*is_hole = !is_error(moved);
		}
	} while (moved == -ENOMEM && reserved_give_up_mapping());
	extent->error = is_error(moved) ? (int)moved : 0;
	return moved == (long)extent->start ? ANSWER_DONE : ANSWER_DECLINED;
}

/*
 * The window is taken with the lock word held. Whoever has one has all signals blocked and takes no lock
 * word behind it, so it comes back; at the worst this naps as long as window_take() does.
 */
static enum answer replace_with_scratch(struct extent *extent, struct range_hit *hit)
{
	uintptr_t window = window_take();
	bool is_hole = false;
	enum answer answer;

	if (!window)
		return ANSWER_DECLINED;
	answer = fill_and_move(window, extent, &is_hole);
	if (extent->error == -EINVAL && extent->content == ONES && widen_to_huge(extent, hit) &&
		extent->end - extent->start <= WINDOW_SIZE)
		answer = fill_and_move(window, extent, &is_hole);
	window_give(window, extent->end - extent->start, is_hole);
	return answer;
}

/* Before the first page goes: of a shared range its first one, of a private one a page that has no content. */
static void keep_file(const struct range_hit *hit, const struct extent *extent)
{
	unsigned flags = state_flags(hit->state);
	bool shared = flags & RANGE_SHARED;
	uint64_t none = 0;
	uintptr_t anchor;

	if (flags & RANGE_REPAIRED || range_anchor(hit->range) || (!shared && extent->content == COPY))
		return;
	anchor = anchor_make(shared ? geometry_start(hit->geometry) : extent->start, shared);
	if (anchor && !atomic_compare_exchange_strong(&hit->range->anchor, &none, anchor))
		anchor_free(anchor);
}

/* Of what the kernel had to refuse first, or of a mapping that was looked up. */
static bool is_huge(const struct extent *extent)
{
	return extent->was_widened || (extent->is_mapped && extent->vma.page_size > PAGE_SIZE);
}

/*
 * With the lock word held. CHECK reads geometry and state behind TAKE, and a writer reads the lock word
 * (repair_wait(), WAIT) behind its CUT of the geometry: so either CHECK finds the record cut, or the
 * writer waits for RELEASE.
 */
static enum answer replace(struct extent *extent, struct range_hit *hit, uintptr_t page)
{
	enum answer answer;

	if (!range_still(hit, extent->start, extent->end - extent->start)) /* CHECK */
		return ANSWER_RETRY;
	/* Nothing is replaced but pages of the record whose lock word is held, around the fault. */
	invariant(extent->start <= page && page < extent->end);
	invariant(geometry_start(hit->geometry) <= extent->start && extent->end <= geometry_end(hit->geometry));
	keep_file(hit, extent);
	if (extent->content == ZEROES) /* REPLACE */
		answer = replace_with_zeros(extent, hit, page) ? ANSWER_DONE : ANSWER_DECLINED;
	else
		answer = replace_with_scratch(extent, hit);
	if (answer == ANSWER_DONE)
		range_set_flags(*hit, RANGE_REPAIRED | (is_huge(extent) ? RANGE_HUGE : 0), 0);
	return answer;
}

static void wait_for_holder(_Atomic uint64_t *word, uint64_t held)
{
	for (int i = 0; i < SPINS; i++) {
		if (atomic_load(word) != held)
			return;
		spin_pause();
	}
	sys_nap(NAP_NANOSECONDS);
}

/* WAIT, behind the CUT in range_cut() or split.c: see replace(). */
void repair_wait(unsigned lock)
{
	_Atomic uint64_t *word = &process_state->lock[lock].word;
	uint64_t held = atomic_load(word);

	while (held & 1 && atomic_load(word) == held) /* WAIT */
		wait_for_holder(word, held);
}

bool repair_hold(unsigned lock, uint64_t *mask)
{
	_Atomic uint64_t *word = &process_state->lock[lock].word;
	uint64_t version;

	if (process_is_borrowed())
		return false;
	*mask = mask_swap(SIG_SETMASK, ~SIGNAL_BIT(SIGBUS));
	for (;;) {
		version = atomic_load(word);
		if (version & 1)
			wait_for_holder(word, version);
		else if (atomic_compare_exchange_strong(word, &version, version + 1))
			return true;
	}
}

void repair_let_go(unsigned lock, uint64_t mask)
{
	invariant(atomic_load(&process_state->lock[lock].word) & 1);
	atomic_fetch_add(&process_state->lock[lock].word, 1);
	mask_swap(SIG_SETMASK, mask);
}

/* A loop: a switch would become a jump through a table, which the handler has none of. */
static const char *why_refused(int error)
{
	static const struct {
		int error;
		char why[88];
	} reasons[] = {
		{-ENOMEM, "the kernel gave no memory or no mapping for it, see vm.max_map_count and "
			  "RLIMIT_DATA"},
		{-EAGAIN, "no more memory may be locked, see RLIMIT_MEMLOCK"},
		{-EPERM, "the mapping is sealed, or a system call filter refused it"},
		{-EACCES, "the mapping is sealed, or a system call filter refused it"},
		{-EINVAL, "only a whole huge page can be replaced, and this mapping has a part of it"},
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
		if (reasons[i].error == error)
			return reasons[i].why;
	return error == -ENOSYS ? "a system call filter refuses mmap()" : "the kernel refused to replace it";
}

static enum answer decline(struct fault *fault, const char *why)
{
	fault->refused = why;
	return ANSWER_DECLINED;
}

static const char is_executable[] = "the page is executable, and such a one is never replaced";

/* Of a probe that ended in neither "can be had" nor "lost". */
static const char *why_not_told(int error)
{
	return error == -EPERM || error == -EACCES || error == -ENOSYS
		       ? "a system call filter refuses madvise() and futex(), which tell whether the page is lost"
		       : "whether the page is lost cannot be told here";
}

/*
 * All steps of the protocol, once. RETRY: somebody else was at the record, begin again with LOOK. Signals
 * are blocked from MEASURE on, and stay so until the handler's frame is left (mask_swap() of the caller, or
 * the return from the signal).
 */
static enum answer try_repair(struct fault *fault, struct repair_order *order)
{
	struct range_hit hit = range_lookup(fault->address); /* LOOK */
	_Atomic uint64_t *word = &process_state->lock[state_lock(hit.state)].word;
	uint64_t version = atomic_load(word); /* VERSION */
	struct extent extent;
	enum answer answer;
	int error;

	order->page_changed = false;
	if (!hit.range) /* it was there: between a cut and what comes after it, or it is gone */
		return ANSWER_RETRY;
	if ((state_flags(hit.state) & (RANGE_EXEC | RANGE_PROTECTED)) == RANGE_EXEC)
		return decline(fault, is_executable);
	if (version & 1) {
		wait_for_holder(word, version);
		return ANSWER_RETRY;
	}
	error = extent_probe(fault, &hit, order, &extent); /* PROBE */
	if (!says_lost(error))
		return error == 0 ? ANSWER_DONE : decline(fault, why_not_told(error));
	mask_swap(SIG_SETMASK, ~SIGNAL_BIT(SIGBUS));
	extent_measure(&extent, &hit, order); /* MEASURE */
	if (extent.prot & PROT_EXEC)
		return decline(fault, is_executable);
	extent.is_poisoned = error == -EHWPOISON;
	if (!prove_lost(&extent, fault->address & PAGE_MASK, &hit)) { /* PROVE */
		/* Or the file has grown between two looks, as a client can have it: looked at again. */
		fault->refused = "userfaultfd watches this memory: the page is not lost";
		order->unproved++;
		return ANSWER_RETRY;
	}
	/* Until RELEASE nothing is touched but memory of ours. A SIGBUS that is sent meanwhile is kept
	 * pending (deliver.c), for the shadow is blocked with all other signals. */
	if (!atomic_compare_exchange_strong(word, &version, version + 1)) /* TAKE */
		return ANSWER_RETRY;
	answer = replace(&extent, &hit, fault->address & PAGE_MASK);
	order->page_changed = extent.content == COPY && answer == ANSWER_RETRY;
	invariant(atomic_load(word) == version + 1); /* nobody else changes a word that is held */
	atomic_store(word, version + 2); /* RELEASE */
	if (answer == ANSWER_DECLINED && extent.error)
		fault->refused = why_refused(extent.error);
	if (answer == ANSWER_DONE) {
		fault->refused = NULL;
		fault->pages += (unsigned)((extent.end - extent.start) / PAGE_SIZE);
		order->start = extent.start;
		order->end = extent.end;
	}
	return answer;
}

static enum answer repair_at(struct fault *fault, struct repair_order *order)
{
	enum answer answer = ANSWER_RETRY;
	int races = 0, copies = 0;

	while (answer == ANSWER_RETRY && races < TRIES && copies < COPIES_MAX &&
		order->unproved < PROOFS_MAX) {
		int unproved = order->unproved;

		answer = try_repair(fault, order);
		if (answer == ANSWER_RETRY && !order->page_changed && order->unproved == unproved)
			races++;
		copies += order->page_changed;
		if (order->page_changed || order->unproved > unproved)
			order->limit = PAGE_SIZE; /* one page holds still longer than several */
	}
	return copies == COPIES_MAX || order->unproved == PROOFS_MAX ? ANSWER_DECLINED : answer;
}

/* What lies between the records around an address. */
struct gap {
	uintptr_t address, start, end;
};

static void narrow_gap(struct range_hit hit, void *data)
{
	struct gap *gap = data;
	uintptr_t start = geometry_start(hit.geometry), end = geometry_end(hit.geometry);

	if (end <= gap->address && end > gap->start)
		gap->start = end;
	if (start > gap->address && start < gap->end)
		gap->end = start;
}

/* The rest of a huge page behind the length that was asked for belongs to the record in front of it. */
static APART bool join_huge(uintptr_t start, const struct vma *vma)
{
	struct range_hit hit = range_lookup(start - 1);
	bool done = false;
	uint64_t mask;

	if (vma->page_size != HUGE_PAGE || start == vma->start || !hit.range ||
		!repair_hold(state_lock(hit.state), &mask))
		return false;
	if (range_still(&hit, geometry_start(hit.geometry), geometry_size(hit.geometry)))
		done = reaches(&hit, vma->end);
	repair_let_go(state_lock(hit.state), mask);
	return done;
}

static APART bool is_unchanged(uintptr_t address, const struct vma *vma)
{
	struct vma again;

	return vma_query(address, &again, NULL, 0) == 0 && again.start == vma->start &&
	       again.end == vma->end && again.inode == vma->inode && again.offset == vma->offset;
}

/*
 * A mapping that our hooks did not see: what the kernel says of it becomes a record without an owner, as far
 * as no other record is there (the gap around the address). DONE: fault has that record. The kernel is asked
 * once more behind the insert: from then on our hooks find the record, so what changed before is seen here,
 * and the record is cut out again and freed.
 */
static APART enum answer adopt(struct fault *fault)
{
	struct range_attributes attributes = {.lock = -1};
	struct gap gap = {.address = fault->address};
	struct vma vma;

	if (fault->range.unsettled || vma_query(fault->address, &vma, NULL, 0) != 0)
		return ANSWER_DECLINED;
	attributes.flags = vma.prot | (vma.shared ? RANGE_SHARED : 0);
	gap.start = vma.start;
	gap.end = vma.end;
	range_each(vma.start, vma.end - vma.start, narrow_gap, &gap);
	if (join_huge(gap.start, &vma)) {
		fault->range = range_lookup(fault->address);
		return fault->range.range ? ANSWER_DONE : ANSWER_RETRY;
	}
	if (gap.end - gap.start > RANGE_SIZE_MAX) { /* as much as a record can say */
		uintptr_t start = gap.address & ~(RANGE_SIZE_MAX - 1);

		gap.start = gap.start > start ? gap.start : start;
		gap.end = gap.end - gap.start < RANGE_SIZE_MAX ? gap.end : start + RANGE_SIZE_MAX;
	}
	if (range_insert(gap.start, gap.end - gap.start, &attributes) != 0)
		return ANSWER_DECLINED;
	/* From here on our hooks find it. Has it changed before? */
	if (!is_unchanged(fault->address, &vma)) {
		range_cut_release(range_cut(gap.start, gap.end - gap.start));
		return ANSWER_RETRY;
	}
	fault->range = range_lookup(fault->address);
	if (!fault->range.range)
		return ANSWER_RETRY;
	fault->count = 1 + atomic_fetch_add(&fault->range.range->faults, 1);
	return ANSWER_DONE;
}

enum answer repair(struct fault *fault, const struct action *action)
{
	struct repair_order order = {.ones = action->kind == ACTION_ONES,
		.limit = action->extent == EXTENT_PAGE ? PAGE_SIZE : EXTENT_MAX,
		.whole = action->extent == EXTENT_RANGE};
	enum answer answer;

	if (process_is_borrowed()) {
		fault->refused = "this process shares the memory of another and may end at any time: "
				 "it replaces nothing there";
		counter_add(&counters()->borrowed, 1);
		return ANSWER_DECLINED;
	}
	answer = fault->range.range ? ANSWER_DONE : adopt(fault);
	if (answer != ANSWER_DONE)
		return answer;
	return repair_at(fault, &order);
}
