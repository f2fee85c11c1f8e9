//! What keeps a rule from listing something.

use std::collections::HashSet;

use repute_database::entries::{self, Entry, OrganisationId};
use repute_database::lists::{self, Stored};
use repute_database::{DatabaseError, Key, Session, Timestamp, dns, kept_out};
use repute_dnsxl::{Network, Polarity, ReturnCode};
use repute_zone::guard::is_shared_suffix;

use super::settled::first;
use crate::reserved;
use crate::two_editors;

/// What keeps a rule from listing something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Hold {
    /// An address of it is no public one.
    Reserved(&'static str),
    /// The list excludes it.
    Excluded,
    /// The list's settings say that it must never be listed, or something in it.
    Canary,
    /// Others register names below it.
    Suffix,
    /// An organisation has it, or a part of it, on an allow list.
    Organisation,
    /// Somebody decided that it is not to have this code.
    KeptOut,
    /// Two editors have to agree to it.
    TwoEditors,
}

impl Hold {
    /// What is said of it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Hold::Reserved(what) => what,
            Hold::Excluded => "excluded on this list",
            Hold::Canary => "a canary of this list",
            Hold::Suffix => "a top-level domain or public suffix",
            Hold::Organisation => "an organisation has it on an allow list",
            Hold::KeptOut => "a decision took this code from it",
            Hold::TwoEditors => "two editors have to agree to it",
        }
    }
}

/// What keeps a rule of a list from listing a key with a code, if anything does; `all` are the lists of the registry.
pub(super) async fn hold(
    mut session: Session<'_>,
    all: &[Stored],
    list: &Stored,
    key: &Key,
    (code, now): (ReturnCode, Timestamp),
) -> Result<Option<Hold>, DatabaseError> {
    if let Key::Network(network) = key
        && let Some(what) = reserved::reserved_for(*network)
    {
        return Ok(Some(Hold::Reserved(what)));
    }
    // The guards would refuse some, and the whole list would stand still for what somebody reported; others are shared by
    // all customers of a company, of whom one did it.
    if let Key::Name(name, _) = key
        && is_shared_suffix(name)
    {
        return Ok(Some(Hold::Suffix));
    }
    let settings = dns::of(session.again(), list.id).await?;
    if settings.canaries.iter().any(|canary| Key::over(canary).contains(key)) {
        return Ok(Some(Hold::Canary));
    }
    let target = first(key);
    let over = covering(entries::over(session.again(), list.id, &target).await?, key);
    // The most specific key decides, and an exclusion there beats its codes.
    let decides = over.first().map(|first| first.key.clone());
    if over.iter().any(|entry| Some(&entry.key) == decides.as_ref() && entry.code.is_none()) {
        return Ok(Some(Hold::Excluded));
    }
    if kept_out::is_code(session.again(), list.id, key, code, now).await? {
        return Ok(Some(Hold::KeptOut));
    }
    let holders = holders(session.again(), all, list, key, 1).await?;
    if !holders.is_empty() {
        return Ok(Some(Hold::Organisation));
    }
    let for_two = lists::codes_for_two(session, list.id).await?;
    Ok(two_editors::of_coming(key, Some(code), &for_two).map(|_| Hold::TwoEditors))
}

/// Organisations that have a key, or a part of it, on an allow list of the same kind; some, if there are more.
pub(crate) async fn holders(
    mut session: Session<'_>,
    all: &[Stored],
    list: &Stored,
    key: &Key,
    most: usize,
) -> Result<HashSet<OrganisationId>, DatabaseError> {
    let holder = |entry: &Entry| entry.organisation.filter(|_| entry.code.is_some());
    let mut holders = HashSet::new();
    for other in all {
        if other.list.polarity != Polarity::Allow || other.list.keys != list.list.keys {
            continue;
        }
        let over = entries::over(session.again(), other.id, &first(key)).await?;
        holders.extend(over.iter().filter_map(holder));
        let mut after = None;
        while holders.len() < most {
            let within = entries::page(session.again(), other.id, Some(key), after.as_ref(), PAGE);
            let within = within.await?;
            holders.extend(within.iter().filter_map(holder));
            after = match within.last() {
                Some(last) => Some(last.key.clone()),
                None => break,
            };
        }
    }
    Ok(holders)
}

/// Those entries over the first address of a key that cover all of it.
fn covering(over: Vec<Entry>, key: &Key) -> Vec<Entry> {
    let len = |network: &Network| reserved::prefix_len(*network);
    let covers = |entry: &Entry| match (&entry.key, key) {
        (Key::Network(entry), Key::Network(key)) => len(entry) <= len(key),
        (Key::Name(..), Key::Name(..)) => true,
        (Key::Network(_), Key::Name(..)) | (Key::Name(..), Key::Network(_)) => false,
    };
    over.into_iter().filter(covers).collect()
}

/// So many entries are read at once.
const PAGE: u32 = 500;
