//! Asks the processor to fetch memory before it is needed.
//!
//! A server that answers a batch of queries names the memory of all of them first and reads it
//! afterwards, so that the waits for memory overlap. It changes no value and cannot fail.

#![expect(unsafe_code, reason = "the prefetch instruction is only offered as an unsafe intrinsic")]

/// Fetches the cache line that holds `bytes[at]`; outside of `bytes` nothing happens.
#[inline(always)]
pub(crate) fn prefetch(bytes: &[u8], at: usize) {
    if let Some(byte) = bytes.get(at) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the pointer comes from a reference, and a prefetch neither reads nor writes.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(byte).cast());
        }
        #[cfg(target_arch = "aarch64")]
        // SAFETY: `prfm` is a hint on an address; it neither reads nor writes nor faults.
        unsafe {
            std::arch::asm!("prfm pldl1keep, [{0}]", in(reg) std::ptr::from_ref(byte),
                options(nostack, preserves_flags, readonly));
        }
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        let _ = byte;
    }
}
