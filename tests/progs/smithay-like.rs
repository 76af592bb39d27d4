// SPDX-License-Identifier: MIT
//! smithay-like.c with the real run time of Rust: its handler is there before main().

use std::ffi::{c_int, c_long, c_void};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

const SIGBUS: c_int = 7;
const SIZE: usize = 64 << 10;
const SA_SIGINFO: c_int = 4;
const SA_NODEFER: c_int = 0x4000_0000;
const READ: c_int = 1;
const READ_WRITE: c_int = 3;
const SHARED: c_int = 1;
const PRIVATE: c_int = 2;
const FIXED_ANONYMOUS: c_int = 0x30;
#[cfg(target_arch = "x86_64")]
const SYS_MMAP: c_long = 9;
#[cfg(target_arch = "aarch64")]
const SYS_MMAP: c_long = 222;

#[repr(C)]
struct Action {
    handler: usize,
    mask: [u64; 16],
    flags: c_int,
    restorer: usize,
}

extern "C" {
    fn sigaction(signal: c_int, new: *const Action, old: *mut Action) -> c_int;
    fn raise(signal: c_int) -> c_int;
    fn syscall(number: c_long, ...) -> c_long;
    fn mmap(at: *mut c_void, size: usize, prot: c_int, flags: c_int, fd: c_int, offset: c_long)
        -> *mut c_void;
    fn memfd_create(name: *const u8, flags: u32) -> c_int;
    fn ftruncate(fd: c_int, size: c_long) -> c_int;
}

static mut BEFORE: Action = Action { handler: 0, mask: [0; 16], flags: 0, restorer: 0 };
static GUARDED: AtomicUsize = AtomicUsize::new(0);
static NOTICED: AtomicBool = AtomicBool::new(false);

extern "C" fn handle(signal: c_int, info: *const u8, _context: *mut c_void) {
    // SAFETY: the kernel's siginfo has the address at byte 16; all calls are async-signal-safe.
    unsafe {
        let address = *(info.add(16) as *const usize);
        let pool = GUARDED.load(SeqCst);
        if pool != 0 && address >= pool && address < pool + SIZE {
            NOTICED.store(true, SeqCst);
            syscall(SYS_MMAP, pool, SIZE, READ_WRITE as c_long,
                (PRIVATE | FIXED_ANONYMOUS) as c_long, -1 as c_long, 0 as c_long);
            return;
        }
        sigaction(signal, std::ptr::addr_of!(BEFORE), null_mut());
        raise(signal);
    }
}

fn step(name: &str) {
    // SAFETY: the mapping stays for ever, and is read byte by byte.
    unsafe {
        let fd = memfd_create(b"pool\0".as_ptr(), 0);
        ftruncate(fd, SIZE as c_long);
        let map = if name == "keymap" {
            mmap(null_mut(), SIZE, READ, PRIVATE, fd, 0) as usize
        } else {
            syscall(SYS_MMAP, 0 as c_long, SIZE, READ_WRITE as c_long, SHARED as c_long,
                fd as c_long, 0 as c_long) as usize
        };
        ftruncate(fd, 0);
        NOTICED.store(false, SeqCst);
        GUARDED.store(if name == "pool" { map } else { 0 }, SeqCst);
        let sum: i32 = (0..SIZE)
            .step_by(4096)
            .map(|offset| ((map + offset) as *const i8).read_volatile() as i32)
            .sum();
        GUARDED.store(0, SeqCst);
        let noticed = if NOTICED.load(SeqCst) { "noticed" } else { "not noticed" };
        println!("{name}: read {sum}, {noticed}");
    }
}

fn main() {
    let action = Action {
        handler: handle as *const () as usize,
        mask: [0; 16],
        flags: SA_SIGINFO | SA_NODEFER,
        restorer: 0,
    };
    // SAFETY: nobody else is running.
    unsafe { sigaction(SIGBUS, &action, std::ptr::addr_of_mut!(BEFORE)) };
    std::env::args().skip(1).for_each(|name| step(&name));
}
