//! What a new version of a list must not do: the guards of RFC 6471, for lists that people change one by one.
//!
//! Whether it is served all the same is a person's to decide, and not the same person's who made the change.

use repute_dnsxl::{KeyKind, Target, TestKey, relative_name, test_entries};
use repute_zone::guard::{self, Reach, Refusal};
use repute_zone::{Existence, Hit, Relative, Zone};

use super::shape::Shape;

/// Why a version should not be seen, one reason after the other; nothing if it may be. `largest` is how many keys
/// the largest single change since `before` changed.
pub(super) fn check(
    new: &Zone,
    before: Option<&Zone>,
    shape: &Shape,
    largest: u64,
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
    reasons.extend(before.and_then(|before| too_much(before, shape, largest)));
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

/// Whether a change is larger than may be made at once.
fn too_much(before: &Zone, shape: &Shape, largest: u64) -> Option<String> {
    is_too_much(before.entries(), shape.settings.max_change, largest)
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

/// Lists of so few entries may change as they like, and so many entries of any list.
const FEW: u64 = 1_000;
