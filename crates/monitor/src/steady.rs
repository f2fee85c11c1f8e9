//! Something that changes only when several checks agree: one lost packet, or one list that is being
//! rebuilt, is no news.
//!
//! The first value is taken as it is: it is where things stand, not a change. After a change, what led
//! to it is forgotten, so that two values in turns change it as seldom as they can.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How many of the last checks must agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hysteresis {
    agree: usize,
    of: usize,
}

impl Hysteresis {
    /// So many of so many; none if it cannot be: none at all, more than there are, or more than 100.
    pub fn new(agree: usize, of: usize) -> Option<Hysteresis> {
        (1 <= agree && agree <= of && of <= MOST).then_some(Hysteresis { agree, of })
    }
}

impl Default for Hysteresis {
    /// Two of three.
    fn default() -> Hysteresis {
        Hysteresis { agree: 2, of: 3 }
    }
}

impl fmt::Display for Hysteresis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.agree, self.of)
    }
}

impl FromStr for Hysteresis {
    type Err = HysteresisError;

    /// Parses `2 of 3`.
    fn from_str(text: &str) -> Result<Hysteresis, HysteresisError> {
        let (agree, of) = text.split_once(" of ").ok_or(HysteresisError)?;
        let number = |text: &str| text.trim().parse().map_err(|_| HysteresisError);
        Hysteresis::new(number(agree)?, number(of)?).ok_or(HysteresisError)
    }
}

/// The text is no hysteresis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected how many checks must agree, such as \"2 of 3\", the second number at most 100")]
pub struct HysteresisError;

/// A value, and what speaks for another.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Steady<T> {
    /// What is so; none before anything was seen.
    value: Option<T>,
    /// Since when, in Unix seconds.
    since: u64,
    /// What the last checks saw, the newest last, as far back as the last change.
    recent: Vec<T>,
}

impl<T> Default for Steady<T> {
    fn default() -> Steady<T> {
        Steady { value: None, since: 0, recent: Vec::new() }
    }
}

impl<T: Copy + PartialEq> Steady<T> {
    /// Something that is so already.
    pub fn known(value: T, since: u64) -> Steady<T> {
        Steady { value: Some(value), since, recent: Vec::new() }
    }

    /// What is so.
    pub fn value(&self) -> Option<T> {
        self.value
    }

    /// Since when it is so.
    pub fn since(&self) -> u64 {
        self.since
    }

    /// Whether one of the last checks saw this.
    pub fn has_lately_been(&self, value: T) -> bool {
        self.recent.contains(&value)
    }

    /// Takes in what a check saw. Returns whether that changed what is so.
    pub fn see(&mut self, seen: T, now: u64, hysteresis: Hysteresis) -> bool {
        let Some(value) = self.value else {
            (self.value, self.since) = (Some(seen), now);
            return false;
        };
        self.recent.push(seen);
        let too_many = self.recent.len().saturating_sub(hysteresis.of);
        self.recent.drain(..too_many);
        let agreeing = self.recent.iter().filter(|recent| **recent == seen).count();
        if seen == value || agreeing < hysteresis.agree {
            return false;
        }
        (self.value, self.since) = (Some(seen), now);
        self.recent.clear();
        true
    }
}

/// The most checks that are looked at.
const MOST: usize = 100;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The values after each check, and the places where it changed.
    fn run(seen: &[bool], hysteresis: Hysteresis) -> (Vec<bool>, Vec<usize>) {
        let mut steady = Steady::default();
        let (mut values, mut changes) = (Vec::new(), Vec::new());
        for (place, seen) in seen.iter().enumerate() {
            if steady.see(*seen, place as u64, hysteresis) {
                changes.push(place);
                assert_eq!(steady.since(), place as u64);
            }
            values.push(steady.value().expect("something was seen"));
        }
        (values, changes)
    }

    #[test]
    fn two_of_three_must_agree() {
        for (seen, expect) in [
            ("L", "L"),
            ("CLCCC", "CCCCC"),
            ("CLLC", "CCLL"),
            ("CLCL", "CCCL"),
            ("CLCCL", "CCCCC"),
            ("CLLCLC", "CCLLLC"),
            ("CLCLCLCLCL", "CCCLLLCCCL"),
        ] {
            let seen: Vec<bool> = seen.chars().map(|c| c == 'L').collect();
            let (values, _) = run(&seen, Hysteresis::default());
            let values: String = values.iter().map(|v| if *v { 'L' } else { 'C' }).collect();
            assert_eq!(values, expect, "{seen:?}");
        }
    }

    #[test]
    fn only_what_can_be_is_parsed() {
        assert_eq!("2 of 3".parse(), Ok(Hysteresis::default()));
        assert_eq!(Hysteresis::new(1, 1).expect("it can be").to_string(), "1 of 1");
        for wrong in ["", "2", "0 of 3", "4 of 3", "2 of 101", "two of three", "-1 of 3"] {
            assert!(wrong.parse::<Hysteresis>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn nothing_changes_without_agreement_and_everything_with_it(
            seen in proptest::collection::vec(any::<bool>(), 1..200),
            (agree, of) in (1_usize..6).prop_flat_map(|of| (1..=of, Just(of))),
        ) {
            let hysteresis = Hysteresis::new(agree, of).expect("it can be");
            let (values, changes) = run(&seen, hysteresis);
            for change in &changes {
                // What it changed to was seen often enough, and last.
                let from = (change + 1).saturating_sub(of);
                let agreeing = seen[from..=*change].iter().filter(|s| **s == seen[*change]).count();
                prop_assert!(agreeing >= agree && values[*change] == seen[*change]);
            }
            // No change uses what another one used.
            prop_assert!(changes.windows(2).all(|pair| pair[1] - pair[0] >= agree));
            // Whoever sees the same so often believes it.
            for end in agree..=seen.len() {
                let last = &seen[end - agree..end];
                if last.iter().all(|seen| *seen == last[0]) {
                    prop_assert_eq!(values[end - 1], last[0]);
                }
            }
        }
    }
}
