//! A turn: rules look at keys whose evidence changed, and their lists follow.
//!
//! All of it is one transaction, which holds the lock over evidence: two processes take turns, and none looks at what
//! the other has looked at. Keys that wait go with the transaction that has looked at them.

use std::collections::{BTreeMap, HashMap, btree_map};

use repute_database::entries::{self, Entry};
use repute_database::evidence::{self, EvidenceSourceId};
use repute_database::lists::{self, State, Stored};
use repute_database::rules::{self, Outcome, Proposed, Rule};
use repute_database::{Database, DatabaseError, Key, Session, Timestamp, Transaction, audit};

use super::settled::unsettled;
use super::standing::{Hold, hold};
use super::{RuleError, evaluate, horizon, listed_key, source_name};
use crate::changes::{self, Cause, Change};

/// What became of a turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// So many keys were looked at.
    pub keys: u64,
    /// Entries that are new.
    pub added: u64,
    /// Entries that last longer.
    pub renewed: u64,
    /// Entries whose evidence was taken away.
    pub dropped: u64,
    /// Proposals that are new.
    pub proposed: u64,
    /// What met a rule and is not listed: reserved, excluded, or what guards would refuse.
    pub held: u64,
}

impl Turn {
    /// What became of this and another one.
    pub(super) fn and(self, other: Turn) -> Turn {
        Turn {
            keys: self.keys + other.keys,
            added: self.added + other.added,
            renewed: self.renewed + other.renewed,
            dropped: self.dropped + other.dropped,
            proposed: self.proposed + other.proposed,
            held: self.held + other.held,
        }
    }
}

/// Has the rules that are on look at keys whose evidence changed, at most [`AT_ONCE`]: with fewer in the answer nothing
/// waits any more.
///
/// # Errors
/// If the database fails: then nothing changed.
pub async fn apply(database: &Database, now: Timestamp) -> Result<Turn, RuleError> {
    loop {
        let mut transaction = database.begin().await?;
        if let Some(turn) = carry_out(&mut transaction, now).await? {
            transaction.commit().await?;
            return Ok(turn);
        }
    }
}

/// One turn; none if a list got its first rule while others were waited for: then the transaction is to be dropped, and
/// another one takes that list, too.
///
/// # Errors
/// If the database fails.
async fn carry_out(
    transaction: &mut Transaction,
    now: Timestamp,
) -> Result<Option<Turn>, RuleError> {
    // Everybody takes lists before evidence, and that before the audit log, and lists by their numbers: nobody waits for
    // who waits for him, and evidence comes in while somebody has a list for long.
    let mut taken = Vec::new();
    for (list, _) in with_rules(transaction).await? {
        lists::lock(transaction.session(), list.id).await?;
        taken.push(list.id);
    }
    evidence::lock(transaction.session()).await?;
    let ruled = with_rules(transaction).await?;
    if ruled.iter().any(|(list, _)| !taken.contains(&list.id)) {
        return Ok(None);
    }
    let waiting = evidence::take_waiting(transaction.session(), AT_ONCE).await?;
    let mut turn = Turn { keys: waiting.len() as u64, ..Turn::default() };
    if waiting.is_empty() {
        return Ok(Some(turn));
    }
    let all = lists::all(transaction.session()).await?;
    let names = names(transaction).await?;
    // All of it is thought over before the first of it is written: whoever writes has the end of the audit log, for which
    // everybody else waits.
    let mut outcomes = Vec::new();
    for (list, rules) in &ruled {
        let mut changed = BTreeMap::new();
        for rule in rules {
            let mut keys: BTreeMap<Vec<u8>, (Key, bool)> = BTreeMap::new();
            for one in &waiting {
                if let Some(key) = listed_key(&rule.terms, list.list.keys, &one.key) {
                    keys.entry(key.to_bytes()).or_insert((key, false)).1 |= one.is_lost;
                }
            }
            for (key, is_lost) in keys.into_values() {
                let look = Look { all: &all, list, rule, names: &names, key, is_lost, now };
                look.carry_out(transaction, &mut changed, &mut turn).await?;
            }
        }
        let held = changed.into_values();
        let (changed, others): (Vec<Held>, Vec<Held>) = held.partition(|held| held.is_changed);
        let renewed = others.into_iter().filter(|held| held.is_renewed).map(Held::change);
        let (changed, renewed): (Vec<Change>, Vec<Change>) =
            (changed.into_iter().map(Held::change).collect(), renewed.collect());
        outcomes.push((list, changed, renewed));
    }
    for (list, changed, renewed) in outcomes {
        let cause = |action: &str| Cause {
            actor: audit::SYSTEM.to_owned(),
            action: action.to_owned(),
            reason: "evidence that is new, or gone".to_owned(),
        };
        if !changed.is_empty() {
            changes::apply(transaction, list, &changed, &cause("rules.apply"), now).await?;
        }
        // What is seen of something that is listed publishes nothing, however often.
        if !renewed.is_empty() {
            changes::renew(transaction, list, &renewed, &cause("rules.renew"), now).await?;
        }
    }
    Ok(Some(turn))
}

/// The lists that are in use and have rules that are on, with these, by their numbers.
async fn with_rules(transaction: &mut Transaction) -> Result<Vec<(Stored, Vec<Rule>)>, RuleError> {
    let mut ruled = Vec::new();
    for list in lists::all(transaction.session()).await? {
        if list.state != State::Active {
            continue;
        }
        let mut rules = rules::of_list(transaction.session(), list.id).await?;
        rules.retain(|rule| rule.enabled.is_some());
        if !rules.is_empty() {
            ruled.push((list, rules));
        }
    }
    ruled.sort_by_key(|(list, _)| list.id.0);
    Ok(ruled)
}

