//! What has changed: the news that somebody may want to hear.

use repute_dnsxl::Polarity;
use serde::{Deserialize, Serialize};

use crate::standing::Details;

/// One change.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Event {
    /// Its number, which no other event has.
    pub number: u64,
    /// When it was found, in Unix seconds.
    pub time: u64,
    /// What happened.
    pub kind: Kind,
    /// The target it happened to, or the zone; nothing if it concerns the list itself.
    pub target: Option<String>,
    /// The list, or the rule of an audit.
    pub list: String,
    /// What being on the list means.
    #[serde(default)]
    pub meaning: Meaning,
    /// The first check that saw the listing, in Unix seconds.
    #[serde(default)]
    pub first_seen: Option<u64>,
    /// The last check that saw it.
    #[serde(default)]
    pub last_seen: Option<u64>,
    /// What the list says of it.
    #[serde(default)]
    pub details: Details,
    /// Why a list cannot be believed.
    #[serde(default)]
    pub reason: Option<String>,
}

/// What happened.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A target was listed.
    Listed,
    /// A zone of one's own broke a rule.
    Failed,
    /// A list does not answer, or cannot be believed.
    Dead,
    /// A target is listed no more.
    Delisted,
    /// A zone keeps a rule again.
    Mended,
    /// A list answers again.
    Back,
}

/// What being on a list means: the written form of [`Polarity`].
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Meaning {
    /// Something bad.
    #[default]
    Block,
    /// Something good.
    Allow,
    /// A fact.
    Info,
}

impl From<Polarity> for Meaning {
    fn from(polarity: Polarity) -> Meaning {
        match polarity {
            Polarity::Block => Meaning::Block,
            Polarity::Allow => Meaning::Allow,
            Polarity::Info => Meaning::Info,
        }
    }
}

impl Event {
    /// Whether somebody should look at it soon.
    pub fn is_bad(&self) -> bool {
        match (self.kind, self.meaning) {
            (Kind::Listed, Meaning::Block) | (Kind::Delisted, Meaning::Allow) => true,
            (Kind::Failed | Kind::Dead, _) => true,
            (Kind::Listed, Meaning::Allow | Meaning::Info)
            | (Kind::Delisted, Meaning::Block | Meaning::Info)
            | (Kind::Mended | Kind::Back, _) => false,
        }
    }

    /// What happened, in a sentence.
    pub fn sentence(&self) -> String {
        let (target, list) = (self.target.as_deref().unwrap_or_default(), &self.list);
        match (self.kind, self.meaning) {
            (Kind::Listed, Meaning::Block) => format!("{target} is listed on {list}"),
            (Kind::Listed, Meaning::Allow) => format!("{target} is on the allow list {list}"),
            (Kind::Listed, Meaning::Info) => format!("{target} is named by {list}"),
            (Kind::Delisted, Meaning::Block) => format!("{target} is no longer listed on {list}"),
            (Kind::Delisted, Meaning::Allow) => {
                format!("{target} is no longer on the allow list {list}")
            }
            (Kind::Delisted, Meaning::Info) => format!("{target} is no longer named by {list}"),
            (Kind::Dead, _) => {
                let reason = self.reason.as_deref().unwrap_or("no reason is known");
                format!("the list {list} cannot be used: {reason}")
            }
            (Kind::Back, _) => format!("the list {list} can be used again"),
            (Kind::Failed, _) => format!("the zone {target} breaks a rule: {list}"),
            (Kind::Mended, _) => format!("the zone {target} keeps a rule again: {list}"),
        }
    }
}

impl Kind {
    /// The word by which programs sort.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Listed => "listed",
            Kind::Delisted => "delisted",
            Kind::Dead => "list-dead",
            Kind::Back => "list-back",
            Kind::Failed => "rule-failed",
            Kind::Mended => "rule-mended",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An event of a kind.
    fn event(kind: Kind, meaning: Meaning) -> Event {
        Event {
            number: 1,
            time: 0,
            kind,
            target: Some("192.0.2.25".into()),
            list: "bl.example".into(),
            meaning,
            first_seen: None,
            last_seen: None,
            details: Details::default(),
            reason: Some("no answer in time".into()),
        }
    }

    #[test]
    fn to_lose_a_place_on_an_allow_list_is_bad_and_to_get_one_is_not() {
        for (kind, meaning, bad, sentence) in [
            (Kind::Listed, Meaning::Block, true, "192.0.2.25 is listed on bl.example"),
            (Kind::Listed, Meaning::Allow, false, "192.0.2.25 is on the allow list bl.example"),
            (Kind::Listed, Meaning::Info, false, "192.0.2.25 is named by bl.example"),
            (Kind::Delisted, Meaning::Block, false, "192.0.2.25 is no longer listed on bl.example"),
            (
                Kind::Delisted,
                Meaning::Allow,
                true,
                "192.0.2.25 is no longer on the allow list bl.example",
            ),
            (
                Kind::Dead,
                Meaning::Block,
                true,
                "the list bl.example cannot be used: no answer in time",
            ),
            (Kind::Back, Meaning::Block, false, "the list bl.example can be used again"),
            (Kind::Failed, Meaning::Block, true, "the zone 192.0.2.25 breaks a rule: bl.example"),
        ] {
            let event = event(kind, meaning);
            assert_eq!((event.is_bad(), &*event.sentence()), (bad, sentence));
        }
    }
}
