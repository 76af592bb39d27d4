/* SPDX-License-Identifier: MIT */
/*
 * Looking up a symbol as dlsym(RTLD_NEXT) does, many at once and cheaply: dlsym() costs about a
 * thousand instructions for each name, allocates, and takes the loader's lock.
 *
 * At start the list of loaded objects is in the order of the global search, and nobody changes it: it
 * is walked from the object behind ours. Each object's DT_GNU_HASH has a Bloom filter, which most
 * objects are passed over by, then buckets of chains; a chain ends at a value with the lowest bit set.
 */
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <string.h>
#include "kernel/symbols.h"

#define VERSION_HIDDEN 0x8000 /* not what a reference without a version means */
#define WORD_BITS (8 * sizeof(ElfW(Addr)))

/* Weak: missing under other C libraries. It takes no lock, unlike dladdr(). */
extern __typeof__(_dl_find_object) _dl_find_object __attribute__((weak));

/* The loader has made addresses of the offsets in most objects, but not in the kernel's. */
static const void *table_at(const struct link_map *map, const ElfW(Dyn) *entry)
{
	ElfW(Addr) address = entry->d_un.d_ptr;

	return (const void *)(address < map->l_addr ? address + map->l_addr : address);
}

static bool read_tables(const struct link_map *map, struct symbol_tables *tables)
{
	*tables = (struct symbol_tables){.base = map->l_addr};
	for (const ElfW(Dyn) *entry = map->l_ld; entry->d_tag != DT_NULL; entry++) {
		switch (entry->d_tag) {
		case DT_GNU_HASH:
			tables->hash = table_at(map, entry);
			break;
		case DT_SYMTAB:
			tables->symbols = table_at(map, entry);
			break;
		case DT_STRTAB:
			tables->names = table_at(map, entry);
			break;
		case DT_VERSYM:
			tables->versions = table_at(map, entry);
			break;
		}
	}
	return tables->hash && tables->symbols && tables->names;
}

bool symbols_open(struct symbol_search *search)
{
	struct dl_find_object self;
	const struct link_map *map;

	search->count = 0;
	if (!_dl_find_object || _dl_find_object((void *)symbols_open, &self) != 0)
		return false;
	for (map = self.dlfo_link_map->l_next; map; map = map->l_next) {
		if (search->count == OBJECTS_MAX || !map->l_ld ||
			!read_tables(map, &search->object[search->count]))
			return false;
		search->count++;
	}
	return true;
}

static uint32_t hash_of(const char *name)
{
	uint32_t hash = 5381;

	while (*name)
		hash = hash * 33 + (unsigned char)*name++;
	return hash;
}

/* A definition that a reference without a version is bound to. */
static bool is_meant(const struct symbol_tables *tables, uint32_t index, const char *name)
{
	const ElfW(Sym) *symbol = (const ElfW(Sym) *)tables->symbols + index;

	return symbol->st_shndx != SHN_UNDEF && symbol->st_value &&
	       !(tables->versions && tables->versions[index] & VERSION_HIDDEN) &&
	       strcmp(tables->names + symbol->st_name, name) == 0;
}

/* The index of the symbol, or 0. */
static uint32_t find_in(const struct symbol_tables *tables, uint32_t hash, const char *name)
{
	uint32_t buckets = tables->hash[0], first = tables->hash[1], words = tables->hash[2],
		 shift = tables->hash[3];
	const ElfW(Addr) *bloom = (const ElfW(Addr) *)(tables->hash + 4);
	const uint32_t *bucket = (const uint32_t *)(bloom + words), *chain = bucket + buckets;
	ElfW(Addr) word = bloom[hash / WORD_BITS % words];
	uint32_t index;

	if (!(word >> hash % WORD_BITS & word >> (hash >> shift) % WORD_BITS & 1) || !buckets)
		return 0;
	index = bucket[hash % buckets];
	if (index < first)
		return 0;
	for (;; index++) {
		uint32_t value = chain[index - first];

		if ((value | 1) == (hash | 1) && is_meant(tables, index, name))
			return index;
		if (value & 1)
			return 0;
	}
}

bool symbols_find(const struct symbol_search *search, const char *name, void **address)
{
	uint32_t hash = hash_of(name);

	*address = NULL;
	for (unsigned i = 0; i < search->count; i++) {
		const struct symbol_tables *tables = &search->object[i];
		uint32_t index = find_in(tables, hash, name);
		const ElfW(Sym) *symbol = (const ElfW(Sym) *)tables->symbols + index;

		if (!index)
			continue;
		/* ELF64_ST_TYPE is the same for both word sizes. */
		if (ELF64_ST_TYPE(symbol->st_info) == STT_GNU_IFUNC)
			return false;
		*address = (void *)(tables->base + symbol->st_value);
		return true;
	}
	return true;
}
