//! Gives the memory of a finished build back to the system.
//!
//! A zone is built from many small pieces and ends as a few large ones. The C library keeps freed
//! pieces for later; a server that loads once an hour wants them gone. This module is the only place
//! that speaks to the allocator, and does nothing on systems with another C library.

#![expect(unsafe_code, reason = "the knobs of allocator and kernel are C functions")]

#[cfg(target_os = "linux")]
use std::os::unix::ffi::OsStrExt as _;
#[cfg(target_os = "linux")]
use std::{fs, ptr};

/// Tells the allocator to keep little: call it once, before threads start.
pub fn prepare() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: mallopt takes two integers and changes settings of the allocator under its own lock;
    // an unknown one is refused by its return value, which costs us memory and nothing else.
    unsafe {
        // Without a fixed threshold, glibc raises it to the largest block ever freed, and then large
        // blocks no longer go back to the system one by one.
        libc::mallopt(libc::M_MMAP_THRESHOLD, 256 * 1024);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 1024 * 1024);
        // Each arena keeps its own freed pieces; the threads that answer queries allocate nothing.
        libc::mallopt(libc::M_ARENA_MAX, 2);
    }
}

/// Gives back what was freed: call it after a zone was built or dropped.
pub fn trim() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: malloc_trim takes an integer and releases pages that no allocation lies in, under the
    // allocator's own locks.
    unsafe {
        libc::malloc_trim(0);
    }
    #[cfg(target_os = "linux")]
    unmap_code();
}

/// Takes the pages of our own code out of memory's account; what is run next is mapped again from the
/// system's cache of the file, in microseconds.
#[cfg(target_os = "linux")]
fn unmap_code() {
    let (Ok(program), Ok(maps)) = (fs::read_link("/proc/self/exe"), fs::read("/proc/self/maps"))
    else {
        return;
    };
    let program = program.as_os_str().as_bytes();
    for line in maps.split(|byte| *byte == b'\n').filter(|line| line.ends_with(program)) {
        let Some((range, rest)) = std::str::from_utf8(line).ok().and_then(|l| l.split_once(' '))
        else {
            continue;
        };
        let Some((start, end)) = range.split_once('-') else { continue };
        let number = |text| usize::from_str_radix(text, 16).ok();
        let (Some(start), Some(end)) = (number(start), number(end)) else { continue };
        // Code only: what can be written, or was before it was relocated, is not in the file.
        if rest.starts_with("r-xp ") {
            // SAFETY: the kernel has just said that this is a mapping of the program's file, without the
            // right to write to it; its pages are unchanged and are read again from that file.
            unsafe {
                libc::madvise(
                    ptr::with_exposed_provenance_mut(start),
                    end - start,
                    libc::MADV_DONTNEED,
                );
            }
        }
    }
}
