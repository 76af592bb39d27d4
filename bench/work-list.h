/* SPDX-License-Identifier: MIT */
/* The kinds of work of the program "work". */
#ifndef SIGBUS_BENCH_WORK_LIST_H
#define SIGBUS_BENCH_WORK_LIST_H

#include "work.h"

extern const struct work map_works[], fault_works[], signal_works[];

#endif
