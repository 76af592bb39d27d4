/* SPDX-License-Identifier: MIT */
#ifndef SIGBUS_DEPARTURES_H
#define SIGBUS_DEPARTURES_H

void departures_init(void);

#endif
