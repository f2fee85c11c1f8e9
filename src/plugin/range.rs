//! A range of a threshold: `[@][start:]end`, as the guidelines write it.

use std::fmt;
use std::str::FromStr;

/// Values that are well; outside of them there is an alert, or with `@` inside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Range {
    /// The least value of the range; none is minus infinity, written `~`.
    start: Option<f64>,
    /// The greatest; none is infinity.
    end: Option<f64>,
    /// On which side there is an alert.
    alert: Alert,
}

/// Which values are worth an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alert {
    /// Those that are not in the range.
    Outside,
    /// Those that are, the ends included.
    Inside,
}

impl Range {
    /// The range from nothing to this value: more is an alert.
    pub(crate) fn up_to(end: u32) -> Range {
        Range { start: Some(0.0), end: Some(end.into()), alert: Alert::Outside }
    }

    /// Whether this value is worth an alert.
    pub(crate) fn alerts(&self, value: f64) -> bool {
        let is_inside = self.start.is_none_or(|start| start <= value)
            && self.end.is_none_or(|end| value <= end);
        match self.alert {
            Alert::Outside => !is_inside,
            Alert::Inside => is_inside,
        }
    }
}

impl FromStr for Range {
    type Err = RangeError;

    /// Parses `10`, `10:`, `:10`, `~:10`, `10:20`, and each of them behind `@`.
    fn from_str(text: &str) -> Result<Range, RangeError> {
        let error = |why| RangeError { text: text.chars().take(LONGEST_SHOWN).collect(), why };
        let text = text.trim();
        let (alert, rest) = match text.strip_prefix('@') {
            Some(rest) => (Alert::Inside, rest),
            None => (Alert::Outside, text),
        };
        let (start, end) = match rest.split_once(':') {
            Some((start, end)) => (start.trim(), end.trim()),
            None => ("", rest.trim()),
        };
        let is_bare = !rest.contains(':');
        if (is_bare && end.is_empty()) || (start.is_empty() && end.is_empty()) {
            return Err(error(Why::Form));
        }
        let start = match start {
            "" => Some(0.0),
            "~" => None,
            number => Some(self::number(number).ok_or(error(Why::Form))?),
        };
        let end = match end {
            "" => None,
            number => Some(self::number(number).ok_or(error(Why::Form))?),
        };
        if let (Some(start), Some(end)) = (start, end)
            && start > end
        {
            return Err(error(Why::Order));
        }
        Ok(Range { start, end, alert })
    }
}

/// A decimal number, without the words that Rust takes for numbers (`inf`, `nan`).
fn number(text: &str) -> Option<f64> {
    let is_plain = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    text.parse().ok().filter(|number: &f64| is_plain && number.is_finite())
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.alert == Alert::Inside {
            f.write_str("@")?;
        }
        match (self.start, self.end) {
            (None, _) => f.write_str("~:")?,
            (Some(0.0), Some(_)) => {}
            (Some(start), _) => write!(f, "{start}:")?,
        }
        self.end.map_or(Ok(()), |end| write!(f, "{end}"))
    }
}

/// The text is no range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no range: {why}")]
pub(crate) struct RangeError {
    /// The beginning of the text.
    text: String,
    /// What is wrong with it.
    why: Why,
}

/// What is wrong with a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Why {
    /// It has none of the forms.
    #[error("write 10, 10:, ~:10, 10:20, or @10:20 for an alert inside of it")]
    Form,
    /// It ends before it begins.
    #[error("it ends before it begins")]
    Order,
}

/// Characters of a wrong text that are shown.
const LONGEST_SHOWN: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of -1, 0, 5, 10, 15, 20, 25 that this range alerts on.
    fn alerts(text: &str) -> Vec<i32> {
        let range: Range = text.parse().expect("a range");
        assert_eq!(range.to_string().parse(), Ok(range), "{text} is written as itself");
        [-1, 0, 5, 10, 15, 20, 25].into_iter().filter(|n| range.alerts((*n).into())).collect()
    }

    #[test]
    fn every_form_of_the_guidelines_alerts_where_they_say() {
        for (range, alerted) in [
            ("10", &[-1, 15, 20, 25][..]),
            ("0", &[-1, 5, 10, 15, 20, 25]),
            ("10:", &[-1, 0, 5]),
            ("~:10", &[15, 20, 25]),
            (":10", &[-1, 15, 20, 25]),
            ("10:20", &[-1, 0, 5, 25]),
            ("@10:20", &[10, 15, 20]),
            ("@10", &[0, 5, 10]),
            ("@~:0", &[-1, 0]),
            ("~:", &[]),
            ("-1:0", &[5, 10, 15, 20, 25]),
            (" 1e1 : 2e1 ", &[-1, 0, 5, 25]),
        ] {
            assert_eq!(alerts(range), alerted, "{range}");
        }
    }

    #[test]
    fn it_is_written_as_short_as_it_can_be() {
        for (text, written) in [
            ("0:10", "10"),
            ("+5:7.50", "5:7.5"),
            ("0:", "0:"),
            ("@0:1", "@1"),
            ("~:1000000", "~:1000000"),
        ] {
            assert_eq!(text.parse::<Range>().expect("a range").to_string(), written);
        }
        assert_eq!(Range::up_to(0).to_string(), "0");
    }

    #[test]
    fn what_is_no_range_is_an_error_that_says_how_to_write_one() {
        for text in
            ["", "@", ":", "~", "@~", "x", "10:x", "inf", "nan:", "10:~", "1:2:3", "0x1", "9e999"]
        {
            let error = text.parse::<Range>().expect_err(text).to_string();
            assert!(error.contains("@10:20"), "{error}");
        }
        let error = "20:10".parse::<Range>().expect_err("the wrong way round").to_string();
        assert_eq!(error, "`20:10` is no range: it ends before it begins");
    }
}
