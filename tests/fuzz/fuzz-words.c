/* SPDX-License-Identifier: MIT */
/* Fuzzes the words of SIGBUS_LOG: no error line has an odd byte, no path is too long or relative. */
#include <string.h>

#define FUZZ_SEEDS "words"
#define FUZZ_COUNT 20000
#define FUZZ_BYTES "+:/%pfdjson0129\0\n\xff"
#include "fuzz.h"
#include "report/report.h"

static struct out_target target;

static void check_error(const char *error)
{
	CHECK(!strncmp(error, "SIGBUS_LOG: ", 12));
	for (; *error; error++)
		CHECK((unsigned char)*error >= ' ' && *error != 0x7f);
	CHECK(target.kind == OUT_FD && target.fd == 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *spec = malloc(size + 1), error[512];

	memcpy(spec, data, size);
	spec[size] = '\0';
	if (out_parse(spec, &target, error, sizeof(error)) != 0) {
		check_error(error);
	} else if (target.kind == OUT_PATH) {
		CHECK(target.path[0] == '/' && strnlen(target.path, sizeof(target.path)) < sizeof(target.path));
		CHECK(target.directory_length <= strlen(target.path));
	} else {
		CHECK(target.kind != OUT_FD || target.fd >= 0);
	}
	free(spec);
	return 0;
}
