/* SPDX-License-Identifier: MIT */
/*
 * api-states: what each function of the C API says, in a process where libsigbus may be active,
 * linked in behind the C library, dormant, or missing. One line each; nothing is lost here but what
 * sigbus_copy_from() finds.
 */
#ifndef LINKED
#define SIGBUS_OPTIONAL
#endif
#include <sigbus/sigbus.h>

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void say(const char *what, long result)
{
	if (result < 0)
		printf("%s %s\n", what, strerrorname_np((int)-result));
	else
		printf("%s %d\n", what, result > 0);
}

static int no_answer(const struct sigbus_fault *fault, void *data)
{
	(void)fault, (void)data;
	return SIGBUS_DECLINE;
}

int main(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), copied = 0;
	int fd = memfd_create("states", MFD_CLOEXEC);
	struct sigbus_owner *owner = NULL;
	struct sigbus_access access;
	char buffer[16];
	char *map;

	if (ftruncate(fd, (off_t)page) < 0)
		return 99;
	map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	strcpy(map, "content");
	say("active", sigbus_active());
	say("create", sigbus_owner_create("states", no_answer, NULL, &owner));
	say("add", sigbus_range_add(owner, map, 2 * page));
	say("fd", sigbus_owner_fd(owner));
	say("begin", sigbus_access_begin(&access, map, 2 * page));
	say("end", sigbus_access_end(&access));
	say("copy", sigbus_copy_from(buffer, map, 8, &copied));
	printf("copied %zu %s\n", copied, copied == 8 ? buffer : "");
	say("copy lost", sigbus_copy_from(buffer, map + page - 4, 8, &copied));
	printf("copied %zu\n", copied);
	say("copy to lost", sigbus_copy_to(map + page, "content", 8, &copied));
	say("lost", sigbus_range_lost(map, 2 * page));
	say("restore", sigbus_range_restore(map, 2 * page));
	say("remove", sigbus_range_remove(owner, map, 2 * page));
	say("destroy", sigbus_owner_destroy(owner));
	return 0;
}
