// SPDX-License-Identifier: MIT
//
// The C API for C++: a bracket that ends with its scope, copies that throw, an owner that cleans up.
// Copy it; there is nothing to link with, for the library is used if it is in the process.
#pragma once

#define SIGBUS_OPTIONAL
#include <sigbus/sigbus.h>

#include <system_error>
#include <utility>

namespace sigbus {

// A page of what was accessed is lost.
class lost : public std::system_error {
public:
	explicit lost(const char *what) : std::system_error(EFAULT, std::generic_category(), what) {}
};

// Around accesses to memory that may be lost: end() says whether all that was read came from the file.
class access {
public:
	access(const void *address, std::size_t length)
		: open(sigbus_access_begin(&bracket, address, length) == 0) {}
	~access() { close(); }
	access(const access &) = delete;
	access &operator=(const access &) = delete;

	// Throws if something was lost since the bracket was opened. It is closed then, too.
	void end()
	{
		if (close() == -EFAULT)
			throw lost("access");
	}

private:
	int close() noexcept { return std::exchange(open, false) ? sigbus_access_end(&bracket) : 0; }
	sigbus_access bracket;
	bool open;
};

// The result of read() if nothing was lost meanwhile.
template <class Read> auto guarded(const void *address, std::size_t length, Read read)
{
	access bracket(address, length);
	auto result = read();

	bracket.end();
	return result;
}

// Who owns memory decides what a lost page of it reads as: without a callback the policy does.
class owner {
public:
	explicit owner(const char *name, sigbus_callback callback = nullptr, void *data = nullptr)
	{
		if (sigbus_owner_create(name, callback, data, &handle) != 0)
			handle = nullptr; // libsigbus is not there: a lost page ends the program, as ever
	}
	~owner()
	{
		if (handle)
			sigbus_owner_destroy(handle);
	}
	owner(const owner &) = delete;
	owner &operator=(const owner &) = delete;
	bool add(void *address, std::size_t length)
	{
		return handle && sigbus_range_add(handle, address, length) == 0;
	}

private:
	sigbus_owner *handle = nullptr;
};

} // namespace sigbus
