//! Moments as people read them: days and minutes in UTC.

use std::fmt;

use repute_database::Timestamp;

/// A moment, shown as `2026-03-01 14:05`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment(pub(crate) Timestamp);

impl Moment {
    /// The moment for programs (RFC 3339).
    pub(crate) fn rfc3339(self) -> String {
        let (year, month, day) = date(self.0.0.div_euclid(DAY));
        let second = self.0.0.rem_euclid(DAY) / 1_000_000;
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

impl Moment {
    /// Its day in UTC, as `2026-03-01`.
    pub(crate) fn day(self) -> String {
        let text = self.rfc3339();
        text.split('T').next().unwrap_or_default().to_owned()
    }

    /// The beginning of a day that is written so.
    pub(crate) fn of_day(text: &str) -> Option<Moment> {
        Timestamp::of_day(text).map(Moment)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.rfc3339();
        write!(f, "{} {}", &text[..text.len() - 10], &text[text.len() - 9..text.len() - 4])
    }
}

/// The date of a day since 1970, by the count of days from the first of March 0000 on, which has leap days last.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let of_month = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, of_month)
}

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_772_373_906, "2026-03-01T14:05:06Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(Moment(Timestamp(seconds * 1_000_000)).rfc3339(), text);
        }
        for text in ["1970-01-01", "2000-02-29", "2026-03-01", "2026-12-31", "2100-02-28"] {
            assert_eq!(Moment::of_day(text).map(Moment::day).as_deref(), Some(text));
        }
        assert_eq!(Moment::of_day("2026-03-01"), Some(Moment(Timestamp(1_772_323_200_000_000))));
        for text in [
            "",
            "2026",
            "2026-02-30",
            "2026-13-01",
            "2026-1-1",
            "2026-00-01",
            "x-01-01",
            "65535-99-99",
        ] {
            assert_eq!(Moment::of_day(text), None, "{text}");
        }
        let moment = Moment(Timestamp(1_772_373_906_000_000));
        assert_eq!(moment.to_string(), "2026-03-01 14:05");
    }
}
