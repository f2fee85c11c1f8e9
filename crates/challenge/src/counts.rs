//! What is counted of the service, and how Prometheus reads it.
//!
//! Counters start at zero with the process; there is nothing about clients in them.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of the service.
#[derive(Debug, Default)]
pub struct Counts {
    /// Accounts registered.
    pub registered: Count,
    /// Accounts deleted.
    pub deleted: Count,
    /// Passwords rotated.
    pub rotated: Count,
    /// Values taken.
    pub updated: Count,
    /// Values taken away by clients.
    pub removed: Count,
    /// Values that became too old.
    pub expired: Count,
    /// Requests that were refused for what they showed of who they are.
    pub forbidden: Count,
    /// Requests that were refused as there were too many.
    pub limited: Count,
    /// Requests that were no good otherwise.
    pub bad: Count,
    /// Requests that the store could not carry out.
    pub failed: Count,
    /// Connections turned away as there were too many.
    pub crowded: Count,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds one.
    pub(crate) fn one(&self) {
        self.some(1);
    }

    /// Adds some.
    pub(crate) fn some(&self, more: usize) {
        self.0.fetch_add(more as u64, Ordering::Relaxed);
    }

    /// The number.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counts {
    /// Writes all of it, and how many accounts there are, in the text format of Prometheus (version 0.0.4).
    pub fn render(&self, accounts: u64) -> String {
        let mut page = String::new();
        let mut family = |name: &str, kind: &str, help: &str, samples: &[(&str, u64)]| {
            // Writing to a text does not fail.
            let _ = writeln!(page, "# HELP repute_challenge_{name} {help}");
            let _ = writeln!(page, "# TYPE repute_challenge_{name} {kind}");
            for (label, value) in samples {
                let _ = writeln!(page, "repute_challenge_{name}{label} {value}");
            }
        };
        family("accounts", "gauge", "Accounts there are.", &[("", accounts)]);
        let changes = [
            ("{change=\"register\"}", self.registered.value()),
            ("{change=\"delete\"}", self.deleted.value()),
            ("{change=\"rotate\"}", self.rotated.value()),
            ("{change=\"update\"}", self.updated.value()),
            ("{change=\"remove\"}", self.removed.value()),
            ("{change=\"expire\"}", self.expired.value()),
        ];
        family("changes_total", "counter", "Changes of accounts and values.", &changes);
        let refused = [
            ("{reason=\"forbidden\"}", self.forbidden.value()),
            ("{reason=\"limited\"}", self.limited.value()),
            ("{reason=\"bad\"}", self.bad.value()),
            ("{reason=\"failed\"}", self.failed.value()),
        ];
        family("refused_total", "counter", "Requests that were refused, by reason.", &refused);
        let crowded = [("", self.crowded.value())];
        family("connections_refused_total", "counter", "Connections turned away.", &crowded);
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_is_on_the_page_once() {
        let counts = Counts::default();
        let all = [
            &counts.registered,
            &counts.deleted,
            &counts.rotated,
            &counts.updated,
            &counts.removed,
            &counts.expired,
            &counts.forbidden,
            &counts.limited,
            &counts.bad,
            &counts.failed,
            &counts.crowded,
        ];
        for (i, count) in all.iter().enumerate() {
            count.some(100 + i);
        }
        let page = counts.render(7);
        for value in (100..100 + all.len()).chain([7]) {
            let ends = page.lines().filter(|line| line.ends_with(&format!(" {value}"))).count();
            assert_eq!(ends, 1, "{value} in {page}");
        }
        let families = page.lines().filter(|line| line.starts_with("# TYPE repute_challenge_"));
        assert_eq!(families.count(), 4);
    }
}
