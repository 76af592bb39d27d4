/* SPDX-License-Identifier: MIT */
/*
 * The layout that programs were compiled with: a change here is a change of the library's version,
 * not of this test. A member may be added at the end of struct sigbus_fault, which has its size.
 */
#include <sigbus/sigbus.h>
#include "../harness/tap.h"

#define WORD sizeof(void *)

struct layout {
	const char *what;
	size_t is, was;
};
/* clang-format off */
#define SIZE(type, was) {"sizeof " #type, sizeof(type), was}
#define MEMBER(type, member, was) {#type "." #member, offsetof(type, member), was}
/* clang-format on */

static const struct layout layouts[] = {
	SIZE(struct sigbus_fault, 7 * WORD),
	MEMBER(struct sigbus_fault, size, 0),
	MEMBER(struct sigbus_fault, address, 1 * WORD),
	MEMBER(struct sigbus_fault, start, 2 * WORD),
	MEMBER(struct sigbus_fault, length, 3 * WORD),
	MEMBER(struct sigbus_fault, is_write, 4 * WORD),
	MEMBER(struct sigbus_fault, info, 5 * WORD),
	MEMBER(struct sigbus_fault, ucontext, 6 * WORD),
	SIZE(struct sigbus_access, 2 * WORD + 32),
	MEMBER(struct sigbus_access, address, 0),
	MEMBER(struct sigbus_access, length, 1 * WORD),
	MEMBER(struct sigbus_access, reserved, 2 * WORD),
	{"SIGBUS_DECLINE", (size_t)SIGBUS_DECLINE, (size_t)-1},
	{"SIGBUS_RETRY", SIGBUS_RETRY, 0},
	{"SIGBUS_ZERO", SIGBUS_ZERO, 1},
	{"SIGBUS_ONES", SIGBUS_ONES, 2},
};

int main(void)
{
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
		ok(layouts[i].is == layouts[i].was, "%s: %zu, was %zu", layouts[i].what,
			layouts[i].is, layouts[i].was);
	return tap_done();
}
