/* SPDX-License-Identifier: MIT */
/*
 * Owners: shared objects, and what programs register by the C API. One table for both.
 *
 * The owner of a mapping is the object whose code called mmap(). Nothing here takes a lock. The entry of
 * an object that was unloaded is kept for one of the same path, and given to any other only when the
 * table is full and no range of it is left.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include "base/base.h"
#include "base/text.h"
#include "base/syscall.h"
#include "kernel/next.h"
#include "kernel/process.h"
#include "kernel/symbols.h"
#include "owner/owner.h"
#include "table/table.h"

#ifndef DLFO_STRUCT_HAS_EH_DBASE
#error "libsigbus needs glibc 2.35 or newer (_dl_find_object)"
#endif

/* Weak: under a C library that lacks it we stay inert. It takes no lock, unlike dladdr(). */
extern __typeof__(_dl_find_object) _dl_find_object __attribute__((weak));

#define SLOTS (2 * OWNERS_MAX)
#define UNLOADED UINT16_MAX /* in slots: there was one */
#define NAME_BYTES 256

LARGE struct owner owners[OWNERS_MAX];
static _Atomic uint32_t last_owner; /* the first one, 0, is "unknown" */
LARGE static _Atomic uint16_t slots[SLOTS]; /* by start address, open addressing */

const char *base_name(const char *path)
{
	const char *name = path;

	for (; *path; path++)
		if (*path == '/')
			name = path + 1;
	return name;
}

/* The arena hands out whole lines of the cache. */
static size_t room_of(const char *name)
{
	return (strlen(name) + 64) & ~(size_t)63;
}

/* In place of old, which may be NULL, where that has room for it: a name is never freed. */
static const char *copy_name(const char *old, const char *name)
{
	size_t length = strnlen(name, NAME_BYTES - 1);
	char *copy = old && length < room_of(old) ? (char *)old : arena_allocate(length + 1);

	if (!copy)
		return "?";
	memcpy(copy, name, length);
	copy[length] = '\0';
	return copy;
}

/* The name of the file itself: libfoo.so.1 is often a link to libfoo.so.1.2.3. */
static const char *resolve_name(const char *old, const char *path)
{
	char buffer[2][NAME_BYTES];
	int turn = 0;

	for (int depth = 0; depth < 8; depth++) {
		char *target = buffer[turn];
		const char *slash = strrchr(path, '/');
		size_t directory = slash ? (size_t)(slash + 1 - path) : 0;
		long length;

		if (directory >= NAME_BYTES - 1)
			break;
		length = SYS_4(SYS_readlinkat, AT_FDCWD, path, target + directory,
			NAME_BYTES - 1 - directory);
		if (length < 0)
			break;
		target[directory + (size_t)length] = '\0';
		if (target[directory] == '/')
			memmove(target, target + directory, (size_t)length + 1);
		else
			memcpy(target, path, directory);
		path = target;
		turn = !turn;
	}
	return copy_name(old, base_name(path));
}

static bool is_system_object(const char *name)
{
	static const char prefixes[][16] = {"libc.so", "ld-linux", "linux-vdso", "libsigbus.so"};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		if (text_starts(name, prefixes[i]))
			return true;
	return false;
}

/* A program that is not PIE: its load bias is 0. */
static uintptr_t linked_at(const struct dl_find_object *object)
{
	return object->dlfo_link_map->l_addr ? 0 : (uintptr_t)object->dlfo_map_start;
}

/* The link map comes last: without it an entry is of nothing that is loaded. */
static void locate(struct owner *owner, const struct dl_find_object *object)
{
	owner->start = (uintptr_t)object->dlfo_map_start;
	owner->end = (uintptr_t)object->dlfo_map_end;
	owner->path = object->dlfo_link_map->l_name;
	atomic_store(&owner->link_map, object->dlfo_link_map);
}

const struct symbol_name sigaction_name = SYMBOL_NAME("sigaction");

/* An entry of its own, or that of an object that is gone for good: what is about that one goes. */
static void describe(struct owner *owner, const struct dl_find_object *object)
{
	const char *path = object->dlfo_link_map->l_name;

	owner->linked_at = linked_at(object);
	if (!*path) {
		owner->name = program_name;
		owner->resolved = program_path;
	} else {
		owner->name = copy_name(owner->name, base_name(path));
		owner->resolved = resolve_name(owner->resolved, path);
		owner->own_path = strnlen(path, NAME_BYTES) < NAME_BYTES
					  ? copy_name(owner->own_path, path)
					  : NULL;
	}
	owner->is_system = is_system_object(owner->name);
	owner->is_self = (uintptr_t)object->dlfo_map_start <= (uintptr_t)owners &&
			 (uintptr_t)owners < (uintptr_t)object->dlfo_map_end;
	owner->is_wrapper = wrapper_is(owner->name);
	owner->hands_on_sigaction = owner->is_wrapper ||
				    (!owner->is_system && !owner->is_self &&
					    symbols_defines(object->dlfo_link_map, &sigaction_name));
	atomic_store(&owner->rule, NULL);
	locate(owner, object);
}

