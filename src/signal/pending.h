/* SPDX-License-Identifier: MIT */
/* SIGBUS that was sent while blocked, and is pending. */
#ifndef SIGBUS_PENDING_H
#define SIGBUS_PENDING_H

#include <signal.h>
#include "base/base.h"
#include "base/syscall.h"
#include "kernel/process.h"

static inline int own_tid(void)
{
	return (int)SYS_0(SYS_gettid);
}

/* Whom it was sent to: a thread id, or 0: the process. */
static inline int pending_target(const siginfo_t *info)
{
	return info->si_code == SI_TKILL || info->si_code > 0 ? own_tid() : 0;
}

/* Keeps it as a queued shadow signal; mask: of the thread at delivery. False: there is no room, or it
 * has to wait as itself. [H] */
bool pending_add(const siginfo_t *info, uint64_t mask);
/* Queues the signal once more for target, a thread id, or for the process (0). [H] */
void pending_send_again(int target, int signo, siginfo_t *info);
/* A pending SIGBUS that waited as a shadow signal: info becomes the original. Else false. [H] */
bool pending_unwrap(siginfo_t *info);
/* Pending shadow signals become what they stand for; SIGBUS has to be really blocked. */
void pending_unqueue(void);
/* Forgets what is pending, as setting SIG_IGN does. [H] */
void pending_discard(void);
/* From now on a SIGBUS that is sent while blocked is pending as itself (signalfd). */
void pending_keep_real(void);

#endif
