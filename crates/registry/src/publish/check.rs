//! What a new version of a list must not do: the guards of RFC 6471, for lists that people change one by one.
//!
//! Whether it is served all the same is a person's to decide, and not the same person's who made the change.

use std::time::Duration;

use repute_dnsxl::{KeyKind, Target, TestKey, relative_name, test_entries};
use repute_zone::guard::{self, Reach, Refusal};
use repute_zone::{Existence, Hit, Relative, Zone};

use super::shape::Shape;

/// What led to a version.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    /// How many keys the largest single change changed since the version that it is compared with.
    pub(super) largest: u64,
    /// How many entries there were [`SPAN`] ago, if that is known.
    pub(super) entries: Option<u64>,
}

/// Why a version should not be seen, one reason after the other; nothing if it may be.
pub(super) fn check(
    new: &Zone,
    before: Option<&Zone>,
    shape: &Shape,
    way: Way,
) -> Result<(), String> {
    if !shape.has_entries() {
        // It is empty, as it should be.
        return Ok(());
    }
    let verdict = guard::check(new, before, Reach::default(), &shape.guards());
    let mut reasons: Vec<String> = verdict.refusals.iter().map(Refusal::what).collect();
    reasons.extend(wrong_test_entry(new, shape));
    for canary in &shape.settings.canaries {
        if lists(new, canary) && !before.is_some_and(|before| lists(before, canary)) {
            reasons.push(format!("{canary} would be listed, which is a canary"));
        }
    }
    let percent = shape.settings.max_change;
    let at_once = before.and_then(|zone| is_too_much(zone.entries(), percent, way.largest));
    let in_steps = || way.entries.and_then(|was| is_too_much_in_steps(was, percent, new.entries()));
    reasons.extend(at_once.or_else(in_steps));
    if reasons.is_empty() { Ok(()) } else { Err(reasons.join("; ")) }
}

/// A test entry that is not what it should be (RFC 5782 section 5).
fn wrong_test_entry(zone: &Zone, shape: &Shape) -> Option<String> {
    let kind = shape.list.keys;
    let (positive, negative) = match kind {
        KeyKind::Ip => ("127.0.0.2", "127.0.0.1"),
        KeyKind::Name => ("test", "invalid"),
    };
    let is_there = |text: &str| text.parse().is_ok_and(|target| lists(zone, &target));
    // That there is one for its kind at all is what every list begins with.
    let wanted =
        test_entries(kind, shape.list.polarity, &[]).iter().any(|entry| match &entry.key {
            TestKey::Ipv4(address) => address.to_string() == positive,
            TestKey::Name(name) => name.to_string() == positive,
            TestKey::Ipv6(_) => false,
        });
    if wanted && !is_there(positive) {
        return Some(format!(
            "the test entry {positive} is not listed, which says that the list is broken"
        ));
    }
    is_there(negative).then(|| format!("{negative} is listed, which says that the list is broken"))
}

/// Whether a change of so many entries is larger than so many per cent of those there are.
pub(super) fn is_too_much(entries: u64, percent: u8, largest: u64) -> Option<String> {
    let percent = u64::from(percent);
    if percent == 0 || entries <= FEW {
        return None;
    }
    let most = (entries / 100 * percent).max(FEW);
    (largest > most).then(|| {
        format!("a change of {largest} entries at once, of {entries}, is more than {percent} %")
    })
}

/// Whether a list of so many entries has grown or shrunk by more than so many per cent, however many changes that took:
/// rules and expiry go in small steps, and a clock that is wrong by a year has everything expire.
pub(super) fn is_too_much_in_steps(was: u64, percent: u8, is: u64) -> Option<String> {
    let most = (was / 100 * u64::from(percent)).max(FEW);
    (percent > 0 && was > FEW && was.abs_diff(is) > most)
        .then(|| format!("{is} entries, where an hour ago there were {was}, are a change of more than {percent} %"))
}

/// Whether a zone lists a target.
fn lists(zone: &Zone, target: &Target) -> bool {
    let wire = relative_name(target);
    let mut labels = Vec::new();
    let mut at = 0;
    while let Some(len) = wire.get(at) {
        // A name has at most 255 bytes.
        labels.push(at as u8);
        at += 1 + usize::from(*len);
    }
    let mut is_listed = false;
    let found = zone.visit(Relative::new(&wire, &labels), |hit| {
        is_listed |= matches!(hit, Hit::Listing(_));
    });
    is_listed && found != Existence::Nothing
}

/// A list may not change too much within this time.
pub(super) const SPAN: Duration = Duration::from_secs(3_600);
/// Lists of so few entries may change as they like, and so many entries of any list.
const FEW: u64 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_in_steps_counts_as_what_changes_at_once() {
        for (was, percent, is, too_much) in [
            (2_000, 25, 3_000, false),
            (2_000, 25, 3_001, true),
            (20_000, 25, 15_000, false),
            (20_000, 25, 14_999, true),
            (20_000, 25, 0, true),
            (20_000, 0, 0, false),
            (1_000, 25, 90_000, false),
            (0, 25, 90_000, false),
        ] {
            let told = is_too_much_in_steps(was, percent, is);
            assert_eq!(told.is_some(), too_much, "{was} {percent} {is}: {told:?}");
        }
    }
}
