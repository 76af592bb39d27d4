/* SPDX-License-Identifier: MIT */
/*
 * What the mapping hooks tell the range table, around the system call.
 *
 * Before the call what is there is cut out of the table, with no repair left under way in it; after
 * the call what is new is put in, or, when the call failed, what was cut is put back. Nothing here
 * takes a lock or allocates with malloc: hooks run in signal handlers too.
 */
#include <errno.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include "base/base.h"
#include "base/syscall.h"
#include "base/tracepoints.h"
#include "kernel/next.h"
#include "kernel/process.h"
#include "memory/memory.h"
#include "memory/repair.h"
#include "owner/owner.h"
#include "owner/sender.h"
#include "policy/policy.h"
#include "table/record.h"
#include "table/table.h"

void track_init(void *(*allocate)(size_t size))
{
	const struct range_env env = {.allocate = allocate,
		.wait = repair_wait,
		.release = range_cut_release,
		.hold = repair_hold,
		.let_go = repair_let_go,
		.lost = track_lost,
		.share = anchor_share};

	range_init(&env);
}

static bool is_sane(uintptr_t start, size_t size)
{
	uintptr_t limit = ADDRESS_END;

	return size && !(start & ~PAGE_MASK) && start < limit && size <= limit - start;
}

/* ---- taking out and putting back ---- */

static struct range_cut begin(uintptr_t start, size_t size)
{
	if (!is_sane(start, size))
		return (struct range_cut){0};
	return range_cut(start, whole_pages(size));
}

/* Some calls unmap before they fail: put back only what is still mapped. */
static void undo(struct range_cut cut, uintptr_t start, size_t size)
{
	if (!cut.first)
		return;
	if (SYS_3(SYS_msync, start, whole_pages(size), MS_ASYNC) == -ENOMEM)
		range_cut_release(cut);
	else
		range_cut_restore(cut);
}

static uint32_t next_piece(uint32_t id)
{
	return range_next_piece(range_by_id(id));
}

static uintptr_t piece_start(uint32_t id)
{
	return geometry_start(range_piece(range_by_id(id)));
}

/* An anchor goes with the last record that has it. */
void range_cut_release(struct range_cut cut)
{
	struct range *range;

	for (uint32_t id = cut.first; id; id = range_next_piece(range)) {
		range = range_by_id(id);
		if (unlikely(range_anchor(range)))
			anchor_free(range_anchor(range));
	}
	range_cut_free(cut);
}

/* Longer than a record can say: several of them. */
static void insert(uintptr_t start, size_t size, const struct range_attributes *attributes)
{
	size = whole_pages(size);
	for (size_t part; size; start += part, size -= part) {
		part = size < RANGE_SIZE_MAX ? size : RANGE_SIZE_MAX;
		if (range_insert(start, part, attributes) != 0)
			counter_add(&counters()->failed_open, 1);
		else
			PROBE_MAP(start, part, attributes->flags,
				owner_by_id(attributes->owner)->name, sender_caller(attributes->caller));
	}
}

void track_lost(void)
{
	counter_add(&counters()->failed_open, 1);
}

/* ---- who is between a cut and what comes after it ---- */

/* A handler that comes in between may leave by siglongjmp(), or fork(): see is_being_written(). */
void track_enter(void)
{
	atomic_fetch_add(&process_state->writers_in, 1);
}

void track_leave(void)
{
	atomic_fetch_add(&process_state->writers_out, 1);
}

/* ---- mmap, munmap ---- */

static unsigned flags_of(int prot, int flags)
{
	unsigned shared = (flags & MAP_TYPE) != MAP_PRIVATE ? RANGE_SHARED : 0;

	return ((unsigned)prot & (PROT_READ | PROT_WRITE | PROT_EXEC)) | shared | RANGE_MAPPED;
}

/* Of huge pages the kernel rounds up to a whole one, of the size that MAP_HUGE_* says. */
static size_t size_of(size_t length, int flags)
{
	unsigned shift = (unsigned)flags >> MAP_HUGE_SHIFT & MAP_HUGE_MASK;
	size_t huge = (size_t)1 << (shift ? shift : HUGE_SHIFT);

	if (flags & MAP_ANONYMOUS && flags & MAP_HUGETLB)
		return (length + huge - 1) & ~(huge - 1);
	return length;
}

