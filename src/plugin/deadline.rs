//! One deadline for everything a plugin does: looking up the host, its name, and the lists.

use std::time::{Duration, Instant};

/// When a plugin has to have said something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    /// When it was started.
    started: Instant,
    /// How long it may take; none for as long as it takes.
    most: Option<Duration>,
}

impl Deadline {
    /// The deadline of a plugin that was started then.
    pub(crate) fn new(started: Instant, most: Option<Duration>) -> Deadline {
        Deadline { started, most }
    }

    /// How long it is already.
    pub(crate) fn took(&self) -> Duration {
        self.started.elapsed()
    }

    /// How much time is left, never nothing, so that what is at hand is told.
    pub(crate) fn left(&self) -> Option<Duration> {
        self.most.map(|most| most.saturating_sub(self.took()).max(SHORTEST))
    }

    /// How long each of so many resolvers may take for a host, if a look-up may take this long: what one does
    /// not answer the next one is asked, and half of the time is for the lists.
    pub(crate) fn for_host(&self, resolvers: usize, at_most: Duration) -> Duration {
        let resolvers = u32::try_from(resolvers).unwrap_or(u32::MAX).max(1);
        self.left().map_or(at_most, |left| at_most.min(left / 2 / resolvers))
    }

    /// How long a list may take. That ends a little before everything does: a list that was waited for to its
    /// own end is known to be dead, and need not be waited for the next time.
    pub(crate) fn for_lists(&self, at_most: Duration) -> Duration {
        self.left().map_or(at_most, |left| at_most.min(left.mul_f64(SHARE_OF_LISTS)))
    }
}

/// What there is if nothing is left.
const SHORTEST: Duration = Duration::from_millis(1);
/// The part of the time that is left in which a list may answer.
const SHARE_OF_LISTS: f64 = 0.95;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_it_fits_into_the_time() {
        let most = Duration::from_secs(3600);
        let deadline = Deadline::new(Instant::now(), Some(most));
        let hour = deadline.left().expect("there is a limit");
        assert!(hour <= most && deadline.for_lists(most) < hour, "{deadline:?}");
        assert!(deadline.for_host(3, most) * 3 <= most / 2, "{deadline:?}");
        assert_eq!(deadline.for_lists(Duration::from_secs(2)), Duration::from_secs(2));
        assert_eq!(Deadline::new(Instant::now(), None).for_host(3, most), most);
        let over = Deadline::new(Instant::now(), Some(Duration::ZERO));
        assert_eq!(over.left(), Some(SHORTEST));
    }
}
