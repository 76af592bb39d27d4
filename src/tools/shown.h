/* SPDX-License-Identifier: MIT */
/* Names that others chose, for a terminal: what all tools print goes through here. */
#ifndef SIGBUS_TOOLS_SHOWN_H
#define SIGBUS_TOOLS_SHOWN_H

/* A copy as text_escaped() writes it, never freed. Without memory the program ends, status 1. */
char *shown(const char *name);

#endif
