/* SPDX-License-Identifier: MIT */
/* SIGBUS that was sent. */
#ifndef SIGBUS_SENT_H
#define SIGBUS_SENT_H

#include "fault/fault.h"

/* A pending SIGBUS that waited as a shadow signal: info becomes the original. Else false. [H] */
bool sent_unwrap(siginfo_t *info);
/* Delivers to the program's action. [H] */
void sent_deliver(int signo, struct jump *jump);

/* Pending shadow signals become what they stand for; SIGBUS has to be really blocked. */
void sent_unqueue(void);
/* Forgets what is pending, as setting SIG_IGN does. [H] */
void sent_discard(void);
/* From now on a SIGBUS that is sent while blocked is pending as itself (signalfd). */
void sent_keep_real(void);

#endif
