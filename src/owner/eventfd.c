/* SPDX-License-Identifier: MIT */
/*
 * sigbus_owner_fd(): an eventfd that the handler signals.
 *
 * It has a number in the program's table of descriptors, so the program may close it unawares
 * (closefrom()) and get a file of its own at that number. 8 bytes of ours in that file would be a
 * disaster; so the eventfd is marked, and looked at before each write. The mark is the signal that
 * F_SETSIG sets: it is kept with the open file, has no effect without O_ASYNC, and nobody else uses
 * the reserved signal.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include "base/syscall.h"
#include "kernel/mask.h"
#include "kernel/process.h"
#include "owner/owner.h"

/* The process that made it << 32 | descriptor + 1; 0: none. */
static uint64_t event_make(int fd)
{
	return (uint64_t)atomic_load(&process_state->pid) << 32 | (uint32_t)(fd + 1);
}

static int event_fd(uint64_t event)
{
	return (int)(uint32_t)event - 1;
}

static bool is_ours(uint64_t event)
{
	return event && event_make(event_fd(event)) == event &&
	       SYS_2(SYS_fcntl, event_fd(event), F_GETSIG) == shadow_signal;
}

void event_signal(struct owner *owner)
{
	uint64_t event = atomic_load(&owner->event), one = 1;

	if (is_ours(event))
		SYS_3(SYS_write, event_fd(event), &one, sizeof(one));
}

void event_close(struct owner *owner)
{
	uint64_t event = atomic_exchange(&owner->event, 0);

	if (is_ours(event))
		SYS_1(SYS_close, event_fd(event));
}

/* Closed behind our back, and now the number is another owner's. */
static void forget_others(const struct owner *owner, uint64_t event)
{
	unsigned end = owner_end();

	for (unsigned id = 1; id < end; id++) {
		struct owner *other = owner_by_id(id);
		uint64_t same = event;

		if (other != owner)
			atomic_compare_exchange_strong(&other->event, &same, 0);
	}
}

static int event_new(void)
{
	long fd = SYS_2(SYS_eventfd2, 0, EFD_CLOEXEC | EFD_NONBLOCK);
	long error = fd < 0 ? fd : SYS_3(SYS_fcntl, fd, F_SETSIG, shadow_signal);

	if (fd >= 0 && error < 0)
		SYS_1(SYS_close, fd);
	return (int)(error < 0 ? error : fd);
}

int event_open(struct owner *owner)
{
	bool is_borrowed = process_is_borrowed(); /* learns its pid, too */
	uint64_t event = atomic_load(&owner->event);
	int fd;

	if (is_borrowed) /* it has descriptors of its own, but our tables are its parent's */
		return -EPERM;
	if (is_ours(event))
		return event_fd(event);
	fd = event_new();
	if (fd < 0)
		return fd;
	forget_others(owner, event_make(fd));
	if (atomic_compare_exchange_strong(&owner->event, &event, event_make(fd)))
		return fd;
	SYS_1(SYS_close, fd); /* another thread was faster */
	return event_open(owner);
}
