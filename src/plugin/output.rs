//! What a plugin writes: a line, numbers, further lines.

use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

use super::perfdata::Perfdata;
use super::state::State;
use super::text::clean_to;

/// What a plugin writes, and how it ends.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    /// The word in front of the state.
    pub(crate) name: &'static str,
    /// The state.
    pub(crate) state: State,
    /// What is said behind it.
    pub(crate) line: String,
    /// The numbers.
    pub(crate) perfdata: Vec<Perfdata>,
    /// Further lines.
    pub(crate) long: Vec<String>,
}

impl Output {
    /// An output of one line that says why nothing can be said.
    pub(crate) fn unknown(name: &'static str, why: impl fmt::Display) -> Output {
        let (state, line) = (State::Unknown, why.to_string());
        Output { name, state, line, perfdata: Vec::new(), long: Vec::new() }
    }

    /// Writes it to standard output. The exit code says the state whoever reads.
    pub(crate) fn write(&self) -> ExitCode {
        let mut out = io::stdout().lock();
        // Nobody is left to be told that nobody reads.
        drop(write!(out, "{self}").and_then(|()| out.flush()));
        self.state.exit_code()
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.state.word())?;
        if !self.line.is_empty() {
            write!(f, " - {}", clean_to(&self.line, LONGEST_LINE))?;
        }
        for (number, perfdata) in self.perfdata.iter().enumerate() {
            f.write_str(if number == 0 { " | " } else { " " })?;
            perfdata.fmt(f)?;
        }
        writeln!(f)?;
        let (mut shown, mut room) = (0, LONGEST_REST);
        for line in &self.long {
            let line = clean_to(line, LONGEST_LINE);
            let Some(rest) = room.checked_sub(line.len() + 1) else { break };
            writeln!(f, "{line}")?;
            (shown, room) = (shown + 1, rest);
        }
        match self.long.len() - shown {
            0 => Ok(()),
            more => writeln!(f, "and {more} more"),
        }
    }
}

/// Characters of a line that are shown: some hundred zones.
const LONGEST_LINE: usize = 8192;
/// Bytes of further lines that are shown, behind a first line of usual length: Nagios reads 8 kB of a plugin and
/// throws the rest away, in the middle of a line.
const LONGEST_REST: usize = 6 * 1024;

#[cfg(test)]
mod tests {
    use super::super::range::Range;
    use super::super::state::Thresholds;
    use super::*;

    #[test]
    fn numbers_stand_behind_the_only_bar() {
        let thresholds = Thresholds { warning: Range::up_to(0), critical: Range::up_to(2) };
        let output = Output {
            name: "REPUTE",
            state: State::Warning,
            line: "listed | by one\nof 2".to_owned(),
            perfdata: vec![
                Perfdata::count("servers", 1).with(thresholds),
                Perfdata::count("asked", 2),
            ],
            long: vec!["why: spam | servers=0".to_owned()],
        };
        assert_eq!(
            output.to_string(),
            "REPUTE WARNING - listed / by one of 2 | servers=1;0;2 asked=2\nwhy: spam / servers=0\n"
        );
    }

    #[test]
    fn a_line_alone_is_an_output() {
        assert_eq!(Output::unknown("CHECK_RBL", "no").to_string(), "CHECK_RBL UNKNOWN - no\n");
        let long = (0..300).map(|number| format!("192.0.2.{number:03} is listed by one")).collect();
        let output = Output { long, ..Output::unknown("CHECK_RBL", "") }.to_string();
        assert!(output.ends_with("\n192.0.2.210 is listed by one\nand 89 more\n"), "{output}");
        assert!(output.len() < 8_000);
    }
}
