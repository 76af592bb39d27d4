/* SPDX-License-Identifier: MIT */
/* Calls of an owner's handler or callback. */
#ifndef SIGBUS_CALL_H
#define SIGBUS_CALL_H

#include "owner/owner.h"
#include "rules/fault.h"
#include "signal/disposition.h"

/* False if it declined by raise(). placed: see call_placed(). [H] */
bool call_handler(const struct fault *fault, const struct disposition *handler,
	const struct disposition **placed);
/* An enum sigbus_answer; SIGBUS_DECLINE also if it did so by raise(). [H] */
int call_callback(const struct fault *fault, const struct callback *callback);
/* Notes a handler that left by siglongjmp() (at exit there is nobody else to do it). */
void call_flush(void);

#endif