/// The names of sources by their numbers.
pub(super) async fn names(
    transaction: &mut Transaction,
) -> Result<HashMap<EvidenceSourceId, String>, RuleError> {
    let sources = evidence::names(transaction.session()).await?;
    Ok(sources.into_iter().collect())
}

/// A new entry of a rule.
pub(super) async fn entry_of(
    session: Session<'_>,
    rule: &Rule,
    key: &Key,
    source: entries::SourceId,
    (now, until): (Timestamp, Timestamp),
) -> Result<Entry, DatabaseError> {
    let criterion = match rule.terms.criterion {
        Some(id) => Some(lists::named(session, id).await?),
        None => None,
    };
    Ok(Entry {
        key: key.clone(),
        code: Some(rule.terms.code),
        text: rule.terms.text.clone(),
        reason: rule.terms.reason.clone(),
        criterion,
        source,
        organisation: None,
        since: now,
        expires: Some(until),
        review: None,
    })
}

/// The entries of a key, as they are to be.
struct Held {
    /// The key.
    key: Key,
    /// Its entries.
    entries: Vec<Entry>,
    /// Whether they are others than there were.
    is_changed: bool,
    /// Whether they end at another time.
    is_renewed: bool,
}

impl Held {
    /// The change.
    fn change(self) -> Change {
        Change { key: self.key, entries: self.entries }
    }
}

/// One rule's look at one key.
struct Look<'l> {
    /// All lists.
    all: &'l [Stored],
    /// The rule's.
    list: &'l Stored,
    /// The rule.
    rule: &'l Rule,
    /// The names of sources.
    names: &'l HashMap<EvidenceSourceId, String>,
    /// The key.
    key: Key,
    /// Whether evidence was taken away.
    is_lost: bool,
    /// The moment.
    now: Timestamp,
}

impl Look<'_> {
    /// Looks, and says what is to change.
    async fn carry_out(
        self,
        transaction: &mut Transaction,
        changed: &mut BTreeMap<Vec<u8>, Held>,
        turn: &mut Turn,
    ) -> Result<(), RuleError> {
        let Look { all, list, rule, names, key, is_lost, now } = self;
        let since = horizon(&rule.terms, now);
        let mut seen =
            evidence::of_key(transaction.session(), &key, since, MOST_OBSERVATIONS).await?;
        let mut verdict = evaluate(&rule.terms, &seen, names, now);
        if verdict.is_some() {
            seen = unsettled(transaction.session(), list.id, &key, seen).await?;
            verdict = evaluate(&rule.terms, &seen, names, now);
        }
        let name = source_name(&rule.name);
        let source = entries::source(transaction.session(), &name).await?;
        let held = match changed.entry(key.to_bytes()) {
            btree_map::Entry::Occupied(held) => held.into_mut(),
            btree_map::Entry::Vacant(place) => {
                let entries = entries::at(transaction.session(), list.id, &key).await?;
                place.insert(Held {
                    key: key.clone(),
                    entries,
                    is_changed: false,
                    is_renewed: false,
                })
            }
        };
        let known = held.entries.iter().position(|entry| entry.code == Some(rule.terms.code));
        let Some(verdict) = verdict else {
            if is_lost {
                rules::withdraw(transaction.session(), rule.id, &key).await?;
                let before = held.entries.len();
                held.entries.retain(|entry| entry.source != source);
                let gone = before - held.entries.len();
                held.is_changed |= gone > 0;
                turn.dropped += gone as u64;
            }
            return Ok(());
        };
        if let Some(entry) = known.and_then(|place| held.entries.get_mut(place)) {
            // What others listed is theirs, and stays as it is.
            let is_later = entry.expires.is_some_and(|expires| expires < verdict.until);
            let is_shorter = is_lost && entry.expires.is_some_and(|e| e > verdict.until);
            if entry.source == source && (is_later || is_shorter) {
                entry.expires = Some(verdict.until);
                held.is_renewed = true;
                turn.renewed += u64::from(is_later);
            }
            return Ok(());
        }
        let code = rule.terms.code;
        let note = match hold(transaction.session(), all, list, &key, (code, now)).await? {
            Some(held @ (Hold::Organisation | Hold::TwoEditors)) => held.word(),
            Some(_) => {
                turn.held += 1;
                return Ok(());
            }
            None if rule.terms.outcome == Outcome::List => {
                let times = (now, verdict.until);
                let entry = entry_of(transaction.session(), rule, &key, source, times).await?;
                held.entries.push(entry);
                held.is_changed = true;
                turn.added += 1;
                return Ok(());
            }
            None => "",
        };
        let refused = rules::refused(transaction.session(), rule.id, &key).await?;
        // Without what was seen before it was refused.
        let fresh: Vec<_> =
            seen.into_iter().filter(|seen| refused.is_none_or(|time| seen.seen > time)).collect();
        if let Some(verdict) = evaluate(&rule.terms, &fresh, names, now) {
            let proposed = Proposed {
                key,
                hits: verdict.hits,
                from_sources: verdict.from_sources,
                last: verdict.last,
                expires: verdict.until,
                note: note.to_owned(),
            };
            let is_new = rules::propose(transaction.session(), rule, &proposed, now).await?;
            turn.proposed += u64::from(is_new);
        }
        Ok(())
    }
}

/// So many keys are looked at in a turn.
pub const AT_ONCE: u32 = 1_000;
/// So many observations of a key are looked at, the latest.
pub(super) const MOST_OBSERVATIONS: u32 = 10_000;