static void track_new(uintptr_t start, const struct mapping *mapping,
	struct range_attributes attributes)
{
	attributes.flags |= flags_of(mapping->prot, mapping->flags);
	if (!(mapping->flags & MAP_ANONYMOUS))
		attributes.caller = sender_pack(mapping->fd, attributes.caller);
	insert(start, size_of(mapping->length, mapping->flags), &attributes);
}

void track_mapped(
	uintptr_t start, size_t length, int prot, int flags, int fd, uintptr_t caller)
{
	struct range_attributes attributes = {.lock = -1, .flags = flags_of(prot, flags)};

	attributes.owner = owner_of_caller(caller, &attributes.caller);
	if (!(flags & MAP_ANONYMOUS))
		attributes.caller = sender_pack(fd, attributes.caller);
	insert(start, size_of(length, flags), &attributes);
}

/* Who maps, and whether that is allowed; false: errno is set. */
static bool admit(const struct mapping *mapping, uintptr_t caller,
	struct range_attributes *attributes, struct refusal *refusal)
{
	int reserved;

	attributes->owner = owner_of_caller(caller, &attributes->caller);
	if (likely(!(policy.actions & 1u << ACTION_RESERVE)))
		return true;
	refusal->owner = attributes->owner;
	refusal->caller = attributes->caller;
	reserved = reserve(mapping, refusal);
	if (reserved < 0)
		errno = -reserved;
	else
		attributes->flags = (unsigned)reserved;
	return reserved >= 0;
}

static _Atomic uint64_t *word_of(unsigned lock)
{
	return &process_state->lock[lock].word;
}

/* With no repair under way. */
static uint64_t free_version(unsigned lock)
{
	uint64_t version = atomic_load(word_of(lock));

	if (version & 1) {
		repair_wait(lock);
		version++;
	}
	return version;
}

/*
 * A repair of ours that began before the call must not end behind it, for what the handler writes
 * would be gone. The version of the lock word is changed after the call, so that such a repair fails in
 * TAKE; where it has changed already, one may have ended, and the call is made again.
 */
bool track_handlers_repair(void *(*next)(void *, size_t, int, int, int, off_t),
	const struct mapping *mapping, unsigned owner, void **result)
{
	uintptr_t start = (uintptr_t)mapping->address;
	size_t size = whole_pages(mapping->length);
	struct range_hit hit;
	uint64_t version;
	unsigned lock;

	if (!(mapping->flags & MAP_FIXED) || mapping->flags & MAP_FIXED_NOREPLACE ||
		mapping_is_tracked(mapping->flags) || !is_sane(start, mapping->length))
		return false;
	hit = range_lookup(start);
	if (!hit.range || size == geometry_size(hit.geometry) ||
		size > geometry_end(hit.geometry) - start || state_owner(hit.state) != owner)
		return false;
	lock = state_lock(hit.state);
	do {
		version = free_version(lock);
		*result = next(mapping->address, mapping->length, mapping->prot, mapping->flags,
			mapping->fd, mapping->offset);
	} while (!atomic_compare_exchange_strong(word_of(lock), &version, version + 2)); /* VOID */
	if (*result == MAP_FAILED && SYS_3(SYS_msync, start, size, MS_ASYNC) == -ENOMEM)
		range_cut_release(begin(start, size));
	return true;
}

void *track_mmap(void *(*next)(void *, size_t, int, int, int, off_t), const struct mapping *mapping,
	uintptr_t caller, struct refusal *refusal)
{
	bool replaces = mapping->flags & MAP_FIXED && !(mapping->flags & MAP_FIXED_NOREPLACE);
	uintptr_t start = (uintptr_t)mapping->address;
	struct range_attributes attributes = {.lock = -1};
	struct range_cut cut = {0};
	void *result;

	if (mapping_is_tracked(mapping->flags) && !admit(mapping, caller, &attributes, refusal))
		return MAP_FAILED;
	if (replaces) {
		track_enter();
		cut = begin(start, mapping->length);
	}
	result = next(mapping->address, mapping->length, mapping->prot, mapping->flags, mapping->fd,
		mapping->offset);
	if (result == MAP_FAILED)
		undo(cut, start, mapping->length);
	else
		range_cut_release(cut);
	if (result != MAP_FAILED && attributes.flags & RANGE_RESERVED &&
		!reserve_pages((uintptr_t)result, mapping, refusal)) {
		real.munmap(result, size_of(mapping->length, mapping->flags));
		errno = ENOMEM;
		result = MAP_FAILED;
	}
	if (result != MAP_FAILED && mapping_is_tracked(mapping->flags))
		track_new((uintptr_t)result, mapping, attributes);
	if (replaces)
		track_leave();
	return result;
}

