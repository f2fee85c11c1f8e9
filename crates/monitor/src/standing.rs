//! How a target stands with a list, or a zone with a rule: what the last checks saw, and since when.
//!
//! A check that could not tell changes nothing of it: who was listed stays listed, and nobody becomes
//! listed or gets off by a list's silence.

use serde::{Deserialize, Serialize};

use crate::steady::{Hysteresis, Steady};

/// What one check saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saw {
    /// It is listed; of a rule: it is broken.
    Listed(Details),
    /// It is not.
    Clean,
    /// That could not be told, for this reason.
    Unknown(String),
}

/// What a list says of what it lists.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Details {
    /// Its return codes.
    pub codes: Vec<String>,
    /// What they mean, in our words.
    pub meanings: Vec<String>,
    /// What it says itself.
    pub texts: Vec<String>,
    /// Where one asks to be removed.
    pub link: Option<String>,
}

/// Listed or not.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It is not listed.
    Clean,
    /// It is listed.
    Listed,
}

/// What is shown of a standing at a time.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shown {
    /// It is not listed.
    Clean,
    /// It is listed.
    Listed,
    /// The last check could not tell.
    Unknown,
}

/// How a target stands with a list.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Standing {
    /// Whether it is listed.
    status: Steady<Status>,
    /// What the list said the last time that it listed it.
    details: Details,
    /// The first and the last check that saw the present listing, or the one that is about to be one.
    first_seen: Option<u64>,
    last_seen: Option<u64>,
    /// Why the last check could not tell, if it could not.
    unknown: Option<String>,
    /// What was shown since when, the newest last.
    history: Vec<(u64, Shown)>,
}

impl Standing {
    /// A standing that was clean since a time.
    pub fn clean(since: u64) -> Standing {
        Standing {
            status: Steady::known(Status::Clean, since),
            history: vec![(since, Shown::Clean)],
            ..Standing::default()
        }
    }

    /// Takes in what a check saw. Returns the new status, if it has changed; the first one is no change.
    pub fn see(&mut self, saw: Saw, now: u64, hysteresis: Hysteresis) -> Option<Status> {
        let changed = match saw {
            Saw::Unknown(reason) => {
                self.unknown = Some(cut(reason));
                false
            }
            Saw::Clean => {
                self.unknown = None;
                let changed = self.status.see(Status::Clean, now, hysteresis);
                // What was seen once and did not come back was none.
                let is_over = self.status.value() == Some(Status::Clean)
                    && !self.status.has_lately_been(Status::Listed);
                if is_over && !changed {
                    (self.first_seen, self.last_seen) = (None, None);
                }
                changed
            }
            Saw::Listed(details) => {
                self.unknown = None;
                // A listing that follows one that is over begins anew.
                if self.status.value() == Some(Status::Clean)
                    && !self.status.has_lately_been(Status::Listed)
                {
                    self.first_seen = None;
                }
                self.first_seen.get_or_insert(now);
                (self.last_seen, self.details) = (Some(now), details.bounded());
                self.status.see(Status::Listed, now, hysteresis)
            }
        };
        let shown = self.shown();
        if shown.is_some_and(|shown| self.history.last().is_none_or(|(_, last)| *last != shown)) {
            self.history.extend(shown.map(|shown| (now, shown)));
            let too_many = self.history.len().saturating_sub(MOST_REMEMBERED);
            self.history.drain(..too_many);
        }
        self.status.value().filter(|_| changed)
    }

    /// Whether it is listed, as far as anybody ever knew.
    pub fn status(&self) -> Option<Status> {
        self.status.value()
    }

    /// Since when it is so.
    pub fn since(&self) -> u64 {
        self.status.since()
    }

    /// What is shown of it; nothing before the first check.
    pub fn shown(&self) -> Option<Shown> {
        match (&self.unknown, self.status.value()) {
            (Some(_), _) => Some(Shown::Unknown),
            (None, Some(Status::Listed)) => Some(Shown::Listed),
            (None, Some(Status::Clean)) => Some(Shown::Clean),
            (None, None) => None,
        }
    }

