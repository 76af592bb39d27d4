/* SPDX-License-Identifier: MIT */
/* What the figures were measured on. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

static void processor(char *text, size_t size)
{
	char line[512];
	FILE *file = fopen("/proc/cpuinfo", "r");

	snprintf(text, size, "unknown processor");
	while (file && fgets(line, sizeof(line), file)) {
		char *value = strstr(line, ": ");

		if (!value || strncmp(line, "model name", 10) != 0)
			continue;
		value[strcspn(value, "\n")] = '\0';
		snprintf(text, size, "%s", value + 2);
		break;
	}
	if (file)
		fclose(file);
}

void machine_print(void)
{
	struct utsname name = {0};
	double load[1] = {0};
	char text[256];

	processor(text, sizeof(text));
	uname(&name);
	getloadavg(load, 1);
	printf("machine: %s, %ld processors, %s %s %s, load %.2f%s\n", text,
		sysconf(_SC_NPROCESSORS_ONLN), name.sysname, name.release, name.machine, load[0],
		load[0] > 0.5 ? " (not quiet: ratios of time are worth little)" : "");
}
