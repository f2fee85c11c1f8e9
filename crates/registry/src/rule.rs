//! Rules: evidence becomes entries of a list, or proposals to its editors.
//!
//! A rule counts hits within a span of time. Whenever there are enough of them, from enough sources and at enough
//! traps, what they are about is listed until so long after the last of them: what is seen again is listed longer, and
//! a look at the same evidence always says the same. So a version of a rule can be replayed on the past.
//!
//! A rule never lists what is reserved, or excluded on its list, and leaves entries of others as they are. What an
//! organisation holds on an allow list of addresses or names is proposed to an editor, never listed at once.
//! What was seen before an editor refused a proposal is not proposed again, and what was seen before somebody got off a
//! list lists nobody there again.

pub mod proposal;
pub mod replay;
pub mod run;
mod settled;
mod standing;
pub mod touched;
mod turn;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use repute_database::audit::{self, Deed};
use repute_database::evidence::{self, EvidenceSourceId, Observation};
use repute_database::lists::{self, Stored};
use repute_database::rules::{self, Rule, RuleId, Terms};
use repute_database::{DatabaseError, Key, Timestamp, Transaction};
use repute_dnsxl::{Extent, Ipv4Network, Ipv6Network, KeyKind, Network};
use serde_json::json;

use crate::changes::{Cause, ChangeError};
use crate::evidence::is_word;

pub use settled::settle;
pub(crate) use standing::holders;
pub use turn::{AT_ONCE, Turn, apply};

/// What a rule says of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// How many hits the span before the last one had.
    pub hits: u64,
    /// From how many sources.
    pub from_sources: u32,
    /// When the last was that met the rule.
    pub last: Timestamp,
    /// Until when it is listed.
    pub until: Timestamp,
}

/// Why a rule cannot be so.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// No word.
    #[error(
        "`{0}` is no name of a rule, class or source: up to 64 lower-case letters, digits, `-`, `_` and `.` are"
    )]
    Word(String),
    /// Numbers that cannot be met.
    #[error(
        "a rule needs at least one hit from one source, and a span and a time of at least a second"
    )]
    Numbers,
    /// Too many traps or sources for so few hits.
    #[error("so many sources or traps cannot be met by {0} hits")]
    Few(u32),
    /// A time that nobody means.
    #[error("a span or a time of more than ten years is too long")]
    Long,
    /// Too wide.
    #[error("a rule lists networks from /{WIDEST_IPV4} to /32 and from /{WIDEST_IPV6} to /128")]
    Wide,
    /// Too many words.
    #[error("the reason is empty, or a text has more than {MOST_TEXT} bytes")]
    Text,
    /// The list has no such code.
    #[error("the list has no code {0}: add it with its meaning first")]
    Code(repute_dnsxl::ReturnCode),
    /// Nothing is listed by its criterion any more.
    #[error("the criterion `{0}` is ended: write a version of the rule with another one first")]
    CriterionEnded(String),
    /// There is no such rule.
    #[error("there is no rule `{0}` of this list{known}", known = known(.1))]
    Unknown(String, Vec<String>),
    /// There is no such version.
    #[error("the rule has no version {0}: the last is {1}")]
    Version(i64, i64),
    /// The list cannot be changed so.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Writes a rule of a list, or its next version; its version. A new rule is off; a rule that is on follows its new
/// version from the next turn on.
///
/// # Errors
/// If it cannot be so, or the database fails.
pub async fn put(
    transaction: &mut Transaction,
    list: &Stored,
    name: &str,
    terms: &Terms,
    cause: &Cause,
    now: Timestamp,
) -> Result<i64, RuleError> {
    check(name, terms)?;
    check_criterion(transaction, list, terms).await?;
    let codes = lists::codes(transaction.session(), list.id).await?;
    if !codes.is_empty() && !codes.iter().any(|(code, _)| *code == terms.code) {
        return Err(RuleError::Code(terms.code));
    }
    // Evidence is locked before the audit log, as everywhere.
    look_back(transaction, terms, now).await?;
    let (_, version) = rules::put(transaction.session(), list.id, name, terms, now).await?;
    record(transaction, list, cause, json!({ "rule": name, "version": version }), now).await?;
    Ok(version)
}

