/* SPDX-License-Identifier: MIT */
/*
 * Looking up symbols as dlsym(RTLD_NEXT) does, all in one pass over the loaded objects: dlsym() costs
 * about a thousand instructions for each name, allocates, and takes the loader's lock.
 *
 * At start the list of loaded objects is in the order of the global search, and nobody changes it: it
 * is walked from the object behind ours. Each object's DT_GNU_HASH has a Bloom filter, then buckets of
 * chains; a chain ends at a value with the lowest bit set.
 */
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <string.h>
#include "kernel/symbols.h"

#define VERSION_HIDDEN 0x8000 /* not what a reference without a version means */

/* Weak: missing under other C libraries. It takes no lock, unlike dladdr(). */
extern __typeof__(_dl_find_object) _dl_find_object __attribute__((weak));

struct tables {
	uintptr_t base;
	const ElfW(Sym) *symbols;
	const char *strings;
	const uint16_t *versions; /* NULL: the object has none */
	/* Of DT_GNU_HASH: a bucket holds the index of its first symbol, or 0, and chains is by that index. */
	const uint32_t *buckets, *chains;
	uint32_t bucket_count;
	/* Two bits of a word of the filter are set for each symbol. The count of words is a power of 2. */
	const ElfW(Addr) *filter;
	uint32_t filter_mask, filter_shift;
};

/* The loader has made addresses of the offsets in most objects, but not in the kernel's. */
static const void *table_at(const struct link_map *map, const ElfW(Dyn) *entry)
{
	ElfW(Addr) address = entry->d_un.d_ptr;

	return (const void *)(address < map->l_addr ? address + map->l_addr : address);
}

static bool read_tables(const struct link_map *map, struct tables *tables)
{
	const uint32_t *hash = NULL; /* buckets, first symbol, words of the filter, shift; then these */

	*tables = (struct tables){.base = map->l_addr};
	for (const ElfW(Dyn) *entry = map->l_ld; entry && entry->d_tag != DT_NULL; entry++) {
		switch (entry->d_tag) {
		case DT_GNU_HASH:
			hash = table_at(map, entry);
			break;
		case DT_SYMTAB:
			tables->symbols = table_at(map, entry);
			break;
		case DT_STRTAB:
			tables->strings = table_at(map, entry);
			break;
		case DT_VERSYM:
			tables->versions = table_at(map, entry);
		}
	}
	if (!hash || !hash[0] || !tables->symbols || !tables->strings)
		return false;
	tables->bucket_count = hash[0];
	tables->filter = (const ElfW(Addr) *)(hash + 4);
	tables->filter_mask = hash[2] - 1;
	tables->filter_shift = hash[3];
	tables->buckets = (const uint32_t *)(tables->filter + hash[2]);
	tables->chains = tables->buckets + hash[0] - hash[1];
	return true;
}

static bool same_4(const char *a, const char *b)
{
	uint32_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x == y;
}

static bool same_8(const char *a, const char *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x == y;
}

/* Of 4 to 32 bytes: by words from both ends, which may overlap. */
static bool same_name(const char *a, const char *b, size_t size)
{
	if (size < 8)
		return same_4(a, b) && same_4(a + size - 4, b + size - 4);
	return same_8(a, b) && same_8(a + size - 8, b + size - 8) &&
	       (size <= 16 || (same_8(a + 8, b + 8) && same_8(a + size - 16, b + size - 16)));
}

/*
 * A definition that a reference without a version is bound to. A name with the same hash is compared
 * without a look at its length: behind the last one come more tables of the object.
 */
static inline __attribute__((always_inline)) bool is_meant(
	const struct tables *tables, uint32_t index, const struct symbol_name *wanted)
{
	const ElfW(Sym) *symbol = &tables->symbols[index];

	return symbol->st_shndx != SHN_UNDEF &&
	       !(tables->versions && tables->versions[index] & VERSION_HIDDEN) &&
	       same_name(tables->strings + symbol->st_name, wanted->name, wanted->size);
}

#define WORD_BITS (8 * sizeof(ElfW(Addr)))

static bool may_define(const struct tables *tables, uint32_t hash)
{
	ElfW(Addr) word = tables->filter[hash / WORD_BITS & tables->filter_mask];

	if (!(word >> hash % WORD_BITS & 1)) /* two branches: each is one instruction and a jump */
		return false;
	return word >> (hash >> tables->filter_shift) % WORD_BITS & 1;
}

static inline __attribute__((always_inline)) const ElfW(Sym) *find_in(
	const struct tables *tables, const struct symbol_name *wanted)
{
	uint32_t index = tables->buckets[wanted->hash % tables->bucket_count], chain;

	if (!index)
		return NULL;
	do {
		chain = tables->chains[index];
		if ((chain ^ wanted->hash) <= 1 && is_meant(tables, index, wanted))
			return &tables->symbols[index];
		index++;
	} while (!(chain & 1));
	return NULL;
}

bool symbols_defines(const struct link_map *map, const struct symbol_name *name)
{
	struct tables tables;

	return read_tables(map, &tables) && find_in(&tables, name);
}

/*
 * Most names are the C library's: where one was found the next is looked for at once, and where one was
 * not the filter is asked first.
 */
bool symbols_find(const struct symbol_name *names, size_t count, void **addresses)
{
	struct dl_find_object self;
	const struct link_map *map;
	const ElfW(Sym) *symbol = NULL;
	struct tables tables;
	bool complete = true, is_done = false;

	if (!_dl_find_object || _dl_find_object((void *)symbols_find, &self) != 0)
		return false;
	for (map = self.dlfo_link_map->l_next; map && !is_done; map = map->l_next) {
		if (!read_tables(map, &tables))
			return false;
		is_done = true;
		for (size_t i = 0; i < count; i++) {
			if (addresses[i])
				continue;
			if (symbol || may_define(&tables, names[i].hash))
				symbol = find_in(&tables, &names[i]);
			if (!symbol)
				is_done = false;
			/* ELF64_ST_TYPE is the same for both word sizes. */
			else if (ELF64_ST_TYPE(symbol->st_info) == STT_GNU_IFUNC)
				complete = false;
			else
				addresses[i] = (void *)(tables.base + symbol->st_value);
		}
	}
	return complete;
}