    /// What the list said the last time that it listed it.
    pub fn details(&self) -> &Details {
        &self.details
    }

    /// The first and the last check that saw it listed.
    pub fn seen(&self) -> Option<(u64, u64)> {
        self.first_seen.zip(self.last_seen)
    }

    /// Why the last check could not tell.
    pub fn unknown(&self) -> Option<&str> {
        self.unknown.as_deref()
    }

    /// What was shown since when, the newest last.
    pub fn history(&self) -> &[(u64, Shown)] {
        &self.history
    }
}

impl Details {
    /// What may be remembered of it: lists are strangers, and the file has to stay small.
    fn bounded(mut self) -> Details {
        for texts in [&mut self.codes, &mut self.meanings, &mut self.texts] {
            texts.truncate(MOST_TEXTS);
            for text in texts {
                *text = cut(std::mem::take(text));
            }
        }
        self
    }
}

/// The beginning of a text, in one line.
fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(LONGEST_TEXT));
    match text.contains(char::is_control) {
        true => text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect(),
        false => text,
    }
}

/// Changes that are remembered.
const MOST_REMEMBERED: usize = 64;
/// Codes, or texts, of a listing that are remembered.
const MOST_TEXTS: usize = 16;
/// Bytes of a text that are.
const LONGEST_TEXT: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    /// What checks at 1, 2, 3 ... see, as letters: the changes, and the standing after them.
    fn checks(start: Standing, seen: &str) -> (String, Standing) {
        let (mut standing, mut changes) = (start, String::new());
        for (at, letter) in (1..).zip(seen.chars()) {
            let saw = match letter {
                'L' => {
                    let codes = vec!["127.0.0.2".into()];
                    Saw::Listed(Details { codes, ..Details::default() })
                }
                'C' => Saw::Clean,
                _ => Saw::Unknown("no answer in time".into()),
            };
            changes.push(match standing.see(saw, at, Hysteresis::default()) {
                Some(Status::Listed) => 'L',
                Some(Status::Clean) => 'C',
                None => '.',
            });
        }
        (changes, standing)
    }

    #[test]
    fn silence_is_neither_a_listing_nor_a_delisting() {
        for (seen, changes) in [
            ("C???LL", ".....L"),
            ("LL??????C?C", "..........C"),
            ("CL?L", "...L"),
            ("CL?????", "......."),
            // The first answer is where things stand.
            ("???LLL", "......"),
            ("LLL", "..."),
        ] {
            assert_eq!(checks(Standing::default(), seen).0, changes, "{seen}");
        }
    }

    #[test]
    fn what_was_clean_before_is_news_when_it_is_listed() {
        let (changes, standing) = checks(Standing::clean(0), "LL");
        assert_eq!((&*changes, standing.seen()), (".L", Some((1, 2))));
        assert_eq!(standing.history(), [(0, Shown::Clean), (2, Shown::Listed)]);
    }

    #[test]
    fn first_and_last_seen_are_of_the_present_listing() {
        let seen = |seen: &str| checks(Standing::clean(0), seen).1.seen();
        assert_eq!(seen("CLLL"), Some((2, 4)));
        assert_eq!(seen("LCCC"), None, "it was none");
        assert_eq!(seen("LLCC"), Some((1, 2)), "an event tells of it when it is over");
        assert_eq!(seen("LLCCC"), None);
        assert_eq!(seen("LLCCLL"), Some((5, 6)), "a new one");
        assert_eq!(seen("LL??L"), Some((1, 5)));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (_, standing) = checks(Standing::default(), &"C?".repeat(1000));
        assert_eq!(standing.history().len(), MOST_REMEMBERED);
        assert_eq!(standing.history().last(), Some(&(2000, Shown::Unknown)));
        let details = Details { texts: vec!["é\n".repeat(1000); 100], ..Details::default() };
        let mut standing = Standing::default();
        standing.see(Saw::Listed(details), 1, Hysteresis::default());
        let texts = &standing.details().texts;
        assert_eq!((texts.len(), texts[0].len()), (MOST_TEXTS, LONGEST_TEXT));
        assert!(!texts[0].contains('\n'));
    }
}
