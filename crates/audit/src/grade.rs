//! What findings come to: one letter.
//!
//! A fault is a broken rule that is vital or a must; what only should be is advice. The letter says what it
//! means to those who use the list, and counts no points, so that it can be worked out by head:
//!
//! | grade | |
//! |---|---|
//! | A | nothing to mend |
//! | B | only advice |
//! | C | one or two faults |
//! | D | three to five faults |
//! | E | more than five faults |
//! | F | a vital rule is broken: the list cannot be believed |

use serde::{Deserialize, Serialize};

use crate::rule::Severity;
use crate::{Finding, State};

/// How good a list is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the table above says what each means")]
pub enum Grade {
    A,
    B,
    C,
    D,
    E,
    F,
}

impl Grade {
    /// The grade of these findings.
    pub fn of(findings: &[Finding]) -> Grade {
        let broken = |state| findings.iter().filter(move |finding| finding.state == state);
        let is_vital = |finding: &Finding| finding.rule.facts().severity == Severity::Vital;
        match (broken(State::Fail).count(), broken(State::Warn).count()) {
            _ if broken(State::Fail).any(is_vital) => Grade::F,
            (0, 0) => Grade::A,
            (0, _) => Grade::B,
            (1..=2, _) => Grade::C,
            (3..=5, _) => Grade::D,
            (_, _) => Grade::E,
        }
    }

    /// The letter.
    pub fn letter(self) -> char {
        match self {
            Grade::A => 'A',
            Grade::B => 'B',
            Grade::C => 'C',
            Grade::D => 'D',
            Grade::E => 'E',
            Grade::F => 'F',
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Rule;

    #[test]
    fn a_grade_is_counted_from_faults() {
        let grade = |broken: &[(Rule, State)]| {
            let finding = |&(rule, state)| Finding { rule, state, seen: String::new() };
            Grade::of(&broken.iter().map(finding).collect::<Vec<_>>()).letter()
        };
        let faults =
            [Rule::Tcp, Rule::Edns, Rule::Soa, Rule::Answers, Rule::OtherTypes, Rule::EdnsDo]
                .map(|rule| (rule, State::Fail));
        assert_eq!(grade(&[(Rule::Tcp, State::Pass), (Rule::Ipv6, State::Skipped)]), 'A');
        assert_eq!(grade(&[(Rule::Ipv6, State::Warn), (Rule::Text, State::Warn)]), 'B');
        assert_eq!(grade(&[faults[0], (Rule::Text, State::Warn)]), 'C');
        assert_eq!((grade(&faults[..2]), grade(&faults[..3])), ('C', 'D'));
        assert_eq!((grade(&faults[..5]), grade(&faults)), ('D', 'E'));
        assert_eq!(grade(&[(Rule::NeverIpv4, State::Fail)]), 'F');
    }
}
