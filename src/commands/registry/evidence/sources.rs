//! `repute registry evidence sources` and `purge`.

use anyhow::bail;
use repute_database::evidence::{self, Source};
use repute_database::{Database, Timestamp, Transaction};
use repute_registry::evidence as rules;
use repute_registry::rule::touched::{Touched, touched};
use serde_json::{Value, json};

use super::super::log::time;
use super::super::{cause, plain};
use crate::cli::registry::evidence::SourcesCommand;
use crate::exit::{Verdict, say};

/// Shows sources, or does something with one.
pub(super) async fn run(
    database: &Database,
    command: Option<SourcesCommand>,
    is_json: bool,
) -> anyhow::Result<Verdict> {
    match command {
        None => all(database, is_json).await,
        Some(SourcesCommand::Add { name, kind, reason }) => {
            let mut transaction = database.begin().await?;
            let cause = cause(&mut transaction, "evidence.source.add", &reason).await?;
            let now = Timestamp::now();
            rules::add_source(&mut transaction, &name, kind.into(), &cause, now).await?;
            transaction.commit().await?;
            say!("{name}: added");
            Ok(Verdict::Yes)
        }
        Some(SourcesCommand::Close { name, reason }) => {
            set_closed(database, &name, Some(Timestamp::now()), &reason).await?;
            say!("{name}: closed, what it brought stays");
            Ok(Verdict::Yes)
        }
        Some(SourcesCommand::Open { name, reason }) => {
            set_closed(database, &name, None, &reason).await?;
            say!("{name}: open");
            Ok(Verdict::Yes)
        }
        Some(SourcesCommand::Show { name, json }) => show(database, &name, json).await,
    }
}

/// Removes what a source brought, or shows what would go.
pub(super) async fn purge(
    database: &Database,
    name: &str,
    is_dry: bool,
    reason: &str,
    is_json: bool,
) -> anyhow::Result<Verdict> {
    let mut look = database.look().await?;
    let (_, count) = one(&mut look, name).await?;
    let source = evidence::source(look.session(), name).await?.map(|source| source.id);
    let touched = match source {
        Some(id) => touched(&mut look, id, Timestamp::now()).await?,
        None => Touched::default(),
    };
    drop(look);
    let mut gone = count;
    if !is_dry {
        let mut transaction = database.begin().await?;
        let cause = cause(&mut transaction, "evidence.purge", reason).await?;
        gone = rules::purge(&mut transaction, name, &cause, Timestamp::now()).await?;
        transaction.commit().await?;
    }
    let Touched { entries, proposals, is_part, .. } = touched;
    if is_json {
        let object = json!({
            "source": name,
            "dry_run": is_dry,
            "observations": gone,
            "entries": entries,
            "proposals": proposals,
            "is_part": is_part,
        });
        say!("{object}");
        return Ok(Verdict::Yes);
    }
    let (done, follows) = match is_dry {
        true => ("would be removed", "would go"),
        false => ("removed", "go when rules look next"),
    };
    let least = if is_part { "at least " } else { "" };
    say!("{name}: {gone} observations {done}");
    say!("  {least}{entries} entries and {least}{proposals} proposals that stand on it {follows}");
    Ok(Verdict::Yes)
}

/// Closes or opens a source.
async fn set_closed(
    database: &Database,
    name: &str,
    closed: Option<Timestamp>,
    reason: &str,
) -> anyhow::Result<()> {
    let mut transaction = database.begin().await?;
    let action = if closed.is_some() { "evidence.source.close" } else { "evidence.source.open" };
    let cause = cause(&mut transaction, action, reason).await?;
    rules::set_closed(&mut transaction, name, closed, &cause, Timestamp::now()).await?;
    transaction.commit().await?;
    Ok(())
}

/// Shows all sources.
async fn all(database: &Database, is_json: bool) -> anyhow::Result<Verdict> {
    let mut look = database.look().await?;
    for (source, count) in evidence::sources(look.session()).await? {
        let last = evidence::last_of(look.session(), source.id).await?;
        match is_json {
            true => say!("{}", object(&source, count, last)),
            false => say!("{}", line(&source, count, last)),
        }
    }
    Ok(Verdict::Yes)
}

/// Shows a source.
async fn show(database: &Database, name: &str, is_json: bool) -> anyhow::Result<Verdict> {
    let mut look = database.look().await?;
    let (source, count) = one(&mut look, name).await?;
    let last = evidence::last_of(look.session(), source.id).await?;
    let Touched { keys, entries, proposals, is_part } =
        touched(&mut look, source.id, Timestamp::now()).await?;
    if is_json {
        let mut object = object(&source, count, last);
        object["standing"] =
            json!({ "keys": keys, "entries": entries, "proposals": proposals, "is_part": is_part });
        say!("{object}");
        return Ok(Verdict::Yes);
    }
    say!("{}", line(&source, count, last));
    let least = if is_part { "at least " } else { "" };
    say!("  about {least}{keys} addresses and names");
    say!("  {least}{entries} entries and {least}{proposals} proposals stand on it alone");
    Ok(Verdict::Yes)
}

/// A source by its name, with how much it brought.
async fn one(look: &mut Transaction, name: &str) -> anyhow::Result<(Source, u64)> {
    let mut all = evidence::sources(look.session()).await?;
    let known: Vec<String> = all.iter().map(|(source, _)| source.name.clone()).collect();
    match all.iter().position(|(source, _)| source.name == name) {
        Some(place) => Ok(all.swap_remove(place)),
        None => bail!(rules::EvidenceError::Unknown { name: plain(name), known }),
    }
}

/// A source as a line.
fn line(source: &Source, count: u64, last: Option<(Timestamp, Timestamp)>) -> String {
    let Source { name, kind, closed, .. } = source;
    let heard = last
        .map_or_else(|| "never heard of".to_owned(), |(r, _)| format!("last heard of {}", time(r)));
    let closed = closed.map_or_else(String::new, |at| format!(", closed {}", time(at)));
    format!("{name}  {}  {count} observations, {heard}{closed}", kind.word())
}

/// A source for machines.
fn object(source: &Source, count: u64, last: Option<(Timestamp, Timestamp)>) -> Value {
    json!({
        "name": source.name,
        "kind": source.kind.word(),
        "created": time(source.created),
        "closed": source.closed.map(time),
        "observations": count,
        "received": last.map(|(received, _)| time(received)),
        "seen": last.map(|(_, seen)| time(seen)),
    })
}
