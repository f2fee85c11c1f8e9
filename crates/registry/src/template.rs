//! Codes and categories of known lists, to begin with.

use repute_database::lists::Leaving;
use repute_dnsxl::{KeyKind, Polarity, ReturnCode};

/// What a new list begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Template {
    /// Nothing.
    Empty,
    /// A code for each reason to block an address, as large lists number them.
    Blocklist,
    /// A code for each reason to block a domain.
    DomainBlocklist,
    /// dnswl.org's way: 127.0.category.score.
    Dnswl,
}

impl Template {
    /// All of them.
    pub const ALL: [Template; 4] =
        [Template::Blocklist, Template::DomainBlocklist, Template::Dnswl, Template::Empty];

    /// The one of a word.
    pub fn by_word(word: &str) -> Option<Template> {
        Template::ALL.into_iter().find(|template| template.word() == word)
    }

    /// What being on such a list means, unless somebody says otherwise.
    pub fn polarity(self) -> Polarity {
        match self {
            Template::Empty | Template::Blocklist | Template::DomainBlocklist => Polarity::Block,
            Template::Dnswl => Polarity::Allow,
        }
    }

    /// What such a list names, unless somebody says otherwise.
    pub fn keys(self) -> KeyKind {
        match self {
            Template::Empty | Template::Blocklist | Template::Dnswl => KeyKind::Ip,
            Template::DomainBlocklist => KeyKind::Name,
        }
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Template::Empty => "empty",
            Template::Blocklist => "blocklist",
            Template::DomainBlocklist => "domain-blocklist",
            Template::Dnswl => "dnswl",
        }
    }

    /// Its categories, with their numbers.
    pub fn categories(self) -> &'static [(u8, &'static str)] {
        match self {
            Template::Empty | Template::Blocklist | Template::DomainBlocklist => &[],
            Template::Dnswl => &CATEGORIES,
        }
    }

    /// Whether two editors have to agree to entries with one of its codes: the highest score of an allow list lets mail
    /// pass unseen.
    pub fn is_for_two(self, code: ReturnCode) -> bool {
        self == Template::Dnswl && matches!(code.0.octets(), [127, 0, _, 3])
    }

    /// How entries with one of its codes leave the list for whoever asks. Who controls infected machines, or has a network
    /// that nobody should talk to, does not take himself off; what a provider says of his own network he takes back.
    pub fn leaving(self, code: ReturnCode) -> Leaving {
        match (self, code.0.octets()) {
            (Template::Blocklist, [127, 0, 0, 10]) => Leaving::Never,
            (Template::Blocklist, [127, 0, 0, 9 | 11 | 30])
            | (Template::DomainBlocklist, [127, 0, 1, 5 | 6 | 105 | 106]) => Leaving::Editor,
            (
                Template::Empty | Template::Blocklist | Template::DomainBlocklist | Template::Dnswl,
                _,
            ) => Leaving::Link,
        }
    }

    /// Its codes, with what they mean.
    pub fn codes(self) -> Vec<(ReturnCode, String)> {
        let code = |(octets, meaning): &([u8; 2], &str)| {
            let [third, fourth] = *octets;
            (ReturnCode([127, 0, third, fourth].into()), (*meaning).to_owned())
        };
        match self {
            Template::Empty => Vec::new(),
            Template::Blocklist => BLOCKLIST.iter().map(code).collect(),
            Template::DomainBlocklist => DOMAINS.iter().map(code).collect(),
            Template::Dnswl => {
                let scores = |(category, name): &(u8, &'static str)| {
                    let (category, name) = (*category, *name);
                    SCORES.map(move |(score, word)| {
                        let code = ReturnCode([127, 0, category, score].into());
                        (code, format!("{name}, score {word}"))
                    })
                };
                CATEGORIES.iter().flat_map(scores).collect()
            }
        }
    }
}

/// dnswl.org's categories. 10 is not among them: programs that use the list take 127.0.10.* for "you are blocked".
const CATEGORIES: [(u8, &str); 13] = [
    (2, "financial"),
    (3, "email service provider"),
    (4, "organisation"),
    (5, "service or network provider"),
    (6, "personal"),
    (7, "travel, leisure"),
    (8, "public sector"),
    (9, "media, technology"),
    (11, "education"),
    (12, "healthcare"),
    (13, "manufacturing, industry"),
    (14, "retail, services"),
    (15, "email marketing"),
];

/// Its scores.
const SCORES: [(u8, &str); 4] = [(0, "none"), (1, "low"), (2, "med"), (3, "hi")];

/// Codes of a list of addresses: the last two octets.
const BLOCKLIST: [([u8; 2], &str); 7] = [
    ([0, 2], "source of spam"),
    ([0, 3], "sender of unwanted bulk mail"),
    ([0, 4], "infected or abused machine"),
    ([0, 9], "network that nobody should talk to"),
    ([0, 10], "no mail should come from here, says its provider"),
    ([0, 11], "no mail should come from here, says this list"),
    ([0, 30], "control of infected machines"),
];

/// Codes of a list of names.
const DOMAINS: [([u8; 2], &str); 8] = [
    ([1, 2], "low reputation"),
    ([1, 4], "phishing"),
    ([1, 5], "malware"),
    ([1, 6], "control of infected machines"),
    ([1, 102], "abused, but legitimate: spam"),
    ([1, 104], "abused, but legitimate: phishing"),
    ([1, 105], "abused, but legitimate: malware"),
    ([1, 106], "abused, but legitimate: control of infected machines"),
];