/// Turns a rule on or off. One that is turned on looks at what was seen in its time, too.
///
/// # Errors
/// If there is no such rule, or the database fails.
pub async fn set_enabled(
    transaction: &mut Transaction,
    list: &Stored,
    name: &str,
    is_on: bool,
    cause: &Cause,
    now: Timestamp,
) -> Result<RuleId, RuleError> {
    let rule = find(transaction, list, name, None).await?;
    if is_on {
        // The list before the evidence, as everywhere.
        check_criterion(transaction, list, &rule.terms).await?;
        look_back(transaction, &rule.terms, now).await?;
    }
    rules::set_enabled(transaction.session(), rule.id, is_on.then_some(now)).await?;
    record(transaction, list, cause, json!({ "rule": name, "enabled": is_on }), now).await?;
    Ok(rule.id)
}

/// A rule of a list, in this version or the one that holds.
///
/// # Errors
/// If there is none, or the database fails.
pub async fn find(
    transaction: &mut Transaction,
    list: &Stored,
    name: &str,
    version: Option<i64>,
) -> Result<Rule, RuleError> {
    let mut versions = rules::versions(transaction.session(), list.id, name).await?;
    let Some(last) = versions.last().map(|rule| rule.version) else {
        let known = rules::of_list(transaction.session(), list.id).await?;
        let known = known.into_iter().map(|rule| rule.name).collect();
        return Err(RuleError::Unknown(name.to_owned(), known));
    };
    let wanted = version.unwrap_or(last);
    let place = versions.iter().position(|rule| rule.version == wanted);
    let place = place.ok_or(RuleError::Version(wanted, last))?;
    Ok(versions.swap_remove(place))
}

/// What a rule says of a key at a moment, by all that was seen of it, in the order of time; `names` are those of
/// sources. None if it is not listed.
pub fn evaluate(
    terms: &Terms,
    observations: &[Observation],
    names: &HashMap<EvidenceSourceId, String>,
    now: Timestamp,
) -> Option<Verdict> {
    let counts = |seen: &&Observation| {
        let is_class = terms.classes.is_empty() || terms.classes.contains(&seen.class);
        let is_source = terms.sources.is_empty()
            || names.get(&seen.source).is_some_and(|name| terms.sources.contains(name));
        is_class && is_source && seen.seen <= now
    };
    let mut window: VecDeque<&Observation> = VecDeque::new();
    let (mut hits, mut verdict) = (0_u64, None);
    let mut sources: HashMap<EvidenceSourceId, usize> = HashMap::new();
    let mut traps: HashMap<&[u8], usize> = HashMap::new();
    for seen in observations.iter().filter(counts) {
        window.push_back(seen);
        hits += u64::from(seen.count);
        *sources.entry(seen.source).or_default() += 1;
        if let Some(trap) = &seen.trap {
            *traps.entry(trap).or_default() += 1;
        }
        let begin = Timestamp(seen.seen.0.saturating_sub(terms.span));
        while let Some(old) = window.pop_front_if(|old| old.seen <= begin) {
            hits -= u64::from(old.count);
            leave(&mut sources, &old.source);
            if let Some(trap) = &old.trap {
                leave(&mut traps, &trap.as_slice());
            }
        }
        if hits >= u64::from(terms.hits)
            && sources.len() >= terms.from_sources as usize
            && traps.len() >= terms.from_traps as usize
        {
            let until = Timestamp(seen.seen.0.saturating_add(terms.lasts));
            let from_sources = u32::try_from(sources.len()).unwrap_or(u32::MAX);
            verdict = Some(Verdict { hits, from_sources, last: seen.seen, until });
        }
    }
    verdict.filter(|verdict| verdict.until > now)
}

/// What a rule lists for an observed address or name: its network, or the name with all below it. None if the list
/// takes none of these.
pub fn listed_key(terms: &Terms, keys: KeyKind, observed: &Key) -> Option<Key> {
    match (observed, keys) {
        (Key::Network(Network::V4(network)), KeyKind::Ip) => {
            let network = Ipv4Network::around(network.first().into(), terms.ipv4_prefix);
            Some(Key::Network(Network::V4(network)))
        }
        (Key::Network(Network::V6(network)), KeyKind::Ip) => {
            let network = Ipv6Network::around(network.first().into(), terms.ipv6_prefix);
            Some(Key::Network(Network::V6(network)))
        }
        (Key::Name(name, _), KeyKind::Name) => Some(Key::Name(name.clone(), Extent::Both)),
        (Key::Network(_), KeyKind::Name) | (Key::Name(..), KeyKind::Ip) => None,
    }
}

