//! Numbers behind the bar: `'label'=value[UOM];[warn];[crit]`, for graphs.

use std::fmt;
use std::time::Duration;

use super::state::Thresholds;

/// One number of a plugin's output.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Perfdata {
    /// What it is called.
    label: String,
    /// The number with its unit.
    value: String,
    /// From where on there is an alert.
    thresholds: Option<Thresholds>,
    /// Whether the places of the thresholds are shown when they are empty.
    padded: bool,
}

impl Perfdata {
    /// A count of something.
    pub(crate) fn count(label: &str, count: u32) -> Perfdata {
        Perfdata::new(label, count.to_string())
    }

    /// A time in seconds, with milliseconds.
    pub(crate) fn seconds(label: &str, time: Duration) -> Perfdata {
        Perfdata::new(label, format!("{:.3}s", time.as_secs_f64()))
    }

    /// A number that is written already.
    fn new(label: &str, value: String) -> Perfdata {
        // No sign may end the label before its end, and no line may end in it.
        let label = label.chars().filter(|c| !matches!(c, '=' | '\'' | '|') && !c.is_control());
        Perfdata { label: label.collect(), value, thresholds: None, padded: false }
    }

    /// The same with thresholds.
    pub(crate) fn with(self, thresholds: Thresholds) -> Perfdata {
        Perfdata { thresholds: Some(thresholds), ..self }
    }

    /// The same with empty places for thresholds that it does not have, as Perl's Monitoring::Plugin
    /// writes it.
    pub(crate) fn padded(self) -> Perfdata {
        Perfdata { padded: true, ..self }
    }
}

impl fmt::Display for Perfdata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_word = !self.label.is_empty() && !self.label.contains(char::is_whitespace);
        match is_word {
            true => f.write_str(&self.label)?,
            false => write!(f, "'{}'", self.label)?,
        }
        write!(f, "={}", self.value)?;
        match &self.thresholds {
            Some(Thresholds { warning, critical }) => write!(f, ";{warning};{critical}"),
            None if self.padded => f.write_str(";;"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::range::Range;
    use super::*;

    #[test]
    fn numbers_are_written_as_graphs_read_them() {
        let thresholds =
            Thresholds { warning: Range::up_to(0), critical: "@3:5".parse().expect("a range") };
        for (perfdata, written) in [
            (Perfdata::count("servers", 2).with(thresholds), "servers=2;0;@3:5"),
            (Perfdata::count("asked", 58), "asked=58"),
            (Perfdata::seconds("time", Duration::from_micros(36_400)), "time=0.036s"),
            (Perfdata::seconds("time", Duration::from_secs(15)).padded(), "time=15.000s;;"),
            (Perfdata::count("lists asked", 1), "'lists asked'=1"),
            (Perfdata::count("a'b=c|d\n", 1), "abcd=1"),
            (Perfdata::count("", 1), "''=1"),
        ] {
            assert_eq!(perfdata.to_string(), written);
        }
    }
}
