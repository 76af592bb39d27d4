// SPDX-License-Identifier: MIT
// What an exception costs: some unwinders that a preload could bring along are far slower.

static __attribute__((noinline)) void throw_one(unsigned value)
{
	throw value;
}

extern "C" void throw_and_catch(unsigned count)
{
	while (count--) {
		try {
			throw_one(count);
		} catch (unsigned) {
		}
	}
}
