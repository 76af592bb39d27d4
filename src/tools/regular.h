/* SPDX-License-Identifier: MIT */
#ifndef SIGBUS_TOOLS_REGULAR_H
#define SIGBUS_TOOLS_REGULAR_H

/* Opens a file to read it. What is no regular one is not opened: errno EINVAL. */
int open_regular(const char *path);

#endif
