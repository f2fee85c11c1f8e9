//! Gives the memory of a finished build back to the system.
//!
//! A zone is built from many small pieces and ends as a few large ones. The C library keeps freed
//! pieces for later; a server that loads once an hour wants them gone. This module is the only place
//! that speaks to the allocator, and does nothing on systems with another C library.

#![expect(unsafe_code, reason = "the allocator's knobs are C functions")]

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
}