/*
 * No track_enter(): behind the cut nothing is put in, so no fault has to wait for that. A thread that touches
 * pages which another one unmaps at that moment may find them mapped and not in the table: that is
 * memory of nobody to us, as it is freed memory to the program.
 */
/*
 * Without track_enter(): after the call nothing of the range comes back. Only where the call fails does a
 * fault of another thread find no range there meanwhile, and is answered as one in unknown memory.
 */
int track_munmap(void *address, size_t length)
{
	struct range_cut cut = begin((uintptr_t)address, length);
	int result = real.munmap(address, length); /* CALL */

	if (!cut.first)
		return result;
	if (unlikely(result != 0))
		undo(cut, (uintptr_t)address, length);
	else
		range_cut_release(cut);
	return result;
}

/* ---- mremap ---- */

static struct range_attributes attributes_of(uint32_t id)
{
	struct range *range = range_by_id(id);
	uint64_t state = atomic_load(&range->state);

	return (struct range_attributes){.owner = state_owner(state),
		.flags = state_flags(state),
		.lock = (int)state_lock(state),
		.caller = atomic_load(&range->caller)};
}

/* The pieces of a list that was cut are in no order. */
static uint32_t first_piece(struct range_cut cut)
{
	uint32_t first = cut.first;

	for (uint32_t id = cut.first; id; id = next_piece(id))
		if (piece_start(id) < piece_start(first))
			first = id;
	return first;
}

static bool any_repaired(struct range_cut cut)
{
	for (uint32_t id = cut.first; id; id = next_piece(id))
		if (state_flags(atomic_load(&range_by_id(id)->state)) & RANGE_REPAIRED)
			return true;
	return false;
}

/* mremap(old, 0, ...) makes a second mapping of the same file, and leaves the old one as it is. */
static void *duplicate(const struct remapping *move)
{
	struct range_hit hit = range_lookup((uintptr_t)move->old);
	struct range_attributes attributes = {0};
	struct range_cut target = {0};
	void *result;

	if (hit.range)
		attributes = (struct range_attributes){.owner = state_owner(hit.state),
			.flags = state_flags(hit.state),
			.lock = (int)state_lock(hit.state),
			.caller = atomic_load(&hit.range->caller),
			.anchor = range_anchor(hit.range)};
	if (move->flags & MREMAP_FIXED)
		target = begin((uintptr_t)move->new, move->new_size);
	if (attributes.flags & RANGE_REPAIRED && attributes.flags & RANGE_SHARED && attributes.anchor)
		result = remap_copy_repaired(move, &attributes, geometry_end(hit.geometry));
	else
		result = real.mremap(move->old, 0, move->new_size, move->flags, move->new);
	if (result == MAP_FAILED) {
		undo(target, (uintptr_t)move->new, move->new_size);
		return result;
	}
	range_cut_release(target);
	if (hit.range) {
		attributes.anchor = anchor_copy(attributes.anchor, attributes.flags & RANGE_SHARED,
			(uintptr_t)result - (uintptr_t)move->old);
		insert((uintptr_t)result, move->new_size, &attributes);
	}
	return result;
}

/*
 * Tried on an alias: growth that cannot be had must not move anything, for the place that a move
 * leaves may be another thread's before it can be taken back.
 */
static bool can_grow(const struct remapping *move, const struct range_attributes *range)
{
	size_t old_size = whole_pages(move->old_size), size = whole_pages(move->new_size);
	char *alias = real.mremap(move->old, 0, size, MREMAP_MAYMOVE);
	bool can;

	if (alias == MAP_FAILED && range->anchor)
		alias = real.mremap((void *)range->anchor, 0, size, MREMAP_MAYMOVE);
	if (alias == MAP_FAILED)
		return false;
	can = reserve_tail((uintptr_t)alias + old_size, size - old_size);
	real.munmap(alias, size);
	return can;
}

static bool grows_reserved(const struct remapping *move, unsigned flags)
{
	return flags & RANGE_RESERVED && whole_pages(move->new_size) > whole_pages(move->old_size);
}

