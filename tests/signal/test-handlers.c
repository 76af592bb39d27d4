/* SPDX-License-Identifier: MIT */
/* Which handler answers for which object. */
#include <signal.h>
#include "../harness/objects.h"
#include "../harness/rooms.h"
#include "signal/disposition.h"
#include "signal/handlers.h"

static void first(int signo)
{
	(void)signo;
}

static void second(int signo)
{
	(void)signo;
}

static const struct disposition *action(void *handler)
{
	return disposition_intern(handler, SA_SIGINFO, 0);
}

static unsigned own, other;
static void *object;

static void test_newest(void)
{
	const struct disposition *old = action((void *)first), *new = action((void *)second);

	ok(!handler_of_owner(own) && !handler_of_owner(0), "at first nobody has a handler");
	handlers_add(own, old);
	ok(handler_of_owner(own) == old && atomic_load(&old->owner) == own, "one answers for its owner");
	handlers_add(own, new);
	ok(handler_of_owner(own) == new, "of two the newer one");
	handlers_add(own, old);
	ok(handler_of_owner(own) == old, "who puts back what was there has that");
	handlers_end(own);
	ok(!handler_of_owner(own) && atomic_load(&old->owner) == own,
		"it ends; whose it was is known on");
}

static void test_statements(void)
{
	uintptr_t here = (uintptr_t)test_statements, there = object_code(object);
	const struct disposition *mine = action((void *)first), *its = action((void *)there);

	handlers_update(mine, NULL, here);
	handlers_update(its, NULL, there);
	ok(handler_of_owner(own) == mine && handler_of_owner(other) == its, "each object has its own");
	handlers_update(action(SIG_DFL), its, here);
	ok(!handler_of_owner(own) && handler_of_owner(other) == its,
		"the default action ends the handlers of who asks for it, and nobody else's");
	handlers_update(mine, NULL, here);
	handlers_update(action(SIG_IGN), mine, there);
	ok(handler_of_owner(own) == mine && !handler_of_owner(other), "and so does SIG_IGN");
	handlers_update(mine, NULL, there);
	ok(handler_of_owner(own) == mine && !handler_of_owner(other),
		"who installs the code of another object installs that object's handler");
	handlers_update(its, NULL, here);
	ok(!handler_of_owner(own) && handler_of_owner(other) == its, "and ends its own");
}

static void test_code(void)
{
	void *libc = dlsym(RTLD_DEFAULT, "abort");
	char on_the_stack;

	ok(owner_of_handler((void *)first, other) == own, "a handler belongs to the object of its code");
	ok(owner_of_handler(libc, other) == other, "or to its caller, where that is the C library's");
	ok(owner_of_handler(&on_the_stack, other) == other, "or nobody's, as of a JIT compiler");
	ok(owner_of_statement((uintptr_t)test_code, NULL, action(SIG_DFL)) == own, "who calls says it");
	handlers_add(owner_at((uintptr_t)libc), action(libc));
	ok(!handler_of_owner(owner_at((uintptr_t)libc)), "the C library has none");
	owner_by_id(other)->hands_on_sigaction = true;
	ok(owner_of_statement(object_code(object), action((void *)first), action(SIG_DFL)) == own,
		"who only forwards does it for the owner of what it found");
	ok(owner_of_statement(object_code(object), action((void *)first),
		   action((void *)object_code(object))) == other,
		"but code of its own it installs for itself");
	owner_by_id(other)->hands_on_sigaction = false;
}

static void test_unloading(void)
{
	handlers_add(other, action((void *)object_code(object)));
	dlclose(object);
	owner_drop_unloaded();
	ok(!handler_of_owner(other), "what was unloaded answers for nothing");
}

int main(void)
{
	start_rooms();
	objects_begin();
	object_copy("plugin.so");
	object = dlopen(object_path("plugin.so"), RTLD_NOW);
	if (!object) {
		printf("Bail out! %s\n", dlerror());
		return 1;
	}
	own = owner_at((uintptr_t)main);
	other = owner_at(object_code(object));
	test_newest();
	test_statements();
	test_code();
	test_unloading();
	return tap_done();
}
