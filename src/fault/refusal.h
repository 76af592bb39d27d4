/* SPDX-License-Identifier: MIT */
/* A mapping that "reserve" refused: counted and told, for ENOMEM alone sends people to look for RAM. */
#ifndef SIGBUS_REFUSAL_H
#define SIGBUS_REFUSAL_H

#include "memory/memory.h"

/* errno is kept. Both may run in any thread, and in a signal handler. */
void refusal_tell(const struct mapping *mapping, const struct refusal *refusal);
/* It was made, with huge pages that "reserve" did not populate. */
void refusal_tell_unpopulated(const struct mapping *mapping, const struct refusal *refusal);
void refusal_tell_growth(const struct remapping *move, const struct refusal *refusal);

#endif