unsigned owner_allocate(void)
{
	uint32_t last = atomic_load(&last_owner);

	do {
		if (last == OWNERS_MAX - 1)
			return 0;
	} while (!atomic_compare_exchange_weak(&last_owner, &last, last + 1));
	return last + 1;
}

unsigned owner_end(void)
{
	return atomic_load(&last_owner) + 1;
}

static bool is_same_object(const struct owner *owner, const struct dl_find_object *object)
{
	const struct link_map *map = object->dlfo_link_map;

	return owner->start == (uintptr_t)object->dlfo_map_start &&
	       owner->end == (uintptr_t)object->dlfo_map_end && owner->link_map == map &&
	       owner->path == map->l_name;
}

/*
 * The entry of an object of the same path that was unloaded: what the rules ask of an owner is its
 * name, so ranges that the object left behind keep a true owner. 0: there is none.
 */
static unsigned take_unloaded(const struct dl_find_object *object)
{
	const char *path = object->dlfo_link_map->l_name;
	unsigned count = owner_end();

	for (unsigned id = 1; id < count; id++) {
		struct owner *owner = &owners[id];
		bool unloaded = true;

		if (atomic_load(&owner->is_unloaded) && !strcmp(owner->own_path, path) &&
			atomic_compare_exchange_strong(&owner->is_unloaded, &unloaded, false)) {
			locate(owner, object);
			return id;
		}
	}
	return 0;
}

/* ---- no entry is left ---- */

static void (*tell_full)(void);

void owner_when_full(void (*tell)(void))
{
	tell_full = tell;
}

static unsigned take_forgotten(void)
{
	for (unsigned id = 1; id < OWNERS_MAX; id++) {
		bool unloaded = true;

		if (owners[id].is_forgotten &&
			atomic_compare_exchange_strong(&owners[id].is_unloaded, &unloaded, false)) {
			owners[id].is_forgotten = false;
			return id;
		}
	}
	return 0;
}

/*
 * An object that was unloaded makes no mapping any more; once none of its ranges is left, nobody
 * knows its entry. One look at all records finds all of them, so that the next look is as many new
 * objects away.
 */
static APART bool find_forgotten(void)
{
	uint64_t used[OWNERS_MAX / 64] = {0};
	bool found = false;

	range_mark_owners(used);
	for (unsigned id = 1; id < OWNERS_MAX; id++)
		if (atomic_load(&owners[id].is_unloaded) && !(used[id / 64] >> id % 64 & 1)) {
			atomic_store(&owners[id].is_forgotten, true);
			found = true;
		}
	return found;
}

/* 0: as many objects are loaded, or have left ranges behind, as there are entries. */
static unsigned allocate_or_reuse(void)
{
	static atomic_bool is_told;
	unsigned id = owner_allocate();

	if (!id)
		id = take_forgotten();
	if (!id && find_forgotten())
		id = take_forgotten();
	if (!id) {
		counter_add(&counters()->owners_full, 1);
		if (tell_full && !atomic_exchange(&is_told, true))
			tell_full();
	}
	return id;
}

static unsigned slot_of(const struct dl_find_object *object)
{
	return (unsigned)(((uintptr_t)object->dlfo_map_start >> PAGE_SHIFT) * 2654435761u) % SLOTS;
}

/*
 * The acquire load pairs with the compare and swap of slots[] in add_object() and its kin: describe() has
 * filled the entry before its id is in a slot. So whoever finds an id here, the handler too, may read the
 * plain fields of that entry (name, start, end ...), which never change while the id is in a slot.
 */
static unsigned find(const struct dl_find_object *object)
{
	unsigned slot = slot_of(object);
	unsigned id;

	for (unsigned tries = 0; tries < SLOTS; tries++) {
		id = atomic_load_explicit(&slots[slot], memory_order_acquire);
		if (id == 0)
			return 0;
		if (id != UNLOADED && is_same_object(&owners[id], object))
			return id;
		slot = (slot + 1) % SLOTS;
	}
	return 0;
}

