//! What a request asks for, item by item: each is approved or rejected alone.

use std::fmt;

use repute_dnsxl::{Network, ReturnCode};

use crate::reserved::prefix_len;
use crate::weight::Weight;

/// One thing that a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// List a network with a code.
    Add {
        /// What.
        network: Network,
        /// With which code.
        code: ReturnCode,
    },
    /// Take a network off the list.
    Remove {
        /// What.
        network: Network,
    },
    /// List a network with another code.
    Rescore {
        /// What.
        network: Network,
        /// With which code from now on.
        code: ReturnCode,
    },
    /// Another name for the organisation.
    Name(String),
    /// Another website.
    Website(String),
    /// Another category on the list.
    Category(u8),
}

/// Why one editor is not enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TwoPersons {
    /// A code that the list says so of, such as the highest score of an allow list: mail passes unseen.
    Code,
    /// A network wider than /20 (IPv4) or /40 (IPv6).
    WideRange,
    /// Very many entries go at once.
    MassRemoval,
}

impl Item {
    /// The network it is about, if it is about one.
    pub fn network(&self) -> Option<Network> {
        match self {
            Item::Add { network, .. }
            | Item::Remove { network }
            | Item::Rescore { network, .. } => Some(*network),
            Item::Name(_) | Item::Website(_) | Item::Category(_) => None,
        }
    }

    /// The code it asks for, if it asks for one.
    pub fn code(&self) -> Option<ReturnCode> {
        match self {
            Item::Add { code, .. } | Item::Rescore { code, .. } => Some(*code),
            Item::Remove { .. } | Item::Name(_) | Item::Website(_) | Item::Category(_) => None,
        }
    }

    /// Its words, as it is stored: what, on what, with which code.
    pub fn words(&self) -> (&'static str, String, String) {
        match self {
            Item::Add { network, code } => ("add", network.to_string(), code.to_string()),
            Item::Remove { network } => ("remove", network.to_string(), String::new()),
            Item::Rescore { network, code } => ("rescore", network.to_string(), code.to_string()),
            Item::Name(name) => ("name", name.clone(), String::new()),
            Item::Website(website) => ("website", website.clone(), String::new()),
            Item::Category(number) => ("category", number.to_string(), String::new()),
        }
    }

    /// The item of its words.
    pub fn of_words(action: &str, subject: &str, code: &str) -> Option<Item> {
        Some(match action {
            "add" => Item::Add { network: subject.parse().ok()?, code: code.parse().ok()? },
            "remove" => Item::Remove { network: subject.parse().ok()? },
            "rescore" => Item::Rescore { network: subject.parse().ok()?, code: code.parse().ok()? },
            "name" => Item::Name(subject.to_owned()),
            "website" => Item::Website(subject.to_owned()),
            "category" => Item::Category(subject.parse().ok()?),
            _ => return None,
        })
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Item::Add { network, code } => write!(f, "add {network} with {code}"),
            Item::Remove { network } => write!(f, "remove {network}"),
            Item::Rescore { network, code } => write!(f, "change {network} to {code}"),
            Item::Name(name) => write!(f, "change the name to {name}"),
            Item::Website(website) => write!(f, "change the website to {website}"),
            Item::Category(number) => write!(f, "change the category to {number}"),
        }
    }
}

impl fmt::Display for TwoPersons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TwoPersons::Code => "a code that two editors decide about",
            TwoPersons::WideRange => {
                "a range wider than /20 (IPv4) or /40 (IPv6), or as much in pieces"
            }
            TwoPersons::MassRemoval => "very many removals at once",
        })
    }
}

