//! Dates in UTC, and ticks of an axis at round ones.

/// A day and time in the Gregorian calendar, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Date {
    pub(crate) year: i64,
    /// From 1.
    pub(crate) month: i64,
    /// From 1.
    pub(crate) day: i64,
    /// Seconds since midnight.
    pub(crate) second: i64,
}

impl Date {
    /// The date of a Unix time.
    pub(crate) fn of(time: i64) -> Date {
        // Years that begin in March have their odd day at the end; 400 of them have 146,097 days.
        let days = time.div_euclid(DAY) + 719_468;
        let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        Date {
            year: era * 400 + year_of_era + i64::from(month <= 2),
            month,
            day: day_of_year - (153 * from_march + 2) / 5 + 1,
            second: time.rem_euclid(DAY),
        }
    }

    /// The Unix time of the first day of a month; months count on over the years.
    fn first_of(year: i64, month: i64) -> i64 {
        let (year, month) = (year + (month - 1).div_euclid(12), (month - 1).rem_euclid(12));
        let (year, from_march) = if month < 2 { (year - 1, month + 10) } else { (year, month - 2) };
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let days =
            365 * year_of_era + year_of_era / 4 - year_of_era / 100 + (153 * from_march + 2) / 5;
        (era * 146_097 + days - 719_468) * DAY
    }

    /// The month's name.
    fn month_name(self) -> &'static str {
        const NAMES: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        usize::try_from(self.month - 1).ok().and_then(|n| NAMES.get(n)).copied().unwrap_or("?")
    }

    /// Hour and minute.
    fn clock(self) -> String {
        format!("{:02}:{:02}", self.second / 3600, self.second / 60 % 60)
    }
}

/// Returns a time, in Unix seconds, as `2023-11-14 22:13`: in UTC, as in all charts.
pub fn exact(time: i64) -> String {
    let date = Date::of(time);
    format!("{:04}-{:02}-{:02} {}", date.year, date.month, date.day, date.clock())
}

/// Returns two times as one text, the parts that both have only once.
pub(crate) fn span(from: i64, to: i64) -> String {
    let (a, b) = (exact(from), exact(to));
    if a[..10] == b[..10] {
        format!("{a} – {} UTC", &b[11..])
    } else {
        format!("{a} – {b} UTC")
    }
}

/// Returns a time in the years 1 to 9999.
pub(crate) fn tame(time: i64) -> i64 {
    time.clamp(-62_135_596_800, 253_402_300_799)
}

/// Returns round times from `from` to `to`, at most `count`, with their labels.
pub(crate) fn ticks(from: i64, to: i64, count: usize) -> Vec<(i64, String)> {
    let step = STEPS.into_iter().find(|step| step.count(from, to) <= count.max(1));
    let Some(step) = step else { return Vec::new() };
    let mut ticks = Vec::new();
    let mut time = step.first(from);
    while time <= to {
        ticks.push((time, step.label(time)));
        time = step.first(time + 1);
    }
    ticks
}

/// The distance between two ticks.
#[derive(Clone, Copy)]
enum Step {
    /// So many seconds, a part of a day.
    Seconds(i64),
    /// So many days.
    Days(i64),
    /// So many months.
    Months(i64),
}

impl Step {
    /// The first tick that is not before a time.
    fn first(self, time: i64) -> i64 {
        match self {
            Step::Seconds(s) => (time + s - 1).div_euclid(s) * s,
            Step::Days(days) => {
                // 1970-01-05 was a Monday.
                let (length, first) = (days * DAY, if days == 7 { 4 * DAY } else { 0 });
                (time - first + length - 1).div_euclid(length) * length + first
            }
            Step::Months(months) => {
                let date = Date::of(time);
                let month = (date.year * 12 + date.month - 1).div_euclid(months) * months;
                let first = Date::first_of(0, month + 1);
                if first >= time { first } else { Date::first_of(0, month + months + 1) }
            }
        }
    }