/* Two threads may add the same object at once: the first entry of the probe sequence counts. */
static unsigned add_object(const struct dl_find_object *object)
{
	unsigned slot = slot_of(object);
	unsigned id = take_unloaded(object);

	if (!id) {
		id = allocate_or_reuse();
		if (!id)
			return 0;
		describe(&owners[id], object);
	}
	for (unsigned tries = 0; tries < SLOTS; tries++, slot = (slot + 1) % SLOTS) {
		uint16_t there = atomic_load(&slots[slot]);

		/* The place of one that was unloaded may be taken: who looks for it finds nothing of it. */
		while (there == 0 || there == UNLOADED)
			if (atomic_compare_exchange_strong(&slots[slot], &there, (uint16_t)id))
				return id;
		if (is_same_object(&owners[there], object))
			return there;
	}
	return id; /* no place: found again by its path only */
}

unsigned owner_at(uintptr_t address)
{
	struct dl_find_object object;
	unsigned id;

	if (!_dl_find_object || _dl_find_object((void *)address, &object) != 0)
		return 0;
	id = find(&object);
	return likely(id) ? id : add_object(&object);
}

unsigned owner_of_caller(uintptr_t caller, uint32_t *offset)
{
	unsigned id = owner_at(caller);

	if (unlikely(owners[id].is_wrapper)) {
		uintptr_t outside = wrapper_caller(caller);

		if (outside != caller) {
			caller = outside;
			id = owner_at(caller);
		}
	}
	*offset = (uint32_t)(id ? caller - owners[id].start : 0);
	return id;
}

uintptr_t object_in_front(const struct symbol_name *name)
{
	struct dl_find_object self;
	const struct link_map *map;
	uintptr_t found = 0;

	if (!_dl_find_object || _dl_find_object(owners, &self) != 0)
		return 0;
	/* Backwards; the kernel's object comes second in the list, and the program is the first. */
	for (map = self.dlfo_link_map->l_prev; map && map->l_prev; map = map->l_prev)
		if (!text_starts(map->l_name, "linux-vdso") && symbols_defines(map, name))
			found = (uintptr_t)map->l_ld;
	return found && !symbols_defines(map, name) ? found : 0;
}

bool object_is_loaded(bool (*is_it)(const char *name))
{
	struct dl_find_object self;
	const struct link_map *map;

	if (!_dl_find_object || _dl_find_object(owners, &self) != 0)
		return false;
	for (map = self.dlfo_link_map; map->l_prev; map = map->l_prev)
		;
	while (map && !is_it(base_name(map->l_name)))
		map = map->l_next;
	return map;
}

bool object_at(uintptr_t address, const char **name, uintptr_t *offset)
{
	struct dl_find_object object;
	unsigned id;

	if (!_dl_find_object || _dl_find_object((void *)address, &object) != 0)
		return false;
	id = find(&object);
	*name = id ? owners[id].name : base_name(object.dlfo_link_map->l_name);
	if (!**name)
		*name = program_name;
	*offset = address - (uintptr_t)object.dlfo_map_start + linked_at(&object);
	return true;
}

uintptr_t owner_linked_at(unsigned id)
{
	return owners[id].linked_at;
}

const char *owner_name(unsigned id)
{
	return id ? owners[id].name : "unknown";
}

const char *owner_alias(unsigned id, unsigned i)
{
	if (!id)
		return NULL;
	return i == 0 ? owners[id].name : owners[id].resolved;
}

static void leave_slots(unsigned id)
{
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		uint16_t there = (uint16_t)id;

		atomic_compare_exchange_strong(&slots[slot], &there, UNLOADED);
	}
}

/*
 * The loader calls this once, with the lock that its dlclose() holds in other threads while it takes a
 * link_map off the list and frees it: so the link_map of any object that is found here may be read.
 */
static int drop_unloaded(struct dl_phdr_info *info, size_t size, void *unused)
{
	unsigned count = owner_end();

	(void)info, (void)size, (void)unused;
	for (unsigned id = 1; id < count; id++) {
		struct dl_find_object object;
		struct owner *owner = &owners[id];
		const void *map = atomic_load(&owner->link_map);

		if (!map || (_dl_find_object((void *)owner->start, &object) == 0 &&
				    is_same_object(owner, &object)))
			continue;
		/*
		 * From here on the entry fits no object that is found by its address: the next one that
		 * is loaded there may have all the same addresses, and is another owner.
		 */
		if (!atomic_compare_exchange_strong(&owner->link_map, &map, NULL))
			continue;
		atomic_store(&owner->handler, NULL);
		leave_slots(id);
		owner->is_forgotten = false;
		atomic_store(&owner->is_unloaded, owner->own_path != NULL);
	}
	return 1;
}

void owner_drop_unloaded(void)
{
	next()->dl_iterate_phdr(drop_unloaded, NULL);
}
