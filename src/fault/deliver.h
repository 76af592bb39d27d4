/* SPDX-License-Identifier: MIT */
/* SIGBUS that was sent. */
#ifndef SIGBUS_DELIVER_H
#define SIGBUS_DELIVER_H

#include "signal/frame.h"

/* Delivers to the program's action. [H] */
void sent_deliver(int signo, struct jump *jump);

#endif
