#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""watch.py FILE: is told by an event loop when a page of a mapped file is found lost.

Run it as "sigbus-run watch.py FILE", and truncate FILE meanwhile. The C API by ctypes: an owner whose
lost pages read as zeroes by the policy's "zero", its eventfd in asyncio, and how many pages it was.
"""
import asyncio
import ctypes
import mmap
import os
import sys

lib = ctypes.CDLL(None)  # libsigbus is in the process already, or not at all
if not hasattr(lib, "sigbus_active") or not lib.sigbus_active():
    sys.exit("start it with: sigbus-run --policy 'owner:watch.py=zero' watch.py FILE")
lib.sigbus_owner_create.argtypes = [ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
lib.sigbus_owner_fd.argtypes = [ctypes.c_void_p]
lib.sigbus_range_add.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
lib.sigbus_range_lost.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
lib.sigbus_range_lost.restype = ctypes.c_long


def check(result):
    if result < 0:
        raise OSError(-result, os.strerror(-result))
    return result


async def main(path):
    with open(path, "r+b") as file:
        memory = mmap.mmap(file.fileno(), 0)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    owner, told = ctypes.c_void_p(), asyncio.Event()
    check(lib.sigbus_owner_create(b"watch.py", None, None, ctypes.byref(owner)))
    check(lib.sigbus_range_add(owner, address, len(memory)))
    event = check(lib.sigbus_owner_fd(owner))
    asyncio.get_running_loop().add_reader(event, lambda: (os.read(event, 8), told.set()))
    print("watching", flush=True)
    await asyncio.to_thread(sys.stdin.readline)  # until the file was truncated
    print("last byte:", memory[-1], flush=True)
    pages = check(lib.sigbus_range_lost(address, len(memory)))
    if pages:
        await told.wait()
    print("pages lost:", pages, flush=True)


asyncio.run(main(sys.argv[1]))
