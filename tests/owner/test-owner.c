/* SPDX-License-Identifier: MIT */
/* Which object code and mappings belong to, and what becomes of its entry when it is unloaded. */
#include <errno.h>
#include "../harness/objects.h"
#include "../harness/rooms.h"

static void *load(const char *name)
{
	void *object = dlopen(object_path(name), RTLD_NOW);

	if (!object) {
		printf("Bail out! %s\n", dlerror());
		exit(1);
	}
	return object;
}

static void unload(void *object)
{
	dlclose(object);
	owner_drop_unloaded();
}

static int own_function(void)
{
	return 7;
}

static void test_addresses(void)
{
	uintptr_t here = (uintptr_t)test_addresses, offset = 0;
	unsigned own = owner_at(here);
	int local = own_function();
	const char *name = NULL;

	ok(own && owner_at((uintptr_t)own_function) == own, "code of one object has one owner");
	is_string(owner_name(own), program_name, "the program is called as it was started");
	is_string(owner_alias(own, 1), program_path, "and as its file is called");
	ok(owner_at((uintptr_t)&local) == 0 && owner_at((uintptr_t)malloc(1)) == 0,
		"the stack and the heap are no object's");
	ok(!strcmp(owner_name(0), "unknown") && !owner_alias(0, 0), "nobody has no name for rules");
	ok(owner_by_id(owner_at((uintptr_t)dlsym(RTLD_DEFAULT, "read")))->is_system,
		"the C library owns no handler");
	ok(!owner_by_id(own)->is_system && !owner_by_id(own)->is_wrapper, "the program may");
	ok(object_at(here, &name, &offset) && !strcmp(name, program_name) &&
			offset == here - owner_by_id(own)->start + owner_linked_at(own),
		"the offset is what addr2line takes");
	ok(!object_at((uintptr_t)&local, &name, &offset), "no object, no offset");
}

static bool is_libc(const char *name)
{
	return !strncmp(name, "libc.so", 7);
}

static bool is_none(const char *name)
{
	return !strcmp(name, "libnone.so.0");
}

static void test_search(void)
{
	ok(object_is_loaded(is_libc) && !object_is_loaded(is_none), "objects are found by their names");
}

static void test_names(void)
{
	void *object;
	unsigned id;

	object_copy("real.so.1.2");
	if (symlink("real.so.1.2", object_path("link.so.1")) != 0)
		ok(false, "a link can be made");
	object = load("link.so.1");
	id = owner_at(object_code(object));
	is_string(owner_alias(id, 0), "link.so.1", "an object is known by the name that it was loaded by");
	is_string(owner_alias(id, 1), "real.so.1.2", "and by that of the file behind the link");
	unload(object);
}

static void test_unloading(void)
{
	void *object;
	uintptr_t start;
	unsigned a, b;

	object_copy("a.so");
	object_copy("b.so");
	object = load("a.so");
	a = owner_at(object_code(object));
	start = owner_by_id(a)->start;
	unload(object);
	ok(atomic_load(&owner_by_id(a)->is_unloaded) && !atomic_load(&owner_by_id(a)->link_map) &&
			!strcmp(owner_name(a), "a.so"),
		"the entry of an object that was unloaded keeps its name: ranges may be left");
	ok(owner_at(start) == 0, "where it was there is no owner");

	object = load("b.so");
	b = owner_at(object_code(object));
	if (owner_by_id(b)->start != start)
		puts("# b.so did not come to the place of a.so");
	ok(b != a && !strcmp(owner_name(b), "b.so"), "another object at its place is another owner");
	unload(object);

	object = load("a.so");
	ok(owner_at(object_code(object)) == a && !atomic_load(&owner_by_id(a)->is_unloaded),
		"loaded again, from the same path, it has the same entry");
	owner_drop_unloaded();
	ok(owner_at(object_code(object)) == a && atomic_load(&owner_by_id(a)->link_map),
		"what is loaded is not dropped");
	unload(object);
}

static unsigned told;

static void tell(void)
{
	told++;
}

static bool insert_range(uintptr_t start, unsigned owner)
{
	struct range_attributes attributes = {.owner = owner, .lock = -1};

	return range_insert(start, PAGE_SIZE, &attributes) == 0;
}

static void test_full(void)
{
	uintptr_t start = (uintptr_t)1 << 30;
	void *object = load("a.so"), *other;
	unsigned a = owner_at(object_code(object));

	owner_when_full(tell);
	/* Every entry whose object is gone has a range left, and so has to stay. */
	for (unsigned id = 1; id < owner_end(); id++)
		insert_range(start + id * PAGE_SIZE, id);
	while (owner_allocate())
		;
	unload(object);
	object_copy("c.so");
	other = load("c.so");
	ok(owner_at(object_code(other)) == 0 && told == 1 && counters()->owners_full == 1,
		"with all entries in use an object has no owner: told and counted");
	owner_at(object_code(other));
	ok(told == 1 && counters()->owners_full == 2, "told once, counted each time");
	range_cut_free(range_cut(start + a * PAGE_SIZE, PAGE_SIZE));
	ok(owner_at(object_code(other)) == a && !strcmp(owner_name(a), "c.so"),
		"the entry of an object that is gone with its last range is used again");
	unload(other);
}

static int answer(const struct sigbus_fault *fault, void *data)
{
	(void)fault, (void)data;
	return 0;
}

static void test_callbacks(void)
{
	unsigned id = owner_at((uintptr_t)test_callbacks); /* any entry will do */
	struct owner *owner = owner_by_id(id);
	struct callback callback;
	struct range_hit hit;
	uintptr_t start = (uintptr_t)2 << 30;

	insert_range(start, id);
	hit = range_lookup(start);
	ok(!owner_callback(&hit, start).function, "who never registered has no callback");
	atomic_store(&owner->callback, (sigbus_callback)answer);
	atomic_store(&owner->data, owner);
	atomic_store(&owner->generation, 2);
	callback = owner_callback(&hit, start);
	ok(callback.function == (sigbus_callback)answer && callback.data == owner && !callback.is_stale,
		"who did has one");
	ok(callback_begin(&callback), "it may be called");
	callback_end(&callback);
	range_cut_free(range_cut(start, PAGE_SIZE));
	ok(owner_callback(&hit, start).is_stale, "of a range that is gone it is stale");
	atomic_store(&owner->generation, 3);
	ok(!callback_begin(&callback), "once the owner was destroyed it may not be called");
	callback_wait(owner);
	ok(atomic_load(&process_state->callbacks[id % CALLBACK_SLOTS].running) == 0, "none is running");
}

int main(void)
{
	start_rooms();
	objects_begin();
	test_addresses();
	test_search();
	test_names();
	test_unloading();
	test_callbacks();
	test_full(); /* the last: no entry is left */
	return tap_done();
}
