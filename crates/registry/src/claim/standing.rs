//! What a proof is worth beside others, and how long it is.

use std::time::Duration;

use repute_database::Timestamp;
use repute_database::claims::{Proof, State};
use repute_database::person::NOBODY;

/// Where a claim stands that was just proven, beside the one that holds the domain.
pub fn proven(proof: Proof, holder: Option<Proof>, now: Timestamp) -> State {
    match holder {
        None => held(proof, now),
        Some(holder) if strength(proof) > strength(holder) => {
            State::Waiting { proven: now, takes: Some(now.after(NOTICE)) }
        }
        // An equal proof is no reason to take anything from anybody.
        Some(_) => State::Waiting { proven: now, takes: None },
    }
}

/// Whether a claim that was just proven takes the place of the one that holds the domain for the same organisation: it is the
/// same person's, the proof is worth as much, or whoever held it is gone and nobody speaks by it any more.
pub fn replaces((account, proof): (i64, Proof), holder: (i64, Proof)) -> bool {
    account == holder.0 || holder.0 == NOBODY || strength(proof) == strength(holder.1)
}

/// Where a claim stands that holds its domain from now on.
pub fn held(proof: Proof, now: Timestamp) -> State {
    let due = match proof {
        Proof::Dns => Some(now.after(DAY)),
        Proof::Mail(_) => None,
    };
    State::Held { proven: now, due, failures: 0 }
}

/// What a look for the proof of a claim that holds its domain found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It is there.
    There,
    /// It is not.
    Missing,
    /// That cannot be told.
    Unclear,
}

/// Where a claim stands after another look for its proof.
pub fn looked(proven: Timestamp, failures: u32, found: Found, now: Timestamp) -> State {
    let failures = match found {
        Found::There => 0,
        Found::Missing => failures + 1,
        // Servers that are silent take nothing from anybody.
        Found::Unclear => failures,
    };
    if failures >= PATIENCE {
        return State::Lapsed;
    }
    let is_young = now < proven.after(DAY * 30);
    let next = match is_young || failures > 0 || found == Found::Unclear {
        true => DAY,
        false => DAY * 30,
    };
    State::Held { proven, due: Some(now.after(next)), failures }
}

/// Where a claim stands that was proven, behind a holder who proved it as well.
pub(super) fn in_line(state: State) -> State {
    match state {
        State::Waiting { proven, .. } => State::Waiting { proven, takes: None },
        state => state,
    }
}

/// How much a proof is worth.
pub(super) fn strength(proof: Proof) -> u8 {
    match proof {
        Proof::Mail(_) => 1,
        Proof::Dns => 2,
    }
}

/// How long before a holder loses a domain to a better proof he is told.
pub const NOTICE: Duration = Duration::from_secs(7 * 86_400);
/// A day.
const DAY: Duration = Duration::from_secs(86_400);
/// So many looks in a row, a day apart, that miss the proof end a claim.
const PATIENCE: u32 = 3;

#[cfg(test)]
mod tests {
    use repute_database::claims::Mailbox;

    use super::*;

    /// So many days.
    fn days(count: i64) -> Timestamp {
        Timestamp(count * 86_400_000_000)
    }

    #[test]
    fn the_better_proof_takes_over_after_a_week() {
        let (dns, mail, now) = (Proof::Dns, Proof::Mail(Mailbox::Abuse), days(100));
        let waits = |takes| State::Waiting { proven: now, takes };
        for (proof, holder, state) in [
            (dns, None, State::Held { proven: now, due: Some(days(101)), failures: 0 }),
            (mail, None, State::Held { proven: now, due: None, failures: 0 }),
            (dns, Some(mail), waits(Some(days(107)))),
            (dns, Some(dns), waits(None)),
            (mail, Some(dns), waits(None)),
            (mail, Some(Proof::Mail(Mailbox::Postmaster)), waits(None)),
        ] {
            assert_eq!(proven(proof, holder, now), state, "{proof:?} {holder:?}");
        }
    }

    #[test]
    fn what_is_as_good_ones_own_or_nobodys_is_replaced() {
        let (dns, mail) = (Proof::Dns, Proof::Mail(Mailbox::Abuse));
        for (proof, holder, expected) in [
            ((7, mail), (7, dns), true),
            ((7, dns), (8, dns), true),
            ((7, mail), (8, Proof::Mail(Mailbox::Postmaster)), true),
            ((7, mail), (8, dns), false),
            ((7, dns), (8, mail), false),
            ((7, mail), (NOBODY, dns), true),
            ((7, dns), (NOBODY, mail), true),
        ] {
            assert_eq!(replaces(proof, holder), expected, "{proof:?} {holder:?}");
        }
    }

    #[test]
    fn a_proof_is_looked_at_daily_then_monthly_and_lapses_after_three_days_without() {
        use Found::{Missing, There, Unclear};
        let held = |due, failures| State::Held { proven: days(0), due: Some(days(due)), failures };
        for (at, failures, found, state) in [
            (1, 0, There, held(2, 0)),
            (29, 0, There, held(30, 0)),
            (30, 0, There, held(60, 0)),
            (60, 0, There, held(90, 0)),
            (90, 0, Missing, held(91, 1)),
            (91, 1, Unclear, held(92, 1)),
            (92, 1, Missing, held(93, 2)),
            (93, 2, There, held(123, 0)),
            (93, 2, Missing, State::Lapsed),
            (93, 0, Unclear, held(94, 0)),
        ] {
            assert_eq!(looked(days(0), failures, found, days(at)), state, "day {at} {found:?}");
        }
    }
}
