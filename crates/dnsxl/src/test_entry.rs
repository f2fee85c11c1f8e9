//! Test entries: what every list answers, so that its users can see that it works.
//!
//! RFC 5782 section 5: an address list has 127.0.0.2 and never 127.0.0.1, an IPv6 list has
//! ::ffff:127.0.0.2 and never ::ffff:127.0.0.1, a name list has TEST and never INVALID. Section 2.3
//! adds: a list with several return codes has an entry 127.0.0.n for each value n. Lists with codes outside
//! of 127.0.0.0/24 get the same: the address that is the code answers with it.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::{KeyKind, Name, Polarity, ReturnCode};

/// One test entry: a key, and what it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestEntry {
    /// What is listed.
    pub key: TestKey,
    /// What it answers.
    pub code: ReturnCode,
}

/// The key of a test entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TestKey {
    /// 127.0.0.2, and each return code as an address.
    Ipv4(Ipv4Addr),
    /// ::ffff:127.0.0.2.
    Ipv6(Ipv6Addr),
    /// TEST.
    Name(Name),
}

/// The test entries of a list that answers with these return codes.
///
/// The entry 127.0.0.2 answers 127.0.0.2 on a block list; on an allow list it answers with the
/// list's first code outside 127.0.10.0/24, which consumers of dnswl.org read as "you are blocked".
pub fn test_entries(kind: KeyKind, polarity: Polarity, codes: &[ReturnCode]) -> Vec<TestEntry> {
    let main = match polarity {
        Polarity::Block | Polarity::Info => ReturnCode::LISTED,
        Polarity::Allow => {
            codes.iter().copied().find(|c| !reads_as_blocked(*c)).unwrap_or(ReturnCode::LISTED)
        }
    };
    match kind {
        KeyKind::Name => {
            let name = "test".parse().expect("a constant name parses");
            vec![TestEntry { key: TestKey::Name(name), code: main }]
        }
        KeyKind::Ip => {
            let v4 = TestKey::Ipv4(Ipv4Addr::new(127, 0, 0, 2));
            let v6 = TestKey::Ipv6(Ipv4Addr::new(127, 0, 0, 2).to_ipv6_mapped());
            let mut entries =
                vec![TestEntry { key: v4, code: main }, TestEntry { key: v6, code: main }];
            let shown = codes.iter().filter(|code| match code.0.octets() {
                // The first is never listed, the second is there, the third are errors by convention.
                [127, 0, 0, 0..=2] | [127, 255, 255, _] => false,
                [127, ..] => polarity != Polarity::Allow || !reads_as_blocked(**code),
                _ => false,
            });
            entries.extend(shown.map(|&code| TestEntry { key: TestKey::Ipv4(code.0), code }));
            entries
        }
    }
}

/// 127.0.10.0/24 and 127.0.0.255 mean "your queries are blocked" to consumers of dnswl.org.
fn reads_as_blocked(code: ReturnCode) -> bool {
    matches!(code.0.octets(), [127, 0, 10, _] | [127, 0, 0, 255])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(entries: &[TestEntry]) -> Vec<String> {
        entries
            .iter()
            .map(|e| match &e.key {
                TestKey::Ipv4(a) => format!("{a} {}", e.code),
                TestKey::Ipv6(a) => format!("{a} {}", e.code),
                TestKey::Name(n) => format!("{n} {}", e.code),
            })
            .collect()
    }

    #[test]
    fn an_address_list_has_one_entry_for_each_code() {
        let codes = [2, 4, 9].map(ReturnCode::last_octet);
        assert_eq!(
            keys(&test_entries(KeyKind::Ip, Polarity::Block, &codes)),
            [
                "127.0.0.2 127.0.0.2",
                "::ffff:127.0.0.2 127.0.0.2",
                "127.0.0.4 127.0.0.4",
                "127.0.0.9 127.0.0.9"
            ]
        );
    }

    #[test]
    fn an_allow_list_stays_out_of_the_codes_that_mean_blocked() {
        let codes = ["127.0.10.3", "127.0.4.2"].map(|c| c.parse().unwrap());
        let entries = test_entries(KeyKind::Ip, Polarity::Allow, &codes);
        assert_eq!(
            keys(&entries),
            ["127.0.0.2 127.0.4.2", "::ffff:127.0.0.2 127.0.4.2", "127.0.4.2 127.0.4.2"]
        );
    }

    #[test]
    fn what_is_never_listed_or_an_error_is_no_test_entry() {
        let codes = ["127.0.0.1", "127.255.255.254", "127.0.5.1", "8.8.8.8", "127.0.0.255"];
        let codes = codes.map(|code| code.parse().unwrap());
        let block = test_entries(KeyKind::Ip, Polarity::Block, &codes);
        assert_eq!(keys(&block)[2..], ["127.0.5.1 127.0.5.1", "127.0.0.255 127.0.0.255"]);
        let allow = test_entries(KeyKind::Ip, Polarity::Allow, &codes[2..]);
        assert_eq!(keys(&allow)[2..], ["127.0.5.1 127.0.5.1"]);
    }

    #[test]
    fn a_name_list_has_test() {
        assert_eq!(keys(&test_entries(KeyKind::Name, Polarity::Block, &[])), ["test 127.0.0.2"]);
    }
}
