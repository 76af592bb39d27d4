/* SPDX-License-Identifier: MIT */
#include "work-list.h"

const struct work *const works[] = {map_works, fault_works, signal_works, NULL};
