/* SPDX-License-Identifier: MIT */
/* The action "wait": which pages were waited for in vain, and who waits now. All [H]. */
#ifndef SIGBUS_WAIT_H
#define SIGBUS_WAIT_H

#include <stdbool.h>
#include <stdint.h>
#include "rules/fault.h"

int64_t milliseconds_now(void); /* -1: there is no clock */

/* Its time has run out before, and it was not to be had since: nobody waits for it once more. */
bool wait_was_in_vain(const struct fault *fault);
void wait_note_vain(const struct fault *fault);
void wait_forget(const struct fault *fault); /* the page can be had */

/* This thread waits, since then; and no longer. sigbus-stat shows it. */
void wait_begin(const struct fault *fault, int64_t since);
void wait_end(void);

#endif
