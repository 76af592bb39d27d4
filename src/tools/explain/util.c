/* SPDX-License-Identifier: MIT */
#include "tools/explain/explain.h"

#include <signal.h>

#define INCIDENTS_MAX 1000

struct incident *add_incident(struct incidents *incidents)
{
	if (incidents->count == INCIDENTS_MAX) {
		incidents->others++;
		return NULL;
	}
	incidents->item = grow(incidents->item, incidents->count, sizeof(*incidents->item));
	return &incidents->item[incidents->count++];
}

const char *code_name(int code)
{
	static const struct {
		int code;
		const char *name;
	} names[] = {{BUS_ADRALN, "BUS_ADRALN"}, {BUS_ADRERR, "BUS_ADRERR"},
		{BUS_OBJERR, "BUS_OBJERR"}, {BUS_MCEERR_AR, "BUS_MCEERR_AR"},
		{BUS_MCEERR_AO, "BUS_MCEERR_AO"}, {SI_USER, "SI_USER"}, {SI_KERNEL, "SI_KERNEL"},
		{SI_QUEUE, "SI_QUEUE"}, {SI_TKILL, "SI_TKILL"}, {SI_TIMER, "SI_TIMER"},
		{SI_MESGQ, "SI_MESGQ"}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].code == code)
			return names[i].name;
	return NULL;
}
