//! Where a request stands, and where it may go from there.
//!
//! ```text
//! draft → submitted → checking → ( approved by rule | needs information | queued ) → in review
//!       → approved | partly approved | rejected | withdrawn | expired → published(serial)
//! ```

use std::fmt;

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// It is being written.
    Draft,
    /// It was handed in.
    Submitted,
    /// It is being looked at by rules.
    Checking,
    /// A rule approved it.
    AutoApproved,
    /// Who wrote it must add something.
    NeedsInfo,
    /// It waits for an editor.
    Queued,
    /// An editor has it.
    InReview,
    /// All of it is approved.
    Approved,
    /// Some of it is.
    PartlyApproved,
    /// None of it is.
    Rejected,
    /// Who wrote it took it back.
    Withdrawn,
    /// Nobody went on with it.
    Expired,
    /// What was approved is on the list.
    Published,
}

impl State {
    /// All states.
    pub const ALL: [State; 13] = [
        State::Draft,
        State::Submitted,
        State::Checking,
        State::AutoApproved,
        State::NeedsInfo,
        State::Queued,
        State::InReview,
        State::Approved,
        State::PartlyApproved,
        State::Rejected,
        State::Withdrawn,
        State::Expired,
        State::Published,
    ];

    /// The states that may follow.
    pub fn next(self) -> &'static [State] {
        use State::{
            Approved, AutoApproved, Checking, Draft, Expired, InReview, NeedsInfo, PartlyApproved,
            Published, Queued, Rejected, Submitted, Withdrawn,
        };
        match self {
            Draft => &[Submitted, Withdrawn, Expired],
            Submitted => &[Checking, Withdrawn],
            Checking => &[AutoApproved, NeedsInfo, Queued, Withdrawn],
            NeedsInfo => &[Submitted, Withdrawn, Expired],
            Queued => &[InReview, Withdrawn],
            // Back to the queue if it is put back, or a second editor has to agree.
            InReview => &[Queued, NeedsInfo, Approved, PartlyApproved, Rejected, Withdrawn],
            AutoApproved | Approved | PartlyApproved => &[Published],
            Rejected | Withdrawn | Expired | Published => &[],
        }
    }

    /// Whether a state may follow.
    pub fn may_become(self, next: State) -> bool {
        self.next().contains(&next)
    }

    /// Whether nothing follows any more.
    pub fn is_over(self) -> bool {
        self.next().is_empty()
    }

    /// Its word, as it is stored and as machines read it.
    pub fn word(self) -> &'static str {
        match self {
            State::Draft => "draft",
            State::Submitted => "submitted",
            State::Checking => "checking",
            State::AutoApproved => "auto-approved",
            State::NeedsInfo => "needs-info",
            State::Queued => "queued",
            State::InReview => "in-review",
            State::Approved => "approved",
            State::PartlyApproved => "partly-approved",
            State::Rejected => "rejected",
            State::Withdrawn => "withdrawn",
            State::Expired => "expired",
            State::Published => "published",
        }
    }

    /// The state of a word.
    pub fn of_word(word: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.word() == word)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Draft => "draft",
            State::Submitted => "submitted",
            State::Checking => "being checked",
            State::AutoApproved => "approved by rule",
            State::NeedsInfo => "needs information",
            State::Queued => "in the queue",
            State::InReview => "in review",
            State::Approved => "approved",
            State::PartlyApproved => "partly approved",
            State::Rejected => "rejected",
            State::Withdrawn => "withdrawn",
            State::Expired => "expired",
            State::Published => "published",
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_table_of_transitions_is_this_one() {
        let table: Vec<String> = State::ALL
            .into_iter()
            .map(|from| {
                let next: Vec<&str> = State::ALL
                    .into_iter()
                    .filter(|to| from.may_become(*to))
                    .map(State::word)
                    .collect();
                format!("{}: {}", from.word(), next.join(" "))
            })
            .collect();
        let expected = [
            "draft: submitted withdrawn expired",
            "submitted: checking withdrawn",
            "checking: auto-approved needs-info queued withdrawn",
            "auto-approved: published",
            "needs-info: submitted withdrawn expired",
            "queued: in-review withdrawn",
            "in-review: needs-info queued approved partly-approved rejected withdrawn",
            "approved: published",
            "partly-approved: published",
            "rejected: ",
            "withdrawn: ",
            "expired: ",
            "published: ",
        ];
        assert_eq!(table, expected);
    }

    #[test]
    fn each_state_is_read_as_it_is_written() {
        for state in State::ALL {
            assert_eq!(State::of_word(state.word()), Some(state));
        }
        assert_eq!(State::of_word("gone"), None);
    }

    proptest! {
        /// Whatever choices are made, a request is published only after somebody or some rule approved it, and
        /// whatever is over stays so.
        #[test]
        fn nothing_is_published_that_was_not_approved(choices in proptest::collection::vec(0_usize..8, 1..40)) {
            let mut way = vec![State::Draft];
            for choice in choices {
                let here = *way.last().expect("a state");
                let next = here.next();
                if next.is_empty() {
                    break;
                }
                way.push(next[choice % next.len()]);
            }
            if let Some(end) = way.iter().position(|state| *state == State::Published) {
                let before = way[end - 1];
                prop_assert!(matches!(before, State::AutoApproved | State::Approved | State::PartlyApproved));
                prop_assert_eq!(end, way.len() - 1);
                let was_looked_at = way.contains(&State::InReview) || before == State::AutoApproved;
                prop_assert!(was_looked_at && way.contains(&State::Checking));
            }
        }
    }
}
