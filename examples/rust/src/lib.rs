// SPDX-License-Identifier: MIT
//! Access to mapped memory whose pages may be lost, by libsigbus: a closure that reads, and a `Result`
//! that says whether all of what it read came from the file.
//!
//! A lost page is answered by the policy of the process (`sigbus-run --policy ...`), or by zero pages
//! once `Owner` has the memory.

use std::os::raw::{c_char, c_int, c_void};

#[link(name = "sigbus")]
extern "C" {
    fn sigbus_access_begin(access: *mut Access, address: *const c_void, length: usize) -> c_int;
    fn sigbus_access_end(access: *mut Access) -> c_int;
    fn sigbus_owner_create(name: *const c_char, callback: Callback, data: *mut c_void, owner: *mut Handle) -> c_int;
    fn sigbus_owner_destroy(owner: Handle) -> c_int;
    fn sigbus_range_add(owner: Handle, address: *mut c_void, length: usize) -> c_int;
}

type Handle = *mut c_void;
type Callback = extern "C" fn(*const c_void, *mut c_void) -> c_int;
const EFAULT: c_int = 14;

#[repr(C)]
#[derive(Default)]
struct Access { address: usize, length: usize, reserved: [u64; 4] }

/// A page of the memory was lost while it was read.
#[derive(Debug, PartialEq)]
pub struct Lost;

/// Runs `read`, and returns what it returns if no page of `[address, address + length)` was lost.
pub fn guarded<T>(address: *const u8, length: usize, read: impl FnOnce() -> T) -> Result<T, Lost> {
    let mut access = Access::default();
    let open = unsafe { sigbus_access_begin(&mut access, address.cast(), length) } == 0;
    let result = read();
    let lost = open && unsafe { sigbus_access_end(&mut access) } == -EFAULT;
    if lost { Err(Lost) } else { Ok(result) }
}

extern "C" fn zero_pages(_fault: *const c_void, _data: *mut c_void) -> c_int { 1 /* SIGBUS_ZERO */ }

/// Lost pages of its memory read as zeroes, until it is dropped.
pub struct Owner(Handle);

impl Owner {
    /// `None`: libsigbus is not at work in this process.
    pub fn of(address: *mut u8, length: usize) -> Option<Owner> {
        let mut handle = std::ptr::null_mut();
        let name = b"rust\0".as_ptr().cast();
        if unsafe { sigbus_owner_create(name, zero_pages, std::ptr::null_mut(), &mut handle) } != 0 {
            return None;
        }
        let owner = Owner(handle);
        (unsafe { sigbus_range_add(handle, address.cast(), length) } == 0).then_some(owner)
    }
}

impl Drop for Owner {
    fn drop(&mut self) { unsafe { sigbus_owner_destroy(self.0) }; }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    extern "C" {
        fn mmap(address: *mut c_void, length: usize, prot: c_int, flags: c_int, fd: c_int, offset: i64) -> *mut c_void;
    }

    #[test]
    fn a_truncated_file_is_an_error() {
        let path = std::env::temp_dir().join(format!("sigbus-rust-{}", std::process::id()));
        let file = std::fs::OpenOptions::new().read(true).write(true).create(true).open(&path).unwrap();
        file.set_len(8192).unwrap();
        let map = unsafe { mmap(std::ptr::null_mut(), 8192, 1, 1, file.as_raw_fd(), 0) } as *mut u8;
        let owner = Owner::of(map, 8192).expect("libsigbus is active");
        let last = || unsafe { map.add(8000).read_volatile() };
        assert_eq!(guarded(map, 8192, last), Ok(0));
        file.set_len(100).unwrap();
        assert_eq!(guarded(map, 8192, last), Err(Lost));
        drop(owner);
        std::fs::remove_file(path).unwrap();
    }
}
