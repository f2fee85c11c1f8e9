//! What a request asks for, item by item: each is approved or rejected alone.

use std::fmt;

use repute_dnsxl::{Network, ReturnCode};

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
