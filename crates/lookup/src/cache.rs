//! Answers that are still fresh: who looks again within a list's time to live need not ask again.
//!
//! In memory only, and bounded. The time to live of a denial is that of its SOA (RFC 2308 section 5); an answer
//! without one is not kept, and nothing longer than a day, so that a list cannot freeze its watcher's picture.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use repute_dnsxl::{Name, Target};

use crate::verdict::Said;

/// Answers of lists about targets.
#[derive(Debug, Default)]
pub struct Cache {
    /// How many answers it holds.
    room: usize,
    /// Lists by zone and the place where they are asked, since that decides what they say.
    lists: HashMap<(Name, String), ListNumber>,
    answers: HashMap<(ListNumber, Target), Fresh>,
}

/// A list in a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ListNumber(u32);

/// An answer, and until when it counts.
#[derive(Debug)]
struct Fresh {
    said: Said,
    texts: Vec<String>,
    until: Instant,
}

impl Cache {
    /// One that holds so many answers; the default holds none.
    pub fn with_room(room: usize) -> Cache {
        Cache { room, ..Cache::default() }
    }

    /// How many answers it holds now, stale ones too.
    pub fn len(&self) -> usize {
        self.answers.len()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    /// The number of a list that is asked at a place.
    pub(crate) fn list(&mut self, zone: &Name, place: &str) -> ListNumber {
        let next = ListNumber(self.lists.len() as u32);
        *self.lists.entry((zone.clone(), place.to_owned())).or_insert(next)
    }

    /// What a list said of a target, if that still counts.
    pub(crate) fn get(
        &self,
        list: ListNumber,
        target: &Target,
        now: Instant,
    ) -> Option<(Said, Vec<String>)> {
        if self.answers.is_empty() {
            return None;
        }
        let fresh = self.answers.get(&(list, target.clone()))?;
        (now < fresh.until).then(|| (fresh.said.clone(), fresh.texts.clone()))
    }

    /// Keeps what a list said of a target, if it may be kept.
    pub(crate) fn put(
        &mut self,
        list: ListNumber,
        target: &Target,
        said: &Said,
        texts: &[String],
        now: Instant,
    ) {
        let ttl = match said {
            Said::Listed(_, ttl) | Said::NotListed { ttl, .. } => ttl.unwrap_or_default(),
            // What is not known is asked again.
            Said::Unknown(_) => return,
        };
        if self.room == 0 || ttl.is_zero() {
            return;
        }
        if self.answers.len() >= self.room {
            self.make_room(now);
        }
        let until = now + ttl.min(LONGEST);
        let fresh = Fresh { said: said.clone(), texts: texts.to_vec(), until };
        self.answers.insert((list, target.clone()), fresh);
    }

    /// Drops all answers: what they came through cannot be believed.
    pub(crate) fn forget(&mut self) {
        self.answers.clear();
    }

    /// Drops what is stale; if that is little, the half that would be stale soonest.
    fn make_room(&mut self, now: Instant) {
        self.answers.retain(|_, fresh| now < fresh.until);
        if self.answers.len() < self.room / 4 * 3 {
            return;
        }
        let mut ends: Vec<Instant> = self.answers.values().map(|fresh| fresh.until).collect();
        let half = ends.len() / 2;
        let (_, middle, _) = ends.select_nth_unstable(half);
        let middle = *middle;
        self.answers.retain(|_, fresh| fresh.until > middle);
    }
}

/// The longest time an answer is kept.
const LONGEST: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests {
    use super::*;

    fn target(number: u32) -> Target {
        Target::Ipv4(number.into())
    }

    fn clean(seconds: u64) -> Said {
        Said::NotListed { unproven: false, ttl: Some(Duration::from_secs(seconds)) }
    }

    #[test]
    fn an_answer_counts_as_long_as_it_says_and_where_it_was_given() {
        let now = Instant::now();
        let mut cache = Cache::with_room(8);
        let zone: Name = "bl.example".parse().expect("a name");
        let (here, there) = (cache.list(&zone, "here"), cache.list(&zone, "there"));
        cache.put(here, &target(1), &clean(60), &[], now);
        let later = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(cache.get(here, &target(1), later(59)), Some((clean(60), Vec::new())));
        assert_eq!(cache.get(here, &target(1), later(60)), None);
        assert_eq!(cache.get(there, &target(1), now), None);
        assert_eq!(cache.get(here, &target(2), now), None);
        assert_eq!(cache.list(&zone, "here"), here);
    }

    #[test]
    fn what_is_unknown_or_has_no_time_is_not_kept() {
        let now = Instant::now();
        let mut cache = Cache::with_room(8);
        let list = cache.list(&"bl.example".parse().expect("a name"), "");
        cache.put(list, &target(1), &Said::Unknown(crate::verdict::Reason::TimedOut), &[], now);
        cache.put(list, &target(1), &clean(0), &[], now);
        cache.put(list, &target(1), &Said::NotListed { unproven: false, ttl: None }, &[], now);
        assert!(cache.is_empty());
        cache.put(list, &target(1), &clean(u64::from(u32::MAX)), &[], now);
        assert_eq!(cache.get(list, &target(1), now + LONGEST), None, "nothing is kept for ever");
        let mut none = Cache::default();
        none.put(list, &target(1), &clean(60), &[], now);
        assert!(none.is_empty());
    }

    #[test]
    fn it_does_not_grow_beyond_its_room() {
        let now = Instant::now();
        let mut cache = Cache::with_room(100);
        let list = cache.list(&"bl.example".parse().expect("a name"), "");
        for number in 0..1000 {
            cache.put(list, &target(number), &clean(60 + u64::from(number)), &[], now);
            assert!(cache.len() <= 100);
        }
        assert!(cache.get(list, &target(999), now).is_some(), "what lives longest stays");
        // And when all of them end together.
        for number in 0..1000 {
            cache.put(list, &target(number), &clean(60), &[], now);
            assert!(cache.len() <= 100);
        }
    }
}
