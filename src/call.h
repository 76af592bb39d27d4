/* SPDX-License-Identifier: MIT */
/* Calls of an owner's handler or callback. */
#ifndef SIGBUS_CALL_H
#define SIGBUS_CALL_H

#include "internal.h"
#include "sigbus/sigbus.h"

/* Both: false if it declined by raise(), or said so. placed: see call_placed(). [H] */
bool call_handler(const struct fault *fault, const struct disposition *handler,
	const struct disposition **placed);
bool call_callback(const struct fault *fault, sigbus_callback callback, void *data); /* [H] */
/* Notes a handler that left by siglongjmp() (at exit there is nobody else to do it). */
void call_flush(void);

#endif