/* What was cut at the old place goes in at the new one; the last piece grows, or is cut off. */
static void insert_moved(const struct remapping *move, struct range_cut cut, uintptr_t to)
{
	uintptr_t old = (uintptr_t)move->old, end = old + whole_pages(move->old_size);
	size_t new_size = whole_pages(move->new_size);

	for (uint32_t id = cut.first; id; id = next_piece(id)) {
		struct range *range = range_by_id(id);
		uint64_t geometry = range_piece(range);
		struct range_attributes attributes = attributes_of(id);
		size_t offset = geometry_start(geometry) - old, size = geometry_size(geometry);

		if (offset >= new_size)
			continue;
		if (geometry_end(geometry) == end || size > new_size - offset)
			size = new_size - offset;
		attributes.anchor = anchor_copy(range_anchor(range), attributes.flags & RANGE_SHARED, to - old);
		insert(to + offset, size, &attributes);
	}
}

static void *refuse_growth(const struct remapping *move, const struct range_attributes *attributes,
	struct refusal *refusal)
{
	refusal->owner = attributes->owner;
	refusal->caller = attributes->caller;
	refusal->wanted = move->new_size;
	errno = ENOMEM;
	return MAP_FAILED;
}

/* For growth the kernel wants one mapping: several records are none, whatever was replaced in them. */
static bool is_one(struct range_cut cut, const struct remapping *move)
{
	return whole_pages(move->new_size) <= whole_pages(move->old_size) ||
	       !next_piece(cut.first);
}

/*
 * Three ways, all between the same cuts: growth of a reserved range that cannot be had is refused before
 * anything moves; a range with replaced pages is several mappings to the kernel and moved piece by piece
 * (remap.c); everything else is the kernel's. If it failed, both cuts are undone, each as far as its pages
 * are still mapped: the kernel may have unmapped the target before it failed.
 */
static void *move_range(const struct remapping *move, struct refusal *refusal)
{
	struct range_cut old = begin((uintptr_t)move->old, move->old_size);
	struct range_cut target = {0};
	struct range_attributes attributes = {0};
	uint32_t first = first_piece(old);
	void *result;

	if (first) {
		attributes = attributes_of(first);
		attributes.anchor = range_anchor(range_by_id(first));
	}
	if (move->flags & MREMAP_FIXED)
		target = begin((uintptr_t)move->new, move->new_size);
	if (grows_reserved(move, attributes.flags) && !can_grow(move, &attributes)) {
		result = refuse_growth(move, &attributes, refusal);
	} else if (any_repaired(old) && is_one(old, move)) {
		result = remap_repaired(move, &attributes, refusal);
		if (result == MAP_FAILED && refusal->why)
			result = refuse_growth(move, &attributes, refusal);
	} else {
		result = real.mremap(move->old, move->old_size, move->new_size, move->flags, move->new);
	}
	if (result == MAP_FAILED) {
		undo(old, (uintptr_t)move->old, move->old_size);
		undo(target, (uintptr_t)move->new, move->new_size);
		return result;
	}
	range_cut_release(target);
	insert_moved(move, old, (uintptr_t)result);
	if (move->flags & MREMAP_DONTUNMAP)
		range_cut_restore(old);
	else
		range_cut_release(old);
	return result;
}

void *track_mremap(const struct remapping *move, struct refusal *refusal)
{
	void *result;

	if (!is_sane((uintptr_t)move->old, move->new_size))
		return real.mremap(move->old, move->old_size, move->new_size, move->flags, move->new);
	track_enter();
	result = move->old_size ? move_range(move, refusal) : duplicate(move);
	track_leave();
	return result;
}

/* ---- remap_file_pages ---- */

/* What was replaced is of no file, and the kernel refuses it: the file comes back by its anchor. */
static int turn(uintptr_t start, size_t size, size_t page, struct range_attributes attributes)
{
	uintptr_t old = attributes.anchor;
	struct file_part part = {start, size};

	attributes.anchor = anchor_turn(old, start, page);
	if (!attributes.anchor || !anchor_lay(attributes.anchor, true, &part, start)) {
		anchor_free(attributes.anchor);
		errno = EINVAL;
		return -1;
	}
	if (attributes.flags & RANGE_PROTECTED)
		real.mprotect((void *)start, size, (int)(attributes.flags & 7));
	attributes.flags &= ~(unsigned)RANGE_REPAIRED;
	insert(start, size, &attributes);
	return 0;
}

