//! `repute registry rule`.

mod file;
mod replay;

use std::path::Path;

use repute_database::lists::{self, Stored};
use repute_database::rules::{self, Rule};
use repute_database::{Database, Timestamp};
use repute_dnsxl::Name;
use repute_registry::rule::run::look;
use repute_registry::rule::{self, Turn};
use serde_json::json;

use super::log::time;
use super::{cause, list, plain};
use crate::cli::registry::evidence::RuleCommand;
use crate::exit::{Verdict, say};

/// Runs one of its commands.
pub(super) async fn run(database: &Database, command: RuleCommand) -> anyhow::Result<Verdict> {
    match command {
        RuleCommand::Add { list, name, file, reason } => {
            add(database, &list, &name, &file, &reason).await
        }
        RuleCommand::Show { list: apex, name, version } => {
            let mut look = database.look().await?;
            let stored = list(look.session(), &apex).await?;
            let rule = rule::find(&mut look, &stored, &name, version).await?;
            let criteria = lists::criteria(look.session(), stored.id).await?;
            let state =
                rule.enabled.map_or("off".to_owned(), |at| format!("on since {}", time(at)));
            say!("# {apex} {name}, version {} of {}, {state}", rule.version, time(rule.created));
            say!("{}", file::write(&rule.terms, &criteria).trim_end_matches('\n'));
            Ok(Verdict::Yes)
        }
        RuleCommand::Enable { list, name, reason } => {
            set_enabled(database, &list, &name, true, &reason).await
        }
        RuleCommand::Disable { list, name, reason } => {
            set_enabled(database, &list, &name, false, &reason).await
        }
        RuleCommand::Replay(args) => replay::run(database, &args).await,
        RuleCommand::Run => {
            let turn = look(database, u32::MAX).await?;
            let Turn { keys, added, renewed, dropped, proposed, held } = turn;
            say!(
                "{keys} addresses and names looked at: {added} listed, {renewed} listed longer, {dropped} taken off, \
                 {proposed} proposed, {held} never listed"
            );
            Ok(Verdict::Yes)
        }
        RuleCommand::List { list, json } => all(database, list.as_ref(), json).await,
    }
}

/// Writes a rule or its next version.
async fn add(
    database: &Database,
    apex: &Name,
    name: &str,
    file: &Path,
    reason: &str,
) -> anyhow::Result<Verdict> {
    let text = file::text(file)?;
    let mut transaction = database.begin().await?;
    let stored = list(transaction.session(), apex).await?;
    let mut criteria = lists::criteria(transaction.session(), stored.id).await?;
    criteria.retain(lists::Criterion::is_open);
    let terms = file::read(file, &text, &criteria)?;
    let cause = cause(&mut transaction, "rule.put", reason).await?;
    let now = Timestamp::now();
    let version = rule::put(&mut transaction, &stored, name, &terms, &cause, now).await?;
    let written = rule::find(&mut transaction, &stored, name, None).await?;
    transaction.commit().await?;
    let state = match written.enabled {
        Some(_) => "on: it holds from now on",
        None => "off: `repute registry rule replay` shows what it would list, `enable` turns it on",
    };
    say!("{apex}: rule {name}, version {version}, {state}");
    Ok(Verdict::Yes)
}

/// Turns a rule on or off.
async fn set_enabled(
    database: &Database,
    apex: &Name,
    name: &str,
    is_on: bool,
    reason: &str,
) -> anyhow::Result<Verdict> {
    let mut transaction = database.begin().await?;
    let stored = list(transaction.session(), apex).await?;
    let action = if is_on { "rule.enable" } else { "rule.disable" };
    let cause = cause(&mut transaction, action, reason).await?;
    rule::set_enabled(&mut transaction, &stored, name, is_on, &cause, Timestamp::now()).await?;
    transaction.commit().await?;
    say!("{apex}: rule {name} is {}", if is_on { "on" } else { "off" });
    Ok(Verdict::Yes)
}

/// Shows rules.
async fn all(database: &Database, apex: Option<&Name>, is_json: bool) -> anyhow::Result<Verdict> {
    let mut look = database.look().await?;
    let lists: Vec<Stored> = match apex {
        Some(apex) => vec![list(look.session(), apex).await?],
        None => lists::all(look.session()).await?,
    };
    for stored in lists {
        let open = rules::count_open(look.session(), stored.id).await?;
        for rule in rules::of_list(look.session(), stored.id).await? {
            let Rule { name, version, enabled, terms, .. } = &rule;
            let apex = &stored.list.apex;
            if is_json {
                let object = json!({
                    "list": apex.to_string(),
                    "name": name,
                    "version": version,
                    "enabled": enabled.map(time),
                    "written": time(rule.created),
                    "outcome": terms.outcome.word(),
                    "hits": terms.hits,
                    "within": terms.span / 1_000_000,
                    "lasts": terms.lasts / 1_000_000,
                    "code": terms.code.to_string(),
                    "reason": terms.reason,
                });
                say!("{object}");
                continue;
            }
            let state = if enabled.is_some() { "on" } else { "off" };
            say!(
                "{apex}  {name}  {state}, version {version}: {} hits in {} {} {} for {}: {}",
                terms.hits,
                file::span(terms.span),
                terms.outcome.word(),
                terms.code,
                file::span(terms.lasts),
                plain(&terms.reason)
            );
        }
        if open > 0 && !is_json {
            say!("{}  {open} proposals are open", stored.list.apex);
        }
    }
    Ok(Verdict::Yes)
}
