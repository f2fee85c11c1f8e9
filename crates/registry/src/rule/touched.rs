//! What stands on the evidence of a source: what would go if all of it went. It changes nothing.

use std::collections::HashSet;

use repute_database::evidence::{self, EvidenceSourceId};
use repute_database::lists::{self, State};
use repute_database::{Timestamp, Transaction, entries, rules};

use super::turn::{MOST_OBSERVATIONS, names};
use super::{RuleError, evaluate, horizon, listed_key, settled, source_name};

/// What would go with a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// So many addresses and names it saw were looked at.
    pub keys: u64,
    /// Entries that rules made, and would not without it.
    pub entries: u64,
    /// Open proposals of the same kind.
    pub proposals: u64,
    /// Whether it saw more than was looked at.
    pub is_part: bool,
}

/// What would go with a source, as [`repute_database::Database::look`] shows it, by the first [`MOST_KEYS`] of what it
/// saw.
///
/// # Errors
/// If the database fails.
pub async fn touched(
    look: &mut Transaction,
    source: EvidenceSourceId,
    now: Timestamp,
) -> Result<Touched, RuleError> {
    let keys = evidence::keys_of(look.session(), source, None, MOST_KEYS + 1).await?;
    let is_part = keys.len() > MOST_KEYS as usize;
    let keys = keys.get(..MOST_KEYS as usize).unwrap_or(&keys);
    let mut touched = Touched { keys: keys.len() as u64, is_part, ..Touched::default() };
    let names = names(look).await?;
    let all = lists::all(look.session()).await?;
    for list in all.iter().filter(|list| list.state == State::Active) {
        for rule in rules::of_list(look.session(), list.id).await? {
            // A rule that is off is never asked, and what it made stays.
            if rule.enabled.is_none() {
                continue;
            }
            let own = entries::known_source(look.session(), &source_name(&rule.name)).await?;
            let mut known = HashSet::new();
            for key in keys {
                let Some(key) = listed_key(&rule.terms, list.list.keys, key) else { continue };
                if !known.insert(key.to_bytes()) {
                    continue;
                }
                let entries = entries::at(look.session(), list.id, &key).await?;
                let made = entries.iter().filter(|entry| Some(entry.source) == own).count() as u64;
                let open = rules::open_of(look.session(), rule.id, &key).await?.is_some();
                if made == 0 && !open {
                    continue;
                }
                let since = horizon(&rule.terms, now);
                let seen = evidence::of_key(look.session(), &key, since, MOST_OBSERVATIONS).await?;
                let others = seen.into_iter().filter(|seen| seen.source != source).collect();
                let others = settled::unsettled(look.session(), list.id, &key, others).await?;
                if evaluate(&rule.terms, &others, &names, now).is_none() {
                    touched.entries += made;
                    touched.proposals += u64::from(open);
                }
            }
        }
    }
    Ok(touched)
}

/// So many addresses and names of a source are looked at.
pub const MOST_KEYS: u32 = 5_000;
