// SPDX-License-Identifier: MIT
//
// checksum FILE [SIZE]: adds up the bytes of a mapped file, twice; before the second time the file is
// cut to SIZE bytes, if that is given.
//
//   c++ checksum.cc -o checksum && sigbus-run ./checksum FILE 0
#include "sigbus.hpp"

#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned long sum(const unsigned char *bytes, std::size_t size)
{
	return sigbus::guarded(bytes, size, [&] {
		unsigned long total = 0;

		for (std::size_t i = 0; i < size; i++)
			total += bytes[i];
		return total;
	});
}

int main(int argc, char **argv)
{
	int fd = argc > 1 ? open(argv[1], O_RDWR) : -1;
	struct stat status;

	if (fd < 0 || fstat(fd, &status) != 0) {
		std::fprintf(stderr, "usage: checksum FILE [SIZE]\n");
		return 2;
	}
	std::size_t size = static_cast<std::size_t>(status.st_size);
	void *map = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		return 2;
	sigbus::owner owner("checksum", [](const sigbus_fault *, void *) -> int { return SIGBUS_ZERO; });
	owner.add(map, size);
	try {
		std::printf("%lu\n", sum(static_cast<unsigned char *>(map), size));
		if (argc > 2 && ftruncate(fd, std::atol(argv[2])) != 0)
			return 2;
		std::printf("%lu\n", sum(static_cast<unsigned char *>(map), size));
	} catch (const sigbus::lost &error) {
		std::printf("lost: %s\n", error.what());
		return 1;
	}
	return 0;
}
