//! Which lists were asked, if nobody named them: those of the catalogue, and how old that is.

use std::fmt;

use repute_lookup::catalogue::{Catalogue, Day};

use super::memory::unix_now;

/// The lists of the catalogue that were asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Set {
    /// How many.
    pub(super) lists: usize,
    /// The day of the catalogue.
    pub(super) day: Day,
    /// Its age in days.
    pub(super) age: u64,
}

impl Set {
    /// So many lists of a catalogue, today.
    pub(super) fn of(catalogue: &Catalogue, lists: usize) -> Set {
        let day = catalogue.date();
        Set { lists, day, age: day.days_until(unix_now()) }
    }
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Set { lists, day, age } = self;
        let days = if *age == 1 { "day" } else { "days" };
        write!(f, "{lists} lists of the catalogue of {day}, {age} {days} old")
    }
}
