//! Faults in list files: reported one by one, never fatal to the lines around them.

use std::fmt;
use std::sync::Arc;

use repute_dnsxl::{Network, ReturnCode};

/// One faulty line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file, as its reader named it.
    pub source: Arc<str>,
    /// The line, from 1.
    pub line: u64,
    /// The byte in the line where it went wrong, from 1.
    pub column: u32,
    /// The line, cut after 200 characters, with what is no text replaced.
    pub text: String,
    /// What is wrong, and what was expected.
    pub problem: Problem,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Something else stands where this was expected.
    #[error("expected {0}")]
    Expected(&'static str),
    /// Something else than a name stands where one was expected. Holds what it is and what to do.
    #[error("{0}")]
    NotAName(&'static str),
    /// A network has bits set behind its prefix. Holds the network of that length around the address.
    #[error("the address has bits set behind the prefix length: expected {0}, or a longer prefix")]
    HostBits(Network),
    /// A network is larger than `$MAXRANGE4` allows. Holds the size and the limit in addresses.
    #[error("{0} addresses are more than $MAXRANGE4 allows ({1})")]
    TooLarge(u64, u64),
    /// `$MAXRANGE4` may only be lowered.
    #[error("$MAXRANGE4 may only be lowered; this line changes nothing")]
    RangeRaised,
    /// A special that is unknown, or not allowed here.
    #[error("not a special entry that can stand here")]
    Special,
    /// A text is longer than what is sent of it, in bytes. The entry counts.
    #[error("the text is longer than {0} bytes and is cut there")]
    TextCut(usize),
    /// A field of a CSV list begins with a quote that is not closed.
    #[error(
        "this quote is not closed: expected another at the field's end, within {} lines",
        crate::format::table::MOST_LINES
    )]
    OpenQuote,
    /// A column has a return code that no list should answer.
    #[error("{0} is outside 127.0.0.0/8: expected a number from 0 to 255, or such as 127.0.0.2")]
    Code(ReturnCode),
    /// An entry answers a return code that clients do not take for one. The entry counts.
    #[error("{0} is outside 127.0.0.0/8, where clients expect return codes (RFC 5782)")]
    CodeOutside(ReturnCode),
    /// An entry answers a return code that its zone does not declare. The entry counts.
    #[error("{0} is not among the zone's `return-codes`: add it there, or correct it")]
    CodeUndeclared(ReturnCode),
    /// A column that nothing uses follows the key. Holds which key would use it. The entry counts.
    #[error("{0}")]
    Unused(&'static str),
    /// The line is longer than lines may be.
    #[error("the line is longer than {LONGEST_LINE} bytes")]
    LongLine,
    /// A name breaks the rules of names.
    #[error("a domain name is malformed: {0}")]
    Name(repute_dnsxl::NameError),
    /// A `$DATASET` without names: its entries are not served.
    #[error("no name follows the data set's type; its entries are not served")]
    NoBranch,
    /// A parameter behind an entry's `@` does nothing. The entry counts.
    #[error("{0}")]
    Parameter(&'static str),
    /// The number of an organisation is none that one can have. Holds the largest. The entry counts.
    #[error("expected the Id of an organisation, from 1 to {0}; the entry is given to nobody")]
    Id(u32),
    /// The table would have more distinct answers than an index can name.
    #[error("more than {} distinct answers; this entry is left out", crate::value::ValueId::MAX)]
    ManyValues,
}

impl Fault {
    /// A fault at a byte of a line, counted from 0.
    pub fn new(
        source: Arc<str>,
        (number, line): (u64, &[u8]),
        at: usize,
        problem: Problem,
    ) -> Fault {
        let text = String::from_utf8_lossy(line).chars().take(LONGEST_SHOWN).collect();
        let column = u32::try_from(at).map_or(u32::MAX, |at| at.saturating_add(1));
        Fault { source, line: number, column, text, problem }
    }
}

impl Problem {
    /// Whether the line counts in spite of it.
    pub fn is_warning(&self) -> bool {
        matches!(
            self,
            Problem::TextCut(_)
                | Problem::RangeRaised
                | Problem::NoBranch
                | Problem::Parameter(_)
                | Problem::CodeOutside(_)
                | Problem::CodeUndeclared(_)
                | Problem::Unused(_)
                | Problem::Id(_)
        )
    }
}

/// Longest line of a list file, in bytes.
pub const LONGEST_LINE: usize = 65_536;

/// All faults of a reading: counted, and the first ones kept.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    kept: Vec<Fault>,
    errors: u64,
    warnings: u64,
}

impl Faults {
    /// Adds a fault.
    pub fn push(&mut self, fault: Fault) {
        if fault.problem.is_warning() {
            self.warnings += 1;
        } else {
            self.errors += 1;
        }
        if self.kept.len() < MOST_KEPT {
            self.kept.push(fault);
        }
    }

    /// Takes in what somebody else found in the same file: of both the first lines are kept.
    pub fn merge(&mut self, other: Faults) {
        self.errors += other.errors;
        self.warnings += other.warnings;
        self.kept.extend(other.kept);
        self.kept.sort_by_key(|fault| fault.line);
        self.kept.truncate(MOST_KEPT);
    }

    /// How many lines do not count.
    pub fn errors(&self) -> u64 {
        self.errors
    }

    /// How many lines count in spite of a fault.
    pub fn warnings(&self) -> u64 {
        self.warnings
    }

    /// The first thousand faults.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.kept.iter()
    }
}

impl fmt::Display for Fault {
    /// `file:line:column: problem`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.source, self.line, self.column, self.problem)
    }
}

/// Faults kept with their text.
const MOST_KEPT: usize = 1000;
/// How many characters of a faulty line are kept.
pub(crate) const LONGEST_SHOWN: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_readings_of_a_file_the_first_lines_are_kept() {
        let reading = |lines: &[u64], problem: Problem| {
            let mut faults = Faults::default();
            for line in lines {
                faults.push(Fault::new("list".into(), (*line, b"x;y"), 2, problem.clone()));
            }
            faults
        };
        let mut all = reading(&[2, 5], Problem::LongLine);
        all.merge(reading(&[1, 3, 5, 9], Problem::Id(7)));
        assert_eq!((all.errors(), all.warnings()), (2, 4));
        let lines: Vec<u64> = all.iter().map(|fault| fault.line).collect();
        assert_eq!(lines, [1, 2, 3, 5, 5, 9]);
        let first = all.iter().next().map(ToString::to_string);
        let words = "list:1:3: expected the Id of an organisation, from 1 to 7; the entry is given to nobody";
        assert_eq!(first.as_deref(), Some(words));
        let many: Vec<u64> = (0..MOST_KEPT as u64).map(|at| at * 2).collect();
        let mut all = reading(&many, Problem::LongLine);
        all.merge(reading(&many, Problem::Id(7)));
        assert_eq!(all.iter().last().map(|fault| fault.line), Some(MOST_KEPT as u64 - 2));
        assert_eq!(all.iter().count(), MOST_KEPT);
    }
}
