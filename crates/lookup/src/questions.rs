//! How a list is asked: the names of targets, of test entries, and of what nobody has.

use std::net::Ipv4Addr;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use repute_dnsxl::{Name, Target, relative_name};

use crate::list::{Access, KeyPlace, List, NameForm};
use crate::message::Question;

/// What a test query tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TestOf {
    /// 127.0.0.2 or `TEST`.
    Listed,
    /// 127.0.0.1 or `INVALID`.
    Unlisted,
    /// A name nobody listed.
    Random,
}

/// The question about a target; nothing if its name is too long.
pub(crate) fn question(list: &List, target: &Target, rtype: u16) -> Option<Question> {
    if let (Target::Name(name), Some(NameForm::Registrable)) = (target, list.keys.name) {
        return below(list, registrable(name), rtype);
    }
    below(list, &relative_name(target), rtype)
}

/// The end of a name that somebody registered, in wire form without the root: one label more than the
/// public suffix. A name without a known suffix stays as it is.
fn registrable(name: &Name) -> &[u8] {
    let text = name.to_string();
    let Some(domain) = psl::domain(text.as_bytes()) else { return name.relative() };
    let labels = domain.as_bytes().split(|byte| *byte == b'.').count();
    let mut rest = name.relative();
    for _ in labels..name.label_count() {
        let Some((len, tail)) = rest.split_first() else { break };
        rest = tail.get(usize::from(*len)..).unwrap_or_default();
    }
    rest
}

/// The question at labels below a list's zone, with its key.
fn below(list: &List, relative: &[u8], rtype: u16) -> Option<Question> {
    let Access::Key(place, Some(key)) = &list.access else {
        return Question::below(relative, &list.zone, rtype);
    };
    let key = key.reveal().relative();
    let relative = match place {
        KeyPlace::BeforeZone => [relative, key].concat(),
        KeyPlace::BeforeTarget => [key, relative].concat(),
    };
    Question::below(&relative, &list.zone, rtype)
}

/// The question of a test.
pub(crate) fn test_question(list: &List, test: TestOf) -> Option<Question> {
    let of = |v4: [u8; 4], name: &str| -> Option<Vec<u8>> {
        let address = Ipv4Addr::from(v4);
        let target = match list.keys {
            keys if keys.ipv4 => Target::Ipv4(address),
            keys if keys.ipv6 => Target::Ipv6(address.to_ipv6_mapped()),
            _ => Target::Name(name.parse().ok()?),
        };
        Some(relative_name(&target))
    };
    let relative = match test {
        TestOf::Listed => of([127, 0, 0, 2], "test")?,
        TestOf::Unlisted => of([127, 0, 0, 1], "invalid")?,
        TestOf::Random => random_label(),
    };
    below(list, &relative, A)
}

/// A label that nobody uses, in wire form.
fn random_label() -> Vec<u8> {
    let mut random = StdRng::from_os_rng();
    let mut label = vec![16];
    label.extend((0..16).map(|_| random.random_range(b'a'..=b'z')));
    label
}

/// A question to which the true answer is that there is no such name, of whatever resolver.
pub(crate) fn control() -> Option<Question> {
    invented_below(CONTROL_ZONE)
}

/// The question for a name below a zone that is in nobody's cache.
pub(crate) fn invented_below(zone: &str) -> Option<Question> {
    Question::below(&random_label(), &zone.parse().ok()?, A)
}

/// The type of addresses.
pub(crate) const A: u16 = 1;
/// The type of texts.
pub(crate) const TXT: u16 = 16;
/// Below this nothing exists (RFC 6761 section 6.4), so a resolver that finds an address there made it up.
const CONTROL_ZONE: &str = "invalid";