int track_remap_pages(void *address, size_t length, int prot, size_t page, int flags)
{
	uintptr_t start = (uintptr_t)address & PAGE_MASK;
	size_t size = length & PAGE_MASK;
	struct range_hit hit = range_lookup(start);
	unsigned wanted = RANGE_REPAIRED | RANGE_SHARED;
	struct range_cut cut;
	int result;

	if (!hit.range || (state_flags(hit.state) & wanted) != wanted || !range_anchor(hit.range) ||
		prot || !size || geometry_end(hit.geometry) - start < size)
		return real.remap_file_pages(address, length, prot, page, flags);
	track_enter();
	cut = range_cut(start, size);
	if (cut.first) {
		struct range_attributes attributes = attributes_of(cut.first);

		attributes.anchor = range_anchor(range_by_id(cut.first));
		result = turn(start, size, page, attributes);
		if (result == 0)
			range_cut_release(cut);
		else
			range_cut_restore(cut);
	} else {
		result = real.remap_file_pages(address, length, prot, page, flags);
	}
	track_leave();
	return result;
}

/* ---- mprotect ---- */

/* What was replaced may be written to; whether its file may, the kernel says of the anchor. */
static int ask_file(struct range_hit hit, int prot)
{
	void *anchor = (void *)range_anchor(hit.range);
	int saved_errno = errno, error = 0;

	if (anchor && prot & (PROT_WRITE | PROT_EXEC) && real.mprotect(anchor, PAGE_SIZE, prot) != 0)
		error = errno;
	errno = saved_errno;
	return error == EACCES || error == EPERM ? error : 0;
}

static void mark_protected(struct range_hit hit, void *data)
{
	struct protecting *protecting = data;

	range_set_flags(hit, RANGE_PROTECTED | (protecting->prot & PROT_EXEC ? RANGE_EXEC : 0), 0); /* MARK */
	protecting->locks |= (uint64_t)1 << state_lock(hit.state);
	if (unlikely(state_flags(hit.state) & RANGE_REPAIRED) && !protecting->error)
		protecting->error = ask_file(hit, protecting->prot);
}

static void read_versions(struct protecting *protecting)
{
	for (uint64_t left = protecting->locks; left; left &= left - 1) {
		unsigned lock = (unsigned)__builtin_ctzll(left);

		protecting->version[lock] = free_version(lock);
	}
}

/*
 * A repair asks the kernel for the protection, and gives the new pages the same. So none may come
 * to its end behind the system call that has asked before it: afterwards the lock word gets another
 * version, as by a repair, and where it is no longer that from before, the call is made again.
 */
void track_protect(struct protecting *protecting, void *address, size_t length, int prot)
{
	protecting->locks = 0;
	protecting->prot = prot;
	protecting->error = 0;
	if (is_sane((uintptr_t)address, length))
		range_each((uintptr_t)address, whole_pages(length), mark_protected, protecting);
	read_versions(protecting);
}

bool track_must_repeat(struct protecting *protecting)
{
	bool repeat = false;

	for (uint64_t left = protecting->locks; left; left &= left - 1) {
		unsigned lock = (unsigned)__builtin_ctzll(left);
		uint64_t version = protecting->version[lock];

		/* VOID */
		if (!atomic_compare_exchange_strong(word_of(lock), &version, version + 2))
			repeat = true;
	}
	if (repeat)
		read_versions(protecting);
	return repeat;
}

/* ---- System V shared memory ---- */

/* Who attached it, and whether its pages can be had; false: it is detached again, and errno is set. */
static bool admit_segment(void *at, uintptr_t caller, struct range_attributes *attributes,
	struct mapping *mapping, struct refusal *refusal)
{
	attributes->owner = owner_of_caller(caller, &attributes->caller);
	if (likely(!(policy.actions & 1u << ACTION_RESERVE)))
		return true;
	refusal->owner = attributes->owner;
	refusal->caller = attributes->caller;
	if (reserve_segment((uintptr_t)at, mapping, refusal))
		return true;
	real.shmdt(at);
	errno = ENOMEM;
	return false;
}

void *track_shmat(int id, const void *address, int flags, uintptr_t caller,
	struct mapping *mapping, struct refusal *refusal)
{
	struct range_attributes attributes = {.lock = -1};
	struct shmid_ds segment = {0};
	int saved_errno = errno;
	bool is_known = real.shmctl(id, IPC_STAT, &segment) == 0;
	uintptr_t start = (uintptr_t)address & (flags & SHM_RND ? PAGE_MASK : ~(uintptr_t)0);
	struct range_cut cut = {0};
	void *result;

