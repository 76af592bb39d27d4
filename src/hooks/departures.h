/* SPDX-License-Identifier: MIT */
#ifndef SIGBUS_DEPARTURES_H
#define SIGBUS_DEPARTURES_H

ONCE void departures_init(void);

#endif