/// Why a second editor has to agree to items, if he has to; `for_two` are the codes that the list says so of.
pub fn two_persons<'i>(
    items: impl IntoIterator<Item = &'i Item>,
    for_two: &[ReturnCode],
) -> Option<TwoPersons> {
    let mut why = None;
    let mut weight = Weight::default();
    for item in items {
        let removed = u64::from(matches!(item, Item::Remove { .. }));
        let of = item.network().map(Weight::of).unwrap_or_default();
        weight = weight.and(Weight { removed, ..of });
        let wide = item.network().is_some_and(is_wide);
        let of_code = item.code().is_some_and(|code| for_two.contains(&code));
        let here = match (of_code, wide) {
            (true, _) => Some(TwoPersons::Code),
            (false, true) => Some(TwoPersons::WideRange),
            (false, false) => None,
        };
        why = why.or(here);
    }
    why.or(too_heavy(weight))
}

/// Why a second editor has to agree to what weighs so much: in pieces it is as wide.
pub fn too_heavy(weight: Weight) -> Option<TwoPersons> {
    match (weight.is_wide(), weight.is_mass()) {
        (true, _) => Some(TwoPersons::WideRange),
        (false, true) => Some(TwoPersons::MassRemoval),
        (false, false) => None,
    }
}

/// Whether a network is wider than one person decides about.
pub fn is_wide(network: Network) -> bool {
    match network {
        Network::V4(_) => prefix_len(network) < 20,
        Network::V6(_) => prefix_len(network) < 40,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weight::MASS;

    /// An item of its words, separated by spaces.
    fn item(words: &str) -> Item {
        let mut words = words.split(' ');
        let mut next = || words.next().unwrap_or_default();
        Item::of_words(next(), next(), next()).expect("an item")
    }

    #[test]
    fn an_item_is_read_as_it_is_written() {
        for words in [
            "add 192.0.2.0/24 127.0.5.2",
            "remove 2001:db8::/64 ",
            "rescore 192.0.2.1 127.0.5.0",
            "name Example ",
            "website https://example.org/ ",
            "category 7 ",
        ] {
            let (action, subject, code) = item(words).words();
            assert_eq!(format!("{action} {subject} {code}"), words);
        }
        for (action, subject, code) in
            [("add", "x", "2"), ("add", "192.0.2.1", ""), ("category", "300", ""), ("", "", "")]
        {
            assert_eq!(Item::of_words(action, subject, code), None, "{action} {subject}");
        }
    }

    #[test]
    fn two_persons_decide_what_does_much_harm() {
        use TwoPersons::{Code, MassRemoval, WideRange};
        let high: &[ReturnCode] = &["127.0.5.3".parse().expect("a code")];
        for (words, for_two, why) in [
            ("add 192.0.2.1 127.0.5.2", high, None),
            ("add 192.0.2.1 127.0.5.3", high, Some(Code)),
            ("rescore 192.0.2.1 127.0.5.3", high, Some(Code)),
            ("add 192.0.2.1 127.0.5.3", &[], None),
            ("add 192.0.0.0/20 127.0.0.2", &[], None),
            ("add 192.0.0.0/19 127.0.0.2", &[], Some(WideRange)),
            ("remove 192.0.0.0/19", &[], Some(WideRange)),
            ("add 2001:d00::/40 127.0.0.2", high, None),
            ("add 2001:d00::/39 127.0.0.2", high, Some(WideRange)),
            ("name Example", high, None),
        ] {
            assert_eq!(two_persons([&item(words)], for_two), why, "{words}");
        }
        let many = vec![item("remove 192.0.2.1"); MASS as usize];
        let pieces = |count: usize, words: &str| vec![item(words); count];
        assert_eq!(two_persons(&pieces(16, "add 192.0.2.0/24 127.0.0.2"), &[]), None);
        assert_eq!(two_persons(&pieces(17, "add 192.0.2.0/24 127.0.0.2"), &[]), Some(WideRange));
        assert_eq!(two_persons(&pieces(2, "add 2001:db8::/40 127.0.0.2"), &[]), Some(WideRange));
        assert_eq!(two_persons(&many, &[]), Some(MassRemoval));
        assert_eq!(two_persons(&many[1..], &[]), None);
    }
}
