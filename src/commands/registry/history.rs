//! `repute registry entry history` and `undo`: what became of an entry, and the way back.

use repute_database::entries::{self, Entry, SourceId};
use repute_database::entry_history::{self, Step, StepId};
use repute_database::lists::{self, Criterion};
use repute_database::{Database, Key, Timestamp};
use repute_dnsxl::Name;
use repute_registry::edit;
use serde_json::{Value, json};

use super::entries::object;
use super::log::time;
use super::prospect::foretell;
use super::{list, plain};
use crate::commands::shell_user;
use crate::exit::{Verdict, say};

/// Shows the steps of a key.
pub(super) async fn show(
    database: &Database,
    apex: &Name,
    key: &Key,
    limit: u32,
    is_json: bool,
) -> anyhow::Result<Verdict> {
    let mut look = database.look().await?;
    let stored = list(look.session(), apex).await?;
    let steps = entry_history::of_key(look.session(), stored.id, key, None, limit).await?;
    let sources = entries::sources(look.session()).await?;
    let criteria = lists::criteria(look.session(), stored.id).await?;
    let users = shell_user::names(look.session()).await?;
    for step in &steps {
        let user = users.iter().find(|(pseudonym, _)| *pseudonym == step.actor);
        let user = user.map(|(_, name)| &**name);
        let detail: Value = serde_json::from_str(&step.detail).unwrap_or_default();
        if is_json {
            say!("{}", step_object(step, user, &detail, (&sources, &criteria)));
            continue;
        }
        let reason = detail["reason"].as_str().unwrap_or_default();
        let who = step.name.as_deref().or(user).unwrap_or(&step.actor);
        let words = [who, &step.action, reason].map(plain).join("  ");
        say!("{}  {}  {words}", step.id.0, time(step.time));
        for (sign, entries) in [("-", &step.turn.before), ("+", &step.turn.after)] {
            let other = if sign == "-" { &step.turn.after } else { &step.turn.before };
            for entry in entries.iter().filter(|entry| !other.contains(entry)) {
                say!("    {sign} {}", line(entry));
            }
        }
    }
    Ok(if steps.is_empty() { Verdict::No } else { Verdict::Yes })
}

/// Takes a step back.
pub(super) async fn undo(
    database: &Database,
    apex: &Name,
    step: StepId,
    reason: &str,
) -> anyhow::Result<Verdict> {
    let mut transaction = database.begin().await?;
    let stored = list(transaction.session(), apex).await?;
    let actor = shell_user::actor(transaction.session()).await?;
    let (t, now) = (&mut transaction, Timestamp::now());
    let (key, serial) = edit::undo_at_shell(t, &actor, &stored, step, reason, now).await?;
    transaction.commit().await?;
    say!("{apex}: {key} is as it was before step {}, serial {serial}", step.0);
    foretell(database, &stored, Some(serial)).await?;
    Ok(Verdict::Yes)
}

/// An entry in a line.
fn line(entry: &Entry) -> String {
    let code = entry.code.map_or_else(|| "never listed".to_owned(), |code| code.to_string());
    let until = entry.expires.map(|expires| format!(", until {}", time(expires)));
    format!("{code}  {}{}", plain(&entry.reason), until.unwrap_or_default())
}

/// A step for machines.
fn step_object(
    step: &Step,
    user: Option<&str>,
    detail: &Value,
    (sources, criteria): (&[(SourceId, String)], &[Criterion]),
) -> Value {
    let listed = |entries: &[Entry]| -> Vec<Value> {
        let source = |id| sources.iter().find(|(known, _)| *known == id).map_or("?", |(_, n)| n);
        entries.iter().map(|entry| object(entry, source(entry.source), criteria)).collect()
    };
    json!({
        "step": step.id.0,
        "time": time(step.time),
        "actor": step.actor,
        "user": user,
        "action": step.action,
        "log": step.audit,
        "policy": step.policy,
        "detail": detail,
        "before": listed(&step.turn.before),
        "after": listed(&step.turn.after),
    })
}
