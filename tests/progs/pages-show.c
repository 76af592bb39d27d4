/* SPDX-License-Identifier: MIT */
/* What is mapped, found without an access that could fault. */
#include "pages.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static void perms_of(const char *address, char perms[5])
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[4400];
	uintptr_t start, end;

	strcpy(perms, ".");
	while (maps && fgets(line, sizeof(line), maps)) {
		char found[5];

		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &start, &end, found) == 3 &&
			(uintptr_t)address >= start && (uintptr_t)address < end)
			strcpy(perms, found);
	}
	if (maps)
		fclose(maps);
}

static bool peek(const char *address, unsigned char *bytes)
{
	struct iovec local = {bytes, 4096}, remote = {(char *)address, 4096};

	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == 4096;
}

static char sign_of_byte(size_t number, unsigned char byte)
{
	if (byte == 0)
		return '0';
	return byte == letter(number) ? '=' : (char)byte;
}

static void sign_of(size_t number, char sign[5])
{
	unsigned char bytes[4096];

	if (!peek(page(number), bytes)) {
		perms_of(page(number), sign);
		if (sign[0] != '.')
			strcpy(sign, sign[0] == 'r' ? "!" : "#");
		return;
	}
	sign[0] = sign_of_byte(number, bytes[0]);
	sign[1] = sign_of_byte(number, bytes[4095]);
	sign[sign[0] == sign[1] ? 1 : 2] = '\0';
}

static void perms_of_page(size_t number, char perms[5])
{
	perms_of(page(number), perms);
}

static void print_runs(const char *name, void (*state)(size_t, char *))
{
	char now[5], next[5];
	size_t first = 0;

	printf("%s", name);
	state(0, now);
	for (size_t i = 1; i <= pages; i++) {
		if (i < pages)
			state(i, next);
		if (i < pages && strcmp(now, next) == 0)
			continue;
		printf(" %zu-%zu:%s", first, i - 1, now);
		first = i;
		strcpy(now, next);
	}
	printf("\n");
}

void do_show(const char *unused)
{
	(void)unused;
	print_runs("show", sign_of);
}

void do_perms(const char *unused)
{
	(void)unused;
	print_runs("perms", perms_of_page);
}

void do_count(const char *unused)
{
	size_t zero = 0, lost = 0, data = 0;
	char sign[5];

	(void)unused;
	for (size_t i = 0; i < pages; i++) {
		sign_of(i, sign);
		zero += sign[0] == '0';
		lost += sign[0] == '!';
		data += sign[0] == '=';
	}
	printf("count zero=%zu lost=%zu data=%zu\n", zero, lost, data);
}

void do_peek(const char *number)
{
	unsigned char b[4096];

	if (!peek(page(strtoul(number, NULL, 10)), b))
		printf("peek %s lost\n", number);
	else
		printf("peek %s %02x %02x %02x %02x %02x\n", number, b[0], b[1], b[1023], b[1024],
			b[4095]);
}
