/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes what sigbus-run reads of a program before it starts it: ELF headers, dynamic sections, notes,
 * scripts. What it finds is told in lines that hold no odd byte.
 */
#undef main
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FUZZ_SEEDS "target"
#define FUZZ_COUNT 4000
#define FUZZ_BYTES "\0\1\2\3\4\5\6\7\x38\x40\x80\xff#!/ \n"
#include "fuzz.h"
#include "tools/run/run.h"

static void check_finding(const struct finding *finding)
{
	CHECK(finding->kind <= FINDING_IGNORED);
	for (const char *text = finding->text; *text; text++)
		CHECK((unsigned char)*text >= ' ' && *text != 0x7f);
	free(finding->text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct library library = {.path = "/proc/self/exe", .preload = "libsigbus.so.0"};
	static int file = -1;
	static const char magic = '\177'; /* the seeds have another one: nobody takes them for programs */
	struct target target;
	char path[32];

	if (file < 0)
		file = memfd_create("target", MFD_CLOEXEC);
	CHECK(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size);
	if (size > 4 && memcmp(data + 1, "ELF", 3) == 0)
		CHECK(pwrite(file, &magic, 1, 0) == 1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	target_look(&target, path, &library);
	CHECK(target.findings < FINDINGS_MAX);
	for (unsigned i = 0; i < target.findings; i++)
		check_finding(&target.finding[i]);
	return 0;
}