	errno = saved_errno;
	*mapping = (struct mapping){.length = segment.shm_segsz,
		.prot = PROT_READ | (flags & SHM_RDONLY ? 0 : PROT_WRITE) |
			(flags & SHM_EXEC ? PROT_EXEC : 0),
		.flags = MAP_SHARED,
		.fd = -1,
		.key = (uint32_t)segment.shm_perm.__key};
	track_enter();
	if (flags & SHM_REMAP)
		cut = begin(start, segment.shm_segsz);
	result = real.shmat(id, address, flags);
	if (result == MAP_FAILED)
		undo(cut, start, segment.shm_segsz);
	else
		range_cut_release(cut);
	if (result != MAP_FAILED && is_known) {
		if (admit_segment(result, caller, &attributes, mapping, refusal)) {
			attributes.flags =
				flags_of(mapping->prot, mapping->flags) | RANGE_ATTACHED;
			insert((uintptr_t)result, segment.shm_segsz, &attributes);
		} else {
			result = MAP_FAILED;
		}
	}
	saved_errno = errno;
	track_leave();
	errno = saved_errno;
	return result;
}

/* What is cut for shmdt(), of the segment that is attached at address. */
struct detaching {
	uintptr_t address;
	struct vma vma; /* at address; inode 0: not known */
	unsigned lock;
	struct range_cut cut;
};

/*
 * As the kernel: what shows the segment at the right distance from the address. What was replaced there
 * shows nothing, but the parts of a record keep its lock word.
 */
static void cut_attached(struct range_hit hit, void *data)
{
	struct detaching *detaching = data;
	uintptr_t start = geometry_start(hit.geometry);
	bool is_part = state_lock(hit.state) == detaching->lock;
	struct range_cut cut;
	uint32_t last;
	struct vma vma;

	if (!(state_flags(hit.state) & RANGE_ATTACHED) || start < detaching->address)
		return;
	if (start != detaching->address && !(is_part && state_flags(hit.state) & RANGE_REPAIRED) &&
		!(vma_query(start, &vma, NULL, 0) == 0 && vma.inode == detaching->vma.inode &&
			vma.offset + (start - vma.start) == start - detaching->address))
		return;
	cut = range_cut(start, geometry_size(hit.geometry));
	last = cut.first;
	if (!last)
		return;
	while (next_piece(last))
		last = next_piece(last);
	range_link_piece(range_by_id(last), detaching->cut.first);
	detaching->cut.first = cut.first;
}

/* Bytes of the segment from address on, holes included; size: of the record there. */
static size_t segment_size(struct detaching *detaching, size_t size)
{
	struct shmid_ds segment;

	if (vma_query(detaching->address, &detaching->vma, NULL, 0) == 0 &&
		real.shmctl((int)detaching->vma.inode, IPC_STAT, &segment) == 0 &&
		segment.shm_segsz > size)
		return whole_pages(segment.shm_segsz);
	return size;
}

/* To the kernel, what was replaced is no part of the segment. To unmap it is to detach it. */
static int unmap_pieces(struct range_cut cut)
{
	for (uint32_t id = cut.first; id; id = next_piece(id))
		if (real.munmap((void *)piece_start(id), geometry_size(range_piece(range_by_id(id)))) != 0)
			return -1;
	return 0;
}

int track_shmdt(const void *address)
{
	struct range_hit hit = range_lookup((uintptr_t)address);
	struct detaching detaching = {.address = (uintptr_t)address, .lock = state_lock(hit.state)};
	int saved_errno = errno, result;

	if (hit.range && geometry_start(hit.geometry) == (uintptr_t)address &&
		state_flags(hit.state) & RANGE_ATTACHED)
		range_each((uintptr_t)address, segment_size(&detaching, geometry_size(hit.geometry)),
			cut_attached, &detaching);
	errno = saved_errno;
	if (unlikely(any_repaired(detaching.cut)))
		result = unmap_pieces(detaching.cut);
	else
		result = real.shmdt(address);
	if (result != 0)
		range_cut_restore(detaching.cut);
	else
		range_cut_release(detaching.cut);
	return result;
}
