/* SPDX-License-Identifier: MIT */
/* +hangup: who took the memory away is disconnected. */
#ifndef SIGBUS_HANGUP_H
#define SIGBUS_HANGUP_H

#include "rules/fault.h"

/*
 * Over which connection did the file of the lost page come? To be asked before anything is replaced,
 * for afterwards nothing there tells what was lost. False: none is known, or the rule does not ask. [H]
 */
bool hangup_find(const struct fault *fault, struct sender *sender);

/* Shuts it down, once, if the program has accepted it. [H] */
void hangup(struct fault *fault, const struct sender *sender);

#endif