    /// How many ticks there are, or one more.
    fn count(self, from: i64, to: i64) -> usize {
        let length = match self {
            Step::Seconds(seconds) => seconds,
            Step::Days(days) => days * DAY,
            Step::Months(months) => months * 30 * DAY,
        };
        usize::try_from((to - from) / length + 1).unwrap_or(usize::MAX)
    }

    /// What is written at a tick.
    fn label(self, time: i64) -> String {
        let date = Date::of(time);
        match self {
            Step::Seconds(_) if date.second != 0 => date.clock(),
            Step::Seconds(_) | Step::Days(_) => format!("{} {}", date.day, date.month_name()),
            Step::Months(months) if months < 12 && date.month != 1 => date.month_name().to_owned(),
            Step::Months(_) => date.year.to_string(),
        }
    }
}

/// Seconds of a day.
const DAY: i64 = 86_400;
/// Distances that people count in.
const STEPS: [Step; 26] = [
    Step::Seconds(60),
    Step::Seconds(300),
    Step::Seconds(600),
    Step::Seconds(900),
    Step::Seconds(1800),
    Step::Seconds(3600),
    Step::Seconds(2 * 3600),
    Step::Seconds(3 * 3600),
    Step::Seconds(6 * 3600),
    Step::Seconds(12 * 3600),
    Step::Days(1),
    Step::Days(2),
    Step::Days(7),
    Step::Months(1),
    Step::Months(2),
    Step::Months(3),
    Step::Months(6),
    Step::Months(12),
    Step::Months(24),
    Step::Months(60),
    Step::Months(120),
    Step::Months(1200),
    Step::Months(12_000),
    Step::Months(24_000),
    Step::Months(60_000),
    Step::Months(120_000),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Times by `date --utc --date=@...`.
    #[test]
    fn dates_are_those_of_the_calendar() {
        for (time, text) in [
            (0, "1970-01-01 00:00"),
            (-1, "1969-12-31 23:59"),
            (951_782_400, "2000-02-29 00:00"),
            (1_700_000_000, "2023-11-14 22:13"),
            (4_107_542_400, "2100-03-01 00:00"),
            (tame(i64::MIN), "0001-01-01 00:00"),
            (tame(i64::MAX), "9999-12-31 23:59"),
        ] {
            assert_eq!(exact(time), text);
        }
        for time in [0, 951_782_400, 4_107_542_400, tame(i64::MIN), 1_709_251_200] {
            let date = Date::of(time);
            let first = Date::first_of(date.year, date.month);
            assert_eq!(first + (date.day - 1) * DAY + date.second, time);
        }
    }

    #[test]
    fn ticks_are_round_times() {
        let labels = |from, to| -> String {
            let ticks = ticks(from, to, 6);
            ticks.into_iter().map(|(_, label)| label).collect::<Vec<_>>().join(", ")
        };
        let t = 1_700_000_000;
        assert_eq!(labels(t, t + 240), "22:14, 22:15, 22:16, 22:17");
        assert_eq!(labels(t, t + DAY), "15 Nov, 06:00, 12:00, 18:00");
        assert_eq!(labels(t, t + 5 * DAY), "15 Nov, 16 Nov, 17 Nov, 18 Nov, 19 Nov");
        assert_eq!(labels(t, t + 30 * DAY), "20 Nov, 27 Nov, 4 Dec, 11 Dec");
        assert_eq!(labels(t, t + 150 * DAY), "Dec, 2024, Feb, Mar, Apr");
        assert_eq!(labels(t, t + 1500 * DAY), "2024, 2025, 2026, 2027");
        assert_eq!(labels(t, t), "");
        assert_eq!(labels(0, 0), "1 Jan");
        assert!(ticks(tame(i64::MIN), tame(i64::MAX), 6).len() >= 2);
    }

    #[test]
    fn a_span_says_the_day_once() {
        assert_eq!(span(1_700_000_000, 1_700_003_600), "2023-11-14 22:13 – 23:13 UTC");
        assert_eq!(span(0, DAY), "1970-01-01 00:00 – 1970-01-02 00:00 UTC");
    }
}
