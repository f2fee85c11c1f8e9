//! A replay: what a version of a rule would make of past evidence, held against the entries that are there. It changes
//! nothing.

use std::collections::HashSet;

use repute_database::evidence::{self, Observation};
use repute_database::lists::{self, Stored};
use repute_database::rules::Rule;
use repute_database::{Key, Timestamp, Transaction, entries};

use super::settled::unsettled;
use super::standing::{Hold, hold};
use super::turn::{MOST_OBSERVATIONS, names};
use super::{RuleError, evaluate, listed_key, source_name};

/// What a replay found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Of so many keys something was seen.
    pub keys: u64,
    /// What would be listed and is not.
    pub added: Found,
    /// What is listed by the rule and would be longer.
    pub renewed: Found,
    /// What is listed by the rule and would not be.
    pub dropped: Found,
    /// What would be listed, but an organisation has it on an allow list, or two editors have to agree: editors would be
    /// asked.
    pub asked: Found,
    /// What meets the rule and is reserved or excluded.
    pub held: Found,
    /// What is listed already, by the rule for as long or by others.
    pub same: u64,
}

/// How many there are of something, and the first of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// How many.
    pub count: u64,
    /// The first [`EXAMPLES`].
    pub first: Vec<Key>,
}

impl Found {
    /// One more.
    fn add(&mut self, key: &Key) {
        self.count += 1;
        if self.first.len() < EXAMPLES {
            self.first.push(key.clone());
        }
    }
}

/// Replays a version of a rule on what was seen since then, as [`repute_database::Database::look`] shows it; how many
/// observations it has gone through it says by `step`.
///
/// # Errors
/// If the database fails.
pub async fn replay(
    look: &mut Transaction,
    list: &Stored,
    rule: &Rule,
    since: Timestamp,
    now: Timestamp,
    step: &mut (dyn FnMut(u64) + Send),
) -> Result<Report, RuleError> {
    let all = lists::all(look.session()).await?;
    let names = names(look).await?;
    let own = entries::known_source(look.session(), &source_name(&rule.name)).await?;
    let mut report = Report::default();
    let mut listed: HashSet<Vec<u8>> = HashSet::new();
    let (mut place, mut group): (_, Option<(Key, Vec<Observation>)>) = (None, None);
    let mut read = 0;
    loop {
        let (page, last) = evidence::page(look.session(), since, place.as_ref(), PAGE).await?;
        let is_end = page.is_empty();
        read += page.len() as u64;
        step(read);
        let mut whole = Vec::new();
        for seen in page {
            let Some(key) = listed_key(&rule.terms, list.list.keys, &seen.key) else { continue };
            match &mut group {
                Some((known, some)) if *known == key => some.push(seen),
                Some(_) | None => whole.extend(group.replace((key, vec![seen]))),
            }
        }
        if is_end {
            whole.extend(group.take());
        }
        for (key, mut some) in whole {
            report.keys += 1;
            some.sort_by_key(|seen| seen.seen);
            let begin = some.len().saturating_sub(MOST_OBSERVATIONS as usize);
            if evaluate(&rule.terms, &some[begin..], &names, now).is_none() {
                continue;
            }
            let some = unsettled(look.session(), list.id, &key, some.split_off(begin)).await?;
            let Some(verdict) = evaluate(&rule.terms, &some, &names, now) else { continue };
            listed.insert(key.to_bytes());
            let there = entries::at(look.session(), list.id, &key).await?;
            let there = there.iter().find(|entry| entry.code == Some(rule.terms.code));
            match there {
                Some(entry)
                    if Some(entry.source) == own
                        && entry.expires.is_some_and(|expires| expires < verdict.until) =>
                {
                    report.renewed.add(&key);
                }
                Some(_) => report.same += 1,
                None => match hold(look.session(), &all, list, &key, (rule.terms.code, now)).await?
                {
                    Some(Hold::Organisation | Hold::TwoEditors) => report.asked.add(&key),
                    Some(_) => report.held.add(&key),
                    None => report.added.add(&key),
                },
            }
        }
        if is_end {
            break;
        }
        place = last;
    }
    let Some(own) = own else { return Ok(report) };
    let mut after = None;
    loop {
        let page = entries::page(look.session(), list.id, None, after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.key.clone());
        let is_gone = |entry: &&entries::Entry| {
            entry.source == own && !listed.contains(&entry.key.to_bytes())
        };
        for entry in page.iter().filter(is_gone) {
            report.dropped.add(&entry.key);
        }
    }
    Ok(report)
}

/// So many are named of each kind.
pub const EXAMPLES: usize = 100;
/// So many rows are read at once.
const PAGE: u32 = 5_000;
