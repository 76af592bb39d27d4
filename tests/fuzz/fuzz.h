/* SPDX-License-Identifier: MIT */
/*
 * What the fuzzers share. With libFuzzer: clang -fsanitize=fuzzer,address,undefined (see check).
 * With -DFUZZ_STANDALONE a program that runs the files of a directory, FUZZ_SEEDS, and random
 * changes of them with FUZZ_BYTES, the same ones each time: [DIRECTORY [COUNT]].
 */
#ifndef SIGBUS_TESTS_FUZZ_H
#define SIGBUS_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* NDEBUG must not switch these off. */
#define CHECK(condition)          \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifdef FUZZ_STANDALONE
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define INPUT_MAX 4096
#define SEEDS_MAX 64

static struct seed {
	uint8_t bytes[INPUT_MAX];
	size_t size;
} seeds[SEEDS_MAX];
static unsigned seed_count;

static void read_seed(const char *name)
{
	FILE *file = name[0] == '.' || seed_count == SEEDS_MAX ? NULL : fopen(name, "re");

	if (!file)
		return;
	seeds[seed_count].size = fread(seeds[seed_count].bytes, 1, INPUT_MAX, file);
	seed_count++;
	fclose(file);
}

/* A linear congruential generator: the same everywhere. */
static unsigned random_below(unsigned limit)
{
	static uint64_t state = 1;

	state = state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(state >> 33) % limit;
}

static void change_byte(struct seed *seed)
{
	static const char special[] = FUZZ_BYTES;

	if (seed->size > 0)
		seed->bytes[random_below((unsigned)seed->size)] =
			random_below(4) ? (uint8_t)special[random_below(sizeof(special))]
					: (uint8_t)random_below(256);
}

/* A piece of one seed over or into another. */
static void splice(struct seed *seed, const struct seed *from)
{
	unsigned start = random_below((unsigned)from->size + 1);
	unsigned length = random_below((unsigned)from->size - start + 1);
	unsigned at = random_below((unsigned)seed->size + 1);

	if (at + length > INPUT_MAX)
		return;
	memcpy(seed->bytes + at, from->bytes + start, length);
	if (at + length > seed->size || random_below(2))
		seed->size = at + length;
}

static void run_random(unsigned count)
{
	static struct seed seed;

	while (count-- > 0) {
		seed = seeds[random_below(seed_count)];
		for (unsigned changes = 1 + random_below(8); changes > 0; changes--) {
			if (random_below(3))
				change_byte(&seed);
			else
				splice(&seed, &seeds[random_below(seed_count)]);
		}
		LLVMFuzzerTestOneInput(seed.bytes, seed.size);
	}
}

static int compare(const void *a, const void *b)
{
	const struct seed *x = a, *y = b;

	return x->size != y->size ? (x->size > y->size) - (x->size < y->size)
				  : memcmp(x->bytes, y->bytes, x->size);
}

/* Sorted by content: the order of a directory is not the same everywhere. */
static void read_seeds(const char *path)
{
	DIR *dir = chdir(path) ? NULL : opendir(".");
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		read_seed(entry->d_name);
	if (dir)
		closedir(dir);
	qsort(seeds, seed_count, sizeof(seeds[0]), compare);
}

/* [DIRECTORY [COUNT]] */
int main(int argc, char **argv)
{
	const char *top = getenv("top_srcdir");
	char path[4096];

	snprintf(path, sizeof(path), "%s/tests/fuzz/" FUZZ_SEEDS, top ? top : ".");
	read_seeds(argc > 1 ? argv[1] : path);
	for (unsigned i = 0; i < seed_count; i++)
		LLVMFuzzerTestOneInput(seeds[i].bytes, seeds[i].size);
	if (seed_count > 0)
		run_random(argc > 2 ? (unsigned)atoi(argv[2]) : FUZZ_COUNT);
	printf("%sok 1 - %u files and random changes of them\n1..1\n", seed_count ? "" : "not ",
		seed_count);
	return seed_count == 0;
}
#endif

#endif
