//! What somebody looks for among requests and removals, as he types it.

use repute_dnsxl::{Network, Target};

use crate::key::Key;

/// What somebody looks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sought {
    /// The one of this number.
    Number(i64),
    /// What is about this network, something within it, or something around it.
    Network(Network),
    /// What has these words in a name, a domain or a mail address.
    Words(String),
}

impl Sought {
    /// What a text looks for; none if it says nothing.
    pub fn read(text: &str) -> Option<Sought> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        if let Ok(number) = text.strip_prefix('#').unwrap_or(text).parse() {
            return Some(Sought::Number(number));
        }
        if let Ok(network) = text.parse() {
            return Some(Sought::Network(network));
        }
        Some(Sought::Words(text.chars().take(LONGEST).collect()))
    }
}

/// The keys that are about a network: those between two, and some around it.
pub(crate) fn keys(network: Network) -> ([Vec<u8>; 2], Vec<Vec<u8>>) {
    let (first, last) = Key::Network(network).within().into_inner();
    let target = match network {
        Network::V4(network) => Target::Ipv4(network.first().into()),
        Network::V6(network) => Target::Ipv6(network.first().into()),
    };
    let around = Key::over(&target).into_iter().map(|key| key.to_bytes());
    let around = around.filter(|key| *key < first).collect();
    ([first, last], around)
}

/// Words as a pattern of SQL, in which they stand for themselves.
pub(crate) fn pattern(words: &str) -> String {
    let mut pattern = "%".to_owned();
    for c in words.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// Characters that are looked for.
const LONGEST: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_a_number_a_network_or_words() {
        let network = |text: &str| Some(Sought::Network(text.parse().expect("a network")));
        let words = |text: &str| Some(Sought::Words(text.to_owned()));
        for (text, sought) in [
            ("  ", None),
            ("17", Some(Sought::Number(17))),
            ("#17", Some(Sought::Number(17))),
            ("192.0.2.7", network("192.0.2.7")),
            ("192.0.2.0/24 ", network("192.0.2.0/24")),
            ("2001:db8::/32", network("2001:db8::/32")),
            ("Bank & Co", words("Bank & Co")),
            ("192.0.2", words("192.0.2")),
        ] {
            assert_eq!(Sought::read(text), sought, "{text}");
        }
        assert_eq!(pattern("50%_\\A"), "%50\\%\\_\\\\a%");
    }

    #[test]
    fn what_is_about_a_network_lies_within_it_or_around_it() {
        let about = |sought: &str, key: &str| {
            let ([first, last], around) = keys(sought.parse().expect("a network"));
            let key = key.parse::<Key>().expect("a key").to_bytes();
            (first..=last).contains(&key) || around.contains(&key)
        };
        for (sought, key, expected) in [
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.0/24", true),
            ("192.0.2.7", "0.0.0.0/0", true),
            ("192.0.2.0", "192.0.2.0/31", true),
            ("192.0.2.0/24", "192.0.2.0", true),
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.0/24", "192.0.0.0/16", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("192.0.2.0/24", "192.0.3.0/24", false),
            ("2001:db8::/32", "2001:db8:1::/48", true),
            ("2001:db8::1", "2001:db8::/32", true),
            ("2001:db8::1", "2001:db9::/32", false),
        ] {
            assert_eq!(about(sought, key), expected, "{sought} {key}");
        }
    }
}
