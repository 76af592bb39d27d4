/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return left < right ? -1 : left > right;
}

struct result summarize(double *values, size_t count)
{
	if (!count)
		return (struct result){0};
	qsort(values, count, sizeof(*values), compare);
	return (struct result){.value = values[count / 2],
		.low = values[count / 4],
		.high = values[count * 3 / 4],
		.known = true};
}
