//! A day, for "how old is this": the catalogue's own, and those on which a list was looked at.

use std::fmt;
use std::str::FromStr;

/// A day of the Gregorian calendar, written `2026-11-22`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day {
    /// The year.
    year: u16,
    /// The month, from 1.
    month: u8,
    /// The day of the month, from 1.
    day: u8,
}

impl Day {
    /// The day of a time in seconds since 1970, in UTC.
    pub fn of(now: u64) -> Day {
        // Counted from 0000-03-01, in spans of 400 years: the inverse of `since_1970`.
        let days = now / 86_400 + 719_468;
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = era * 400 + year + u64::from(month <= 2);
        Day { year: u16::try_from(year).unwrap_or(u16::MAX), month: month as u8, day: day as u8 }
    }

    /// How many days lie between this one and a time in seconds since 1970; 0 if it lies ahead.
    pub fn days_until(self, now: u64) -> u64 {
        (now / 86_400).saturating_sub(self.since_1970())
    }

    /// Days since 1970-01-01; 0 for all before.
    fn since_1970(self) -> u64 {
        // Years that begin in March have the leap day at their end.
        let shift = u64::from(self.month <= 2);
        let year = u64::from(self.year).saturating_sub(shift);
        let month = (u64::from(self.month) + 9) % 12;
        let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5;
        (days + u64::from(self.day) - 1).saturating_sub(719_468)
    }
}

impl FromStr for Day {
    type Err = DayError;

    fn from_str(text: &str) -> Result<Day, DayError> {
        let mut parts = text.split('-');
        let mut part = |len: usize| {
            let part = parts.next().filter(|part| part.len() == len);
            let part = part.filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
            part.and_then(|part| part.parse::<u16>().ok()).ok_or(DayError)
        };
        let (year, month, day) = (part(4)?, part(2)?, part(2)?);
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let len = match month {
            4 | 6 | 9 | 11 => 30,
            2 if is_leap => 29,
            2 => 28,
            _ => 31,
        };
        if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=len).contains(&day) {
            return Err(DayError);
        }
        Ok(Day { year, month: month as u8, day: day as u8 })
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// Whether a text is a day, or only its month or year: some things are known no better.
pub(super) fn is_roughly_a_day(text: &str) -> bool {
    let whole = match text.len() {
        4 => format!("{text}-01-01"),
        7 => format!("{text}-01"),
        _ => text.to_owned(),
    };
    whole.parse::<Day>().is_ok()
}

/// The text is no day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a day: expected a date such as 2026-11-22")]
pub struct DayError;

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().expect("a day")
    }

    #[test]
    fn days_are_counted_from_1970() {
        for (text, days) in [
            ("1970-01-01", 0),
            ("1970-03-01", 59),
            ("2000-02-29", 11_016),
            ("2000-03-01", 11_017),
            ("2026-11-22", 20_779),
            ("1969-12-31", 0),
        ] {
            assert_eq!((day(text).since_1970(), day(text).to_string()), (days, text.to_owned()));
        }
    }

    #[test]
    fn a_time_has_a_day() {
        for days in (0..60_000).chain([2_932_896]) {
            let day = Day::of(days * 86_400 + 86_399);
            assert_eq!((day.since_1970(), day.to_string().parse()), (days, Ok(day)));
        }
        assert_eq!(Day::of(20_779 * 86_400).to_string(), "2026-11-22");
    }

    #[test]
    fn age_is_in_whole_days_and_never_negative() {
        let day = day("2026-11-22");
        for (now, age) in [(20_779, 0), (20_780, 1), (20_778, 0), (20_879, 100)] {
            assert_eq!(day.days_until(now * 86_400 + 86_399), age);
        }
    }

    #[test]
    fn what_is_no_day_is_an_error() {
        for text in
            ["", "2026", "2026-13-01", "2026-02-29", "2026-1-1", "+026-01-01", "2026-01-01-"]
        {
            assert_eq!(text.parse::<Day>(), Err(DayError), "{text}");
        }
        for (text, fine) in [("2012", true), ("2023-11", true), ("2023-13", false), ("20", false)] {
            assert_eq!(is_roughly_a_day(text), fine, "{text}");
        }
    }
}
