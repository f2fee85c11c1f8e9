//! A list as its users know it: where it is asked, what its answers mean, how one gets out.

use std::fmt;

use repute_dnsxl::{Name, Polarity, ReturnCode, Target};

use crate::code::CodeSet;

/// A list that can be asked.
#[derive(Clone, Debug, PartialEq)]
pub struct List {
    /// Where it is asked, without a key.
    pub zone: Name,
    /// What it is called, if not by its zone.
    pub title: Option<String>,
    /// What can be looked up in it.
    pub keys: Keys,
    /// What being listed means.
    pub polarity: Polarity,
    /// What its return codes mean; a code may have several meanings.
    pub meanings: Vec<(CodeSet, String)>,
    /// If there are any, only these codes are listings; another one is as good as none.
    pub only: Vec<CodeSet>,
    /// Answers that are no listings, besides those no list gives ([`crate::verdict`]): why it did not
    /// answer.
    pub errors: Vec<(CodeSet, String)>,
    /// Lists whose entries are all in this one.
    pub contains: Vec<Name>,
    /// How one gets out, `{target}` in it stands for what is listed.
    pub delisting: Option<String>,
    /// What it takes to ask it.
    pub access: Access,
    /// Why its key cannot be had, if so: it is not asked then, and nobody can tell what it says.
    pub no_key: Option<String>,
    /// The operator's conditions in a sentence.
    pub terms: Option<String>,
    /// Most queries a second.
    pub rate: Option<f64>,
    /// Whether it lives, and when somebody last looked.
    pub status: Status,
    /// The day of that, as `2026-11-22`, or its month or year, as exactly as it is known.
    pub checked: Option<String>,
    /// Where that is known from.
    pub source: Option<String>,
    /// What else one should know of it.
    pub note: Option<String>,
    /// How its test entries differ from RFC 5782's.
    pub tests: TestEntries,
    /// A name whose text tells a resolver whether it is blocked.
    pub am_i_blocked: Option<Name>,
    /// A name whose text is the address of the resolver that asks for it.
    pub whoami: Option<Name>,
}

impl List {
    /// A list of which only the zone is known: a block list of addresses.
    pub fn new(zone: Name) -> List {
        List {
            zone,
            title: None,
            keys: Keys { ipv4: true, ipv6: true, name: None },
            polarity: Polarity::Block,
            meanings: Vec::new(),
            only: Vec::new(),
            errors: Vec::new(),
            contains: Vec::new(),
            delisting: None,
            access: Access::Open,
            no_key: None,
            terms: None,
            rate: None,
            status: Status::Unknown,
            checked: None,
            source: None,
            note: None,
            tests: TestEntries::default(),
            am_i_blocked: None,
            whoami: None,
        }
    }

    /// Whether this kind of target can be looked up in it.
    pub fn takes(&self, target: &Target) -> bool {
        match target {
            Target::Ipv4(_) => self.keys.ipv4,
            Target::Ipv6(_) => self.keys.ipv6,
            Target::Name(_) => self.keys.name.is_some(),
        }
    }

    /// What a return code means, in the list's words; several meanings are joined.
    pub fn meaning(&self, code: ReturnCode) -> Option<String> {
        let meanings = self.meanings.iter().filter(|(codes, _)| codes.contains(code));
        let meanings: Vec<&str> = meanings.map(|(_, meaning)| &**meaning).collect();
        (!meanings.is_empty()).then(|| meanings.join(", "))
    }

    /// A text of the list without our key, should it repeat the name that was asked.
    pub fn masked(&self, text: &str) -> String {
        match &self.access {
            Access::Key(_, Some(key)) => key.masked(text),
            Access::Key(_, None) | Access::Open | Access::Registration => text.to_owned(),
        }
    }

    /// Where one asks to be removed.
    pub fn delisting_link(&self, target: &Target) -> Option<String> {
        self.delisting.as_ref().map(|link| link.replace("{target}", &target.to_string()))
    }
}

/// What can be looked up in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keys {
    /// IPv4 addresses.
    pub ipv4: bool,
    /// IPv6 addresses.
    pub ipv6: bool,
    /// Names, in this form.
    pub name: Option<NameForm>,
}

/// Which name of a host a list of names wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameForm {
    /// The name as it is.
    Host,
    /// The domain somebody registered, by the public suffix list.
    Registrable,
}

/// What it takes to ask a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing, within its terms.
    Open,
    /// A key as part of the name that is asked.
    Key(KeyPlace, Option<Secret>),
    /// One's resolver must be registered.
    Registration,
}

/// Where a key stands in the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    /// Between target and zone: `2.0.0.127.KEY.zen.dq.spamhaus.net`.
    BeforeZone,
    /// In front: `KEY.2.0.0.127.dnsbl.httpbl.org`.
    BeforeTarget,
}

/// A key, which no output shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Name);

impl Secret {
    /// A key of one label.
    pub fn new(key: Name) -> Secret {
        Secret(key)
    }

    /// A text with stars in the place of the key, in whatever case it stands there.
    fn masked(&self, text: &str) -> String {
        let key = self.0.to_string();
        let lower = text.to_ascii_lowercase();
        let (mut masked, mut from) = (String::new(), 0);
        for (at, found) in lower.match_indices(&key.to_ascii_lowercase()) {
            masked.push_str(&text[from..at]);
            masked.push_str(MASK);
            from = at + found.len();
        }
        masked + &text[from..]
    }

    /// The key as labels, to be sent.
    pub fn reveal(&self) -> &Name {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// Whether a list lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It answers as a list does.
    Live,
    /// Nothing answers, or its operator closed it.
    Dead,
    /// It lists everything.
    Wildcarded,
    /// Nobody looked.
    Unknown,
}

/// Which test entries a list has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestEntries {
    /// It has the entry that must be listed (127.0.0.2, `TEST`).
    pub listed: bool,
    /// It lacks the one that must not be (127.0.0.1, `INVALID`).
    pub unlisted: bool,
}

impl Default for TestEntries {
    /// As RFC 5782 section 5 wants.
    fn default() -> TestEntries {
        TestEntries { listed: true, unlisted: true }
    }
}

/// What stands in the place of a key.
const MASK: &str = "***";

/// The default of [`List::rate`] for lists of others: what a polite client asks.
pub const PUBLIC_RATE: f64 = 50.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_shown_to_nobody() {
        let key = Secret::new("sekrit".parse().expect("a label"));
        let mut list = List::new("dq.example".parse().expect("a name"));
        list.access = Access::Key(KeyPlace::BeforeZone, Some(key));
        for (text, shown) in [
            (
                "see https://dq.example/?2.0.0.127.SeKrit.dq.example.",
                "see https://dq.example/?2.0.0.127.***.dq.example.",
            ),
            ("sekritsekrit \u{e9}", "****** \u{e9}"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(list.masked(text), shown);
        }
        assert!(!format!("{list:?}").contains("sekrit"));
        list.access = Access::Open;
        assert_eq!(list.masked("sekrit"), "sekrit");
    }
}
