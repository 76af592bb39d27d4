/* SPDX-License-Identifier: MIT */
/* What the files of the C API share. */
#ifndef SIGBUS_API_H
#define SIGBUS_API_H

#include "owner/owner.h"
#include "sigbus/sigbus.h"

unsigned api_owner(const struct sigbus_owner *handle); /* 0: not a live one */
void api_remove_all(unsigned owner);		       /* its ranges */

struct pages {
	uintptr_t start;
	size_t size;
};
/* Of [address, address + length): 0, -ENOSYS (not active) or -EINVAL (none, or not the user's). */
int api_pages(const void *address, size_t length, struct pages *pages);

#endif
