//! What was seen of something, as editors read it: by source and class, without any trap.

use std::collections::{BTreeMap, HashSet};

use repute_database::evidence::{self, Observation};
use repute_database::{DatabaseError, Key, Session, Timestamp};

/// What a source saw of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Who.
    pub(crate) source: String,
    /// What, in a word.
    pub(crate) class: String,
    /// How often.
    pub(crate) hits: u64,
    /// Of how many addresses or names.
    pub(crate) targets: usize,
    /// At how many traps.
    pub(crate) traps: usize,
    /// When last.
    pub(crate) last: Timestamp,
}

/// What was seen within a key, what was seen last first; of very much by the latest [`MOST`] observations.
pub(crate) async fn seen(mut session: Session<'_>, key: &Key) -> Result<Vec<Seen>, DatabaseError> {
    let names = evidence::names(session.again()).await?;
    let all = evidence::of_key(session, key, Timestamp(0), MOST).await?;
    let mut groups: BTreeMap<_, Vec<&Observation>> = BTreeMap::new();
    for one in &all {
        groups.entry((one.source, &one.class)).or_default().push(one);
    }
    let mut seen: Vec<Seen> = groups
        .into_iter()
        .map(|((source, class), some)| Seen {
            source: names
                .iter()
                .find(|(id, _)| *id == source)
                .map_or_else(String::new, |(_, name)| name.clone()),
            class: class.clone(),
            hits: some.iter().map(|one| u64::from(one.count)).sum(),
            targets: some.iter().map(|one| one.key.to_bytes()).collect::<HashSet<_>>().len(),
            traps: some.iter().filter_map(|one| one.trap.as_ref()).collect::<HashSet<_>>().len(),
            last: some.iter().map(|one| one.seen).max().unwrap_or(Timestamp(0)),
        })
        .collect();
    seen.sort_by_key(|seen| std::cmp::Reverse(seen.last));
    Ok(seen)
}

/// So many observations are read.
pub(crate) const MOST: u32 = 5_000;
