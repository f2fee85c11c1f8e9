//! The state of what is monitored, and when it is which.

use std::process::ExitCode;

use super::range::Range;

/// The state of what is monitored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Well.
    Ok,
    /// Something is wrong that can wait.
    Warning,
    /// Something is wrong.
    Critical,
    /// It cannot be said.
    Unknown,
}

impl State {
    /// The word on the first line.
    pub(crate) fn word(self) -> &'static str {
        match self {
            State::Ok => "OK",
            State::Warning => "WARNING",
            State::Critical => "CRITICAL",
            State::Unknown => "UNKNOWN",
        }
    }

    /// The exit code that means it.
    pub(crate) fn exit_code(self) -> ExitCode {
        ExitCode::from(match self {
            State::Ok => 0,
            State::Warning => 1,
            State::Critical => 2,
            State::Unknown => 3,
        })
    }
}

/// From which values on there is an alert.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Thresholds {
    /// Those worth a warning.
    pub(crate) warning: Range,
    /// Those worth more than that.
    pub(crate) critical: Range,
}

impl Thresholds {
    /// The state of a value.
    pub(crate) fn state(&self, value: u32) -> State {
        let value = value.into();
        match (self.critical.alerts(value), self.warning.alerts(value)) {
            (true, _) => State::Critical,
            (false, true) => State::Warning,
            (false, false) => State::Ok,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_critical_is_no_warning() {
        let thresholds = Thresholds { warning: Range::up_to(0), critical: Range::up_to(2) };
        let words = [0, 1, 2, 3].map(|n| thresholds.state(n).word());
        assert_eq!(words, ["OK", "WARNING", "WARNING", "CRITICAL"]);
    }
}
