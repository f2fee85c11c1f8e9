//! `repute registry evidence`: what was seen, and by whom.

mod sources;
mod take;

use std::path::Path;

use anyhow::bail;
use repute_database::evidence::{self, Observation};
use repute_database::{Database, Key, Timestamp};
use repute_registry::evidence as rules;
use repute_registry::evidence::{Sighting, Told, batch};
use repute_registry::token::TokenKey;
use serde_json::json;

use super::log::time;
use super::{cause, plain};
use crate::cli::registry::evidence::{EvidenceCommand, ObserveArgs};
use crate::commands::serve::link_key;
use crate::config::{Config, Origin};
use crate::exit::{Verdict, say};

/// Runs one of its commands.
pub(super) async fn run(
    database: &Database,
    config: Option<&Path>,
    command: EvidenceCommand,
) -> anyhow::Result<Verdict> {
    match command {
        EvidenceCommand::Add(args) => add(database, config, &args).await,
        EvidenceCommand::List { key, limit, json } => {
            show(database, &key.parse()?, limit, json).await
        }
        EvidenceCommand::Import(args) => take::run(database, config, &args).await,
        EvidenceCommand::Purge { source, dry_run, reason, json } => {
            sources::purge(database, &source, dry_run, &reason, json).await
        }
        EvidenceCommand::Sources { command, json } => sources::run(database, command, json).await,
    }
}

/// Writes down what was seen.
async fn add(
    database: &Database,
    config: Option<&Path>,
    args: &ObserveArgs,
) -> anyhow::Result<Verdict> {
    let now = Timestamp::now();
    let sighting = Sighting {
        target: args.target.clone(),
        class: args.class.clone(),
        seen: args.seen.as_deref().map_or(Ok(now), batch::time)?,
        count: args.count,
        trap: args.trap.clone(),
        detail: args.detail.clone(),
        id: None,
    };
    let key = match sighting.trap {
        Some(_) => trap_key(config)?,
        None => None,
    };
    let mut transaction = database.begin().await?;
    let cause = cause(&mut transaction, "evidence.take", &args.reason).await?;
    let taken = [sighting];
    let told = &mut Told::default();
    let done =
        rules::take(&mut transaction, &args.source, (&taken, told), key.as_ref(), &cause, now);
    let done = done.await?;
    transaction.commit().await?;
    let what = if done.known > 0 { "known already" } else { "taken" };
    say!("{}: {what} from {}", taken[0].target, plain(&args.source));
    Ok(Verdict::Yes)
}

/// Shows what was seen.
async fn show(
    database: &Database,
    key: &Key,
    limit: u32,
    is_json: bool,
) -> anyhow::Result<Verdict> {
    let mut look = database.look().await?;
    let names = evidence::names(look.session()).await?;
    let found = evidence::of_key(look.session(), key, Timestamp(0), limit).await?;
    for Observation { source, class, key, seen, received, count, trap, detail } in &found {
        let source = names.iter().find(|(id, _)| id == source).map_or("?", |(_, name)| name);
        // A trap is told apart from others, and never shown.
        if is_json {
            let object = json!({
                "target": key.to_string(),
                "class": class,
                "source": source,
                "seen": time(*seen),
                "received": time(*received),
                "count": count,
                "is_trap": trap.is_some(),
                "detail": detail,
            });
            say!("{object}");
            continue;
        }
        let at = if trap.is_some() { " at a trap" } else { "" };
        let seen = time(*seen);
        let line =
            format!("{seen}  {key}  {count} × {class}{at}  ({})  {}", plain(source), plain(detail));
        say!("{}", line.trim_end());
    }
    Ok(if found.is_empty() { Verdict::No } else { Verdict::Yes })
}

/// The key by which traps are kept: the portal's own.
fn trap_key(config: Option<&Path>) -> anyhow::Result<Option<TokenKey>> {
    let config = Config::find(config)?;
    if config.origin == Origin::BuiltIn {
        bail!(
            "traps are kept as digests with the portal's key, so that nobody learns them from the database: name the \
             configuration that has it by --config"
        );
    }
    Ok(Some(link_key::read_or_make(&config.portal.link_key)?))
}
