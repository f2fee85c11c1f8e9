//! Cores: how many workers there are and where they run.
//!
//! A worker for each core, pinned to it, keeps a worker's buffers and counters in that core's caches.
//! Where the number of workers is another (configured so, or a CPU quota smaller than the mask), the
//! scheduler knows better than we do, and nobody is pinned.

use std::thread;

use super::Workers;

/// Where a worker runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Core {
    /// On this one, always.
    Pinned(usize),
    /// Where the scheduler puts it.
    Any,
}

/// The places of all workers.
pub(crate) fn crew(workers: Workers) -> Vec<Core> {
    let mask = affinity();
    let count = match workers {
        Workers::Count(count) => count.get(),
        Workers::PerCore => thread::available_parallelism().map_or(1, std::num::NonZero::get),
    };
    if count > 1 && count == mask.len() {
        mask.into_iter().map(Core::Pinned).collect()
    } else {
        vec![Core::Any; count]
    }
}

/// Moves the calling thread to its core; a kernel that says no costs speed, not answers.
#[expect(unsafe_code, reason = "no safe call sets a thread's affinity")]
pub(crate) fn settle(core: Core) {
    let Core::Pinned(cpu) = core else { return };
    // SAFETY: an all-zero cpu_set_t is the empty set, a valid value of this plain structure.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: `cpu` came from a mask of the same type, so it is below CPU_SETSIZE; thread 0 is the
    // caller; the kernel reads the size given.
    let result = unsafe {
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set)
    };
    if result != 0 {
        tracing::debug!(cpu, "cannot pin a worker to core {cpu}");
    }
}

/// The cores this process may run on; empty if the kernel's mask is larger than the C library's.
#[expect(unsafe_code, reason = "no safe call reads the affinity mask")]
fn affinity() -> Vec<usize> {
    // SAFETY: an all-zero cpu_set_t is the empty set, a valid value of this plain structure.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes at most the size given into `set`, which is that large.
    let result = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) };
    if result != 0 {
        return Vec::new();
    }
    // SAFETY: every index asked about is below CPU_SETSIZE, the number of bits of `set`.
    (0..libc::CPU_SETSIZE as usize).filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &set) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroUsize;

    #[test]
    fn a_worker_for_each_core_is_pinned_and_others_are_not() {
        let cores = affinity().len();
        assert!(cores > 0);
        let exact = Workers::Count(NonZeroUsize::new(cores).unwrap());
        let pinned = crew(exact).iter().filter(|c| matches!(c, Core::Pinned(_))).count();
        assert_eq!(pinned, if cores > 1 { cores } else { 0 });
        let more = Workers::Count(NonZeroUsize::new(cores + 1).unwrap());
        assert_eq!(crew(more), vec![Core::Any; cores + 1]);
    }

    #[test]
    fn a_settled_thread_has_one_core_left() {
        let first = affinity()[0];
        let left = thread::spawn(move || {
            settle(Core::Pinned(first));
            affinity()
        });
        assert_eq!(left.join().unwrap(), vec![first]);
    }
}
