//! The replay of a rule on what was seen.

use std::sync::atomic::Ordering;

use repute_database::rules::Rule;
use repute_database::work::{self, Kind, New, Subject, Work, WorkId};
use repute_database::{Database, DatabaseError, Timestamp, Transaction, evidence, lists, rules};
use serde_json::{Value, json};

use super::worker::Beat;
use crate::rule::replay::{Found, Report, replay};
use crate::rule::{RuleError, horizon};

/// Orders the replay of a version of a rule.
///
/// # Errors
/// If the database fails.
pub async fn order(
    transaction: &mut Transaction,
    rule: &Rule,
    actor: &str,
    now: Timestamp,
) -> Result<WorkId, DatabaseError> {
    // What is too old for the rule is among it, and is not looked at.
    let all = evidence::sources(transaction.session()).await?;
    let total = all.iter().map(|(_, count)| count).sum();
    let new = New {
        kind: Kind::Replay,
        subject: Subject { list: Some(rule.list), rule: Some(rule.id), source: None },
        particulars: json!({ "name": rule.name, "version": rule.version }).to_string(),
        actor: actor.to_owned(),
        total,
        folder: None,
    };
    work::order(transaction.session(), &new, now).await
}

/// Replays, and tells what it found as JSON.
///
/// # Errors
/// If the rule is not there, or the database fails.
pub(super) async fn carry_out(
    database: &Database,
    work: &Work,
    beat: &Beat,
    now: Timestamp,
) -> Result<Value, RuleError> {
    let said: Value = serde_json::from_str(&work.new.particulars).unwrap_or_default();
    let missing = DatabaseError::Missing("rule");
    let mut look = database.look().await?;
    let (Some(id), Some(list)) = (work.new.subject.rule, work.new.subject.list) else {
        return Err(missing.into());
    };
    let version = said["version"].as_i64().unwrap_or(0);
    let rule = rules::version(look.session(), id, version).await?;
    let list = lists::by_id(look.session(), list).await?;
    let (Some(rule), Some(list)) = (rule, list) else { return Err(missing.into()) };
    let since = horizon(&rule.terms, now);
    let mut step = |done| beat.done.store(done, Ordering::Relaxed);
    let report = replay(&mut look, &list, &rule, since, now, &mut step).await?;
    let found = |found: &Found| {
        let first: Vec<String> = found.first.iter().map(ToString::to_string).collect();
        json!({ "count": found.count, "first": first })
    };
    let Report { keys, added, renewed, dropped, asked, held, same } = &report;
    Ok(json!({
        "list": list.list.apex.to_string(),
        "rule": rule.name,
        "version": rule.version,
        "outcome": rule.terms.outcome.word(),
        "keys": keys,
        "added": found(added),
        "renewed": found(renewed),
        "dropped": found(dropped),
        "asked": found(asked),
        "held": found(held),
        "same": same,
    }))
}