/// The name of the source of a rule's entries.
pub fn source_name(rule: &str) -> String {
    format!("rule {rule}")
}

/// From when on what was seen may matter to a rule.
pub fn horizon(terms: &Terms, now: Timestamp) -> Timestamp {
    Timestamp(now.0.saturating_sub(terms.span).saturating_sub(terms.lasts))
}

/// Makes sure that entries may be listed by a rule's criterion. Nobody ends it meanwhile: that takes the list, too.
async fn check_criterion(
    transaction: &mut Transaction,
    list: &Stored,
    terms: &Terms,
) -> Result<(), RuleError> {
    let Some(id) = terms.criterion else { return Ok(()) };
    lists::lock(transaction.session(), list.id).await?;
    let known = lists::criteria(transaction.session(), list.id).await?;
    match known.into_iter().find(|known| known.id == id && !known.is_open()) {
        Some(ended) => Err(RuleError::CriterionEnded(ended.slug)),
        None => Ok(()),
    }
}

/// Has all keys wait that a rule may have something to say of.
async fn look_back(
    transaction: &mut Transaction,
    terms: &Terms,
    now: Timestamp,
) -> Result<(), RuleError> {
    evidence::lock(transaction.session()).await?;
    evidence::wait_all(transaction.session(), horizon(terms, now)).await?;
    Ok(())
}

/// Takes one from a count, which goes with the last.
fn leave<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

/// Whether a rule can be so.
///
/// # Errors
/// If it cannot.
pub fn check(name: &str, terms: &Terms) -> Result<(), RuleError> {
    let mut words = terms.classes.iter().chain(&terms.sources).map(String::as_str).chain([name]);
    if let Some(wrong) = words.find(|word| !is_word(word)) {
        return Err(RuleError::Word(wrong.to_owned()));
    }
    if terms.hits == 0 || terms.from_sources == 0 || terms.span < SECOND || terms.lasts < SECOND {
        return Err(RuleError::Numbers);
    }
    if terms.from_sources.max(terms.from_traps) > terms.hits {
        return Err(RuleError::Few(terms.hits));
    }
    let longest = i64::try_from(LONGEST.as_micros()).unwrap_or(i64::MAX);
    if terms.span > longest || terms.lasts > longest {
        return Err(RuleError::Long);
    }
    let (v4, v6) = (terms.ipv4_prefix, terms.ipv6_prefix);
    if !(WIDEST_IPV4..=32).contains(&v4) || !(WIDEST_IPV6..=128).contains(&v6) {
        return Err(RuleError::Wide);
    }
    let is_long = |text: &str| text.len() > MOST_TEXT;
    match terms.reason.trim().is_empty() || is_long(&terms.reason) || is_long(&terms.text) {
        true => Err(RuleError::Text),
        false => Ok(()),
    }
}

/// Writes down what was done about a rule.
async fn record(
    transaction: &mut Transaction,
    list: &Stored,
    cause: &Cause,
    mut detail: serde_json::Value,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    detail["reason"] = json!(cause.reason);
    let deed = Deed {
        time: now,
        actor: cause.actor.clone(),
        action: cause.action.clone(),
        subject: format!("list/{}", list.list.apex),
        detail: detail.to_string(),
    };
    audit::append(transaction.session(), &deed).await?;
    Ok(())
}

/// The rules there are, behind an error.
fn known(names: &[String]) -> String {
    match names.is_empty() {
        true => ", which has none".to_owned(),
        false => format!(": it has {}", names.join(", ")),
    }
}

/// A second in microseconds.
const SECOND: i64 = 1_000_000;
/// The widest IPv4 network that a rule lists.
const WIDEST_IPV4: u8 = 20;
/// The widest IPv6 network that a rule lists.
const WIDEST_IPV6: u8 = 40;
/// The longest span and time.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 86_400);
/// So long is a text at most.
const MOST_TEXT: usize = 400;

#[cfg(test)]
mod tests;
